"""Do drawn people teach anything about photographs? The experiment behind ``notebooks/people.ipynb``.

With the baseline network of the skeletal paper, at laptop scale and 64x64 inputs, on the 14 joints of Leeds Sports Pose:

- a network trained on drawn people alone is evaluated on photographs, beside the same network with random weights and a
  predictor that places the mean pose into every box;
- training on photographs is started from random weights and, for half and a fifth as long, from the warm start, also without
  bringing its weights to one size (``models.weight_scale``);
- training on drawn people is started from both.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from repro.approaches.samples import Samples
from repro.approaches.top_down.measure import measure
from repro.approaches.top_down.predict import Poses, predict
from repro.approaches.top_down.samples import as_persons, open_persons
from repro.data.catalogue import DATA_SETS, data_set
from repro.data.persons import PersonSet
from repro.errors import ReproError
from repro.experiments.outcome import keep, kept
from repro.models.checkpoints import load_weights
from repro.papers.skeletal.rows import HRNET, mpii_row
from repro.recipe import Data, Recipe
from repro.runs.files import final_weights
from repro.runs.run import load_run
from repro.runs.schedule import Machine, make_runs
from repro.scales.scale import SCALES, apply_scale
from repro.skeletons.skeleton import LSPET14
from repro.training.loop import build_network

SIZE = (64, 64)
SCRATCH_CROPS = 240_000  # long enough for the curve from random weights to flatten
SHOWN = ("OKS", "AP", "pckh@0.5", "pck@0.2")


def mean_pose(train: PersonSet, persons: PersonSet) -> Poses:
    """Place the mean of the training poses, in units of their boxes, into the box of each person."""
    known = train.visibility > 0
    relative = (train.keypoints - train.boxes[:, None, :2]) / train.boxes[:, None, 2:]
    mean = np.where(known[..., None], relative, 0).sum(0) / known.sum(0)[:, None]
    points = persons.boxes[:, None, :2] + mean * persons.boxes[:, None, 2:]
    return Poses(points, np.ones(points.shape[:2]))


def baseline(data: Data, start: Literal["warm", "random"], crops: int | None) -> Recipe:
    """HRNet as in the skeletal paper's table 3, at laptop scale; ``crops`` None keeps the scale's."""
    scale = SCALES["laptop"] if crops is None else replace(SCALES["laptop"], crops=crops, drawn_crops=crops)
    return apply_scale(mpii_row(HRNET, 32).recipe, scale, divisor=4, data=data, start=start)


def as_trained(recipe: Recipe) -> Recipe:
    """The recipe with the weights of its warm start as large as its own training left them."""
    start = recipe.initialisation
    return recipe.but(initialisation=None if start is None else replace(start, size=None))


def run_transfer(name: str, root: Path, machine: Machine) -> Path:
    """Make the runs of the experiment and write ``results/people/transfer.json``; returns its path.

    Args:
        name: data set of photographs with the 14 joints, ``lspet``.
        root: its folder.
        machine: the machine that trains, see ``runs.schedule.Machine``.

    Raises:
        ReproError: for a data set with other joints.
    """
    if data_set(name).skeleton != LSPET14:
        fit = ", ".join(one.name for one in DATA_SETS.values() if one.skeleton == LSPET14)
        raise ReproError(f"data is {name!r}, whose joints are not those of Leeds Sports Pose: choose one of {fit}.")
    laptop = SCALES["laptop"]
    photos, photo_data = open_persons(name, root, laptop, SIZE, LSPET14)
    drawn, drawn_data = open_persons("people", None, laptop, SIZE, LSPET14)
    short = baseline(photo_data, "warm", SCRATCH_CROPS // 5)
    on_photos = {
        "photographs, from random weights": baseline(photo_data, "random", SCRATCH_CROPS),
        "photographs, from the warm start, half as long": baseline(photo_data, "warm", SCRATCH_CROPS // 2),
        "photographs, from the warm start, a fifth as long": short,
        "photographs, from the warm start with its weights as large as it left them, a fifth as long": as_trained(
            short
        ),
    }
    on_drawn = {
        "drawn people, from random weights": baseline(drawn_data, "random", None),
        "drawn people, from the warm start": baseline(drawn_data, "warm", None),
    }
    make_runs(on_photos.values(), photos, machine)
    make_runs(on_drawn.values(), drawn, machine)
    plain = baseline(drawn_data, "random", None)
    found: dict[str, Any] = {
        "data": name,
        "persons": {"train": photo_data.train_count, "val": photo_data.val_count},
        "on photographs": {
            "random weights": _figures(photos, _predict(plain, None, photos), plain),
            "mean pose": _figures(photos, mean_pose(as_persons(photos.train), as_persons(photos.val)), plain),
            **{
                f"trained on {label}": _figures(photos, _predict(recipe, final_weights(recipe), photos), plain)
                for label, recipe in on_drawn.items()
            },
        },
        "curves": {label: _curve(recipe) for label, recipe in {**on_photos, **on_drawn}.items()},
        "recipes": {label: recipe.key for label, recipe in {**on_photos, **on_drawn}.items()},
    }
    return keep("people", "transfer", found, machine)


def _predict(recipe: Recipe, weights: Path | None, samples: Samples) -> Poses:
    """Poses of the evaluation persons, by the network with the ``weights`` in a file, or with random ones."""
    network = build_network(recipe, samples.val, torch.device("cpu"))
    if weights is not None:
        load_weights(network, weights)
    return predict(network, as_persons(samples.val), recipe, torch.device("cpu"))


def _figures(samples: Samples, poses: Poses, recipe: Recipe) -> dict[str, float]:
    measured = measure(as_persons(samples.val), poses, recipe, samples.measures)
    return {metric: round(measured[metric], 4) for metric in SHOWN}


def _curve(recipe: Recipe) -> list[dict[str, float]]:
    """The learning curve, whose last point here is of all evaluation persons, as the figures beside it are."""
    run = load_run(recipe)
    last = {**run.curve[-1], **{metric: run.metrics[metric] for metric in SHOWN}, "of": recipe.samples.val_count}
    return [
        {"persons": point["persons"], **{metric: round(point[metric], 4) for metric in SHOWN}, "of": point["of"]}
        for point in (*run.curve[:-1], last)
    ]


def read_transfer() -> dict[str, Any]:
    """The committed outcome of the experiment."""
    return kept("people", "transfer")
