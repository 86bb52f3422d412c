"""Why UDP stays behind HRNet at 64x48 and laptop scale: the radius of its disc, or the length of training.

Table 8 of Wang et al., "Low-resolution Human Pose Estimation", prints a large gain of UDP over HRNet's highest pixel. At laptop
scale a 64x48 crop has maps of 16x12 pixels, of which a disc of radius 4 covers a quarter. The experiment trains the table's UDP
row with smaller discs, and UDP and HRNet with more crops; all else is the table's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from repro.decoders.offset import OffsetDecoder
from repro.encoders.offsets import OffsetField
from repro.errors import ReproError
from repro.experiments.outcome import keep, kept, rounded
from repro.recipe import Recipe
from repro.runs.run import crops_of, load_run
from repro.runs.schedule import Machine, make_runs
from repro.scales.scale import SCALES
from repro.tables.plan import table_recipes, table_samples

ROWS = {"HRNet": "hrnet-w32-64x48", "UDP": "udp-w32-64x48"}
RADII = (2.0, 3.0)  # of discs, beside the table's 4
LONGER = 3  # times the table's crops
SHOWN = ("AP", "OKS")


def with_radius(recipe: Recipe, radius: float) -> Recipe:
    """The recipe with discs of another radius, which is the unit of its offsets too.

    Args:
        recipe: the recipe with an ``OffsetField`` and an ``OffsetDecoder``.
        radius: R in heatmap px.

    Raises:
        ReproError: for a recipe without offsets.
    """
    encoder, decoder = offset_parts(recipe)
    return recipe.but(
        method=recipe.method.but(encoder=replace(encoder, radius=radius), decoder=replace(decoder, radius=radius))
    )


def offset_parts(recipe: Recipe) -> tuple[OffsetField, OffsetDecoder]:
    """Encoder and decoder of a recipe with offsets. Raises ReproError for another one."""
    encoder, decoder = recipe.method.encoder, recipe.method.decoder
    if not (isinstance(encoder, OffsetField) and isinstance(decoder, OffsetDecoder)):
        raise ReproError(
            f"The recipe's encoder is {type(encoder).__name__} and its decoder {type(decoder).__name__}: a radius belongs to an "
            "OffsetField and an OffsetDecoder."
        )
    return encoder, decoder


def longer(recipe: Recipe, times: int) -> Recipe:
    """The recipe with so many times the epochs; the learning rate falls after the same shares of them."""
    optimisation = recipe.optimisation
    return recipe.but(optimisation=replace(optimisation, epochs=times * optimisation.epochs))


def variants(hrnet: Recipe, udp: Recipe) -> list[tuple[str, float | None, Recipe]]:
    """(method, radius or None, recipe) of all trainings: the table's length with every radius, then the longer ones."""
    radii = {radius: with_radius(udp, radius) for radius in RADII} | {offset_parts(udp)[0].radius: udp}
    once = [("HRNet", None, hrnet), *(("UDP", radius, one) for radius, one in radii.items())]
    return once + [(method, radius, longer(one, LONGER)) for method, radius, one in once]


def run_offset_radius(machine: Machine, seed: int = 0) -> Path:
    """Train and evaluate all variants on drawn people and write ``results/cal/offset_radius.json``.

    Args:
        machine: the machine that trains.
        seed: the seed of the runs.

    Returns:
        the file's path.
    """
    samples, data = table_samples("cal", 8, "people", None, SCALES["laptop"])
    recipes = table_recipes("cal", 8, SCALES["laptop"], data, (seed,), list(ROWS.values()))
    tried = variants(*(recipes[row, seed] for row in ROWS.values()))
    make_runs([recipe for _, _, recipe in tried], samples, machine)
    lines: list[dict[str, Any]] = []
    for method, radius, recipe in tried:
        told = {"method": method, "radius": radius, "crops": crops_of(recipe), "seed": seed}
        lines.append(told | rounded(load_run(recipe).metrics, SHOWN))
    return keep("cal", "offset_radius", {"runs": lines}, machine)


def read_offset_radius() -> list[dict[str, Any]]:
    """The committed outcome: one entry a training."""
    return kept("cal", "offset_radius")["runs"]
