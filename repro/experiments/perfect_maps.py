"""Do the rows of sahg's tables 2 to 4 differ before anything is learned? Their perfect maps, grouped and measured.

The rows differ in how wide the Gaussians of keypoints are and where these end. On maps of laptop scale, 64x64 px, that could
decide by itself what grouping can read. A perfect map is the encoder's target in place of a network's output: where two rows'
perfect maps differ as much as the paper's step, the step is not testable at that scale (``reporting.perfect``). Each row is
measured with the table's basic sigma of 2 px and with others. What perfect maps do not tell is how hard a map is to learn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from repro.approaches.bottom_up.measure import measure_scenes
from repro.approaches.bottom_up.oracle import perfect_people
from repro.approaches.bottom_up.samples import as_images
from repro.experiments.gaussian_width import variants
from repro.experiments.outcome import keep, kept, rounded
from repro.runs.schedule import Machine
from repro.scales.scale import SCALES
from repro.tables.plan import table_recipes, table_samples

TABLES = (2, 3, 4)
SCALE = "laptop"
SHOWN = ("AP", "AP75", "OKS", "AP_regression", "AP_heatmap", "OKS_heatmap")


def run_perfect_maps(machine: Machine, scale: str = SCALE) -> Path:
    """Measure the perfect maps of all rows on the evaluation images of drawn people; write ``results/sahg/perfect_maps.json``.

    Args:
        machine: the machine that computes; grouping is done on the CPU.
        scale: the scale of images and recipes.

    Returns:
        the file's path.
    """
    lines: list[dict[str, Any]] = []
    known: dict[Any, dict[str, float]] = {}
    for table in TABLES:
        samples, data = table_samples("sahg", table, "people", None, SCALES[scale], train=False)
        images = as_images(samples.val)
        recipes = {row: one for (row, _), one in table_recipes("sahg", table, SCALES[scale], data, (0,)).items()}
        for row, sigma, recipe in variants(recipes):
            method = recipe.method
            if (asked := (method.encoder, method.decoder, recipe.input)) not in known:
                found = measure_scenes(images, perfect_people(images, recipe), oks_of=recipe.scene_evaluation.oks_of)
                known[asked] = rounded(found, SHOWN)
            plain = recipe.to_plain()
            lines.append(
                {"table": table, "row": row, "sigma": sigma, "scale": scale, "images": len(images), **known[asked]}
                | {"maps": maps_of(plain)}
            )
    return keep("sahg", "perfect_maps", {"rows": lines}, machine)


def maps_of(recipe: dict[str, Any]) -> dict[str, Any]:
    """The parts of a recipe, as ``Recipe.to_plain`` gives it, that perfect maps and what is read from them follow from."""
    method = recipe["method"]
    return {"encoder": method["encoder"], "decoder": method["decoder"], "input": recipe.get("input")}


def read_perfect_maps() -> list[dict[str, Any]]:
    """The committed outcome: one entry a row of a table and sigma."""
    return kept("sahg", "perfect_maps")["rows"]
