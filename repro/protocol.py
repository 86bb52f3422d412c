"""What stands beside every number: input, boxes, test-time averaging, decoder, scores, start of training."""

from __future__ import annotations

from repro.recipe import Recipe


def protocol_of(recipe: Recipe) -> str:
    """One line that names everything of the evaluation that explains differences between published numbers."""
    evaluation, (width, height) = recipe.evaluation, recipe.input.size
    flip = ("flip test, shifted" if evaluation.shift else "flip test") if evaluation.flip else "no flip test"
    boxes = "ground-truth boxes" if evaluation.boxes == "truth" else f"{evaluation.boxes} boxes"
    start = recipe.initialisation.name if recipe.initialisation else "random weights"
    parts = (
        f"{height}x{width}",
        f"{recipe.input.convention} crops",
        boxes,
        flip,
        f"decoder {type(recipe.method.decoder).__name__}",
        f"rescoring > {evaluation.rescoring:g}",
        f"OKS-NMS {evaluation.nms:g}",
        f"from {start}",
    )
    return " · ".join(parts)
