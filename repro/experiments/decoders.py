"""What of the step from a quarter offset to DARK is the decoder and what is the training, at 64x48.

Table 8 of Wang et al., "Low-resolution Human Pose Estimation", compares HRNet and DARK. Between these rows two things change: the
decoder, and the training, which for DARK takes unbiased crops and Gaussians around the unrounded keypoint. The experiment reads
the maps of the networks of both rows, trained already, with each decoder; and those of two networks that have one half of
DARK's training each, which it trains, with HRNet-W32.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from repro.decoders.dark import Dark
from repro.decoders.peaks import Argmax, QuarterOffset
from repro.experiments.outcome import keep, kept, rounded
from repro.experiments.trained import decoded_by, open_device, trained_recipes
from repro.papers.cal.rows import KERNEL
from repro.recipe import PersonDecoder, Recipe
from repro.runs.schedule import Machine, make_runs

SIZE = "64x48"
ROWS = {
    f"{name} W{width}": f"{row}-w{width}-{SIZE}"
    for width in (32, 48)
    for name, row in (("HRNet", "hrnet"), ("DARK", "dark"))
}
DECODERS: dict[str, PersonDecoder] = {
    "highest pixel": Argmax(),
    "quarter offset": QuarterOffset(),
    "DARK": Dark(kernel=KERNEL[SIZE]),
}
SHOWN = ("AP", "OKS")


def halves(hrnet: Recipe, dark: Recipe) -> dict[str, Recipe]:
    """What lies between the trainings of both rows: the crops of one with the Gaussians of the other."""
    return {
        "HRNet W32, unrounded": hrnet.but(method=hrnet.method.but(encoder=dark.method.encoder)),
        "HRNet W32, unbiased crops": dark.but(method=dark.method.but(encoder=hrnet.method.encoder)),
    }


def run_decoders(machine: Machine, seeds: tuple[int, ...]) -> Path:
    """Decode the runs of cal table 8, and those between them, with every decoder; write ``results/cal/decoders.json``.

    Args:
        machine: the machine that trains what lies between the rows, and whose device the networks run on.
        seeds: the seeds of the runs.

    Returns:
        the file's path.

    Raises:
        ReproError: when a run of the table is not complete, naming the command that makes it.
    """
    device = open_device(machine)
    samples, recipes = trained_recipes("cal", 8, list(ROWS.values()), seeds)
    networks = {(name, seed): recipes[row, seed] for name, row in ROWS.items() for seed in seeds}
    for seed in seeds:
        between = halves(networks["HRNet W32", seed], networks["DARK W32", seed])
        networks |= {(name, seed): recipe for name, recipe in between.items()}
    make_runs(networks.values(), samples, machine)
    lines: list[dict[str, Any]] = []
    for (name, seed), recipe in networks.items():
        for label, figures in decoded_by(DECODERS, recipe, samples, device).items():
            lines.append({"network": name, "seed": seed, "decoder": label} | rounded(figures, SHOWN))
    return keep("cal", "decoders", {"runs": lines}, machine)


def read_decoders() -> list[dict[str, Any]]:
    """The committed outcome: one entry a network, seed and decoder."""
    return kept("cal", "decoders")["runs"]
