"""What a training step and an evaluation are made of, for one row of each paper at laptop scale, on one thread.

Parts of the package are timed where they are called, by the training loop and the evaluation themselves; what none of them
takes is ``rest``. Processor time, in shares of the whole. Run as ``python benchmarks/profile_steps.py``; people are drawn first.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import common
import pandas as pd
import torch

from repro.approaches.base import approach_of
from repro.approaches.bottom_up import measure as scene_metrics
from repro.approaches.bottom_up import predict as bottom_up
from repro.approaches.bottom_up.approach import BOTTOM_UP
from repro.approaches.samples import Samples
from repro.approaches.top_down import measure as person_metrics
from repro.approaches.top_down import predict as top_down
from repro.data import crops, scene_batches
from repro.losses import weighted_errors
from repro.recipe import Recipe
from repro.scales.scale import SCALES, Scale
from repro.tables.plan import table_recipes, table_samples
from repro.training import loop
from repro.training.distributed import World

ROWS = [  # paper, table, row
    ("skeletal", 3, "attention-weighted"),
    ("cal", 8, "cal-w32-64x48"),
    ("cal", 3, "mgm"),
    ("hgr", 4, "guidance-tradeoff-art"),
    ("sahg", 2, "sahg-wr"),
    ("fowkal", 2, "fowkal"),
]
MARKS = ("<!-- shares -->", "<!-- end of shares -->")
STEPS = {"persons": 8, "images": 3}  # of training that are measured
EVALUATED = {"persons": 128, "images": 24}


class Stopwatch:
    """Adds up the processor time of parts; a part within another counts for itself alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = [0.0]

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time of the block counts for ``name``."""
        started = time.process_time()
        self._inner.append(0.0)
        try:
            yield
        finally:
            spent, inner = time.process_time() - started, self._inner.pop()
            self.seconds[name] = self.seconds.get(name, 0) + spent - inner
            self._inner[-1] += spent

    def timed(self, name: str, function: Callable) -> Callable:
        """The function, whose calls count for ``name``."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return function(*args, **kwargs)

        return call

    def timed_items(self, name: str, function: Callable) -> Callable:
        """A function that gives an iterator, whose items' making counts for ``name``."""

        def call(*args: Any, **kwargs: Any) -> Iterator[Any]:
            items = iter(function(*args, **kwargs))
            while True:
                with self.part(name):
                    item = next(items, None)
                if item is None:
                    return
                yield item

        return call

    def shares(self) -> dict[str, float]:
        """Percent of all that was timed."""
        total = sum(self.seconds.values())
        return {name: round(100 * spent / total, 1) for name, spent in self.seconds.items()}


@contextmanager
def watched(watch: Stopwatch, parts: list[tuple[str, Any, str]], items: list[tuple[str, Any, str]]) -> Iterator[None]:
    """Functions named by (part, owner, attribute) are timed within the block."""
    with ExitStack() as stack:
        for how, places in ((watch.timed, parts), (watch.timed_items, items)):
            for part, owner, name in places:
                stack.enter_context(mock.patch.object(owner, name, how(part, getattr(owner, name))))
        yield


def few(scale: Scale, recipe_batch: int = 32) -> Scale:
    """The scale with as few samples as are measured."""
    persons, images = STEPS["persons"] * recipe_batch, STEPS["images"] * scale.scenes.batch
    scenes = replace(scale.scenes, train=images, val=EVALUATED["images"])
    return replace(scale, drawn_train=persons, drawn_val=EVALUATED["persons"], scenes=scenes)


def opened(paper: str, table: int, row: str, scale: Scale) -> tuple[Recipe, Samples]:
    """A row's recipe and its samples, from random weights."""
    samples, data = table_samples(paper, table, "people", None, scale)
    return table_recipes(paper, table, scale, data, [0], [row], start="random")[row, 0], samples


