"""Numbers on the command line."""

from __future__ import annotations

import pytest

from repro.cli_values import parse_number, parse_seeds
from repro.errors import ReproError


@pytest.mark.parametrize(
    ("text", "seeds"), [("0", (0,)), ("0,1,2", (0, 1, 2)), ("0-2", (0, 1, 2)), ("3 5-6", (3, 5, 6))]
)
def test_seeds_are_lists_and_ranges(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1-", "2-1", "0,0", "-1"])
def test_other_seeds_are_refused(text: str) -> None:
    with pytest.raises(ReproError, match="SEEDS is"):
        parse_seeds(text)


def test_whole_numbers_have_a_least_value() -> None:
    assert parse_number("JOBS", "0", 0) == 0
    assert parse_number("TABLE", "12", 1) == 12


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "two"])
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(ReproError, match="TABLE is '.*', expected a whole number of at least 1"):
        parse_number("TABLE", text, 1)
