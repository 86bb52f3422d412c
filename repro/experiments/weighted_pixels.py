"""Why weighted inference gains or loses: the number of pixels it averages, on networks that are trained already.

The step of table 3 of the skeletal paper from the highest pixel to weighted inference takes N = 20 pixels, on maps of 64x64. At
laptop scale the maps have 16x16 pixels and the same sigma. The experiment decodes the maps of the attention row's runs with
other N, on drawn people and on photographs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from repro import paths
from repro.decoders.peaks import Argmax, QuarterOffset
from repro.decoders.weighted import WeightedInference
from repro.environment import describe
from repro.experiments.trained import load_network
from repro.plan import table_recipes, table_samples
from repro.recipe import Decoder
from repro.runs import is_trained
from repro.scales import SCALES
from repro.training.checkpoints import write_json
from repro.training.evaluate import measure, predict

DECODERS: dict[str, Decoder] = {
    "highest pixel": Argmax(),
    "quarter offset": QuarterOffset(),
    **{f"N = {n}": WeightedInference(n=n) for n in (2, 4, 10, 20, 40)},
}
SHOWN = ("pckh@0.5", "pckh@0.1", "OKS", "AP")


def run_weighted_pixels(data_sets: dict[str, Path | None], seeds: tuple[int, ...]) -> Path:
    """Decode the runs of the attention row with every decoder and write ``results/skeletal/weighted_pixels.json``.

    Args:
        data_sets: root by name; runs that are not complete are left out.
        seeds: of the runs.

    Returns:
        the file's path.
    """
    lines: list[dict[str, Any]] = []
    for name, root in data_sets.items():
        samples, data = table_samples("skeletal", 3, name, root, SCALES["laptop"])
        recipes = table_recipes("skeletal", 3, SCALES["laptop"], data, seeds, ["attention"])
        for (_, seed), recipe in recipes.items():
            if not is_trained(recipe):
                continue
            network = load_network(recipe, samples.val, torch.device("cpu"))
            for label, decoder in DECODERS.items():
                one = recipe.but(method=recipe.method.but(decoder=decoder))
                found = measure(
                    samples.val, predict(network, samples.val, one, torch.device("cpu")), one, samples.measures
                )
                lines.append(
                    {"data": name, "seed": seed, "decoder": label}
                    | {metric: round(found[metric], 4) for metric in SHOWN}
                )
    path = paths.results() / "skeletal" / "weighted_pixels.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"runs": lines, **describe(torch.device("cpu"))})
    return path


def read_weighted_pixels() -> list[dict[str, Any]]:
    """The committed outcome: one entry a data set, seed and decoder."""
    return json.loads((paths.RESULTS / "skeletal" / "weighted_pixels.json").read_text())["runs"]
