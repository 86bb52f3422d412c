"""Files for COCO's evaluation server: what the rows of a table that is printed on test-dev find in its images.

Labels of test-dev are not public. A table's numbers here are those of val 2017; beside them a result folder gets
``test-dev/person_keypoints_test-dev2017_<row>_results.zip`` for each row, in the form that the server takes.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from repro.approaches.base import approach_of
from repro.approaches.samples import Samples, Trained
from repro.data.sets.test_dev import BOXES, LIST, TestDev, find_test_dev
from repro.models.checkpoints import load_weights
from repro.papers import PAPERS
from repro.recipe import Recipe
from repro.runs.files import final_weights, folder
from repro.support.sealed import replacing
from repro.tables.request import Request
from repro.training.loop import build_network

FOLDER = "test-dev"
SERVER = "https://cocodataset.org/#upload"
DECIMALS = 3  # of coordinates in px
README = """# {title}

This table is printed on COCO test-dev 2017, whose labels are not public: nothing here was measured. The numbers in
`../table.md` are those of val 2017. Each archive holds what a row found in the images of test-dev, in COCO's result format;
COCO's evaluation server ({server}) takes it as it is and answers with the numbers to compare with the printed ones.

{files}
"""


def is_printed_on_test_dev(request: Request) -> bool:
    """Whether a table's printed numbers are of COCO's test-dev, and the request is to be run on COCO at the printed recipe."""
    printed = "test-dev" in PAPERS[request.paper].table(request.table).data
    return printed and request.data == "coco" and request.scale.name == "paper"


def write_test_dev(
    place: Path,
    request: Request,
    recipes: Mapping[tuple[str, int], Recipe],
    samples: Samples | None,
    device: torch.device,
    workers: int = 0,
) -> str:
    """Predict the rows of a table on test-dev and write the server's files into its result folder.

    Args:
        place: the result folder.
        request: the request that it answers.
        recipes: the recipes of complete runs, by (row, seed).
        samples: the samples that they were made on.
        device: the device to predict on.
        workers: processes that read images.

    Returns:
        what was written, or why nothing was, in a sentence; '' for a table that is not printed on test-dev.
    """
    if samples is None or not is_printed_on_test_dev(request):
        return ""
    found = find_test_dev(request.root)
    missing = f"{LIST} and test2017/" if found is None else ""
    if found is not None and found.boxes is None and any(approach_of(one).needs_boxes for one in recipes.values()):
        missing = f"{BOXES}, a detector's boxes in its images,"
    if found is None or missing:
        return (
            f"{request.title} is printed on test-dev, whose labels are not public; these are numbers of val 2017. With {missing} "
            "under DATA_ROOT (`repro fetch coco-test-dev`) files for COCO's server are written beside them."
        )
    names = []
    for (row, seed), recipe in recipes.items():
        label = row if seed == min(s for _, s in recipes) else f"{row}-seed{seed}"
        results = results_of(recipe, found, samples, device, workers)
        names.append(write_results(place / FOLDER, label, results).name)
    listed = "\n".join(f"- `{name}`" for name in names)
    text = README.format(title=f"{PAPERS[request.paper].title}, table {request.table}", server=SERVER, files=listed)
    (place / FOLDER / "README.md").write_text(text, encoding="utf-8")
    return f"Files for COCO's server, of test-dev, whose labels are not public: {place / FOLDER}"


def results_of(
    recipe: Recipe, found: TestDev, samples: Samples, device: torch.device, workers: int = 0
) -> list[dict[str, Any]]:
    """What a complete run finds in the images of test-dev, as result dicts of COCO.

    Args:
        recipe: the recipe of the run, whose protocol is followed.
        found: the places of test-dev.
        samples: the samples that the run was made on; a scoring network learns from the training images where none is kept yet.
        device: the device to predict on.
        workers: processes that read images.
    """
    weights = final_weights(recipe)
    network = build_network(recipe, samples.val, device)
    load_weights(network, weights)
    trained = Trained(folder(recipe), [(weights, {})])
    return approach_of(recipe).coco_results(network, recipe, found, samples, trained, device, workers)


def write_results(place: Path, row: str, results: list[dict[str, Any]]) -> Path:
    """Write results of test-dev as the server takes them: one JSON in an archive, both named by the row.

    Args:
        place: folder of the archive, which is made.
        row: the row's slug.
        results: result dicts of COCO.
    """
    place.mkdir(parents=True, exist_ok=True)
    name = f"person_keypoints_test-dev2017_{row}_results"
    rounded = [
        {**one, "keypoints": [round(value, DECIMALS) for value in one["keypoints"]], "score": round(one["score"], 6)}
        for one in results
    ]
    with (
        replacing(place / f"{name}.zip") as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr(f"{name}.json", json.dumps(rounded, separators=(",", ":")))
    return place / f"{name}.zip"
