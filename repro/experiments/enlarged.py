"""How much super-resolution loses against crops that were never small, and gains over bicubic enlargement.

Table 2 of Wang et al., "Low-resolution Human Pose Estimation", enlarges crops of 64x48 before the network and finds CAL, which
does without, ahead. At laptop scale it is behind. The experiment shows the table's UDP networks the same people in three
ways: cut at the size that they were trained with, and cut small and then enlarged by bicubic interpolation or super-resolution.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from repro.experiments.outcome import keep, kept, rounded
from repro.experiments.trained import decoded_by, open_device, trained_recipes
from repro.models.enlarge import Enlarger
from repro.recipe import Recipe
from repro.runs.schedule import Machine

ROWS = {"UDP W32": "udp-spsr-w32", "UDP W48": "udp-spsr-w48"}
CROPS = ("never small", "bicubic", "super-resolution")
SHOWN = ("AP", "OKS")


def shown(recipe: Recipe, crops: str, device: torch.device) -> tuple[Recipe, nn.Module | None]:
    """The recipe and the enlarger that show one of ``CROPS``; None for the package's.

    An enlarger that nobody has trained is bicubic interpolation.
    """
    if crops == "never small":
        recipe = recipe.but(evaluation=replace(recipe.crop_evaluation, enlarged_from=None))
    return recipe, Enlarger().build().to(device).eval() if crops == "bicubic" else None


def run_enlarged(machine: Machine, seeds: tuple[int, ...]) -> Path:
    """Show the networks of cal table 2 each kind of crops and write ``results/cal/enlarged.json``.

    Args:
        machine: the machine whose device the networks run on.
        seeds: the seeds of the runs.

    Returns:
        the file's path.

    Raises:
        ReproError: when a run is not complete, naming the command that makes it.
    """
    device = open_device(machine)
    samples, recipes = trained_recipes("cal", 2, list(ROWS.values()), seeds)
    lines: list[dict[str, Any]] = []
    for name, row in ROWS.items():
        for seed in seeds:
            for crops in CROPS:
                recipe, enlarger = shown(recipes[row, seed], crops, device)
                figures = decoded_by({crops: recipe.method.person_decoder}, recipe, samples, device, enlarger)[crops]
                lines.append({"network": name, "seed": seed, "crops": crops} | rounded(figures, SHOWN))
    return keep("cal", "enlarged", {"runs": lines}, machine)


def read_enlarged() -> list[dict[str, Any]]:
    """The committed outcome: one entry a network, seed and kind of crops."""
    return kept("cal", "enlarged")["runs"]
