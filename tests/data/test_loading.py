"""Batches are the same through shared memory and through pipes, and what ends a worker is one sentence."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from repro.data import loading
from repro.data.loading import OrderedLoader, stack_arrays
from repro.errors import ReproError
from repro.support.sealed import Damaged


class Squares(Dataset):
    """Item i is an array of i squared; some items misbehave."""

    def __len__(self) -> int:
        return 100

    def __getitem__(self, item: int) -> np.ndarray:
        if item == 90:
            raise ReproError("Image 90 cannot be read: restore the file.")
        if item == 91:
            raise Damaged(Path("images.bin"), "is cut")
        if item == 92:
            os.kill(os.getpid(), signal.SIGKILL)
        if item == 93:
            raise KeyError("a fault of the package")
        return np.full((2, 3), item * item, dtype=np.float32)


def pair(items: list[np.ndarray]) -> tuple[list, None]:
    """A batch as that of whole images: tensors in a list, and nothing."""
    return [stack_arrays(items), stack_arrays([-item for item in items])], None


ORDER = [[3, 1], [2, 5], [7]]


@pytest.mark.parametrize("room", [0, 2**62], ids=["shared memory", "pipe"])
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_do_not_depend_on_how_they_come(room, workers, monkeypatch):
    monkeypatch.setattr(loading, "ROOM", room)
    loader = OrderedLoader(Squares(), workers, pair)
    for _ in range(2):
        found = list(loader.batches(ORDER))
        assert [[int(v) for v in first[:, 0, 0]] for (first, _), _ in found] == [[9, 1], [4, 25], [49]]
        assert all(isinstance(one, torch.Tensor) for images, _ in found for one in images)
        assert all(torch.equal(first, -second) and rest is None for (first, second), rest in found)


@pytest.mark.parametrize("workers", [0, 1])
def test_each_epoch_has_an_order_of_its_own_and_ends_the_one_before(workers):
    loader = OrderedLoader(Squares(), workers, stack_arrays)
    assert [int(batch[0, 0, 0]) for batch in loader.batches([[4], [2]])] == [16, 4]
    before = loader.batches([[1], [2], [3]])
    assert int(next(before)[0, 0, 0]) == 1
    assert [int(batch[0, 0, 0]) for batch in loader.batches([[6]])] == [36]
    with pytest.raises(RuntimeError, match="These batches ended when the next ones were begun"):
        next(before)


def test_little_shared_memory_is_seen(tmp_path, monkeypatch):
    assert loading._has_room(2**62) is False
    monkeypatch.setattr(loading, "SHARED", tmp_path / "none")
    assert loading._has_room(2**62)  # where it is kept elsewhere


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("item", [90, 91])
def test_a_sentence_from_a_worker_stays_one(workers, item):
    with pytest.raises(ReproError) as caught:
        list(OrderedLoader(Squares(), workers, stack_arrays).batches([[item]]))
    assert "Traceback" not in str(caught.value) and str(caught.value).count("\n") == 0
    assert str(caught.value).startswith("Image 90 cannot be read" if item == 90 else "images.bin is cut")


def test_a_worker_that_is_killed_ends_in_a_sentence():
    with pytest.raises(ReproError, match="The 1 processes that read images cannot go on .*WORKERS=0"):
        list(OrderedLoader(Squares(), 1, stack_arrays).batches([[1], [92]]))


def test_a_worker_that_gives_nothing_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(loading, "LONGEST", 1)
    monkeypatch.setattr(Squares, "__getitem__", lambda self, item: time.sleep(30))
    with pytest.raises(ReproError, match="timed out after 1 seconds"):
        list(OrderedLoader(Squares(), 1, stack_arrays).batches([[1]]))


def test_workers_that_cannot_be_started_end_in_a_sentence(monkeypatch):
    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loading.multiprocessing, "Lock", full)
    with pytest.raises(ReproError, match="The 2 processes that read images cannot go on .No space left on device"):
        list(OrderedLoader(Squares(), 2, stack_arrays).batches([[1]]))


def test_a_fault_of_the_package_keeps_its_traceback():
    with pytest.raises(KeyError, match="a fault of the package"):
        list(OrderedLoader(Squares(), 1, stack_arrays).batches([[93]]))
