"""What stands beside every number: input, boxes, test-time averaging, decoder, scores, start and length of training."""

from __future__ import annotations

from repro.recipe import Recipe, SceneEvaluation
from repro.scales.lengths import written


def protocol_of(recipe: Recipe, precision: str | None = None, length: float = 1.0) -> str:
    """One line that names everything of the evaluation that explains differences between published numbers.

    Args:
        recipe: of the run.
        precision: that its network computed in; None where that was not recorded.
        length: of its training against the scale's (``scales.lengths``); 1 is not said.
    """
    line = scene_protocol_of(recipe) if recipe.takes_scenes else person_protocol_of(recipe)
    line += "" if length == 1 else f" · length {written(length)}"
    return line if precision is None else f"{line} · computed in {precision}"


def person_protocol_of(recipe: Recipe) -> str:
    """The line of a top-down recipe."""
    evaluation, (width, height) = recipe.crop_evaluation, recipe.input.size
    flip = ("flip test, shifted" if evaluation.shift else "flip test") if evaluation.flip else "no flip test"
    boxes = "ground-truth boxes" if evaluation.boxes == "truth" else f"{evaluation.boxes} boxes"
    parts = (
        f"{height}x{width}",
        f"{recipe.crop_input.convention} crops",
        boxes,
        flip,
        f"decoder {type(recipe.method.decoder).__name__}",
        f"rescoring > {evaluation.rescoring:g}",
        f"OKS-NMS {evaluation.nms:g}",
        origin_of(recipe),
    )
    return " · ".join(parts)


def scene_protocol_of(recipe: Recipe) -> str:
    """The line of a bottom-up recipe."""
    evaluation, side = recipe.scene_evaluation, recipe.input.size[0]
    scales = ", ".join(f"{scale:g}" for scale in evaluation.scales)
    several = f"scales {scales} {evaluation.reading}" if len(evaluation.scales) > 1 else "single scale"
    parts = (
        f"whole images, short side {side}",
        "test split" if evaluation.split == "test" else "val split",
        "flip test, aligned" if evaluation.flip else "no flip test",
        several,
        f"grouper {type(recipe.method.decoder).__name__}",
        scores_of(evaluation),
        origin_of(recipe),
    )
    return " · ".join(parts)


def origin_of(recipe: Recipe) -> str:
    """What a network's weights come from: a training from what, or a file."""
    if recipe.weights is not None:
        return f"{recipe.weights.title}, not trained here"
    return f"from {recipe.initialisation.name if recipe.initialisation else 'random weights'}"


def scores_of(evaluation: SceneEvaluation) -> str:
    """How people are scored."""
    if evaluation.scoring is None:
        return "naive scores"
    weights = evaluation.scoring.weights
    return "scoring network" if weights is None else f"scoring network of {weights.title}"
