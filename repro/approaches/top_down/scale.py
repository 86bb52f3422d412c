"""How a scale changes top-down recipes, which show crops of persons (``scales.scale`` tells the rule)."""

from __future__ import annotations

from dataclasses import replace

from repro.approaches.scaling import Numbers, ScaleLike
from repro.recipe import Optimisation, Recipe


def numbers(scale: ScaleLike, *, drawn: bool) -> Numbers:
    """What a scale says to top-down recipes, on people that are ``drawn`` or on photographs."""
    return Numbers(
        area=scale.area,
        train=scale.training_limit(drawn=drawn),
        val=scale.drawn_val if drawn else scale.val,
        crops=scale.drawn_crops if drawn else scale.crops,
        batch=scale.batch,
    )


def scaled(recipe: Recipe, scale: ScaleLike, divisor: int, boxes: str | None) -> Recipe:
    """A recipe with its input brought to a scale, and ``boxes``, where not None, in place of a detector's."""
    size, source = scaled_sizes(recipe, scale, divisor)
    evaluation = replace(recipe.crop_evaluation, enlarged_from=source)
    if evaluation.boxes != "truth" and boxes is not None:
        evaluation = replace(evaluation, boxes=boxes)
    return recipe.but(input=replace(recipe.input, size=size), evaluation=evaluation)


def paced(recipe: Recipe, optimisation: Optimisation, scale: ScaleLike, steps: int) -> Recipe:
    """A recipe with an optimisation whose warm-up is brought to a scale, over a training of so many steps."""
    if scale.warm_up is not None:
        most = scale.warm_up if scale.warm_up_share is None else int(scale.warm_up_share * steps)
        optimisation = replace(optimisation, warm_up=min(scale.warm_up, most))
    return recipe.but(optimisation=optimisation)


def shown_size(recipe: Recipe) -> tuple[int, int]:
    """(width, height) of what is cut of images: the input's, or that of the smaller crops that are enlarged to it."""
    return recipe.crop_evaluation.enlarged_from or recipe.input.size


def scaled_sizes(recipe: Recipe, scale: ScaleLike, divisor: int) -> tuple[tuple[int, int], tuple[int, int] | None]:
    """The input's size at a scale, and that of crops that are enlarged to it, None where none are.

    Args:
        recipe: a recipe at paper size.
        scale: the scale, whose area the input keeps to.
        divisor: what the table's crops are divided by. An input that crops are enlarged to is halved on its own until it keeps to
            the area, but stays at least twice as large as they are.
    """
    width, height = recipe.input.size
    source = recipe.crop_evaluation.enlarged_from
    if source is None:
        return (width // divisor, height // divisor), None
    w, h = (side // divisor for side in source)
    while scale.area is not None and width * height > scale.area and width > 2 * w:
        width, height = width // 2, height // 2
    return (width, height), (w, h)
