"""Networks of a table's rows that are trained already, for experiments that only read their maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from repro.approaches.samples import Samples
from repro.approaches.top_down.measure import measure
from repro.approaches.top_down.predict import predict_with
from repro.approaches.top_down.samples import as_persons
from repro.data.sample_set import SampleSet
from repro.errors import ReproError
from repro.models.checkpoints import load_weights
from repro.recipe import PersonDecoder, Recipe
from repro.runs.files import final_weights
from repro.runs.run import is_trained
from repro.runs.schedule import Machine
from repro.scales.scale import SCALES
from repro.tables.plan import table_recipes, table_samples
from repro.training.distributed import choose_device
from repro.training.loop import build_network


def trained_recipes(
    paper: str,
    number: int,
    rows: Sequence[str],
    seeds: Sequence[int],
    *,
    data: str = "people",
    root: Path | None = None,
) -> tuple[Samples, dict[tuple[str, int], Recipe]]:
    """The samples and the recipes by (row, seed) of complete runs at ``laptop`` scale, on drawn people unless another data set
    and its root are given.

    Raises:
        ReproError: when a run is not complete, naming the command that makes it.
    """
    samples, limited = table_samples(paper, number, data, root, SCALES["laptop"])
    recipes = table_recipes(paper, number, SCALES["laptop"], limited, seeds, rows)
    check_trained(paper, number, recipes, "" if root is None else f" DATA={data} DATA_ROOT={root}")
    return samples, recipes


def check_trained(paper: str, number: int, recipes: dict[tuple[str, int], Recipe], more: str = "") -> None:
    """Raise ReproError, naming rows and command, to which ``more`` belongs, unless all runs are complete."""
    missing = [key for key, recipe in recipes.items() if not is_trained(recipe)]
    if missing:
        rows, seeds = (",".join(dict.fromkeys(map(str, column))) for column in zip(*missing, strict=True))
        raise ReproError(
            f"Of table {number} of {paper} at laptop scale {len(missing)} of {len(recipes)} runs are not trained: run "
            f"`make reproduce PAPER={paper} TABLE={number} ROW={rows} SEEDS={seeds}{more}` first."
        )


def load_network(recipe: Recipe, persons: SampleSet, device: torch.device) -> nn.Module:
    """The trained network of a recipe, for the skeleton of ``persons``."""
    network = build_network(recipe, persons, device)
    load_weights(network, final_weights(recipe))
    return network


def decoded_by(
    decoders: dict[str, PersonDecoder],
    recipe: Recipe,
    samples: Samples,
    device: torch.device,
    enlarger: nn.Module | None = None,
) -> dict[str, dict[str, float]]:
    """The metrics of a trained recipe's maps on the validation persons, by the name of the decoder that read them.

    Args:
        decoders: the decoders by name.
        recipe: the recipe whose protocol is followed, its decoder aside.
        samples: the samples of its table.
        device: the device to compute on.
        enlarger: the enlarger of crops that the recipe enlarges; None for the package's.
    """
    persons = as_persons(samples.val)
    network = load_network(recipe, persons, device)
    found = predict_with(network, persons, recipe, device, list(decoders.values()), enlarger=enlarger)
    return {
        name: measure(persons, poses, recipe, samples.measures) for name, poses in zip(decoders, found, strict=True)
    }


def open_device(machine: Machine) -> torch.device:
    """The device that a machine names; a CPU computes with as many threads as it says."""
    device = choose_device(machine.device)
    if device.type == "cpu":
        torch.set_num_threads(machine.threads)
    return device
