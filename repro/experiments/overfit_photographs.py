"""Can the network learn whole bodies of photographs at all? A small one learns four photographs of COCO-WholeBody by heart.

The baseline of the whole-body paper (HRNet with DARK, squared errors, 133 keypoints) on the small backbone from the warm start
sees the same few persons again and again, without augmentation. If targets, loss, decoder, pixel conventions and labels of
the real annotation format fit together, its poses have to reach an OKS above 0.8 on every labelled part; one wrong
convention keeps faces and hands, whose sigmas are small, far below. The evaluation has no flip test: a network that never saw
a mirrored crop has nothing to say about one.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from repro.approaches.top_down.approach import TOP_DOWN
from repro.approaches.top_down.measure import measure
from repro.approaches.top_down.predict import predict
from repro.data.augment import Augmentation
from repro.data.cached import cache_images
from repro.data.persons import PersonSet
from repro.data.sets.coco_wholebody import load_coco_wholebody
from repro.encoders.whole_body import keypoint_parts
from repro.experiments.outcome import keep, kept
from repro.metrics.oks import oks
from repro.models.checkpoints import load_weights
from repro.papers.fowkal.rows import TABLES
from repro.recipe import Data, Evaluation, Optimisation, Recipe
from repro.runs.schedule import Machine
from repro.scales.scale import SCALES, apply_scale
from repro.skeletons.wholebody import BODY_PARTS
from repro.training.distributed import World
from repro.training.loop import Job, build_network, train

SIZE = (96, 128)
STEPS = 500
STEPS_AN_EPOCH = 20
PLAIN = Augmentation(scale=0.0, rotation=0.0, rotation_probability=0.0, mirror=0.0, half_body=0.0)


def load_photographs(folder: Path) -> PersonSet:
    """The persons with a labelled body in the photographs of ``test_coco_wholebody.json`` in ``folder``, kept decoded."""
    persons = load_coco_wholebody(folder / "test_coco_wholebody.json", folder)
    return replace(persons, images=cache_images(persons.images))


def overfit_recipe(persons: PersonSet, steps: int, size: tuple[int, int] = SIZE) -> Recipe:
    """The baseline of table 2 on the small backbone, all persons in every step, a rate that falls as in the paper.

    Args:
        persons: the persons that are learned.
        steps: the steps of the optimiser; rounded up to whole epochs of ``STEPS_AN_EPOCH``.
        size: (width, height) of the crops.
    """
    print_, count = persons.fingerprint(), len(persons)
    data = Data(
        name="coco-wholebody", train_fingerprint=print_, train_count=count, val_fingerprint=print_, val_count=count
    )
    paper = TABLES[2].rows["mse"].recipe
    scaled = apply_scale(paper, SCALES["smoke"], divisor=paper.input.size[0] // size[0], data=data)
    epochs = -(-steps // STEPS_AN_EPOCH)
    return scaled.but(
        augmentation=PLAIN,
        optimisation=Optimisation(epochs=epochs, batch=count, learning_rate=5e-3, warm_up=20),
        evaluation=Evaluation(flip=False),
    )


def overfit(persons: PersonSet, recipe: Recipe) -> dict[str, Any]:
    """Train on the persons and evaluate on the same ones.

    Returns:
        ``steps``, ``seconds`` of the training, the last epoch's ``loss``, ``OKS`` by part, the mean over the persons that have
        the part, and of the ``whole`` body, ``AP`` by part, and how many ``persons`` have each.
    """
    device = torch.device("cpu")
    repeated = persons.take(np.tile(np.arange(len(persons)), STEPS_AN_EPOCH))
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train(recipe, TOP_DOWN, repeated, folder, Job(World(0, 1, device)))
        seconds = time.perf_counter() - started
        loss = json.loads((folder / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1])["loss"]
        network = build_network(recipe, persons, device)
        load_weights(network, folder / "model.safetensors")
    poses = predict(network, persons, recipe, device)
    measured = measure(persons, poses, recipe, frozenset({"oks"}))
    similarity, counts = part_similarities(persons, poses.points)
    return {
        "steps": recipe.optimisation.epochs * STEPS_AN_EPOCH,
        "seconds": round(seconds, 1),
        "loss": round(loss, 4),
        "OKS": {part: round(value, 4) for part, value in similarity.items()},
        "AP": {part: round(measured[f"{part}_AP"], 4) for part in similarity},
        "persons": counts,
    }


def part_similarities(persons: PersonSet, points: np.ndarray) -> tuple[dict[str, float], dict[str, int]]:
    """Mean OKS of each part of ``BODY_PARTS`` and of the ``whole`` body, over the persons that have the part, and their numbers.

    The OKS of a part has its keypoints' sigmas and the area of the whole person, as in the evaluation of COCO-WholeBody; here
    both hands together are one part. ``points`` is (N, K, 2), x, y in image px, in the order of ``persons``.
    """
    parts = np.array(keypoint_parts(persons.skeleton))
    members = {name: parts == i for i, name in enumerate(BODY_PARTS)} | {"whole": np.ones(len(parts), dtype=bool)}
    sigmas = persons.skeleton.sigma_array
    means, counts = {}, {}
    for name, m in members.items():
        values = oks(points[:, m], persons.keypoints[:, m], persons.visibility[:, m], persons.areas, sigmas[m])
        known = values[~np.isnan(values)]
        means[name], counts[name] = float(known.mean()) if known.size else float("nan"), int(known.size)
    return means, counts


def run_overfit(folder: Path, steps: int = STEPS) -> Path:
    """Learn the photographs of ``folder`` and write ``results/fowkal/overfit.json``; returns its path."""
    persons = load_photographs(folder)
    recipe = overfit_recipe(persons, steps)
    found = overfit(persons, recipe)
    return keep("fowkal", "overfit", {**found, "input": list(recipe.input.size)}, Machine("cpu"))


def read_overfit() -> dict[str, Any]:
    """The committed outcome."""
    return kept("fowkal", "overfit")
