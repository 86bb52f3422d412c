"""Can the heatmap-guided network learn whole photographs at all? A small one learns the images of a COCO set by heart.

hgr's method on the backbone of the laptop scale sees the same images again and again, unchanged: training cuts a square of 4/3
of an image's shorter side, nearly all of most photographs, and evaluation shows the images whole at the same scale. If
annotations, targets, heads, grouping, pixel conventions and evaluation fit together, its people have to reach an AP above
0.6 on these images. The evaluation has no flip test: a network that never saw a mirrored image has nothing to say about one.

Images with smaller people than LEAST_AREA are left out: at this size of the input even perfect maps give few of them back.
The same images with perfect maps, the encoder's targets in place of a network's outputs, give the ceiling that input size,
the least area of learned people and grouping leave.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from repro.approaches.bottom_up.approach import BOTTOM_UP
from repro.approaches.bottom_up.measure import measure_scenes
from repro.approaches.bottom_up.oracle import perfect_people
from repro.approaches.bottom_up.predict import answers_of, predict_scenes
from repro.data.cached import cache_images
from repro.data.catalogue import load_images
from repro.data.images import ImageSet
from repro.data.persons import ImageFiles
from repro.data.scene_augment import SceneAugmentation
from repro.data.scene_batches import SceneInput
from repro.experiments.outcome import keep, kept
from repro.grouping.guided import GuidedGrouper
from repro.models.checkpoints import load_weights
from repro.papers.hgr.rows import guided
from repro.recipe import Data, Optimisation, Recipe, SceneEvaluation
from repro.runs.schedule import Machine
from repro.scales.scale import SCALES, apply_scale
from repro.training.distributed import World
from repro.training.loop import Job, build_network, train

LEARNED = 256  # px: side of the squares that training cuts
EVALUATED = 192  # px: shorter side of the images in evaluation
PAPER_SIDE = 512  # px: the paper's
BATCH = 4
STEPS = 750
LIMIT = 12  # images
LEAST_AREA = 64.0**2  # px^2 of the photograph that every labelled person covers at least
KEPT = ("AP", "AP50", "AP75", "AP_M", "AP_L", "AR", "AP_regression", "AP_heatmap")


def load_photographs(root: Path, limit: int = LIMIT) -> ImageSet:
    """Training images of a data set in COCO's layout, kept decoded.

    They are the first ``limit`` that show people with labelled keypoints, all of them of LEAST_AREA or larger.
    """
    images = load_images("coco", root, "train")
    labelled = (images.visibility > 0).any(1)
    shown = np.bincount(images.image_index[labelled], minlength=len(images))
    small = np.bincount(images.image_index[labelled & (images.areas < LEAST_AREA)], minlength=len(images))
    images = take_images(images, np.flatnonzero((shown > 0) & (small == 0))[:limit])
    return replace(images, images=cache_images(images.images))


def take_images(images: ImageSet, index: np.ndarray) -> ImageSet:
    """The images of files at rising positions ``index``, with their people."""
    files, own = cast(ImageFiles, images.images), np.isin(images.image_index, index)
    ids = set(files.ids[index].tolist())
    people = {name: getattr(images, name)[own] for name in ("person_ids", "keypoints", "visibility", "boxes", "areas")}
    return replace(
        images,
        images=files.take(index),
        annotations=tuple(a for a in images.annotations if a["image_id"] in ids),
        crowd_indices=None if images.crowd_indices is None else images.crowd_indices[index],
        ignored={place: images.ignored[i] for place, i in enumerate(index.tolist()) if i in images.ignored},
        image_index=np.searchsorted(index, images.image_index[own]),
        **people,
    )


def overfit_recipe(images: ImageSet, steps: int = STEPS) -> Recipe:
    """hgr's HRNet-W32 without scoring as the laptop scale reduces it, on unchanged images.

    Distances that the paper gives in px of its input of 512 shrink with the size that images are evaluated at.

    Args:
        images: the images that are learned.
        steps: the steps of the optimiser; rounded up to whole passes over the images.
    """
    print_, count = images.fingerprint(), len(images)
    data = Data(name="coco", train_fingerprint=print_, train_count=count, val_fingerprint=print_, val_count=count)
    scaled = apply_scale(guided(scoring=False), SCALES["laptop"], divisor=2, data=data)
    ratio, grouper = EVALUATED / PAPER_SIDE, GuidedGrouper()
    method = scaled.method.but(
        decoder=replace(grouper, radius=grouper.radius * ratio, same_distance=grouper.same_distance * ratio)
    )
    batch = min(BATCH, count)
    epochs = -(-steps // (count // batch))
    whole = LEARNED / EVALUATED
    return scaled.but(
        method=method,
        input=SceneInput(size=(LEARNED, LEARNED)),
        augmentation=SceneAugmentation(scale=(whole, whole), rotation=0.0, translation=0.0, mirror=0.0),
        optimisation=Optimisation(
            epochs=epochs, batch=batch, learning_rate=2e-3, steps=(0.7, 0.9), warm_up=30, precision="bfloat16"
        ),
        evaluation=SceneEvaluation(flip=False),
    )


def evaluated(recipe: Recipe) -> Recipe:
    """The recipe as its network is evaluated: images at the scale that training showed them at."""
    return recipe.but(input=replace(recipe.input, size=(EVALUATED, EVALUATED)))


def learn(images: ImageSet, recipe: Recipe) -> tuple[nn.Module, list[dict[str, float]]]:
    """The network trained on the images, on the CPU, and the lines of its log; nothing else is kept."""
    device, batch = torch.device("cpu"), recipe.optimisation.batch
    shown = recipe.optimisation.epochs * (len(images) // batch * batch)
    with tempfile.TemporaryDirectory() as name, tqdm(total=shown, unit="image", disable=None) as bar:
        folder = Path(name)
        train(recipe, BOTTOM_UP, images, folder, Job(World(0, 1, device), progress=bar.update))
        network = build_network(recipe, images, device)
        load_weights(network, folder / "model.safetensors")
        lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        return network.eval(), [json.loads(line) for line in lines]


def overfit(images: ImageSet, recipe: Recipe) -> dict[str, Any]:
    """Train on the images and evaluate on the same ones.

    Args:
        images: the images to learn.
        recipe: the recipe of ``overfit_recipe``.

    Returns:
        ``images``, ``people`` with labelled keypoints, ``steps``, ``seconds`` of the training, the last epoch's ``loss``, the
        ``metrics`` of KEPT and, as ``perfect_maps``, the same metrics of perfect maps.
    """
    shown = evaluated(recipe)
    started = time.perf_counter()
    network, log = learn(images, recipe)
    seconds = time.perf_counter() - started
    found = predict_scenes(network, images, shown, torch.device("cpu"), answers=answers_of(shown))
    return {
        "images": len(images),
        "people": int((images.visibility > 0).any(1).sum()),
        "steps": len(log) * (len(images) // recipe.optimisation.batch),
        "seconds": round(seconds, 1),
        "loss": round(log[-1]["loss"], 6),
        "metrics": _kept(measure_scenes(images, found)),
        "perfect_maps": _kept(measure_scenes(images, perfect_people(images, shown))),
    }


def _kept(metrics: dict[str, float]) -> dict[str, float]:
    return {name: round(metrics[name], 4) for name in KEPT}


def run_overfit(root: Path, *, steps: int = STEPS, limit: int = LIMIT) -> Path:
    """Learn the photographs under ``root`` and write ``results/hgr/overfit.json``; returns its path.

    Args:
        root: folder of a data set in COCO's layout.
        steps: the steps of the optimiser.
        limit: so many images of ``load_photographs``.
    """
    images = load_photographs(root, limit)
    recipe = overfit_recipe(images, steps)
    found = overfit(images, recipe)
    about = {"learned_side": LEARNED, "evaluated_side": EVALUATED, "recipe": recipe.to_plain()}
    return keep("hgr", "overfit", {**found, **about}, Machine("cpu"))


def read_overfit() -> dict[str, Any]:
    """The committed outcome."""
    return kept("hgr", "overfit")
