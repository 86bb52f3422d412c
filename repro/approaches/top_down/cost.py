"""What the evaluation of top-down recipes takes."""

from __future__ import annotations

import math

from repro.approaches.top_down.evaluate import CURVE_PERSONS
from repro.approaches.work import Work, snapshot_count
from repro.recipe import Recipe
from repro.support import serial


def evaluation_work(recipe: Recipe, persons: int) -> Work:
    """The pixels that a network is shown to evaluate a recipe, and its snapshots, on so many persons."""
    area = math.prod(recipe.input.size) * (2 if recipe.evaluation.flip else 1)
    return Work(recipe, ((snapshot_count(recipe) - 1) * min(CURVE_PERSONS, persons) + persons) * area)


def all_work(groups: list[list[Recipe]], persons: int) -> list[Work]:
    """That of groups of recipes of one training; those of a group differ in their decoders, which read the same maps."""
    return [evaluation_work(recipes[0], persons) for recipes in groups]


def pixel_settings(recipe: Recipe) -> list[str]:
    """What the time of an evaluated pixel depends on, beside network and input: the decoder, and crops that are enlarged."""
    return [serial.digest(recipe.method.decoder), str(recipe.crop_evaluation.enlarged_from or "")]
