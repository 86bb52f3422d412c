"""What the evaluation of recipes shows to a network, for estimates of how long it takes."""

from __future__ import annotations

from dataclasses import dataclass

from repro.recipe import Recipe
from repro.training.loop import snapshot_epochs


@dataclass(frozen=True)
class Work:
    """A part of an evaluation.

    Args:
        recipe: the recipe whose network is shown images.
        pixels: the pixels it is shown.
        grouped: the images whose people are grouped.
    """

    recipe: Recipe
    pixels: float
    grouped: int = 0


def snapshot_count(recipe: Recipe) -> int:
    """How many weights all stages of a training keep."""
    return sum(len(snapshot_epochs(stage.epochs)) for stage in recipe.stages)
