"""What of the step from a quarter offset to DARK is the decoder and what is the training, at 64x48.

Table 8 of Wang et al., "Low-resolution Human Pose Estimation", compares HRNet and DARK. Between these rows two things change: the
decoder, and the training, which for DARK takes unbiased crops and Gaussians around the unrounded keypoint. The experiment reads
the maps of the networks of both rows, trained already, with each decoder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from repro.decoders.dark import Dark
from repro.decoders.peaks import Argmax, QuarterOffset
from repro.experiments.outcome import keep, kept
from repro.experiments.trained import load_network, open_device, trained_recipes
from repro.papers.cal.rows import KERNEL
from repro.recipe import Decoder
from repro.tasks import Machine
from repro.training.evaluate import measure, predict_with

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
    device = open_device(machine)
    samples, recipes = trained_recipes("cal", 8, list(ROWS.values()), seeds)
    lines: list[dict[str, Any]] = []
    for network_name, row in ROWS.items():
        for seed in seeds:
            recipe = recipes[row, seed]
            network = load_network(recipe, samples.val, device)
            found = predict_with(network, samples.val, recipe, device, list(DECODERS.values()))
            for label, poses in zip(DECODERS, found, strict=True):
                figures = measure(samples.val, poses, recipe, samples.measures)
                lines.append(
                    {"network": network_name, "seed": seed, "decoder": label}
                    | {metric: round(figures[metric], 4) for metric in SHOWN}
                )
    return keep("cal", "decoders", {"runs": lines}, machine)


def read_decoders() -> list[dict[str, Any]]:
    """The committed outcome: one entry a network, seed and decoder."""
    return kept("cal", "decoders")["runs"]
