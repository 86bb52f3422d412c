"""The learning rate as a function of the step."""

from __future__ import annotations

from repro.recipe import Optimisation

WARM_UP_START = 0.001  # share of the rate at the first step of a warm-up


def learning_rate(optimisation: Optimisation, step: int, steps_per_epoch: int) -> float:
    """The rate of optimiser step ``step``, counted from 0.

    Args:
        optimisation: rate, warm-up and the shares of training after which the rate falls.
        step: the step over all epochs.
        steps_per_epoch: the number of steps in an epoch.
    """
    done, whole = step // steps_per_epoch, optimisation.epochs
    if optimisation.counted_in == "steps":
        done, whole = step, optimisation.epochs * steps_per_epoch
    drops = sum(done >= round(share * whole) for share in optimisation.steps)
    rate = optimisation.learning_rate * optimisation.gamma**drops
    if step < optimisation.warm_up:
        rate *= WARM_UP_START + (1 - WARM_UP_START) * step / optimisation.warm_up
    return rate
