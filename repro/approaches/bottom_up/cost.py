"""What the evaluation of bottom-up recipes takes."""

from __future__ import annotations

import math
from collections.abc import Container

from repro.approaches.bottom_up.evaluate import CURVE_IMAGES, plain_evaluation
from repro.approaches.bottom_up.predict import answers_of
from repro.approaches.work import Work, snapshot_count
from repro.recipe import Recipe


def evaluation_work(
    recipe: Recipe, images: int, training_images: int, *, curve: bool = True, shown: Container[float] = ()
) -> Work:
    """The pixels that a network is shown to evaluate a recipe and its snapshots, and the images whose people are grouped.

    Args:
        recipe: the recipe.
        images: number of images that it is evaluated on.
        training_images: number of images that a scoring network can learn from.
        curve: whether the snapshots are measured, which recipes of one training may share.
        shown: scales that are shown for another recipe anyway.
    """
    area = math.prod(recipe.input.size) * (2 if recipe.evaluation.flip else 1)
    once, scoring = snapshot_count(recipe) * min(CURVE_IMAGES, images) if curve else 0, recipe.scene_evaluation.scoring
    if scoring is not None:
        once += training_images if scoring.images is None else min(scoring.images, training_images)
    sizes = sum(scale**2 for scale in recipe.scene_evaluation.scales if scale not in shown)
    return Work(recipe, area * (once + images * sizes), once + images * len(answers_of(recipe)))


def all_work(groups: list[list[Recipe]], images: int, training_images: int) -> list[Work]:
    """That of groups of recipes of one training, which share learning curves that are measured alike and, in a group, scales."""
    found, curves = [], set()
    for recipes in groups:
        shown: set[float] = set()
        for recipe in recipes:
            curve = (plain_evaluation(recipe), recipe.method.decoder)
            found.append(evaluation_work(recipe, images, training_images, curve=curve not in curves, shown=shown))
            curves.add(curve)
            shown.update(recipe.scene_evaluation.scales)
    return found
