"""Synthetic persons and recipes so small that a training takes a second. Scripts of their own process import it too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from repro.data.augment import Augmentation
from repro.data.crops import Input
from repro.data.persons import ImageFiles, PersonSet, coco_annotations
from repro.decoders.peaks import QuarterOffset
from repro.encoders.gaussian import GaussianHeatmap
from repro.encoders.skeletal import SkeletalHeatmap
from repro.losses.mse import HeatmapMSE, SkeletalLoss
from repro.models.backbones.hrnet import HRNet
from repro.models.networks import HeatmapNetwork, SkeletalNetwork
from repro.recipe import Data, Method, Optimisation, Recipe
from repro.skeletons.skeleton import LSPET14

SIZE = (48, 64)  # (width, height) of images and inputs
BACKBONE = HRNet(width=16, stem=8, stem_blocks=1, modules=(1, 1, 1), blocks=1)
BASELINE = Method(
    encoder=GaussianHeatmap(),
    network=HeatmapNetwork(backbone=BACKBONE),
    loss=HeatmapMSE(),
    decoder=QuarterOffset(),
)
SKELETAL = BASELINE.but(encoder=SkeletalHeatmap(), network=SkeletalNetwork(backbone=BACKBONE), loss=SkeletalLoss())

# A standing person: x, y of each joint as shares of the image, in the order of LSPET14.
STANDING = np.array(
    [
        *((0.40, 0.92), (0.40, 0.75), (0.42, 0.55), (0.58, 0.55), (0.60, 0.75), (0.60, 0.92)),
        *((0.22, 0.52), (0.26, 0.40), (0.36, 0.26), (0.64, 0.26), (0.74, 0.40), (0.78, 0.52)),
        *((0.50, 0.22), (0.50, 0.08)),
    ]
)


def tiny_persons(folder: Path, count: int = 24, seed: int = 0) -> PersonSet:
    """Persons in images of 48 x 64 px of their own, a blob of its own colour at each joint; the images lie in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    width, height = SIZE
    keypoints = STANDING * SIZE + rng.integers(-3, 4, (count, 1, 2)) + rng.integers(-1, 2, (count, 14, 2))
    paths = tuple(folder / f"{n}.png" for n in range(1, count + 1))
    hues = np.stack([np.linspace(0, 170, 14), np.full(14, 255), np.full(14, 255)], axis=1).astype(np.uint8)
    colours = cv2.cvtColor(hues[None], cv2.COLOR_HSV2BGR)[0].astype(float)
    for path, points in zip(paths, keypoints, strict=True):
        image = np.full((height, width, 3), 64, np.uint8)
        for (x, y), colour in zip(points, colours, strict=True):
            cv2.circle(image, (round(x), round(y)), 2, colour.tolist(), -1)
        assert cv2.imwrite(str(path), image)
    low, high = keypoints.min(1), keypoints.max(1)
    boxes = np.concatenate([low, high - low], axis=1)
    persons = PersonSet(
        skeleton=LSPET14,
        images=ImageFiles(paths, np.arange(1, count + 1), np.tile(SIZE, (count, 1))),
        image_index=np.arange(count),
        person_ids=np.arange(1, count + 1),
        keypoints=keypoints,
        visibility=np.full((count, 14), 2, np.int8),
        boxes=boxes,
        areas=0.53 * boxes[:, 2] * boxes[:, 3],
        scores=np.ones(count),
        head_sizes=np.linalg.norm(keypoints[:, 12] - keypoints[:, 13], axis=1),
        annotations=(),
    )
    return replace(persons, annotations=coco_annotations(persons))


def tiny_data(train: PersonSet, val: PersonSet) -> Data:
    """What recipes say about the persons."""
    return Data(
        name="tiny",
        train_fingerprint=train.fingerprint(),
        train_count=len(train),
        val_fingerprint=val.fingerprint(),
        val_count=len(val),
    )


def tiny_recipe(data: Data, method: Method = BASELINE, *, seed: int = 0, **optimisation: Any) -> Recipe:
    """Three epochs of three steps on 24 persons."""
    return Recipe(
        method=method,
        data=data,
        input=Input(size=SIZE),
        augmentation=Augmentation(half_body=0.0),
        optimisation=Optimisation(**{"epochs": 3, "batch": 8, **optimisation}),
        seed=seed,
    )
