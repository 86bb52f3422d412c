"""What differs between top-down and bottom-up methods, as one protocol, and the choice between the two.

A top-down method is shown a crop of each person that a box names, a bottom-up method whole images whose people it groups. Each
has a package with the same modules; whatever else knows only what stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from repro.approaches.bottom_up.approach import BOTTOM_UP
from repro.approaches.examples import Example
from repro.approaches.found import Finder
from repro.approaches.samples import Evaluated, Gains, Kept, Samples, Trained
from repro.approaches.scaling import Numbers, ScaleLike
from repro.approaches.top_down.approach import TOP_DOWN
from repro.approaches.work import Work
from repro.data.drawn.cache import PictureSet
from repro.data.scene_batches import SceneInput
from repro.data.sets.test_dev import TestDev
from repro.recipe import Data, Optimisation, Recipe, Scoring
from repro.skeletons.skeleton import Skeleton
from repro.training.feed import Lessons


class Approach(Lessons, Protocol):
    """One of the two approaches. Recipes and samples that its methods are given belong to it; others are a ReproError."""

    @property
    def name(self) -> str:
        """As code and notes have it, ``top_down``."""

    @property
    def samples(self) -> str:
        """What a sample is called, in the plural: persons, or images."""

    @property
    def shown(self) -> str:
        """What training shows, in the plural: crops, or images."""

    @property
    def evaluated_on(self) -> str:
        """What recipes without a detector are evaluated on: true boxes, or whole images."""

    @property
    def needs_boxes(self) -> bool:
        """Whether images can only be shown where boxes of the people in them are known."""

    @property
    def measures(self) -> dict[str, frozenset[str]]:
        """What can be measured on each data set that can be opened, by its name."""

    @property
    def drawn_counts(self) -> tuple[int, int]:
        """How many samples to train on, and to evaluate, the endless data set of drawn people has where no limit is given."""

    def numbers(self, scale: ScaleLike, *, drawn: bool) -> Numbers:
        """What a scale says to this approach, on people that are ``drawn`` or on photographs."""

    def shown_size(self, recipe: Recipe) -> tuple[int, int]:
        """(width, height) of what is cut of images, which a table's divisor is chosen by."""

    def scaled(self, recipe: Recipe, scale: ScaleLike, divisor: int, *, drawn: bool, boxes: str | None) -> Recipe:
        """A recipe with its input, and what is measured in its px, brought to a scale.

        Args:
            recipe: a recipe at paper size.
            scale: the scale.
            divisor: what the inputs of its table are divided by.
            drawn: whether people are drawn.
            boxes: what stands for a detector's boxes, where the recipe is evaluated with such; None for those that it names.
        """

    def paced(self, recipe: Recipe, optimisation: Optimisation, scale: ScaleLike, steps: int) -> Recipe:
        """A recipe with another optimisation, whose rates are brought to a scale over a training of so many steps."""

    def open_samples(
        self,
        recipes: Sequence[Recipe],
        name: str,
        root: Path | None,
        scale: ScaleLike,
        divisor: int,
        skeleton: Skeleton,
        boxes: Path | None = None,
        *,
        decode: bool = True,
        train: bool = True,
    ) -> tuple[Samples, Data]:
        """The samples that a table is run on, as many as a scale takes, and what recipes say about them.

        Args:
            recipes: the recipes of the table's rows, as printed.
            name: the data set's name.
            root: its folder; None for one that is drawn.
            scale: the scale, as it is for the skeleton.
            divisor: what the table's inputs are divided by.
            skeleton: the skeleton that people are drawn with.
            boxes: a detector's file for the evaluation split; None for none.
            decode: whether photographs are looked at, and those of persons decoded into the cache; else those that were never
                looked at have no checksums, and each is decoded when it is read.
            train: whether training samples are loaded; else the evaluation samples stand in their place.
        """

    def pictures(
        self, recipes: Sequence[Recipe], name: str, scale: ScaleLike, divisor: int, counts: tuple[int, int]
    ) -> list[PictureSet]:
        """The sets of drawn pictures that a table is run on, with so many samples to train on and to evaluate."""

    def takes_detector(self, recipe: Recipe) -> bool:
        """Whether a recipe is evaluated with a detector's boxes."""

    def scoring(self, recipe: Recipe) -> Scoring | None:
        """The network that scores what a recipe finds and is trained after its own; None where there is none."""

    def together(self, recipe: Recipe) -> Hashable:
        """What recipes of one training have in common whose network sees the same images, so that ``evaluate`` takes them all."""

    def evaluate(
        self,
        recipes: list[Recipe],
        samples: Samples,
        trained: Trained,
        device: torch.device,
        workers: int = 0,
        watch: Callable[[int], object] = lambda pixels: None,
    ) -> Iterator[Evaluated]:
        """Evaluate trained recipes: their poses, their metrics, and the metrics of the snapshots, which make the learning curve.

        Args:
            recipes: recipes of one training that have the same ``together``.
            samples: the samples that they are evaluated on.
            trained: the training.
            device: the device that computes.
            workers: number of processes that read images.
            watch: called with the pixels of each forward pass.
        """

    def coco_results(
        self,
        network: nn.Module,
        recipe: Recipe,
        found: TestDev,
        samples: Samples,
        trained: Trained,
        device: torch.device,
        workers: int = 0,
    ) -> list[dict[str, Any]]:
        """What a trained network finds in images without labels, as result dicts of COCO.

        Args:
            network: the recipe's network with its final weights, on the device.
            recipe: the recipe, whose protocol is followed.
            found: the places of COCO's test-dev.
            samples: the samples that it was trained on; a scoring network learns from them where none is kept yet.
            trained: the training.
            device: the device that computes.
            workers: number of processes that read images.
        """

    def finder(
        self, network: nn.Module, recipe: Recipe, device: torch.device, skeleton: Skeleton, place: Path, weights: str
    ) -> Finder:
        """What finds people in photographs.

        Args:
            network: a trained network, on the device.
            recipe: its recipe, whose decoder and protocol are followed.
            device: the device that computes.
            skeleton: the skeleton of its keypoints.
            place: the folder of the run, which may keep a scoring network.
            weights: checksum of the network's weights.
        """

    def show(self, network: nn.Module, samples: Samples, recipe: Recipe, device: torch.device) -> None:
        """Show a network the evaluation samples once, for the time that an evaluated pixel takes."""

    def curve_samples(self, count: int) -> int:
        """On how many of ``count`` evaluation samples learning curves that do not say so were measured."""

    def examples(self, samples: Samples, runs: Mapping[str, Kept]) -> list[Example]:
        """A few evaluation samples with what complete runs of one seed, by row, predict for them."""

    def error_gains(self, samples: Samples, run: Kept) -> Gains:
        """AP with each kind of error corrected in what a complete run found (``metrics.error_gains``) in the first evaluation
        images, whose number is ``of``; empty where errors are not told apart."""

    def protocol(self, recipe: Recipe) -> str:
        """One line with all that explains differences between published numbers."""

    def work(self, groups: list[list[Recipe]], samples: int, training_samples: int) -> list[Work]:
        """What evaluating recipes of one training shows to their network.

        Args:
            groups: recipes that are evaluated together, see ``evaluate``.
            samples: number of evaluation samples.
            training_samples: number of training samples.
        """

    def pixel_settings(self, recipe: Recipe) -> list[str]:
        """What the time of an evaluated pixel depends on, beside network, input, skeleton, flip test and precision."""


def approach_of(recipe: Recipe) -> Approach:
    """The approach that a recipe belongs to, by the type of its input."""
    return BOTTOM_UP if isinstance(recipe.input, SceneInput) else TOP_DOWN
