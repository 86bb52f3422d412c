"""A trained run: what it was, and what can be done with its network."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from repro.api.find import Place, find_run, skeleton_of
from repro.approaches.base import approach_of
from repro.approaches.found import Found
from repro.approaches.samples import Samples, Trained
from repro.data.photographs import Photograph, read_photograph
from repro.errors import ReproError
from repro.models.base import built
from repro.models.checkpoints import load_weights
from repro.recipe import Recipe
from repro.scales.scale import get_scale
from repro.skeletons.skeleton import Skeleton
from repro.support.sealed import file_checksum
from repro.training.distributed import choose_device

TOGETHER = 64  # photographs that are in memory at once


class TrainedRun:
    """A complete run, made by ``load_run`` and ``train``.

    Args:
        place: the place that it lies in.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``, which its network computes on.
        skeleton: the skeleton of its keypoints.
    """

    def __init__(self, place: Place, device: str, skeleton: Skeleton) -> None:
        self._place = place
        self.skeleton = skeleton
        self.device = choose_device(device)
        self.weights = place.weights  # the file

    def __repr__(self) -> str:
        return f"TrainedRun({self.recipe.key}, {self.skeleton.name}, {self.device})"

    @property
    def recipe(self) -> Recipe:
        """Everything that determines its numbers."""
        return self._place.recipe

    @property
    def folder(self) -> Path:
        """Where its training lies."""
        return self._place.folder

    @property
    def metrics(self) -> dict[str, float]:
        """What its own evaluation measured, as fractions, by name; empty where it was not evaluated."""
        return self._place.metrics

    @cached_property
    def network(self) -> nn.Module:
        """Its network with its final weights, in evaluation mode, on its device."""
        network: Any = built(self.recipe.method.network, self.skeleton)
        load_weights(network, self.weights)
        return network.to(self.device, memory_format=torch.channels_last).eval()

    @cached_property
    def _find(self) -> Any:
        checksum = file_checksum(self.weights)
        return approach_of(self.recipe).finder(
            self.network, self.recipe, self.device, self.skeleton, self.folder, checksum
        )

    def predict(self, images: Photograph | Sequence[Photograph], boxes: Any = None) -> list[Found]:
        """The people in photographs, by the recipe's decoder and protocol (flip test, scales, rescoring, NMS).

        Args:
            images: one photograph or several: arrays (H, W, 3) uint8 RGB, PIL images or paths of image files.
            boxes: the boxes of the people, for a top-down run: (P, 4) x, y, width, height in px, or (P, 5) with a score
                each; of several photographs a list with the boxes of each, None among them for a whole photograph. Without any,
                each photograph is taken as the box of one person. A bottom-up run finds people by itself and takes none.

        Returns:
            the people of each photograph, also where there is one photograph; of boxes in their order, without those whose poses
            NMS drops.

        Raises:
            ReproError: for a photograph or boxes that cannot be used.
        """
        several = isinstance(images, (list, tuple))
        photographs: Sequence[Any] = images if several else [images]  # type: ignore[assignment]
        own = boxes if several or boxes is None else [boxes]
        if own is not None and len(own) != len(photographs):
            raise ReproError(
                f"There are {len(photographs)} photographs and boxes of {len(own)}: give a list with the boxes of each."
            )
        return list(self._predicted(photographs, own))

    def _predicted(self, photographs: Sequence[Photograph], boxes: Sequence[Any] | None) -> Iterator[Found]:
        for start in range(0, len(photographs), TOGETHER):
            some = [read_photograph(one) for one in photographs[start : start + TOGETHER]]
            yield from self._find(some, None if boxes is None else list(boxes[start : start + TOGETHER]))

    def evaluate(
        self,
        data: str | Samples,
        root: str | Path | None = None,
        *,
        boxes: str | Path | None = None,
        scale: str = "laptop",
    ) -> dict[str, float]:
        """The metrics of the run on evaluation samples, which need not be of the data set that it was trained on.

        Args:
            data: name of a data set, or samples in memory.
            root: the folder of the data set.
            boxes: a detector's file, where the recipe is evaluated with one.
            scale: how many samples are taken, and how hard people that are drawn are; ``paper`` takes all.

        Returns:
            fractions by name, as ``metrics``.

        Raises:
            ReproError: for a data set that cannot be read or has another skeleton.
        """
        approach = approach_of(self.recipe)
        if isinstance(data, str):
            folder, file = (None if given is None else Path(given) for given in (root, boxes))
            sizes = get_scale(scale).for_skeleton(self.skeleton)
            samples, _ = approach.open_samples([self.recipe], data, folder, sizes, 1, self.skeleton, file, train=False)
        else:
            samples = data
        other = samples.val.skeleton
        if other.keypoints != self.skeleton.keypoints:
            raise ReproError(
                f"The run finds the keypoints of {self.skeleton.name} and the samples have those of {other.name}: evaluate it on "
                f"data with these keypoints: {', '.join(self.skeleton.keypoints)}."
            )
        with tempfile.TemporaryDirectory() as temporary:  # what the run keeps of its own evaluation stays as it is
            place = Path(temporary)
            self._copy_scoring(place)
            trained = Trained(place, [(self.weights, {})])
            (done,) = approach.evaluate([self.recipe], samples, trained, self.device)
        return done.metrics

    def _copy_scoring(self, place: Path) -> None:
        """Put the scoring networks that the run keeps into a folder. Raises ReproError where its recipe has one and none is."""
        kept = sorted(self.folder.glob("scoring-*"))
        if approach_of(self.recipe).scoring(self.recipe) is not None and not kept:
            raise ReproError(
                f"The recipe scores people with a network that {self.folder} does not keep: make the run's own evaluation first."
            )
        for file in kept:
            shutil.copy(file, place / file.name)


def load_run(run: str | Path, *, device: str = "auto", skeleton: Skeleton | None = None) -> TrainedRun:
    """A trained run.

    Args:
        run: a row of a result folder, ``skeletal/3/attention:0``, the run of it that was evaluated last; 12 digits of a recipe or
            a training as `repro runs list` shows them; the path of a run's folder, ``runs/<training key>``, wherever it lies.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:1``.
        skeleton: the skeleton of its keypoints, where its data set is not known here; None for that of its data set.

    Raises:
        ReproError: for a name that stands for no complete run here, a device that is not there, or weights that are damaged.
    """
    place = find_run(run)
    return TrainedRun(place, device, skeleton or skeleton_of(place))
