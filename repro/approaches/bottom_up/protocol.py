"""The protocol of a bottom-up recipe in one line."""

from __future__ import annotations

from repro.approaches.origin import origin_of
from repro.recipe import Recipe, SceneEvaluation


def protocol_of(recipe: Recipe) -> str:
    """Input, split, test-time averaging, grouper, scores, whom the mean OKS counts and start."""
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
        f"mean OKS of {'the best-scored' if evaluation.oks_of == 'best' else 'all found'} people",
        origin_of(recipe),
    )
    return " · ".join(parts)


def scores_of(evaluation: SceneEvaluation) -> str:
    """How people are scored."""
    if evaluation.scoring is None:
        return "naive scores"
    weights = evaluation.scoring.weights
    return "scoring network" if weights is None else f"scoring network of {weights.title}"
