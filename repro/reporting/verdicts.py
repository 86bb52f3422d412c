"""Does an ablation step go the way that the paper prints? A verdict from paired differences over seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

VERDICTS = {
    "confirmed": "same sign as printed, and the 95 % interval over seeds excludes zero",
    "consistent": "same sign as printed, the interval includes zero or there is one seed only",
    "contradicted": "opposite sign, and the interval excludes zero",
    "open": "anything else",
}


@dataclass(frozen=True)
class Step:
    """The change from a baseline row to a row, ours.

    Args:
        mean: of the differences over seeds.
        low: end of the 95 % interval of the mean (Student's t over paired seeds); nan with fewer than two seeds.
        high: see there.
        seeds: number of pairs.
    """

    mean: float
    low: float
    high: float
    seeds: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero; False where there is none."""
        return self.low > 0 or self.high < 0


def paired_step(baseline: dict[int, float], values: dict[int, float]) -> Step | None:
    """The step between two rows from the seeds that both have; None when they share no seed."""
    shared = sorted(set(baseline) & set(values))
    if not shared:
        return None
    differences = np.array([values[s] - baseline[s] for s in shared])
    mean, n = float(differences.mean()), len(shared)
    if n < 2:
        return Step(mean, float("nan"), float("nan"), n)
    half = float(stats.t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n))
    return Step(mean, mean - half, mean + half, n)


def verdict(printed: float | None, step: Step | None) -> str:
    """One of ``VERDICTS``, or "" where the paper prints no change or nothing was run.

    Args:
        printed: change from baseline to row in the paper.
        step: ours.
    """
    if printed is None or step is None:
        return ""
    if printed == 0 or step.mean == 0:
        return "open"
    if (printed > 0) == (step.mean > 0):
        return "confirmed" if step.excludes_zero else "consistent"
    return "contradicted" if step.excludes_zero else "open"
