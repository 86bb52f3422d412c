"""Who uses the folder of runs: a process that makes runs keeps the others from removing any until it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from repro import paths
from repro.errors import ReproError
from repro.support.locks import Hold

_held: dict[Path, Hold] = {}  # by this process


def hold_runs() -> None:
    """Keep other processes from removing runs until this one ends: what it has found complete it will read."""
    place = paths.runs()
    place.mkdir(parents=True, exist_ok=True)
    if place not in _held:
        _held[place] = Hold(place)


@contextmanager
def runs_alone() -> Iterator[None]:
    """Have the folder of runs for oneself, to remove some. Raises ReproError while another process makes runs."""
    place = paths.runs()
    if own := _held.pop(place, None):
        own.close()
    number = os.open(place, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ReproError(
                    f"Another process makes runs in {place}, or has made some and is still open, as a notebook may be: "
                    "nothing was removed. Wait for it to end, or end it."
                ) from None
        yield
    finally:
        os.close(number)
