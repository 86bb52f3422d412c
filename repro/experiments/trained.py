"""Networks of a table's rows that are trained already, for experiments that only read their maps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from repro.data.persons import PersonSet
from repro.errors import ReproError
from repro.models.checkpoints import load_weights
from repro.plan import table_recipes, table_samples
from repro.recipe import Recipe
from repro.runs import Samples, folder, is_trained
from repro.scales import SCALES
from repro.tasks import Machine
from repro.training.distributed import choose_device
from repro.training.loop import build_network


def trained_recipes(
    paper: str, number: int, rows: Sequence[str], seeds: Sequence[int]
) -> tuple[Samples, dict[tuple[str, int], Recipe]]:
    """The samples and the recipes by (row, seed) of complete runs on drawn people at ``laptop`` scale.

    Raises:
        ReproError: when a run is not complete, naming the command that makes it.
    """
    samples, data = table_samples(paper, number, "people", None, SCALES["laptop"])
    recipes = table_recipes(paper, number, SCALES["laptop"], data, seeds, rows)
    check_trained(paper, number, recipes)
    return samples, recipes


def check_trained(paper: str, number: int, recipes: dict[tuple[str, int], Recipe]) -> None:
    """Raise ReproError, naming rows and command, unless all runs are complete."""
    missing = [key for key, recipe in recipes.items() if not is_trained(recipe)]
    if missing:
        rows, seeds = (",".join(dict.fromkeys(map(str, column))) for column in zip(*missing, strict=True))
        raise ReproError(
            f"Of table {number} of {paper} at laptop scale {len(missing)} of {len(recipes)} runs are not trained: run "
            f"`make reproduce PAPER={paper} TABLE={number} ROW={rows} SEEDS={seeds}` first."
        )


def load_network(recipe: Recipe, persons: PersonSet, device: torch.device) -> nn.Module:
    """The trained network of a recipe, for the skeleton of ``persons``."""
    network = build_network(recipe, persons, device)
    load_weights(network, folder(recipe) / "model.safetensors")
    return network


def open_device(machine: Machine) -> torch.device:
    """The device that a machine names; a CPU computes with as many threads as it says."""
    device = choose_device(machine.device)
    if device.type == "cpu":
        torch.set_num_threads(machine.threads)
    return device
