"""The whole evaluation of trainings at laptop scale: of all their decoders and snapshots, on one thread.

Networks have random weights, which costs the same. Beside the seconds of the processor stand the shares of the network and of the
metrics. Run as ``python benchmarks/evaluation.py``; people are drawn first.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import common
from profile_steps import Stopwatch, watched

from repro.approaches.base import approach_of
from repro.approaches.bottom_up import evaluate, predict
from repro.approaches.bottom_up.approach import BOTTOM_UP
from repro.approaches.samples import Samples
from repro.approaches.top_down import evaluate as top_down
from repro.models.checkpoints import save_weights
from repro.recipe import Recipe
from repro.runs import run as runs
from repro.scales.scale import SCALES
from repro.tables.plan import table_recipes, table_samples
from repro.training import loop

TRAININGS = [  # paper, table, rows that share a training
    ("cal", 8, ("hrnet-w32-64x48", "hrnet-quarter-w32-64x48")),
    ("cal", 8, ("cal-w32-64x48", "cal-argmax-w32-64x48")),
    ("cal", 8, ("dark-w32-128x96",)),
    ("hgr", 4, ("guidance-tradeoff-art",)),
]


def pretend_snapshots(recipe: Recipe, samples: Samples) -> list[tuple[Path, dict[str, float]]]:
    """As many snapshots as a training leaves, all of the same random weights."""
    file = runs.folder(recipe) / "snapshots" / "all.safetensors"
    file.parent.mkdir(parents=True)
    save_weights(loop.build_network(recipe, samples.train, common.CPU), file, {"recipe": recipe.training_key})
    return [(file, {"epoch": epoch, "persons": epoch}) for epoch in sorted(loop.snapshot_epochs(recipe.epochs))]


def timed(recipes: list[Recipe], samples: Samples) -> Stopwatch:
    """Parts of the evaluation of recipes of one training and one protocol."""
    watch, network = Stopwatch(), type(loop.build_network(recipes[0], samples.train, common.CPU))
    parts = [("network", network, "forward"), ("metrics", top_down, "measure")]
    parts += [("metrics", evaluate, "measure_scenes"), ("grouping", predict, "group_people")]
    if approach_of(recipes[0]) is not BOTTOM_UP:
        parts += [("decoding", decoder, "__call__") for decoder in {type(recipe.method.decoder) for recipe in recipes}]
    kept = pretend_snapshots(recipes[0], samples)
    with mock.patch.object(runs, "snapshots", lambda recipe: kept), watched(watch, parts, []), watch.part("rest"):
        runs.evaluate(recipes, samples, common.CPU)
    return watch


def lines() -> Iterator[dict[str, Any]]:
    """The lines of the table for this process's kind of processor."""
    for paper, table, rows in TRAININGS:
        samples, data = table_samples(paper, table, "people", None, SCALES["laptop"])
        found = table_recipes(paper, table, SCALES["laptop"], data, [0], rows, start="random")
        recipes = [found[row, 0] for row in rows]
        with tempfile.TemporaryDirectory() as folder:
            os.environ["REPRO_RUNS"] = folder
            watch = timed(recipes, samples)
        seconds = round(sum(watch.seconds.values()), 1)
        about = {"paper": paper, "table": table, "rows": " ".join(rows), "evaluated": len(samples.val)}
        yield {**about, "processor s": seconds, **watch.shares(), **common.machine()}


def main() -> None:
    """Measure all trainings on both kinds of processor."""
    if common.parser(__doc__, 0).parse_args().lines:
        common.one_thread()
        print(json.dumps(list(lines())))
        return
    common.write(common.both_kinds(__file__), __file__)


if __name__ == "__main__":
    main()
