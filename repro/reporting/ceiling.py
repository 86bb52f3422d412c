"""What an input size can show at best: the truth encoded into heatmaps, decoded again and measured; how large parts are in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from repro.data.augment import plain_crops
from repro.data.persons import PersonSet
from repro.geometry import (
    PIXEL_STD,
    box_to_center_scale,
    crop_matrices,
    heatmap_factor,
    heatmap_to_image,
    transform_points,
)
from repro.metrics.coco import predictions_to_coco
from repro.metrics.pck import pckh
from repro.metrics.whole_body import WHOLE, evaluate_whole_body
from repro.recipe import PersonDecoder, Recipe
from repro.skeletons.wholebody import BODY_PARTS

WHOLE_BODY_PARTS = (*BODY_PARTS, WHOLE)
SMALL_PARTS = ("face", "lefthand", "righthand")


def decode_truth(persons: PersonSet, recipe: Recipe, size: tuple[int, int], decoder: PersonDecoder) -> np.ndarray:
    """(N, K, 2) image px: keypoints after encoding and decoding, by the recipe's encoder at an input ``size``.

    Args:
        persons: the persons whose keypoints are encoded.
        recipe: the recipe for encoder, pixel convention and padding.
        size: (width, height) of the input; heatmaps are a quarter as large.
        decoder: the decoder of the heatmaps.
    """
    settings = replace(recipe.crop_input, size=size)
    crops = plain_crops(persons, settings.aspect, settings.padding)
    matrices = crop_matrices(crops.centers, crops.scales, crops.rotations, size, settings.convention)
    small = (size[0] // 4, size[1] // 4)
    points = transform_points(matrices, persons.keypoints) * heatmap_factor(size, small, settings.convention)
    labelled = torch.from_numpy((persons.visibility > 0).astype(np.float32))
    found = recipe.method.person_encoder(
        torch.from_numpy(points.astype(np.float32)), labelled, size=small, skeleton=persons.skeleton
    )
    decoded = decoder({"heatmaps": found["heatmaps"]})[0].numpy()
    return heatmap_to_image(decoded, crops.centers, crops.scales, small, settings.convention)


def pckh_ceiling(
    persons: PersonSet, recipe: Recipe, sizes: Sequence[int], decoders: dict[str, PersonDecoder]
) -> dict[tuple[str, str], dict[str, float]]:
    """PCKh in percent that perfect heatmaps reach, by (input size, decoder), for square inputs."""
    found = {}
    for side in sizes:
        for name, decoder in decoders.items():
            points = decode_truth(persons, recipe, (side, side), decoder)
            measured = pckh(points, persons.keypoints, persons.visibility, persons.head_sizes, persons.skeleton)
            kept = ("pckh@0.5", "pckh@0.1")
            found[f"{side}x{side}", name] = {metric: round(100 * measured[metric], 1) for metric in kept}
    return found


def whole_body_ceiling(
    sets: dict[str, PersonSet],
    recipe: Recipe,
    size: tuple[int, int],
    *,
    jitter: Sequence[float] = (0.0,),
    seed: int = 0,
) -> dict[tuple[str, float], dict[str, float]]:
    """AP in percent of each part of a whole body that perfect heatmaps reach, by (name of the set, jitter).

    Every person gets its own decoded pose with score 1, so that only the distances count. A jitter tells how exact a network
    has to be: each coordinate is moved by a normal of that many px of the input before it is measured.

    Args:
        sets: persons with the keypoints of a whole body, by name.
        recipe: the recipe for encoder, decoder, pixel convention and padding.
        size: (width, height) of the input; heatmaps are a quarter as large.
        jitter: standard deviations in px of the input.
        seed: the seed of the jitter.

    Returns:
        For each part of ``WHOLE_BODY_PARTS`` its AP; nan where no person has the part.
    """
    found = {}
    for name, persons in sets.items():
        points = decode_truth(persons, recipe, size, recipe.method.person_decoder)
        _, scales = box_to_center_scale(persons.boxes, size[0] / size[1], recipe.crop_input.padding)
        pixel = (scales[:, 0] * PIXEL_STD / size[0])[:, None, None]
        for spread in jitter:
            moved = points + spread * pixel * np.random.default_rng(seed).standard_normal(points.shape)
            ones = np.ones(points.shape[:2])
            results = predictions_to_coco(persons.image_ids, moved, ones, ones[:, 0])
            measured = evaluate_whole_body(persons.annotations, persons.images.ids, results, skeleton=persons.skeleton)
            found[name, spread] = {part: round(100 * measured[f"{part}_AP"], 1) for part in WHOLE_BODY_PARTS}
    return found


def allowed_error(similarity: float, area: float, sigma: float) -> float:
    """The distance of a keypoint from the truth at which its similarity falls to ``similarity``, in px.

    The similarity is s = exp(-d^2 / (2 a (2 sigma)^2)), so d = 2 sigma sqrt(2 a ln(1 / s)): see ``metrics.oks``.

    Args:
        similarity: above 0, at most 1.
        area: a of the person, px^2.
        sigma: OKS constant of the keypoint.
    """
    return 2 * sigma * math.sqrt(-2 * area * math.log(similarity))


def part_sizes(
    persons: PersonSet, size: tuple[int, int], *, padding: float = 1.25, parts: Sequence[str] = SMALL_PARTS
) -> list[dict[str, Any]]:
    """How large parts of the body are in the crops that evaluation sees, and how exact their keypoints have to be there.

    Args:
        persons: the persons with the keypoints of a whole body.
        size: (width, height) of the crops in px.
        padding: factor on the box.
        parts: the parts of the skeleton, by name.

    Returns:
        For each part its name ``part``, ``persons`` that have it labelled, the medians over them of the ``height`` and ``width``
        of its labelled keypoints' extent in px of the crop and of the root of the persons' area, ``root area``, the median
        ``sigma`` of its keypoints, and the ``allowed_error`` of such a keypoint at the median area in px of the crop, for a
        similarity of 0.5 and of 0.75. Persons that have a single keypoint of the part count too, with an extent of 0.
    """
    crops = plain_crops(persons, size[0] / size[1], padding)
    points = transform_points(
        crop_matrices(crops.centers, crops.scales, crops.rotations, size, "biased"), persons.keypoints
    )
    areas = persons.areas * (size[0] / (crops.scales[:, 0] * PIXEL_STD)) ** 2
    lines = []
    for part in parts:
        own = np.array([persons.skeleton.index(name) for name in dict(persons.skeleton.parts)[part]])
        seen = (persons.visibility > 0)[:, own]
        who = np.flatnonzero(seen.any(1))
        extents = np.array([np.ptp(points[i, own[seen[i]]], axis=0) for i in who]).reshape(-1, 2)
        (width, height), area = np.median(extents, axis=0), float(np.median(areas[who]))
        sigma = float(np.median(persons.skeleton.sigma_array[own]))
        lines.append(
            {
                "part": part,
                "persons": len(who),
                "height": float(height),
                "width": float(width),
                "root area": math.sqrt(area),
                "sigma": sigma,
                "error at 0.5": allowed_error(0.5, area, sigma),
                "error at 0.75": allowed_error(0.75, area, sigma),
            }
        )
    return lines
