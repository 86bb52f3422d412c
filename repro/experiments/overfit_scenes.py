"""A small heatmap-guided network learns the training images of a small COCO set by heart, people and all.

The proof on photographs that data, targets, heads, grouping and evaluation fit: on its own training images the final AP must
pass 0.6. Nothing is augmented; the network is hgr's with the backbone of the laptop scale.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from repro import paths
from repro.data.image_sources import load_images
from repro.data.images import ImageSet
from repro.data.scene_augment import SceneAugmentation
from repro.data.scene_batches import SceneInput
from repro.models.checkpoints import load_weights
from repro.papers.hgr.rows import guided
from repro.recipe import Data, Optimisation, Recipe, SceneEvaluation
from repro.runs import make_training
from repro.scales import SCALES, apply_scale
from repro.training.checkpoints import write_json
from repro.training.distributed import World, choose_device
from repro.training.evaluate_scenes import measure_scenes, predict_scenes, readings_of
from repro.training.loop import build_network

SIDE = 256  # px of the input
BATCH = 4
STILL = SceneAugmentation(scale=(1.0, 1.0), rotation=0.0, translation=0.0, mirror=0.0)


def overfit_recipe(images: ImageSet, epochs: int) -> Recipe:
    """hgr's HRNet-W32 as the laptop scale reduces it, on still images."""
    about = {"train_fingerprint": images.fingerprint(), "train_count": len(images)}
    data = Data(name="coco", val_fingerprint=images.fingerprint(), val_count=len(images), **about)
    recipe = apply_scale(guided(scoring=False), SCALES["laptop"], divisor=2, data=data)
    return recipe.but(
        input=SceneInput(size=(SIDE, SIDE)),
        augmentation=STILL,
        optimisation=replace(Optimisation(batch=BATCH, steps=(0.75, 0.9)), epochs=epochs),
        evaluation=SceneEvaluation(
            flip=False
        ),  # a network that never saw a mirrored image has nothing to say about one
    )


def run_overfit(root: Path, *, epochs: int = 150, limit: int = 16, device: str = "auto") -> Path:
    """Train, evaluate on the same images, and write ``results/hgr/overfit.json``.

    Args:
        root: folder of a data set in COCO's layout.
        epochs: passes over the images.
        limit: the first so many images that have people.
        device: to compute on.

    Returns:
        the file.
    """
    images = load_images("coco", root, "train", limit=limit)
    recipe, chosen = overfit_recipe(images, epochs), choose_device(device)
    place = make_training(recipe, images, World(0, 1, chosen))
    network = build_network(recipe, images, chosen)
    load_weights(network, place / "model.safetensors")
    found = predict_scenes(network, images, recipe, chosen, readings=readings_of(recipe))
    figures: dict[str, Any] = {name: round(value, 4) for name, value in measure_scenes(images, found).items()}
    steps = epochs * (len(images) // BATCH)
    about = {"images": len(images), "people": int(np.sum((images.visibility > 0).any(1))), "steps": steps}
    target = paths.results() / "hgr" / "overfit.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_json(target, {**about, "recipe": recipe.to_plain(), "metrics": figures})
    return target
