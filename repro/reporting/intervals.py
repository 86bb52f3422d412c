"""The 95 % interval of a step between two rows, over evaluation images and seeds together.

Both rows are evaluated on the same images and, seed by seed, share order and augmentation, so that differences are paired.
What is uncertain about the mean difference has two sources:

- other images would have been drawn: the paired bootstrap draws them anew, the same for all rows and seeds, and computes every
  metric again from its evidence;
- other seeds would have been taken: the deviation of the difference between the seeds that there are. A bootstrap of two or
  three seeds would tell too small a one, so that Student's t takes its place, as for any mean of few numbers.

With s^2 the variance of the differences over S seeds, V the bootstrap's variance of their mean and W the mean of its variances
seed by seed, what a seed does to single persons has the variance I = (W - V) S / (S - 1), which s^2 contains already. The
variance of the mean is V - I / S + s^2 / S, at least V. Its degrees of freedom are Satterthwaite's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from repro.errors import ReproError
from repro.metrics.evidence import Evidence

REPLICATES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean difference and how sure it is, in the unit of the metric.

    Args:
        mean: the mean over seeds.
        low: end of the 95 % interval.
        high: the upper end, see ``low``.
        seeds: number of pairs.
        from_people: standard deviation of the mean that the images explain; nan where no evidence of them was kept.
        from_seeds: the part that seeds explain beyond it; nan with one seed, whose interval knows the images alone.
    """

    mean: float
    low: float
    high: float
    seeds: int
    from_people: float
    from_seeds: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero; False where there is none."""
        return self.low > 0 or self.high < 0

    @property
    def half_width(self) -> float:
        """Half of its width: a mean effect larger than this would have excluded zero."""
        return (self.high - self.low) / 2

    @property
    def knows_people(self) -> bool:
        """Whether it tells what other evaluation images would change."""
        return not np.isnan(self.from_people)

    @property
    def over(self) -> str:
        """What it is over, in words; "" where there is no interval."""
        if not self.knows_people:
            return "" if np.isnan(self.low) else "seeds alone"
        return "people alone" if np.isnan(self.from_seeds) else "people and seeds"


def draw_weights(images: int, replicates: int = REPLICATES, seed: int = 0) -> np.ndarray:
    """(B, I) whole numbers: how often each image counts in each replicate of the bootstrap, I in all."""
    if images < 1:
        raise ReproError("An interval needs evaluation images, and there are none: evaluate on some.")
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=replicates).astype(np.uint16)


def step_interval(
    baseline: Mapping[int, tuple[float, np.ndarray]], row: Mapping[int, tuple[float, np.ndarray]]
) -> Interval | None:
    """The interval of the step from a baseline to a row; None when they share no seed.

    Args:
        baseline: the metric of the baseline and its (B,) replicates by seed, see ``replicates``.
        row: the same of the row, with the same weights.
    """
    shared = sorted(set(baseline) & set(row))
    if not shared:
        return None
    differences = np.array([row[s][0] - baseline[s][0] for s in shared])
    drawn = np.array([row[s][1] - baseline[s][1] for s in shared])  # (S, B)
    drawn = drawn[:, np.isfinite(drawn).all(axis=0)]
    count, mean = len(shared), float(differences.mean())
    people = float(drawn.mean(axis=0).var(ddof=1)) if drawn.shape[1] > 1 else float("nan")
    if count == 1:
        return _interval(mean, people, float("nan"), np.inf, count)
    single = float(drawn.var(axis=1, ddof=1).mean())
    own = max(0.0, (single - people) * count / (count - 1))  # what a seed does to single persons
    between = float(differences.var(ddof=1)) / count
    beyond = max(0.0, between - own / count)
    freedom = (count - 1) * ((people + beyond) / between) ** 2 if between > 0 else np.inf
    # With two seeds Satterthwaite's are too many: 11 % of null effects excluded zero. Below one the interval has no end.
    freedom = max(1.0, freedom) if count > 2 else 1.0
    return _interval(mean, people, beyond, freedom, count)


def _interval(mean: float, people: float, beyond: float, freedom: float, count: int) -> Interval:
    """An interval from the variances of the mean."""
    error = float(np.sqrt(people + (0.0 if np.isnan(beyond) else beyond)))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom))
    return Interval(
        mean=mean,
        low=mean - reach * error,
        high=mean + reach * error,
        seeds=count,
        from_people=float(np.sqrt(people)),
        from_seeds=float(np.sqrt(beyond)),
    )


def seeds_interval(baseline: Mapping[int, float], row: Mapping[int, float]) -> Interval | None:
    """Student's interval of a step over paired seeds, of runs whose evidence was not kept; None when they share no seed.

    With one seed both ends are nan.

    Args:
        baseline: the metric by seed.
        row: the same of the row.
    """
    shared = sorted(set(baseline) & set(row))
    if not shared:
        return None
    differences = np.array([row[s] - baseline[s] for s in shared])
    mean, count, unknown = float(differences.mean()), len(shared), float("nan")
    if count < 2:
        return Interval(mean, unknown, unknown, count, unknown, unknown)
    error = float(differences.std(ddof=1) / np.sqrt(count))
    half = float(stats.t.ppf((1 + LEVEL) / 2, count - 1)) * error
    return Interval(mean, mean - half, mean + half, count, unknown, error)


def replicates(evidence: Evidence, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """The metric itself and its (B,) values for weights of the images, as ``step_interval`` takes them."""
    whole = evidence.values(np.ones((1, evidence.images), dtype=np.uint16))
    return float(whole[0]), evidence.values(weights)
