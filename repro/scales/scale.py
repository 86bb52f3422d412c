"""Scales: how a paper's recipe becomes one that the machine at hand can afford, by one rule for all papers.

The rule. A scale may change the size of the input, the width and depth of the backbone, the number of persons, the length of
training, the batch and the numerical precision, and it changes them for all rows of a table alike:

- **Input**: all inputs of a table are divided by one power of two, the smallest that brings the largest of them within the
  scale's area. Inputs of different sizes stay different.
- **Backbone**: reduced scales take one exchange module a stage, two blocks a branch, one bottleneck and a stem of 32; the width
  is halved and rounded up to a multiple of 16: W32 becomes W16, W48 becomes W32. A ResNet's width is halved likewise, 64 becomes
  32, and its blocks are divided by four and rounded up stage by stage: ResNet-50 has 1, 1, 2, 1, ResNet-101 1, 1, 6, 1 and
  ResNet-152 1, 2, 9, 1. The layers between a ResNet and its maps have a quarter of their channels, 256 become 64.
- **Drawn people** are milder than by default at ``smoke`` and ``laptop``: everyday poses mostly, less that hides and confuses
  (``people.settings.MILD``).
- **Whole bodies** have 133 maps to learn in the same time. Drawn people are mostly close up at all scales and simpler at
  ``smoke`` and ``laptop`` (``people.settings.WHOLE_BODY``); at ``laptop`` batches are smaller and the learning rate is higher
  than printed, for all rows (``WholeBodyScale``). No other recipe's rate changes.
- **Length**: as many epochs as show the scale's number of crops, whatever the size of the data set; the rate falls after the
  same shares of training as in the paper, for bottom-up recipes as ``approaches.bottom_up.scale`` says, and at ``gpu``, where
  these are counted in steps, the warm-up takes a twentieth of the steps at most. A second stage keeps its share of the first. A
  command can ask for another length of all trainings, from an eighth to eight times (``scales.lengths``).
- **Enlarged inputs** (super-resolution) are halved on their own, as far as that leaves an enlargement.
- **Boxes** of a detector are simulated (``data.detections``), unless a detector's file is given. ``paper`` takes that file;
  on data sets that such files do not fit, as drawn people, boxes are simulated there too.
- **Start**: every row begins with the same backbone, trained once on drawn people (``training.warm_start``). The package brings
  that of the reduced HRNets, for ``smoke`` and ``laptop``; for ``gpu`` and for ResNets ``repro warm-start`` makes it first, else
  rows begin with random weights. So do a DLA and an hourglass, which only CenterNet has; reduced they have half the width and the
  least depth.
- **Bottom-up** recipes, which show whole images, have numbers and sizes of their own (``approaches.bottom_up.scale``); the
  regression head of a guided network has a quarter of its channels, 256 become 64.
- Quantities in heatmap pixels (sigma, the N of weighted inference, radii) stay as printed: they are what the papers are about.

``paper`` leaves the recipes as they are; where these differ from the print ``papers/<key>/printed.toml`` says so. To be given
are the start, ImageNet weights or random ones (``tables.start``), and the file of a detector where the protocol has its boxes;
without photographs people are drawn and boxes simulated there too. Counted columns (#Params, GFLOPs) are always those of the
paper's size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from repro.approaches.base import approach_of
from repro.approaches.bottom_up.scene_scale import FEW, LARGE, SHOWN, SceneScale
from repro.data.catalogue import data_set
from repro.data.detection_files import takes_detections
from repro.data.detections import SIMULATED
from repro.data.drawn.settings import MILD, WHOLE_BODY, PeopleSettings
from repro.errors import choice_error
from repro.models.base import reduced
from repro.recipe import REVISION, Data, Recipe
from repro.scales.lengths import limited_samples
from repro.scales.whole_body import WholeBodyScale
from repro.skeletons.skeleton import Skeleton
from repro.training.warm_start import choose_start


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A scale.

    Args:
        name: the name as commands write it.
        description: a description, for whom and how long.
        area: the area of the largest input of a table, in px^2; None leaves inputs as they are.
        train: persons to train on at most; None for all.
        val: persons to evaluate at most.
        drawn_train: persons to train on where people are drawn; None for the data set's own number.
        drawn_val: persons to evaluate there.
        people: how hard drawn people are.
        crops: shown over a training on photographs; None for the paper's epochs.
        drawn_crops: shown over a training on drawn people, which begin nearer to what the warm start has seen.
        batch: persons a step; None for the paper's.
        warm_up: optimiser steps in which the learning rate rises; None for the paper's.
        warm_up_share: the share of the training's steps, which these are at most; None for any number.
        counted_in: what the shares of a training after which the rate falls are rounded to, see ``Optimisation``.
        precision: the precision that the network computes in, where the device has it natively; None for the paper's.
        small_backbone: whether the backbone is reduced.
        scenes: sizes and numbers of bottom-up recipes.
        learning_rate: None for the paper's.
        whole_body: what is otherwise with the keypoints of hands and faces, see ``for_skeleton``.
        table_lengths: whether tables of many large networks have the length of their own, ``TableRows.length``.
        length: factor on the length of trainings that a command asks for, one of ``scales.lengths.LENGTHS``; the numbers above
            are those at length 1.
    """

    name: str
    description: str
    area: int | None = None
    train: int | None = None
    val: int | None = None
    drawn_train: int | None = None
    drawn_val: int | None = None
    people: PeopleSettings = PeopleSettings()
    crops: int | None = None
    drawn_crops: int | None = None
    batch: int | None = None
    warm_up: int | None = None
    warm_up_share: float | None = None
    counted_in: Literal["epochs", "steps"] = "epochs"
    precision: Literal["float32", "bfloat16"] | None = None
    small_backbone: bool = False
    scenes: SceneScale = SceneScale()
    learning_rate: float | None = None
    whole_body: WholeBodyScale = WholeBodyScale()
    table_lengths: bool = False
    length: float = 1.0

    def for_skeleton(self, skeleton: Skeleton) -> Scale:
        """The scale as it is for recipes with this skeleton: ``whole_body`` where it has a face and hands."""
        if not {"face", "lefthand"} <= set(dict(skeleton.parts)):
            return self
        own = self.whole_body
        return replace(
            self,
            people=own.people or replace(self.people, close_up=WHOLE_BODY.close_up),
            drawn_crops=own.drawn_crops or self.drawn_crops,
            batch=own.batch or self.batch,
            learning_rate=own.learning_rate or self.learning_rate,
        )

    def lengthened(self, factor: float) -> Scale:
        """The scale with so many times the crops and images in a training, where tables have lengths of their own."""
        if not self.table_lengths:
            return self
        crops, drawn, images = (
            None if n is None else round(factor * n) for n in (self.crops, self.drawn_crops, self.scenes.crops)
        )
        return replace(self, crops=crops, drawn_crops=drawn, scenes=replace(self.scenes, crops=images))

    def of_length(self, length: float) -> Scale:
        """The scale with trainings of another length, one of ``scales.lengths.LENGTHS``."""
        return replace(self, length=length)

    def training_limit(self, *, drawn: bool, scenes: bool = False) -> int | None:
        """How many persons to train on at most, images of bottom-up recipes; None for all."""
        if scenes:
            own = self.scenes
            train = own.train and own.train * max(1, min(own.grows, int(self.length)))
            return limited_samples(train, own.crops, self.length, own.batch or 1)
        count, crops = (self.drawn_train, self.drawn_crops) if drawn else (self.train, self.crops)
        return limited_samples(count, crops, self.length, self.batch or 1)


