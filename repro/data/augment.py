"""Augmentation of top-down crops as in HRNet: half body, scale, rotation, mirror; drawn for a whole epoch at once.

Drawing every random number of an epoch from one generator makes a sample independent of the worker process that cuts it and
lets an interrupted training go on with exactly the numbers it would have drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repro.data.persons import PersonSet
from repro.geometry import PIXEL_STD, box_to_center_scale


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """HRNet's augmentation for COCO; for MPII it is ``scale=0.25, rotation=30, half_body=0``.

    Args:
        scale: the crop's scale is multiplied by a normal with mean 1 and this deviation, clipped to 1 +- it.
        rotation: deviation of the rotation in degrees, clipped to twice its value.
        rotation_probability: share of the crops that are rotated.
        mirror: probability of mirroring.
        half_body: probability that a person with more than ``half_body_above`` labelled keypoints is cut to half.
        half_body_above: the number of keypoints above which half of a body may be shown.
        half_body_upper: how often the upper half is tried first. HRNet tests ``randn() < 0.5``, which is not 0.5 but 0.691.
    """

    scale: float = 0.35
    rotation: float = 45.0
    rotation_probability: float = 0.6
    mirror: float = 0.5
    half_body: float = 0.3
    half_body_above: int = 8
    half_body_upper: float = 0.6914624612740131


@dataclass(frozen=True)
class Crops:
    """Where N persons are cut out: centres (N, 2) px, scales (N, 2) in 200 px, rotations (N,) degrees, mirrored (N,) bool."""

    centers: np.ndarray
    scales: np.ndarray
    rotations: np.ndarray
    mirrored: np.ndarray


def plain_crops(persons: PersonSet, aspect: float, padding: float) -> Crops:
    """The persons' padded boxes, unrotated: what evaluation sees."""
    centers, scales = box_to_center_scale(persons.boxes, aspect, padding)
    n = len(persons)
    return Crops(centers, scales, np.zeros(n), np.zeros(n, dtype=bool))


def draw_crops(
    persons: PersonSet, augmentation: Augmentation, aspect: float, padding: float, rng: np.random.Generator
) -> Crops:
    """Augmented crops of all persons, in their order.

    Args:
        persons: the persons whose boxes are varied.
        augmentation: the settings.
        aspect: width / height of the network input.
        padding: factor on the box.
        rng: every draw is made for every person, so that the numbers of one do not depend on the others' labels.
    """
    n = len(persons)
    centers, scales = box_to_center_scale(persons.boxes, aspect, padding)
    wanted = (rng.random(n) < augmentation.half_body) & ((persons.visibility > 0).sum(1) > augmentation.half_body_above)
    upper_first = rng.random(n) < augmentation.half_body_upper
    half_centers, half_scales, possible = half_body_crops(persons, upper_first, aspect)
    chosen = wanted & possible
    centers[chosen], scales[chosen] = half_centers[chosen], half_scales[chosen]
    factor = np.clip(1 + augmentation.scale * rng.standard_normal(n), 1 - augmentation.scale, 1 + augmentation.scale)
    limit = 2 * augmentation.rotation
    rotations = np.clip(augmentation.rotation * rng.standard_normal(n), -limit, limit)
    rotations[rng.random(n) > augmentation.rotation_probability] = 0.0
    return Crops(centers, scales * factor[:, None], rotations, rng.random(n) < augmentation.mirror)


def half_body_crops(
    persons: PersonSet, upper_first: np.ndarray, aspect: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crops of the upper or the lower half of each person (HRNet ``half_body_transform``).

    The half that is tried first is taken if it has more than two labelled keypoints; else the lower one if that has; else the
    upper one. The centre is the mean of the half's keypoints, the scale 1.5 times their extent.

    Args:
        persons: N of them.
        upper_first: (N,) bool.
        aspect: width / height of the network input.

    Returns:
        centres (N, 2), scales (N, 2) and (N,) bool: whether the half has the two keypoints that a crop needs.
    """
    labelled = persons.visibility > 0
    upper, lower = labelled & persons.skeleton.upper_mask, labelled & ~persons.skeleton.upper_mask
    take_upper = (upper_first & (upper.sum(1) > 2)) | (lower.sum(1) <= 2)
    chosen = np.where(take_upper[:, None], upper, lower)
    count = chosen.sum(1)
    possible = count >= 2
    centers = np.where(chosen[..., None], persons.keypoints, 0).sum(1) / np.maximum(count, 1)[:, None]
    low = np.where(chosen[..., None], persons.keypoints, np.inf).min(1)
    high = np.where(chosen[..., None], persons.keypoints, -np.inf).max(1)
    extent = np.where(possible[:, None], high - low, 1.0)
    width = np.maximum(extent[:, 0], extent[:, 1] * aspect)
    scales = 1.5 * np.stack([width, width / aspect], 1) / PIXEL_STD
    return centers, scales, possible & (width > 0) & bool(persons.skeleton.upper_body)
