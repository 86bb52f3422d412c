"""Where the weights of a network come from, in words."""

from __future__ import annotations

from repro.recipe import Recipe


def origin_of(recipe: Recipe) -> str:
    """What a network's weights come from: a training from what, or a file."""
    if recipe.weights is not None:
        return f"{recipe.weights.title}, not trained here"
    return f"from {recipe.initialisation.name if recipe.initialisation else 'random weights'}"
