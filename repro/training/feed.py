"""Batches and their targets for the training loop, made on a GPU while it still computes the step before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from repro.data.resident import Residence
from repro.data.sample_set import SampleSet
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton

AHEAD = 2  # steps that a GPU has before it


class Epochs(Protocol):
    """The batches of a training, an epoch a call."""

    def __call__(self, *, epoch: int, batch: int, rank: int = 0, world: int = 1) -> Iterator[dict[str, Tensor]]:
        """The batches of one epoch.

        Args:
            epoch: number of the epoch, from 0.
            batch: persons, or images, a step, over all processes.
            rank: number of this process.
            world: number of processes.
        """


class Lessons(Protocol):
    """What a training asks of the approach that its recipe belongs to (``approaches.base``)."""

    def batches(
        self, recipe: Recipe, samples: SampleSet, workers: int = 0, residence: Residence | None = None
    ) -> Epochs:
        """The batches that a recipe is trained on, augmented as it says.

        Args:
            recipe: a recipe of this approach.
            samples: persons or images.
            workers: processes that read images.
            residence: the device that images stay on, where they fit; None to read them step by step.

        Raises:
            ReproError: when samples and recipe do not fit.
        """

    def targets(
        self, recipe: Recipe, batch: dict[str, Tensor], size: tuple[int, int], skeleton: Skeleton
    ) -> dict[str, Tensor]:
        """Targets of a batch, on its device, for maps of ``size`` (width, height)."""


def map_size(outputs: dict[str, Tensor]) -> tuple[int, int]:
    """(width, height) of the network's first output, which targets are made for."""
    first = next(iter(outputs.values()))
    return first.shape[-1], first.shape[-2]


@dataclass(frozen=True)
class Step:
    """What one step learns from: a batch on the device, and its targets where they are made already."""

    batch: dict[str, Tensor]
    targets: dict[str, Tensor] | None = None


class Feed:
    """The steps of a training.

    On a CPU a batch is handed on as it comes. On a GPU the next batch is brought there and its targets are made on a stream of
    their own: encoders that have to wait for the GPU, to learn how many keypoints there are, then wait for that stream alone,
    while the network's work of the step before goes on. The host is never more than ``AHEAD`` steps ahead of the GPU, so that
    no more batches are in memory.

    Args:
        lessons: the approach, which makes the targets.
        recipe: the recipe, whose encoder they are made by.
        skeleton: the keypoints of the samples.
        device: the device that is trained on.
    """

    def __init__(self, lessons: Lessons, recipe: Recipe, skeleton: Skeleton, device: torch.device) -> None:
        self.lessons, self.recipe, self.skeleton, self.device = lessons, recipe, skeleton, device
        self.size: tuple[int, int] | None = None  # of the maps, which the first step tells
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def steps(self, batches: Iterator[dict[str, Tensor]]) -> Iterator[Step]:
        """The batches of an epoch as steps, in order."""
        if self._stream is None:
            for batch in batches:
                yield Step({name: value.to(self.device) for name, value in batch.items()})
            return
        main = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(main)  # images that are still on their way to the device
        batches = iter(batches)
        begun: deque[Any] = deque()
        step = self._ahead(batches)
        while step is not None:
            main.wait_stream(self._stream)
            for value in (*step.batch.values(), *(step.targets or {}).values()):
                value.record_stream(main)
            yield step
            begun.append(main.record_event())
            if len(begun) > AHEAD:
                begun.popleft().synchronize()
            step = self._ahead(batches)

    def targets(self, step: Step, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The targets of a step for maps as large as the network's first output."""
        self.size = map_size(outputs)
        if step.targets is not None:
            return step.targets
        return self._targets(step.batch, self.size)

    def _targets(self, batch: dict[str, Tensor], size: tuple[int, int]) -> dict[str, Tensor]:
        return self.lessons.targets(self.recipe, batch, size, self.skeleton)

    def _ahead(self, batches: Iterator[dict[str, Tensor]]) -> Step | None:
        """The next step, made on the feed's stream; None after the last."""
        with torch.cuda.stream(self._stream):
            batch = next(batches, None)
            if batch is None:
                return None
            batch = {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}
            made = None if self.size is None else self._targets(batch, self.size)
            return Step(batch, made)