SCALES = {
    scale.name: scale
    for scale in (
        Scale(
            name="smoke",
            description="seconds a run: shows that everything runs, its numbers mean nothing",
            area=64 * 48,
            train=64,
            val=32,
            drawn_train=64,
            drawn_val=32,
            people=MILD,
            crops=256,
            drawn_crops=256,
            batch=16,
            precision="bfloat16",
            small_backbone=True,
            whole_body=WholeBodyScale(people=WHOLE_BODY),
            scenes=SceneScale(
                area=80 * 80,
                side=128,
                train=16,
                val=8,
                people=FEW,
                crops=64,
                batch=4,
                scoring=8,
                scoring_batch=8,
            ),
        ),
        Scale(
            name="laptop",
            description="two CPU cores, minutes a run",
            area=128 * 96,
            train=4000,
            val=800,
            drawn_train=4000,
            drawn_val=1000,
            people=MILD,
            crops=120_000,
            drawn_crops=24_000,
            batch=32,
            warm_up=200,
            precision="bfloat16",
            small_backbone=True,
            table_lengths=True,
            whole_body=WholeBodyScale(people=WHOLE_BODY, drawn_crops=16_000, batch=8, learning_rate=1e-3),
            scenes=SceneScale(
                area=320 * 320,
                most=256,
                side=256,
                train=2000,
                grows=2,
                val=400,
                people=LARGE,
                crops=16_000,
                batch=8,
                warm_up_share=0.05,
                drops=(0.8,),
                counted_in="steps",
                weaker=True,
                scoring=400,
                scoring_batch=64,
            ),
        ),
        Scale(
            name="gpu",
            description="one GPU, minutes a table",
            area=192 * 144,
            train=40_000,
            val=4000,
            drawn_train=16_000,
            drawn_val=4000,
            crops=600_000,
            drawn_crops=240_000,
            batch=128,
            warm_up=200,
            warm_up_share=0.05,
            counted_in="steps",
            precision="bfloat16",
            scenes=SceneScale(
                area=320 * 320,
                side=512,
                train=4000,
                val=500,
                people=SHOWN,
                crops=64_000,
                batch=32,
                warm_up_share=0.05,
                counted_in="steps",
                weaker=True,
                scoring=1000,
                scoring_batch=128,
            ),
        ),
        Scale(name="paper", description="the printed recipe: days on several GPUs"),
    )
}


