"""Verdicts on the steps of an ablation."""

from __future__ import annotations

import math

import pytest

from repro.reporting.verdicts import VERDICTS, Step, paired_step, verdict


def test_the_interval_of_three_differences_by_hand() -> None:
    # Differences 1, 2, 3: mean 2, deviation 1, t(0.975, 2) = 4.302653, half width 4.302653 / sqrt(3) = 2.484138.
    step = paired_step({0: 10.0, 1: 20.0, 2: 30.0}, {0: 11.0, 1: 22.0, 2: 33.0})
    assert step.mean == pytest.approx(2.0)
    assert step.low == pytest.approx(2.0 - 2.484138, abs=1e-6)
    assert step.high == pytest.approx(2.0 + 2.484138, abs=1e-6)
    assert step.seeds == 3
    assert not step.excludes_zero


def test_seeds_are_paired_and_those_of_one_row_alone_are_left_out() -> None:
    step = paired_step({0: 1.0, 1: 100.0, 5: 7.0}, {0: 2.0, 1: 101.0, 9: 0.0})
    assert (step.mean, step.low, step.high, step.seeds) == (1.0, 1.0, 1.0, 2)
    assert step.excludes_zero


def test_one_seed_has_no_interval_and_none_has_no_step() -> None:
    step = paired_step({0: 1.0}, {0: 3.0})
    assert step.mean == 2.0
    assert math.isnan(step.low)
    assert math.isnan(step.high)
    assert not step.excludes_zero
    assert paired_step({0: 1.0}, {1: 3.0}) is None


UP, UP_WIDE = Step(1.0, 0.5, 1.5, 3), Step(1.0, -0.5, 2.5, 3)
DOWN, DOWN_WIDE = Step(-1.0, -1.5, -0.5, 3), Step(-1.0, -2.5, 0.5, 3)
ONE = Step(1.0, math.nan, math.nan, 1)


@pytest.mark.parametrize(
    ("printed", "step", "expected"),
    [
        (0.3, UP, "confirmed"),
        (0.3, UP_WIDE, "consistent"),
        (0.3, ONE, "consistent"),
        (0.3, DOWN, "contradicted"),
        (0.3, DOWN_WIDE, "open"),
        (-0.3, DOWN, "confirmed"),
        (-0.3, DOWN_WIDE, "consistent"),
        (-0.3, UP, "contradicted"),
        (-0.3, ONE, "open"),
        (0.0, UP, "open"),
        (0.3, Step(0.0, 0.0, 0.0, 3), "open"),
        (None, UP, ""),
        (0.3, None, ""),
    ],
)
def test_each_verdict(printed: float | None, step: Step | None, expected: str) -> None:
    assert verdict(printed, step) == expected
    assert expected in ("", *VERDICTS)
