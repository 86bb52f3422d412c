"""What stands beside every number: input, boxes, test-time averaging, decoder, scores, start and length of training."""

from __future__ import annotations

from repro.approaches.base import approach_of
from repro.recipe import Recipe
from repro.scales.lengths import written


def protocol_of(recipe: Recipe, precision: str | None = None, length: float = 1.0) -> str:
    """One line that names everything of the evaluation that explains differences between published numbers.

    Args:
        recipe: the recipe of the run.
        precision: the precision that its network computed in; None where that was not recorded.
        length: the length of its training against the scale's (``scales.lengths``); 1 is not said.
    """
    line = approach_of(recipe).protocol(recipe)
    line += "" if length == 1 else f" · length {written(length)}"
    return line if precision is None else f"{line} · computed in {precision}"
