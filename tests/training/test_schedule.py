from __future__ import annotations

import pytest

from repro.recipe import Optimisation
from repro.training.schedule import learning_rate


def rates(optimisation: Optimisation, steps_per_epoch: int) -> list[float]:
    """The rate of the first step of each epoch."""
    return [learning_rate(optimisation, e * steps_per_epoch, steps_per_epoch) for e in range(optimisation.epochs)]


def test_hrnets_schedule_falls_after_epochs_170_and_200():
    found = rates(Optimisation(), 1000)
    assert found == pytest.approx([1e-3] * 170 + [1e-4] * 30 + [1e-5] * 10, rel=1e-12)


def test_a_shorter_training_falls_after_the_same_shares():
    # 170/210 of 12 is 9.7 and 200/210 of 12 is 11.4: after 10 and 11 epochs
    assert rates(Optimisation(epochs=12), 3) == pytest.approx([1e-3] * 10 + [1e-4] + [1e-5], rel=1e-12)


def test_the_rate_is_the_same_within_an_epoch():
    settings = Optimisation(epochs=4, steps=(0.5,), gamma=0.2)
    assert [learning_rate(settings, s, 3) for s in range(12)] == pytest.approx([1e-3] * 6 + [2e-4] * 6, rel=1e-12)


def test_a_single_epoch_never_falls():
    assert rates(Optimisation(epochs=1), 5) == [1e-3]


def test_warm_up_rises_linearly_from_a_thousandth():
    settings = Optimisation(warm_up=10, learning_rate=2.0)
    found = [learning_rate(settings, step, 100) for step in range(12)]
    assert found == pytest.approx([2 * (0.001 + 0.0999 * step) for step in range(10)] + [2.0, 2.0], rel=1e-12)


def test_warm_up_and_falls_multiply_where_they_overlap():
    settings = Optimisation(epochs=2, steps=(0.5,), warm_up=4, learning_rate=1.0)
    # step 3 of 2 an epoch is in the second epoch: 0.1 of the rate, 3/4 of the way up
    assert learning_rate(settings, 3, 2) == pytest.approx(0.1 * (0.001 + 0.999 * 3 / 4), rel=1e-12)


def test_falls_counted_in_steps_come_within_an_epoch():
    settings = Optimisation(epochs=1, steps=(0.5, 0.9), gamma=0.1, counted_in="steps")
    # of 10 steps the rate falls before step 5 and before step 9
    assert [learning_rate(settings, s, 10) for s in range(12)] == pytest.approx([1e-3] * 5 + [1e-4] * 4 + [1e-5] * 3)