def training(recipe: Recipe, samples: Samples) -> tuple[Stopwatch, int]:
    """Parts of the last of two epochs of a training, and the steps in it."""
    optimisation = replace(recipe.optimisation, epochs=2)
    plain = recipe.but(method=recipe.method.but(loss=recipe.loss), optimisation=optimisation, second_stage=None)
    watch, network = Stopwatch(), type(recipe.method.network.build(samples.train.skeleton))
    batches = scene_batches.SceneBatches if approach_of(recipe) is BOTTOM_UP else crops.CropBatches
    parts = [
        ("targets", type(recipe.method.encoder), "__call__"),
        ("forward", network, "forward"),
        ("backward", torch.Tensor, "backward"),
        ("optimiser", torch.optim.Adam, "step"),
        ("loss", type(recipe.loss), "__call__"),
        ("backward", weighted_errors, "_product_slope"),  # the gradient of a loss that computes it beside its value
    ]
    epoch_of = loop._train_epoch

    def epoch(*args: Any) -> dict[str, float]:
        watch.seconds.clear()
        with watch.part("rest"):
            return epoch_of(*args)

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(loop, "_train_epoch", epoch),
        watched(watch, parts, [("loading", batches, "training_epoch")]),
    ):
        loop.train(plain, approach_of(plain), samples.train, Path(folder), loop.Job(World(0, 1, common.CPU)))
    return watch, len(samples.train) // optimisation.batch


def evaluation(recipe: Recipe, samples: Samples) -> Stopwatch:
    """Parts of the prediction and the measuring of all evaluation samples, by random weights."""
    watch, network = Stopwatch(), loop.build_network(recipe, samples.val, common.CPU)
    scenes = approach_of(recipe) is BOTTOM_UP
    module, batches = (bottom_up, scene_batches.SceneBatches) if scenes else (top_down, crops.CropBatches)
    metrics = (scene_metrics, "measure_scenes") if scenes else (person_metrics, "measure")
    decoding = (module, "group_people") if scenes else (type(recipe.method.decoder), "__call__")
    parts = [("forward", type(network), "forward"), ("metric", *metrics), ("decoding", *decoding)]
    with watched(watch, parts, [("loading", batches, "evaluation")]):
        for _ in range(2):
            watch.seconds.clear()
            with watch.part("rest"):
                if scenes:
                    answers = module.answers_of(recipe)
                    found = module.predict_scenes(network, samples.val, recipe, common.CPU, answers=answers)
                    scene_metrics.measure_scenes(samples.val, found)
                else:
                    found = module.predict(network, samples.val, recipe, common.CPU)
                    person_metrics.measure(samples.val, found, recipe, samples.measures)
    return watch


def lines() -> Iterator[dict[str, Any]]:
    """The lines of the table for this process's kind of processor."""
    for paper, table, row in ROWS:
        recipe, samples = opened(paper, table, row, few(SCALES["laptop"]))
        about = {"paper": paper, "table": table, "row": row}
        watch, steps = training(recipe, samples)
        per_step = {
            "unit": f"step of {recipe.optimisation.batch}",
            "ms": round(1000 * sum(watch.seconds.values()) / steps, 1),
        }
        yield {**about, "pass": "training", **per_step, **watch.shares(), **common.machine()}
        watch, count = evaluation(recipe, samples), len(samples.val)
        per_sample = {"unit": "sample", "ms": round(1000 * sum(watch.seconds.values()) / count, 2)}
        yield {**about, "pass": "evaluation", **per_sample, **watch.shares(), **common.machine()}


def main() -> None:
    """Measure all rows on both kinds of processor."""
    arguments = common.parser(__doc__, 0.0).parse_args()
    if arguments.lines:
        common.one_thread()
        print(json.dumps(list(lines())))
        return
    found = common.both_kinds(__file__)
    common.write(found, __file__)
    table = pd.DataFrame(found).drop(columns=["device", "torch"])
    table.insert(0, "what", table.pop("paper") + " " + table.pop("table").astype(str) + " " + table.pop("row"))
    common.write_between(Path(__file__).with_name("README.md"), MARKS, table.astype(object).fillna(""))


if __name__ == "__main__":
    main()
