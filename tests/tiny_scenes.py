"""Two or more scenes with people and recipes so small that bottom-up networks are trained and evaluated in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from repro.data.images import ImageSet
from repro.data.scene_augment import SceneAugmentation
from repro.data.scene_batches import SceneInput
from repro.models.backbones.hrnet import HRNet
from repro.papers.hgr.rows import guided
from repro.recipe import Data, Optimisation, Recipe, SceneEvaluation
from repro.skeletons.skeleton import LSPET14, Skeleton

from .tiny_runs import STANDING

SIDE = 128
STILL = SceneAugmentation(scale=(1.0, 1.0), rotation=0, translation=0, mirror=0)
BACKBONE = HRNet(width=8, stem=16, stem_blocks=1, modules=(1, 1, 1), blocks=1, multi_scale_stage4=True)


@dataclass(frozen=True)
class Drawn:
    """Images in memory."""

    pixels: np.ndarray
    ids: np.ndarray
    sizes: np.ndarray

    def read(self, index: int) -> np.ndarray:
        return self.pixels[index]


def tiny_scenes(count: int = 2, seed: int = 0, skeleton: Skeleton = LSPET14) -> ImageSet:
    """Images of 128 x 128 px with two standing people each, a disc of its own colour at each joint."""
    rng = np.random.default_rng(seed)
    k = len(skeleton)
    hues = np.stack([np.linspace(0, 170, k), np.full(k, 255), np.full(k, 255)], 1).astype(np.uint8)
    colours = cv2.cvtColor(hues[None], cv2.COLOR_HSV2RGB)[0].tolist()
    pixels = np.full((count, SIDE, SIDE, 3), 64, np.uint8)
    places = np.array([[4, 10], [64, 18]]) + rng.integers(-3, 4, (count, 2, 2))
    keypoints = (places[:, :, None] + STANDING[:k] * (58, 96)).reshape(-1, k, 2)
    for person, points in enumerate(keypoints):
        for (x, y), colour in zip(points, colours, strict=True):
            cv2.circle(pixels[person // 2], (round(x), round(y)), 3, colour, -1)
    low, high = keypoints.min(1), keypoints.max(1)
    boxes = np.concatenate([low, high - low], 1)
    areas = 0.53 * boxes[:, 2] * boxes[:, 3]
    ids, index = np.arange(1, count + 1), np.repeat(np.arange(count), 2)
    flat = np.concatenate([keypoints, np.full((2 * count, k, 1), 2.0)], 2).reshape(2 * count, -1)
    annotations = tuple(
        {
            "id": n + 1,
            "image_id": int(ids[index[n]]),
            "category_id": 1,
            "iscrowd": 0,
            "keypoints": flat[n].tolist(),
            "num_keypoints": k,
            "area": float(areas[n]),
            "bbox": boxes[n].tolist(),
        }
        for n in range(2 * count)
    )
    return ImageSet(
        skeleton=skeleton,
        images=Drawn(pixels, ids, np.full((count, 2), SIDE)),
        annotations=annotations,
        crowd_indices=np.linspace(0, 0.9, count),
        ignored={},
        image_index=index,
        person_ids=np.arange(1, 2 * count + 1),
        keypoints=keypoints,
        visibility=np.full((2 * count, k), 2, np.int8),
        boxes=boxes,
        areas=areas,
    )


def scene_data(train: ImageSet, val: ImageSet) -> Data:
    """What recipes say about them."""
    return Data(
        name="people",
        train_fingerprint=train.fingerprint(),
        train_count=len(train),
        val_fingerprint=val.fingerprint(),
        val_count=len(val),
    )


def scene_recipe(data: Data, *, adaptive: bool = False, epochs: int = 2, **changes: object) -> Recipe:
    """A guided network of width 8 on whole images of 128 px, one step an epoch."""
    recipe = guided(adaptive=adaptive, scoring=False)
    network = replace(recipe.method.network, backbone=BACKBONE, regression_channels=32)
    encoder = replace(recipe.method.encoder, smallest_area=0.0)
    grouper = replace(recipe.method.decoder, radius=18.75, same_distance=2.5)
    return recipe.but(
        method=recipe.method.but(network=network, encoder=encoder, decoder=grouper),
        data=data,
        input=SceneInput(size=(SIDE, SIDE)),
        augmentation=STILL,
        optimisation=Optimisation(epochs=epochs, batch=data.train_count, learning_rate=3e-3),
        evaluation=SceneEvaluation(flip=False),
    ).but(**changes)