def get_scale(name: str) -> Scale:
    """The scale of that name. Raises ReproError for an unknown one."""
    if name not in SCALES:
        raise choice_error("scale", name, SCALES)
    return SCALES[name]


def input_divisor(area: int | None, sizes: Iterable[tuple[int, int]]) -> int:
    """The power of two that brings the largest (width, height) of a table within an area in px^2; 1 where that is None."""
    divisor, largest = 1, max(w * h for w, h in sizes)
    while area is not None and largest > area * divisor**2:
        divisor *= 2
    return divisor


def apply_scale(
    recipe: Recipe, scale: Scale, *, divisor: int, data: Data, start: str = "warm", boxes: str | None = None
) -> Recipe:
    """A paper's recipe at a scale, on a data set.

    Args:
        recipe: the paper's.
        scale: the scale to bring it to.
        divisor: the divisor of the table's inputs, see ``input_divisor``.
        data: the persons, already limited to the scale's numbers.
        start: ``warm`` for the backbone of ``training.warm_start`` where there is one, ``random`` for random weights, or the name
            of imported ones, or one of these a backbone (``training.warm_start.starts_of``). At paper scale ``warm`` is random:
            the command asks for ImageNet weights there, or for random ones in so many words.
        boxes: name of a detector's file (``data.detection_files.boxes_name``), for recipes evaluated with a detector's boxes;
            None for simulated ones.
    """
    drawn = not data_set(data.name).needs_root
    approach = approach_of(recipe)
    recipe = approach.scaled(recipe, scale, divisor, drawn=drawn, boxes=boxes or simulated_boxes(data.name, scale))
    numbers = approach.numbers(scale, drawn=drawn)
    method, optimisation = recipe.method, recipe.optimisation
    if scale.small_backbone:
        method = method.but(network=reduced(method.network))
    if numbers.batch is not None:
        optimisation = replace(optimisation, batch=min(numbers.batch, max(1, data.train_count)))
    epochs: float = recipe.optimisation.epochs
    if numbers.crops is not None:
        epochs = numbers.crops / max(1, data.train_count // optimisation.batch * optimisation.batch)
    optimisation = replace(optimisation, epochs=max(1, round(scale.length * epochs)))
    second = recipe.second_stage
    if second is not None and optimisation.epochs != recipe.optimisation.epochs:
        share = second.epochs / recipe.optimisation.epochs
        second = replace(second, epochs=max(1, round(share * optimisation.epochs)))
    optimisation = replace(optimisation, counted_in=scale.counted_in)
    steps = optimisation.epochs * (data.train_count // optimisation.batch)
    recipe = approach.paced(recipe, optimisation, scale, steps)
    optimisation = recipe.optimisation
    if scale.learning_rate is not None:
        optimisation = replace(optimisation, learning_rate=scale.learning_rate)
    if scale.precision is not None:
        optimisation = replace(optimisation, precision=scale.precision)
    if start == "warm" and scale.name == "paper":
        start = "random"
    return recipe.but(
        method=method,
        data=data,
        initialisation=choose_start(start, method.network.backbone),
        optimisation=optimisation,
        second_stage=second,
        revision=REVISION,
    )


def simulated_boxes(data_name: str, scale: Scale) -> str | None:
    """What stands for a detector's boxes where no file of them is given; None where a file is needed."""
    return None if scale.name == "paper" and takes_detections(data_name) else SIMULATED
