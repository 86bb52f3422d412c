"""Why the scale-aware heatmaps lose at laptop scale: how wide their Gaussians are on small maps.

"Scale-aware heatmap representation for human pose estimation" widens the Gaussians of all keypoints but the smallest, from the
basic 2 px of equation 8, which all scales keep. On its maps of 128x128 px that is little; on those of laptop scale, 64x64 px,
it is twice as much of a person, and on the 32x32 px that laptop scale had before it was four times as much. The experiment
trains the baseline and the scale-aware row of table 2 with a narrower basic Gaussian; all else is the table's.
``perfect_maps`` asks the same without training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from repro.encoders.centre_offsets import GuidedTargets
from repro.errors import ReproError
from repro.experiments.outcome import keep, kept, rounded
from repro.recipe import Recipe
from repro.runs.run import load_run
from repro.runs.schedule import Machine, make_runs
from repro.scales.scale import SCALES
from repro.tables.plan import table_recipes, table_samples

ROWS = ("baseline", "sahg")
SIGMAS = (1.0,)  # px, beside the table's 2
SHOWN = ("AP", "OKS", "OKS_heatmap")  # the last of poses found at true centres with the heatmaps' points


def with_sigma(recipe: Recipe, sigma: float) -> Recipe:
    """The recipe with another basic width of its keypoints' Gaussians.

    Args:
        recipe: the recipe with ``GuidedTargets``.
        sigma: basic standard deviation in map px; the centre map keeps its own.

    Raises:
        ReproError: for a recipe with another encoder.
    """
    encoder = guided_targets(recipe)
    narrower = replace(encoder, heatmaps=replace(encoder.heatmaps, sigma=sigma))
    return recipe.but(method=recipe.method.but(encoder=narrower))


def guided_targets(recipe: Recipe) -> GuidedTargets:
    """The encoder of a heatmap-guided recipe. Raises ReproError for another one."""
    encoder = recipe.method.encoder
    if not isinstance(encoder, GuidedTargets):
        raise ReproError(
            f"The recipe's encoder is {type(encoder).__name__}: a basic width of Gaussians belongs to GuidedTargets."
        )
    return encoder


def variants(recipes: dict[str, Recipe]) -> list[tuple[str, float, Recipe]]:
    """(row, sigma, recipe) of all trainings: the table's own first, then each other width."""
    own = [(row, guided_targets(recipe).heatmaps.sigma, recipe) for row, recipe in recipes.items()]
    return own + [(row, sigma, with_sigma(recipe, sigma)) for sigma in SIGMAS for row, recipe in recipes.items()]


def run_gaussian_width(machine: Machine, seeds: Sequence[int] = (0,)) -> Path:
    """Train and evaluate all variants on drawn people and write ``results/sahg/gaussian_width.json``.

    Args:
        machine: the machine that trains.
        seeds: the seeds of the runs.

    Returns:
        the file's path.
    """
    samples, data = table_samples("sahg", 2, "people", None, SCALES["laptop"])
    recipes = table_recipes("sahg", 2, SCALES["laptop"], data, seeds, ROWS)
    tried = [(seed, *variant) for seed in seeds for variant in variants({row: recipes[row, seed] for row in ROWS})]
    make_runs([recipe for *_, recipe in tried], samples, machine)
    lines: list[dict[str, Any]] = []
    for seed, row, sigma, recipe in tried:
        lines.append({"row": row, "sigma": sigma, "seed": seed} | rounded(load_run(recipe).metrics, SHOWN))
    return keep("sahg", "gaussian_width", {"runs": lines}, machine)


def read_gaussian_width() -> list[dict[str, Any]]:
    """The committed outcome: one entry a training."""
    return kept("sahg", "gaussian_width")["runs"]
