"""Verdicts on the steps of an ablation: one word for each side of zero, from intervals that know people and seeds."""

from __future__ import annotations

import math

import pytest

from repro.reporting.intervals import Interval
from repro.reporting.verdicts import VERDICTS, finding, sign_of, verdict

NAN = math.nan


def over(low: float, high: float, *, people: float = 0.1, seeds: float = 0.1, count: int = 3) -> Interval:
    """An interval around the middle of its ends."""
    return Interval((low + high) / 2, low, high, count, people, seeds)


UP, DOWN, WIDE = over(0.5, 1.5), over(-1.5, -0.5), over(-0.5, 2.5)
SEEDS_ALONE, ONE_SEED, NOTHING = (
    over(0.5, 1.5, people=NAN),
    over(0.5, 1.5, seeds=NAN, count=1),
    over(NAN, NAN, people=NAN),
)


@pytest.mark.parametrize(
    ("expected", "interval", "told"),
    [
        (0.3, UP, "confirmed"),
        (-0.3, DOWN, "confirmed"),
        (0.3, DOWN, "contradicted"),
        (-0.3, UP, "contradicted"),
        (0.3, WIDE, "undecided"),
        (-0.3, WIDE, "undecided"),
        (0.3, over(0.0, 1.0), "undecided"),
        (0.3, SEEDS_ALONE, "undecided"),
        (-0.3, SEEDS_ALONE, "undecided"),
        (0.3, ONE_SEED, "undecided"),
        (0.3, NOTHING, "undecided"),
        (0.0, UP, "no effect expected"),
        (0.0, SEEDS_ALONE, "no effect expected"),
        (None, UP, ""),
        (0.3, None, ""),
    ],
)
def test_each_verdict(expected: float | None, interval: Interval | None, told: str) -> None:
    assert verdict(expected, interval) == told
    assert told in ("", *VERDICTS)


def test_one_seed_decides_between_two_evaluations_of_one_training() -> None:
    assert verdict(0.3, ONE_SEED, one_training=True) == "confirmed"
    assert verdict(-0.3, ONE_SEED, one_training=True) == "contradicted"
    assert verdict(0.3, SEEDS_ALONE, one_training=True) == "undecided"


@pytest.mark.parametrize(
    ("expected", "interval", "told"),
    [
        (0.3, WIDE, "same"),
        (-0.3, WIDE, "opposite"),
        (0.3, over(-1.0, 1.0), "none"),
        (0.0, UP, ""),
        (None, UP, ""),
        (0.3, None, ""),
    ],
)
def test_the_sign_stands_beside_a_verdict(expected: float | None, interval: Interval | None, told: str) -> None:
    assert sign_of(expected, interval) == told


def test_steps_that_nobody_printed_are_higher_or_lower_by_the_same_rule() -> None:
    assert [finding(one) for one in (UP, DOWN, WIDE, None)] == ["higher", "lower", "undecided", ""]
    assert finding(ONE_SEED) == "undecided" and finding(ONE_SEED, one_training=True) == "higher"
