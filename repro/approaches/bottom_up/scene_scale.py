"""The numbers that a scale has for bottom-up recipes; ``approaches.bottom_up.scale`` tells what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from repro.data.drawn.settings import MILD, PeopleSettings

REFERENCE = 512  # px: side of the scenes that COCO's least area, and the heights of drawn people, are meant for

# Three people at most, each at least a third of the picture high. Chosen by looking at contact sheets, once, for all tables.
FEW = replace(MILD, smallest=160.0, largest=400.0, crowd=3)

# Two people at most, nearly as high as the picture allows: a person's root area is 17.6 map px in the median at 256 px, where
# COCO's at 512 px have 22 to 29. Higher ones would leave no range of sizes, see docs/decisions/scene-scale.md.
LARGE = replace(FEW, smallest=300.0, largest=480.0, crowd=2)

# Three people at most, half the picture high and more, for maps of 64 px: a person's root area is 15 map px in the median. Who
# covers less than COCO's 32 x 32 px is not labelled, as there. Perfect maps of 40 scenes of 512 px reach AP 97 with
# heatmap-guided regression, 94 with tags and 97 with CenterNet; of default people, unlabelled likewise, 87, 65 and 82.
SHOWN = replace(FEW, smallest=240.0, largest=480.0, least_area=32.0**2)


@dataclass(frozen=True, kw_only=True)
class SceneScale:
    """What a scale does to bottom-up recipes.

    Args:
        area: the area of the largest input of a table, in px^2, before sides become multiples of 64; None leaves inputs as they
            are.
        most: largest side of an input in px, where ``area`` is given; None for any.
        side: the side of drawn scenes in px.
        train: images to train on at most; None for all, or the data set's own number where people are drawn.
        grows: how many times these ``train`` images become with the length of trainings, at lengths above 1, at most.
        val: images to evaluate at most.
        people: how hard drawn people are.
        crops: images shown over a training; None for the paper's epochs.
        batch: images a step; None for the paper's.
        warm_up_share: the share of the training's steps, in which the learning rate rises at most; None for the paper's warm-up.
        drops: shares of the training after which the learning rate falls; None for the paper's.
        counted_in: what these shares are rounded to, see ``Optimisation``; None for the paper's.
        weaker: whether augmentation shrinks with the number of epochs, see ``weakened``.
        scoring: images that the scoring network learns from; None for all.
        scoring_batch: people a step of its training; None for the paper's.
    """

    area: int | None = None
    most: int | None = None
    side: int = REFERENCE
    train: int | None = None
    grows: int = 1
    val: int | None = None
    people: PeopleSettings = PeopleSettings()
    crops: int | None = None
    batch: int | None = None
    warm_up_share: float | None = None
    drops: tuple[float, ...] | None = None
    counted_in: Literal["epochs", "steps"] | None = None
    weaker: bool = False
    scoring: int | None = None
    scoring_batch: int | None = None
