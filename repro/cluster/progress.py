"""How far the unfinished training of a submission is, by its run's own files."""

from __future__ import annotations

from repro import paths
from repro.cluster.submission import Training
from repro.support.sealed import Damaged
from repro.training.checkpoints import read_pointer


def ended_epochs(training: Training) -> int | None:
    """How many epochs an unfinished training has ended; None where none has, or all have."""
    try:
        pointer = read_pointer(paths.runs() / f"{training.key}.partial", training.key)
    except Damaged:
        return None
    return pointer["epoch"] if pointer else None
