"""What of the step from a quarter offset to DARK is the decoder and what is the training, at 64x48.

Table 8 of Wang et al., "Low-resolution Human Pose Estimation", compares HRNet and DARK. Between these rows two things change: the
decoder, and the training, which for DARK takes unbiased crops and Gaussians around the unrounded keypoint. The experiment reads
the maps of the networks of both rows, trained already, with each decoder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from repro import paths
from repro.decoders.dark import Dark
from repro.decoders.peaks import Argmax, QuarterOffset
from repro.environment import describe
from repro.errors import ReproError
from repro.models.checkpoints import load_weights
from repro.papers.cal.rows import KERNEL
from repro.plan import table_recipes, table_samples
from repro.recipe import Decoder, Recipe
from repro.runs import folder, is_trained
from repro.scales import SCALES
from repro.tasks import Machine
from repro.training.checkpoints import write_json
from repro.training.distributed import choose_device
from repro.training.evaluate import measure, predict_with
from repro.training.loop import build_network

SIZE = "64x48"
ROWS = {
    f"{name} W{width}": f"{row}-w{width}-{SIZE}"
    for width in (32, 48)
    for name, row in (("HRNet", "hrnet"), ("DARK", "dark"))
}
DECODERS: dict[str, Decoder] = {
    "highest pixel": Argmax(),
    "quarter offset": QuarterOffset(),
    "DARK": Dark(kernel=KERNEL[SIZE]),
}
SHOWN = ("AP", "OKS")


def run_decoders(machine: Machine, seeds: tuple[int, ...]) -> Path:
    """Decode the runs of cal table 8 with every decoder and write ``results/cal/decoders.json``.

    Args:
        machine: whose device the networks run on.
        seeds: of the runs.

    Returns:
        the file's path.

    Raises:
        ReproError: when a run is not complete, naming the command that makes it.
    """
    device = choose_device(machine.device)
    if device.type == "cpu":
        torch.set_num_threads(machine.threads)
    samples, data = table_samples("cal", 8, "people", None, SCALES["laptop"])
    recipes = table_recipes("cal", 8, SCALES["laptop"], data, seeds, list(ROWS.values()))
    check_complete(recipes)
    lines: list[dict[str, Any]] = []
    for network_name, row in ROWS.items():
        for seed in seeds:
            recipe = recipes[row, seed]
            network = build_network(recipe, samples.val, device)
            load_weights(network, folder(recipe) / "model.safetensors")
            found = predict_with(network, samples.val, recipe, device, list(DECODERS.values()))
            for label, poses in zip(DECODERS, found, strict=True):
                figures = measure(samples.val, poses, recipe, samples.measures)
                lines.append(
                    {"network": network_name, "seed": seed, "decoder": label}
                    | {metric: round(figures[metric], 4) for metric in SHOWN}
                )
    path = paths.results() / "cal" / "decoders.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"runs": lines, **describe(device)})
    return path


def check_complete(recipes: dict[tuple[str, int], Recipe]) -> None:
    """Raise ReproError, naming rows and command, unless all runs are complete."""
    missing = [key for key, recipe in recipes.items() if not is_trained(recipe)]
    if missing:
        rows, seeds = (",".join(map(str, sorted(set(column)))) for column in zip(*missing, strict=True))
        raise ReproError(
            f"Of table 8 of cal at laptop scale {len(missing)} runs are not trained: run `make reproduce PAPER=cal TABLE=8 "
            f"ROW={rows} SEEDS={seeds}` first."
        )


def read_decoders() -> list[dict[str, Any]]:
    """The committed outcome: one entry a network, seed and decoder."""
    return json.loads((paths.RESULTS / "cal" / "decoders.json").read_text())["runs"]
