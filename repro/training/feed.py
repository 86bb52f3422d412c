"""Batches and their targets for the training loop, made on a GPU while it still computes the step before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from repro.data.images import ImageSet
from repro.data.persons import PersonSet
from repro.recipe import Recipe
from repro.training.batches import map_size, targets_of_size

AHEAD = 2  # steps that a GPU has before it


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
        recipe: whose encoder makes the targets.
        samples: persons or images.
        device: to train on.
    """

    def __init__(self, recipe: Recipe, samples: PersonSet | ImageSet, device: torch.device) -> None:
        self.recipe, self.samples, self.device = recipe, samples, device
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
        return targets_of_size(self.recipe, step.batch, self.size, self.samples)

    def _ahead(self, batches: Iterator[dict[str, Tensor]]) -> Step | None:
        """The next step, made on the feed's stream; None after the last."""
        with torch.cuda.stream(self._stream):
            batch = next(batches, None)
            if batch is None:
                return None
            batch = {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}
            made = None if self.size is None else targets_of_size(self.recipe, batch, self.size, self.samples)
            return Step(batch, made)
