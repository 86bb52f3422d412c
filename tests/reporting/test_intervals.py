"""Intervals over people and seeds: variances by hand, and how often null effects seem to be some."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from repro.errors import ReproError
from repro.metrics.evidence import Evidence, Matches, Ratio
from repro.reporting.intervals import draw_weights, replicates, seeds_interval, step_interval

THRESHOLDS = np.arange(0.5, 0.96, 0.05)


def test_weights_draw_as_many_images_as_there_are():
    weights = draw_weights(7, 50)
    assert weights.shape == (50, 7) and (weights.sum(1) == 7).all()
    assert (weights == draw_weights(7, 50)).all()
    with pytest.raises(ReproError, match="there are none"):
        draw_weights(0)


def test_one_seed_knows_people_alone():
    """Differences of 0.02 with replicates 0.01 and 0.03: a standard deviation of sqrt(2) / 100."""
    found = step_interval({4: (0.5, np.array([0.5, 0.5]))}, {4: (0.52, np.array([0.51, 0.53]))})
    deviation = np.sqrt(2) / 100
    assert found.mean == pytest.approx(0.02) and found.seeds == 1 and np.isnan(found.from_seeds)
    assert found.from_people == pytest.approx(deviation)
    assert found.high == pytest.approx(0.02 + stats.norm.ppf(0.975) * deviation)
    assert found.half_width == pytest.approx(stats.norm.ppf(0.975) * deviation)
    assert found.over == "people alone" and found.knows_people


def test_seeds_alone_give_students_interval():
    """No images are drawn anew: what is left is the t interval of 1, 2 and 6, whose variance is 7."""
    same = np.zeros(5)
    row = {s: (d, same + d) for s, d in enumerate((1.0, 2.0, 6.0))}
    found = step_interval({s: (0.0, same) for s in row}, row)
    assert found.mean == 3 and found.from_people == 0
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, 2) * np.sqrt(7 / 3))


def test_people_who_differ_by_rounding_alone_do_not_widen_an_interval_without_end():
    rng = np.random.default_rng(0)
    baseline = {s: (0.4 + s / 10, 0.4 + s / 10 + rng.normal(0, 1e-16, 50)) for s in range(3)}
    row = {s: (0.42 + s / 10, 0.42 + s / 10 + rng.normal(0, 1e-16, 50)) for s in range(3)}
    found = step_interval(baseline, row)
    assert found.excludes_zero and found.half_width < 1e-12


def test_three_seeds_without_evidence_by_hand():
    """Differences 1, 2, 3: mean 2, deviation 1, t(0.975, 2) = 4.302653, half width 4.302653 / sqrt(3) = 2.484138."""
    found = seeds_interval({0: 10.0, 1: 20.0, 2: 30.0}, {0: 11.0, 1: 22.0, 2: 33.0})
    assert found.mean == pytest.approx(2.0) and found.seeds == 3
    assert found.low == pytest.approx(2.0 - 2.484138, abs=1e-6) and found.high == pytest.approx(
        2.0 + 2.484138, abs=1e-6
    )
    assert found.half_width == pytest.approx(2.484138, abs=1e-6)
    assert not found.excludes_zero and not found.knows_people and found.over == "seeds alone"


def test_seeds_of_one_row_alone_are_left_out_and_one_seed_has_no_interval():
    found = seeds_interval({0: 1.0, 1: 100.0, 5: 7.0}, {0: 2.0, 1: 101.0, 9: 0.0})
    assert (found.mean, found.low, found.high, found.seeds) == (1.0, 1.0, 1.0, 2)
    one = seeds_interval({0: 1.0}, {0: 3.0})
    assert one.mean == 2.0 and np.isnan([one.low, one.high]).all() and not one.excludes_zero and one.over == ""
    assert seeds_interval({0: 1.0}, {1: 3.0}) is None


def test_rows_without_a_common_seed_have_no_step():
    assert step_interval({0: (0.5, np.zeros(2))}, {1: (0.5, np.zeros(2))}) is None


def simulated_row(rng: np.random.Generator, kind: str, base: np.ndarray, seeds: int, common: float, people: float):
    """Evidence of one row by seed. Persons are shared; a row has its own strengths with persons, a seed its own quality."""
    own = base + rng.normal(0, people, len(base))
    out: dict[int, Evidence] = {}
    for seed in range(seeds):
        oks = np.clip(own + rng.normal(0, common) + rng.normal(0, 0.09, len(base)), 0, 1)
        if kind == "OKS":
            out[seed] = Ratio(oks, np.ones(len(base)))
        elif kind == "PCKh":
            out[seed] = Ratio(rng.binomial(16, oks).astype(float), np.full(len(base), 16.0))
        else:
            order = np.argsort(-(oks + rng.normal(0, 0.2, len(base))))
            hit = oks[order, None] >= THRESHOLDS
            out[seed] = Matches(order, hit, ~hit, np.ones(len(base), dtype=int))
    return out


def share_of_decided(kind: str, seeds: int, common: float, people: float, trials: int, images: int) -> float:
    """The share of null effects whose interval excludes zero."""
    rng = np.random.default_rng(0)
    weights = draw_weights(images, 100 if kind == "AP" else 200)
    decided = 0
    for _ in range(trials):
        base = rng.beta(2, 2, images)
        rows = [simulated_row(rng, kind, base, seeds, common, people) for _ in range(2)]
        before, after = ({s: replicates(e, weights) for s, e in row.items()} for row in rows)
        decided += step_interval(before, after).excludes_zero
    return decided / trials


@pytest.mark.parametrize(("common", "people"), [(0.0, 0.05), (0.01, 0.05), (0.03, 0.05), (0.01, 0.2)])
@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("kind", ["OKS", "PCKh"])
def test_null_effects_are_rarely_decided(kind, seeds, common, people):
    """A share of 5 % is the level; 7 % is the most that 500 trials may show of it, one standard deviation being 1 %."""
    assert share_of_decided(kind, seeds, common, people, trials=500, images=150) <= 0.07


@pytest.mark.parametrize(("common", "people"), [(0.0, 0.1), (0.02, 0.05)])
def test_null_effects_of_precision_are_rarely_decided(common, people):
    assert share_of_decided("AP", 3, common, people, trials=120, images=60) <= 0.07
