"""The top-down approach behind the protocol of ``approaches.base``, which says what each method is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from repro.approaches.examples import Example
from repro.approaches.found import Finder
from repro.approaches.samples import Evaluated, Gains, Kept, Samples, Trained
from repro.approaches.scaling import Numbers, ScaleLike
from repro.approaches.top_down import (
    cost,
    evaluate,
    examples,
    photographs,
    predict,
    protocol,
    results,
    samples,
    targets,
)
from repro.approaches.top_down import scale as scaling
from repro.approaches.work import Work
from repro.data.catalogue import DRAWN, PERSONS
from repro.data.drawn.cache import PictureSet
from repro.data.resident import Residence
from repro.data.sample_set import SampleSet
from repro.data.sets.test_dev import TestDev
from repro.recipe import Data, Optimisation, Recipe, Scoring
from repro.skeletons.skeleton import Skeleton
from repro.training.feed import Epochs


class TopDown:
    """A network is shown a crop of each person that a box names."""

    name, samples, shown = "top_down", "persons", "crops"
    needs_boxes = True
    evaluated_on = "true boxes"

    @property
    def measures(self) -> dict[str, frozenset[str]]:
        return {name: form.measures for name, form in PERSONS.items()}

    @property
    def drawn_counts(self) -> tuple[int, int]:
        return DRAWN["train"], DRAWN["val"]

    def numbers(self, scale: ScaleLike, *, drawn: bool) -> Numbers:
        return scaling.numbers(scale, drawn=drawn)

    def shown_size(self, recipe: Recipe) -> tuple[int, int]:
        return scaling.shown_size(recipe)

    def scaled(self, recipe: Recipe, scale: ScaleLike, divisor: int, *, drawn: bool, boxes: str | None) -> Recipe:
        return scaling.scaled(recipe, scale, divisor, boxes)

    def paced(self, recipe: Recipe, optimisation: Optimisation, scale: ScaleLike, steps: int) -> Recipe:
        return scaling.paced(recipe, optimisation, scale, steps)

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
        size = samples.largest_input(recipes, scale, divisor)
        return samples.open_persons(name, root, scale, size, skeleton, boxes, decode=decode, train=train)

    def pictures(
        self, recipes: Sequence[Recipe], name: str, scale: ScaleLike, divisor: int, counts: tuple[int, int]
    ) -> list[PictureSet]:
        return samples.picture_sets(recipes, scale, divisor, counts)

    def takes_detector(self, recipe: Recipe) -> bool:
        return recipe.crop_evaluation.boxes != "truth"

    def batches(
        self, recipe: Recipe, samples: SampleSet, workers: int = 0, residence: Residence | None = None
    ) -> Epochs:
        return targets.make_batches(recipe, samples, workers, residence)

    def targets(
        self, recipe: Recipe, batch: dict[str, Tensor], size: tuple[int, int], skeleton: Skeleton
    ) -> dict[str, Tensor]:
        return targets.make_targets(recipe, batch, size, skeleton)

    def scoring(self, recipe: Recipe) -> Scoring | None:
        return None

    def together(self, recipe: Recipe) -> Hashable:
        return recipe.evaluation

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
        return count

    def examples(self, samples: Samples, runs: Mapping[str, Kept]) -> list[Example]:
        return examples.make_examples(samples, runs)

    def error_gains(self, samples: Samples, run: Kept) -> Gains:
        return {}

    def protocol(self, recipe: Recipe) -> str:
        return protocol.protocol_of(recipe)

    def work(self, groups: list[list[Recipe]], samples: int, training_samples: int) -> list[Work]:
        return cost.all_work(groups, samples)

    def pixel_settings(self, recipe: Recipe) -> list[str]:
        return cost.pixel_settings(recipe)


TOP_DOWN = TopDown()
