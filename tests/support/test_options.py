"""What commands and notebooks are given: seeds, rows, numbers, texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.support.options import (
    LARGEST_SEED,
    MOST_SEEDS,
    optional_path,
    parse_machine,
    parse_minutes,
    parse_number,
    parse_rows,
    parse_seed,
    parse_seeds,
    parse_switch,
    text_of,
)

SEPARATORS = st.sampled_from([",", " ", ", ", " , ", "  "])


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0", (0,)), ("0,1,2", (0, 1, 2)), ("0-2", (0, 1, 2)), ("3 5-6", (3, 5, 6)), (" 7 , 1-1 ", (7, 1)), ("007", (7,))],
)
def test_seeds_are_lists_and_ranges(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@given(st.lists(st.integers(0, LARGEST_SEED), min_size=1, max_size=MOST_SEEDS, unique=True), SEPARATORS, st.data())
def test_a_number_a_text_and_a_list_name_the_same_seeds(seeds: list[int], separator: str, data: st.DataObject) -> None:
    expected = tuple(seeds)
    assert parse_seeds(separator.join(map(str, seeds))) == parse_seeds(seeds) == parse_seeds(expected) == expected
    assert parse_seeds(seeds[0]) == parse_seeds(str(seeds[0])) == expected[:1]


@given(st.integers(0, LARGEST_SEED - MOST_SEEDS), st.integers(1, MOST_SEEDS))
def test_a_range_names_all_of_it(first: int, count: int) -> None:
    assert parse_seeds(f"{first}-{first + count - 1}") == tuple(range(first, first + count))


def test_seeds_of_other_types_of_whole_numbers_are_taken() -> None:
    assert parse_seeds(np.int64(3)) == (3,)
    assert parse_seeds(np.array([3, 1], dtype=np.int32)) == (3, 1)
    assert parse_seeds(range(2)) == (0, 1)
    assert all(type(seed) is int for seed in parse_seeds(np.array([3, 1])))


def test_torch_takes_the_largest_seed() -> None:
    torch.Generator().manual_seed(LARGEST_SEED)
    np.random.default_rng([LARGEST_SEED, 0])
    assert parse_seeds(LARGEST_SEED) == (LARGEST_SEED,)


BAD_TEXTS = ["", " ", ",", "a", "1-", "2-1", "0,0", "-1", "0,5-2", "0,,1", "0, ,1", ",0", "0,", "0-1,1", "1.0", "1e3", "0x1",
             "+1", "1_0", "٣", "²", "0;1", "0-1-2", "0 - 2", "all", "[0]", "0\0", "18446744073709551616", "9" * 5000,
             "0-100000000000000000000", "0-999999999", "0-100"]  # fmt: skip


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_other_texts_are_refused_and_no_part_is_dropped(text: str) -> None:
    with pytest.raises(ReproError, match="SEEDS is"):
        parse_seeds(text)


BAD_VALUES = [None, True, 1.0, 1.5, -1, 2**64, [], (), ["0"], [1.5], [-1], [0, 0], [0, None], [True], [[0]], {"a": 1}, {}, b"0",
              float("nan"), object(), np.array([0.5]), np.array(["0"]), [2**64], range(101), torch.tensor([0.5])]  # fmt: skip


@pytest.mark.parametrize("value", BAD_VALUES, ids=lambda value: "object" if type(value) is object else repr(value))
def test_other_values_of_a_notebook_are_refused(value: object) -> None:
    with pytest.raises(ReproError, match="SEEDS is .*, expected .* as in 0 or 0,1,2 or 0-2."):
        parse_seeds(value)


@given(st.text(max_size=12) | st.lists(st.integers() | st.text(max_size=2), max_size=3) | st.floats() | st.none())
def test_whatever_is_given_is_seeds_or_one_sentence(value: object) -> None:
    try:
        seeds = parse_seeds(value)
    except ReproError as error:
        assert str(error).startswith("SEEDS is ")
    else:
        assert seeds and len(set(seeds)) == len(seeds) and all(0 <= seed <= LARGEST_SEED for seed in seeds)


def test_one_seed_is_one() -> None:
    assert parse_seed("5") == 5
    with pytest.raises(ReproError, match="seed is '0-1', expected one"):
        parse_seed("0-1")


def test_whole_numbers_have_a_least_and_a_largest_value() -> None:
    assert parse_number("JOBS", "0", 0) == 0
    assert parse_number("TABLE", "12", 1) == 12
    with pytest.raises(ReproError, match="TABLE is '13', expected a whole number of at most 12"):
        parse_number("TABLE", "13", 1, 12)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "two", "²", "٣", "1 2", "9" * 5000, "+1", "1\n"])
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(ReproError, match="TABLE is '.*, expected a whole number of at least 1"):
        parse_number("TABLE", text, 1)


def test_a_machine_has_limits_that_one_like_this_never_meets() -> None:
    assert parse_machine("1", "0", "0") == (1, 0, 0)
    assert parse_machine("64", "64", "64") == (64, 64, 64)
    for position, name in enumerate(("THREADS", "JOBS", "WORKERS")):
        for text in ("100000", str(2**31), str(2**64), "-1", "1.5", ""):
            numbers = ["1", "1", "1"]
            numbers[position] = text
            with pytest.raises(ReproError, match=f"^{name} is "):
                parse_machine(*numbers)


def test_rows_are_named_once_and_none_is_empty() -> None:
    assert parse_rows("") == parse_rows("  ") == ()
    assert parse_rows("a,b c") == ("a", "b", "c")
    for text in (",", "a,,b", "a,", ",a", "a,a", "a b a"):
        with pytest.raises(ReproError, match="ROW is .*none empty and none twice"):
            parse_rows(text)


def test_texts_and_paths_of_a_notebook() -> None:
    assert text_of("data", None) == ""
    assert text_of("folder", Path("a/b")) == "a/b"
    assert optional_path("boxes", "") is None and optional_path("boxes", None) is None
    assert optional_path("boxes", "~/b.json") == Path.home() / "b.json"
    for value in (3, True, ["a"], b"a", "a\0b"):
        with pytest.raises(ReproError, match="data is .*, expected a text"):
            text_of("data", value)


@pytest.mark.parametrize(("text", "minutes"), [("", None), (" ", None), ("60", 60.0), ("7.5", 7.5), ("0.25", 0.25)])
def test_minutes_are_numbers_above_0(text, minutes):
    assert parse_minutes(text, "") == minutes


@pytest.mark.parametrize("text", ["0", "0.0", "-5", "1h", "nan", "inf", "1e3", "1,5", "12345678"])
def test_other_minutes_are_refused(text):
    with pytest.raises(ReproError, match="MINUTES is .*, expected a number above 0 as in 60 or 7.5."):
        parse_minutes(text, "")


def test_minutes_and_a_length_exclude_each_other():
    with pytest.raises(ReproError, match="MINUTES is '60' and LENGTH is '1/2': each of them chooses the length"):
        parse_minutes("60", "1/2")


@pytest.mark.parametrize(("text", "on"), [("", False), ("0", False), ("1", True), (" 1 ", True)])
def test_a_switch_is_1_or_nothing(text, on):
    assert parse_switch("PLAN", text) is on


def test_another_switch_is_refused():
    with pytest.raises(ReproError, match="PLAN is 'yes', expected 1, or nothing."):
        parse_switch("PLAN", "yes")
