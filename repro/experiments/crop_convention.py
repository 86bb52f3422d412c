"""Whether unbiased crops cost accuracy at 64x48, or are only learned later: every row's start was trained on biased ones.

The experiment ``decoders`` finds the half of DARK's training that costs: its crops. For the same pixel of a crop the two
conventions name places up to three quarters of a map px apart, and the backbone that all rows start with
(``training.warm_start``) has seen biased crops alone. Here HRNet-W32 is trained on either kind of crops, for longer and without
that start; one decoder, DARK's, reads all maps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from repro.experiments.decoders import DECODERS, ROWS, SHOWN, halves
from repro.experiments.offset_radius import LONGER, longer
from repro.experiments.outcome import keep, kept, rounded
from repro.experiments.trained import decoded_by, open_device, trained_recipes
from repro.recipe import Recipe
from repro.runs.run import crops_of
from repro.runs.schedule import Machine, make_runs

READ_BY = "DARK"


def variants(hrnet: Recipe, dark: Recipe) -> list[tuple[str, str, Recipe]]:
    """(crops, start, recipe) of all trainings: on both kinds of crops at the table's length, then longer, then longer and from
    random weights; all with HRNet's Gaussians."""
    both = {"biased": hrnet, "unbiased": halves(hrnet, dark)["HRNet W32, unbiased crops"]}
    long = {crops: longer(recipe, LONGER) for crops, recipe in both.items()}
    return [
        *((crops, "warm", recipe) for crops, recipe in both.items()),
        *((crops, "warm", recipe) for crops, recipe in long.items()),
        *((crops, "random", recipe.but(initialisation=None)) for crops, recipe in long.items()),
    ]


def run_crop_convention(machine: Machine, seeds: tuple[int, ...]) -> Path:
    """Train and evaluate all variants on drawn people and write ``results/cal/crop_convention.json``.

    Args:
        machine: the machine that trains.
        seeds: the seeds of the runs.

    Returns:
        the file's path.

    Raises:
        ReproError: when a run of cal table 8 is not complete, naming the command that makes it.
    """
    device = open_device(machine)
    rows = [ROWS["HRNet W32"], ROWS["DARK W32"]]
    samples, recipes = trained_recipes("cal", 8, rows, seeds)
    tried = [(seed, *one) for seed in seeds for one in variants(*(recipes[row, seed] for row in rows))]
    make_runs([recipe for *_, recipe in tried], samples, machine)
    lines: list[dict[str, Any]] = []
    for seed, crops, start, recipe in tried:
        figures = decoded_by({READ_BY: DECODERS[READ_BY]}, recipe, samples, device)[READ_BY]
        told = {"crops": crops, "start": start, "crops_seen": crops_of(recipe), "seed": seed}
        lines.append(told | rounded(figures, SHOWN))
    return keep("cal", "crop_convention", {"runs": lines}, machine)


def read_crop_convention() -> list[dict[str, Any]]:
    """The committed outcome: one entry a training."""
    return kept("cal", "crop_convention")["runs"]
