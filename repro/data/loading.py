"""Batches from worker processes, through shared memory where there is enough of it and through pipes elsewhere.

Containers have little shared memory (64 MB is usual), and a worker that finds it full neither gives its batch nor ends. Through
a pipe the same batch arrives a few milliseconds later.
"""

from __future__ import annotations

import multiprocessing
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from repro.errors import ReproError
from repro.paths import reason

SHARED = Path("/dev/shm")
ROOM = 64 * 2**20  # bytes of shared memory that stay free, beside those of some batches
LONGEST = 1800  # seconds that a batch may take; one that takes longer will not come


def quiet_worker(_: int) -> None:
    """One thread a worker: OpenCV and torch would otherwise fight the training process for its cores."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


class OrderedLoader:
    """A ``DataLoader`` whose workers stay while each epoch gives the order of its own batches, one epoch at a time.

    Args:
        dataset: the data set of single items.
        workers: processes; 0 for this one. The batches do not depend on it.
        stack: a list of items to a batch of tensors or arrays, as ``stack_arrays``.
    """

    def __init__(self, dataset: Dataset, workers: int, stack: Callable[[list[Any]], Any]) -> None:
        self._workers = workers
        self._order: list[list[Any]] = []  # what the sampler reads when an epoch begins
        self._current = self._order
        self._loader = DataLoader(
            dataset,
            batch_sampler=self._order,
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=quiet_worker,
            collate_fn=stack,
            pin_memory=torch.cuda.is_available(),
            timeout=LONGEST if workers else 0,
        )

    def batches(self, order: list[list[Any]]) -> Iterator[Any]:
        """The batches, of tensors, until others are begun.

        Args:
            order: the items of each batch, as the dataset takes them.

        Raises:
            ReproError: when workers cannot be started or end before their work does.
            RuntimeError: when other batches of this loader were begun meanwhile.
        """
        self._order[:] = self._current = order
        read = self._read()
        while True:
            batch = next(read, None)
            if self._current is not order:
                raise RuntimeError("These batches ended when the next ones were begun: use a loader for each.")
            if batch is None:
                return
            yield batch

    def _read(self) -> Iterator[Any]:
        if not self._workers:
            yield from self._loader
            return
        try:
            _try_locks(3 * self._workers + 8)
            batches = iter(self._loader)
            while True:
                try:
                    batch = next(batches)
                except StopIteration:
                    return
                yield _as_tensors(batch)
        except OSError as error:  # no room for the locks between processes, no process or file left
            raise self._failure(reason(error)) from error
        except (RuntimeError, ReproError) as error:
            if said := re.search(r"\n[\w.]+\.(?:ReproError|Damaged): (.*)\Z", str(error), re.DOTALL):
                raise ReproError(said[1].strip()) from error  # a sentence from a worker, without the traceback around it
            if not str(error).startswith("DataLoader "):
                raise
            raise self._failure(str(error).splitlines()[0].rstrip(".")) from error

    def _failure(self, why: str) -> ReproError:
        return ReproError(
            f"The {self._workers} processes that read images cannot go on ({why}): start again with WORKERS=0 or fewer, or with "
            f"more shared memory in {SHARED}; trainings go on from their last epoch."
        )


def _try_locks(count: int) -> None:
    """Make as many locks as workers need and drop them: torch's own start leaves a traceback where there is no room for them."""
    locks = [multiprocessing.Lock() for _ in range(count)]
    del locks


def stack_arrays(arrays: list[np.ndarray]) -> Tensor | np.ndarray:
    """Arrays of one shape as a tensor; in a worker that finds little shared memory as an array, which goes through a pipe."""
    stacked = np.stack(arrays)
    return stacked if get_worker_info() is not None and not _has_room(stacked.nbytes) else torch.from_numpy(stacked)


def _has_room(size: int) -> bool:
    """Whether shared memory has room for some batches of ``size`` bytes; systems without the folder keep it elsewhere."""
    try:
        return shutil.disk_usage(SHARED).free > ROOM + 16 * size
    except OSError:
        return True


def _as_tensors(batch: Any) -> Any:
    """The batch with tensors in place of arrays."""
    if isinstance(batch, np.ndarray):
        return torch.from_numpy(batch)
    return type(batch)(map(_as_tensors, batch)) if isinstance(batch, (list, tuple)) else batch
