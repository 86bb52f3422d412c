"""The adaptive factors by keypoint that a result folder of the whole-body paper keeps, of the weights of its runs (Fig. 5)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from repro.approaches.samples import Samples
from repro.approaches.top_down.examples import draw_persons
from repro.approaches.top_down.factors import person_factors, whole_persons
from repro.approaches.top_down.samples import as_persons
from repro.models.checkpoints import load_weights
from repro.models.whole_body import AdaptiveFactorNetwork
from repro.recipe import Recipe
from repro.reporting.keypoint_factors import KeptFactors, row_factors, write_factors
from repro.runs.files import snapshots
from repro.training.loop import build_network

PERSONS = 3  # that are drawn


def keep_factors(
    folder: Path, recipes: Mapping[str, Recipe], samples: Samples, device: torch.device, *, images: bool
) -> None:
    """Keep the factors of complete runs whose networks learn them, in a result folder; nothing where none does.

    Args:
        folder: the result folder.
        recipes: the recipes of one seed, by row.
        samples: the samples that they are evaluated on; each person is shown in the crop of its true box.
        device: the device that computes.
        images: whether pictures may be passed on with the folder.
    """
    own = {row: one for row, one in recipes.items() if isinstance(one.method.network, AdaptiveFactorNetwork)}
    if not own:
        return
    persons, aspect = as_persons(samples.val), next(iter(own.values())).crop_input.aspect
    index, rows = whole_persons(persons, PERSONS, aspect), {}
    for row, recipe in own.items():
        network, kept, poses = build_network(recipe, persons, device), snapshots(recipe), {}
        for file, seen in dict(kept[:1] + kept[-1:]).items():
            load_weights(network, file)
            poses[int(seen["persons"])] = person_factors(network, persons.take(index), recipe, device)
        rows[row] = row_factors(recipe.seed, person_factors(network, persons, recipe, device), poses)
    write_factors(KeptFactors(len(persons), rows, draw_persons(persons, index, {}, aspect)), folder, images=images)
