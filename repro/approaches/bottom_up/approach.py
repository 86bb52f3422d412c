"""The bottom-up approach behind the protocol of ``approaches.base``, which says what each method is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from repro.approaches.bottom_up import (
    cost,
    evaluate,
    examples,
    gains,
    photographs,
    predict,
    protocol,
    results,
    samples,
    targets,
)
from repro.approaches.bottom_up import scale as scaling
from repro.approaches.examples import Example
from repro.approaches.found import Finder
from repro.approaches.samples import Evaluated, Gains, Kept, Samples, Trained
from repro.approaches.scaling import Numbers, ScaleLike
from repro.approaches.work import Work
from repro.data.catalogue import DRAWN_SCENES, IMAGES
from repro.data.drawn.cache import PictureSet
from repro.data.resident import Residence
from repro.data.sample_set import SampleSet
from repro.data.sets.test_dev import TestDev
from repro.recipe import Data, Optimisation, Recipe, Scoring
from repro.skeletons.skeleton import Skeleton
from repro.training.feed import Epochs


class BottomUp:
    """A network is shown whole images, and the people in its maps are grouped."""

    name, samples, shown = "bottom_up", "images", "images"
    needs_boxes = False
    evaluated_on = "whole images"

    @property
    def measures(self) -> dict[str, frozenset[str]]:
        return {name: form.measures for name, form in IMAGES.items()}

    @property
    def drawn_counts(self) -> tuple[int, int]:
        return DRAWN_SCENES["train"], DRAWN_SCENES["val"]

    def numbers(self, scale: ScaleLike, *, drawn: bool) -> Numbers:
        return scaling.numbers(scale, drawn=drawn)

    def shown_size(self, recipe: Recipe) -> tuple[int, int]:
        return recipe.input.size

    def scaled(self, recipe: Recipe, scale: ScaleLike, divisor: int, *, drawn: bool, boxes: str | None) -> Recipe:
        return scaling.scaled(recipe, scale.scenes, divisor=divisor, drawn=drawn)

    def paced(self, recipe: Recipe, optimisation: Optimisation, scale: ScaleLike, steps: int) -> Recipe:
        return scaling.paced(recipe, optimisation, scale.scenes, steps)

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
        split = recipes[0].scene_evaluation.split
        return samples.open_images(name, root, scale, skeleton, split, train=train, look=decode)

    def pictures(
        self, recipes: Sequence[Recipe], name: str, scale: ScaleLike, divisor: int, counts: tuple[int, int]
    ) -> list[PictureSet]:
        return samples.picture_sets(name, recipes[0].scene_evaluation.split, scale, counts)

    def takes_detector(self, recipe: Recipe) -> bool:
        return False

    def batches(
        self, recipe: Recipe, samples: SampleSet, workers: int = 0, residence: Residence | None = None
    ) -> Epochs:
        return targets.make_batches(recipe, samples, workers, residence)

    def targets(
        self, recipe: Recipe, batch: dict[str, Tensor], size: tuple[int, int], skeleton: Skeleton
    ) -> dict[str, Tensor]:
        return targets.make_targets(recipe, batch, size, skeleton)

    def scoring(self, recipe: Recipe) -> Scoring | None:
        return recipe.scene_evaluation.scoring

    def together(self, recipe: Recipe) -> Hashable:
        return evaluate.plain_evaluation(recipe)

    def evaluate(
        self,
        recipes: list[Recipe],
        samples: Samples,
        trained: Trained,
        device: torch.device,
        workers: int = 0,
        watch: Callable[[int], object] = lambda pixels: None,
    ) -> Iterator[Evaluated]:
        return evaluate.evaluate(recipes, samples, trained, device, workers, watch)

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
        return results.coco_results(network, recipe, found, samples, trained, device, workers)

    def finder(
        self, network: nn.Module, recipe: Recipe, device: torch.device, skeleton: Skeleton, place: Path, weights: str
    ) -> Finder:
        return photographs.make_finder(network, recipe, device, skeleton, place, weights)

    def show(self, network: nn.Module, samples: Samples, recipe: Recipe, device: torch.device) -> None:
        predict.show(network, samples, recipe, device)

    def curve_samples(self, count: int) -> int:
        return min(evaluate.CURVE_IMAGES, count)

    def examples(self, samples: Samples, runs: Mapping[str, Kept]) -> list[Example]:
        return examples.make_examples(samples, runs)

    def error_gains(self, samples: Samples, run: Kept) -> Gains:
        return gains.gains_of(samples, run)

    def protocol(self, recipe: Recipe) -> str:
        return protocol.protocol_of(recipe)

    def work(self, groups: list[list[Recipe]], samples: int, training_samples: int) -> list[Work]:
        return cost.all_work(groups, samples, training_samples)

    def pixel_settings(self, recipe: Recipe) -> list[str]:
        return []


BOTTOM_UP = BottomUp()
