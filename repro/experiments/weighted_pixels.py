"""Why weighted inference gains or loses: the number of pixels it averages, on networks that are trained already.

The step of table 3 of the skeletal paper from the highest pixel to weighted inference takes N = 20 pixels, on maps of 64x64. At
laptop scale the maps have 16x16 pixels and the same sigma. The experiment decodes the maps of the attention row's runs with
other N, on drawn people and, where their folder is given, on photographs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from repro.decoders.peaks import Argmax, QuarterOffset
from repro.decoders.weighted import WeightedInference
from repro.experiments.outcome import keep, kept, rounded
from repro.experiments.trained import decoded_by, open_device, trained_recipes
from repro.recipe import PersonDecoder
from repro.runs.schedule import Machine

DECODERS: dict[str, PersonDecoder] = {
    "highest pixel": Argmax(),
    "quarter offset": QuarterOffset(),
    **{f"N = {n}": WeightedInference(n=n) for n in (2, 4, 10, 20, 40)},
}
SHOWN = ("pckh@0.5", "pckh@0.1", "OKS", "AP")


def run_weighted_pixels(data_sets: dict[str, Path | None], machine: Machine, seeds: tuple[int, ...]) -> Path:
    """Decode the runs of the attention row with every decoder and write ``results/skeletal/weighted_pixels.json``.

    Args:
        data_sets: root by name.
        machine: the machine whose device the networks run on.
        seeds: the seeds of the runs.

    Returns:
        the file's path.

    Raises:
        ReproError: when a run is not complete, naming the command that makes it.
    """
    device = open_device(machine)
    lines: list[dict[str, Any]] = []
    for name, root in data_sets.items():
        samples, recipes = trained_recipes("skeletal", 3, ["attention"], seeds, data=name, root=root)
        for (_, seed), recipe in recipes.items():
            for label, figures in decoded_by(DECODERS, recipe, samples, device).items():
                lines.append({"data": name, "seed": seed, "decoder": label} | rounded(figures, SHOWN))
    return keep("skeletal", "weighted_pixels", {"runs": lines}, machine)


def read_weighted_pixels() -> list[dict[str, Any]]:
    """The committed outcome: one entry a data set, seed and decoder."""
    return kept("skeletal", "weighted_pixels")["runs"]
