"""The pinned keys of all runs, and the script that pins those of new rows: ``python tests/pin_keys.py``.

A key that changes orphans complete runs and committed results. ``pins/keys.json`` holds, for each table and scale, the key of
each row and the keys of the trainings of its stages, on drawn people whose labels are stood in for: what is drawn takes time,
and ``SAMPLES`` pins it at one scale alone.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from repro.approaches.base import approach_of
from repro.approaches.bottom_up.approach import BOTTOM_UP
from repro.data.catalogue import DRAWN, DRAWN_SCENES
from repro.papers import PAPERS
from repro.papers.recipes import runnable_rows, table_rows
from repro.recipe import Data, Recipe
from repro.reporting.outcome import Outcome
from repro.scales.scale import SCALES, Scale
from repro.tables.current import recipes_of_today
from repro.tables.plan import counts_alone, table_recipes, table_samples, table_skeleton

FILE = Path(__file__).parent / "pins" / "keys.json"
TABLES = [
    (paper.key, table.number)
    for paper in PAPERS.values()
    for table in paper.tables
    if table_rows(paper.key, table.number) is not None
]
SAMPLES = "smoke"  # the scale whose samples are pinned
RESULTS = Path(__file__).parents[1] / "results"


def keys(recipe: Recipe) -> str:
    """The key of a recipe and those of the trainings of its stages."""
    return " ".join([recipe.key, *(stage.training_key for stage in recipe.stages)])


def stand_in(paper: str, number: int, scale: Scale) -> Data:
    """What recipes say about the drawn people of a table, fingerprints of labels apart."""
    if approach_of(runnable_rows(paper, number).first) is BOTTOM_UP:
        part, people = scale.scenes, scale.scenes.people
        train, val = part.train or DRAWN_SCENES["train"], part.val or DRAWN_SCENES["val"]
    else:
        own = scale.for_skeleton(table_skeleton(paper, number, "people"))
        people, train, val = own.people, own.drawn_train or DRAWN["train"], own.drawn_val or DRAWN["val"]
    return Data(
        name="people",
        train_fingerprint="0" * 16,
        train_count=train,
        val_fingerprint="1" * 16,
        val_count=val,
        drawn=people.fingerprint(),
    )


def row_keys(paper: str, number: int, scale: str) -> dict[str, str]:
    """The keys of all rows of a table at a scale, by row."""
    chosen = SCALES[scale]
    recipes = table_recipes(paper, number, chosen, stand_in(paper, number, chosen), (0,))
    return {row: keys(recipe) for (row, _), recipe in recipes.items()}


def sample_fingerprints(paper: str, number: int) -> dict[str, str]:
    """Fingerprints of the training and evaluation samples of a table, by the scale ``SAMPLES``."""
    _, data = table_samples(paper, number, "people", None, SCALES[SAMPLES])
    return {SAMPLES: f"{data.train_fingerprint} {data.val_fingerprint}"}


def result_folders() -> list[str]:
    """The committed result folders that hold runs, as ``paper/table/version``."""
    return [str(file.parent.relative_to(RESULTS)) for file in sorted(RESULTS.glob("*/*/*/runs.json")) if _runs(file)]


def _runs(file: Path) -> list[dict[str, Any]]:
    return json.loads(file.read_text())["runs"]


def result_keys(folder: str) -> dict[str, str]:
    """The keys that the recipes of a result folder have today, by row and seed."""
    runs = _runs(RESULTS / folder / "runs.json")
    return {f"{run['row']} {run['seed']}": keys(Recipe.from_plain(run["recipe"])) for run in runs}


def remade_keys(folder: str) -> dict[str, str]:
    """The keys of the recipes that the rows of a result folder have today on the samples that it was made on."""
    made = recipes_of_today(Outcome.read(RESULTS / folder / "runs.json"))
    return {f"{row} {seed}": keys(recipe) for (row, seed), recipe in made.items()}


def is_settled(paper: str, number: int, scale: str) -> bool:
    """Whether the keys of a table at a scale may be pinned: how long scenes are trained on a GPU is still to be measured."""
    return scale != "gpu" or approach_of(runnable_rows(paper, number).first) is not BOTTOM_UP


def tables_with_samples() -> list[tuple[str, int]]:
    """The tables that are run on samples."""
    return [table for table in TABLES if not counts_alone(*table)]


def groups() -> dict[str, Callable[[], dict[str, str]]]:
    """What gives the keys of each group that is pinned, by the group's name."""
    made: dict[str, Callable[[], dict[str, str]]] = {}
    for paper, number in tables_with_samples():
        for scale in SCALES:
            if is_settled(paper, number, scale):
                made[f"{paper} {number} {scale}"] = partial(row_keys, paper, number, scale)
    for paper, number in tables_with_samples():
        made[f"{paper} {number} samples"] = partial(sample_fingerprints, paper, number)
    for folder in result_folders():
        made[folder] = partial(result_keys, folder)
    return made


def pinned_keys() -> dict[str, dict[str, str]]:
    """What ``FILE`` holds."""
    return json.loads(FILE.read_text())


def main() -> None:
    """Pin what is new; what is pinned stays."""
    pinned = pinned_keys() if FILE.exists() else {}
    with tempfile.TemporaryDirectory() as place:  # where no weights lie that change how rows start
        os.environ.update(REPRO_RUNS=place, REPRO_CACHE=place)
        now = {name: make() for name, make in groups().items()}
    kept = {name: {**now.get(name, {}), **pinned.get(name, {})} for name in {**now, **pinned}}
    lines = [
        f"{json.dumps(name)}: {{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in rows.items()) + "\n}"
        for name, rows in kept.items()
    ]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{sum(map(len, kept.values())) - sum(map(len, pinned.values()))} pins added to {FILE}.")


if __name__ == "__main__":
    main()
