"""Lengths: how long all trainings of a command are, against what their scale says.

There are seven, from an eighth to eight times, so that commands with different budgets share runs. A length multiplies the crops
(of bottom-up methods: images) that a training shows, and at ``paper`` scale its epochs. A recipe says it by its epochs and, where
it is short, by the number of its training persons; it has no field of its own, and length 1 is the scale itself.

**Short lengths keep at least three epochs**: where fewer would be left, the training persons are halved until there are three.
An epoch or two alone would not let the learning rate fall, which it does after 170 and 200 of 210 epochs, and would leave a
learning curve of one or two points: another kind of training, not a shorter one. At ``laptop`` scale 24,000 crops of 4,000 drawn
persons are six epochs; at an eighth of the length 3,000 crops are three epochs of 1,000 persons. Never fewer than a batch.

What is evaluated stays as it is: the same persons and images, so that numbers of different lengths can be compared.
"""

from __future__ import annotations

from repro.errors import ReproError

LENGTHS = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)
LEAST_EPOCHS = 3  # that a shortened training has


def parse_length(given: object) -> float:
    """One of LENGTHS from ``0.5``, ``1/2`` or a number. Raises ReproError, with those there are, for anything else."""
    text = str(given).strip()
    for length in LENGTHS:
        if text == written(length) or _number(text) == length:
            return length
    raise ReproError(f"LENGTH is {text!r:.200}, expected one of {', '.join(map(written, LENGTHS))}.")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def written(length: float) -> str:
    """As commands and tables write it: ``1/8``, ``1/2``, ``2``."""
    return f"{length:g}" if length >= 1 else f"1/{1 / length:g}"


def limited_samples(count: int | None, crops: int | None, length: float, least: int) -> int | None:
    """The training persons, or images, at most: halved at lengths below 1 until LEAST_EPOCHS of them are shown.

    Args:
        count: the number at length 1; None for all.
        crops: shown over a training of length 1; None for the paper's epochs.
        length: the length, one of LENGTHS.
        least: the number that stays in any case: a batch, 1 or more.
    """
    if count is None or crops is None or length >= 1:
        return count
    while length * crops < LEAST_EPOCHS * count and count // 2 >= least:
        count //= 2
    return count
