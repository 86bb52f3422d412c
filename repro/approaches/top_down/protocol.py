"""The protocol of a top-down recipe in one line."""

from __future__ import annotations

from repro.approaches.origin import origin_of
from repro.recipe import Recipe


def protocol_of(recipe: Recipe) -> str:
    """Input, boxes, test-time averaging, decoder, scores and start."""
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
