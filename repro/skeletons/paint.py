"""Poses painted onto images with OpenCV: the left side red, the right side blue, what lies between them yellow."""

from __future__ import annotations

import cv2
import numpy as np

from repro.skeletons.skeleton import Skeleton

LEFT, RIGHT, MIDDLE = (255, 96, 64), (64, 160, 255), (240, 220, 80)
SHIFT = 4  # fractional bits of OpenCV's coordinates
FINE = 50  # keypoints from which dots are half as large


def side_color(skeleton: Skeleton, a: int | np.integer, b: int | np.integer) -> tuple[int, int, int]:
    """RGB of the link between two keypoints, or of one keypoint given twice: the colour of its side."""
    changed = skeleton.flip_permutation
    sides = {"" if changed[int(k)] == k else "left" if _is_left(skeleton, int(k)) else "right" for k in (a, b)}
    return LEFT if sides == {"left"} else RIGHT if sides == {"right"} else MIDDLE


def _is_left(skeleton: Skeleton, k: int) -> bool:
    return any(left == k for left, _ in skeleton.flip_pairs)


def paint_pose(image: np.ndarray, points: np.ndarray, shown: np.ndarray, skeleton: Skeleton, size: float) -> None:
    """Draw the keypoints of one person, and the links between them, onto an image.

    Args:
        image: (H, W, 3) uint8 RGB, which is changed.
        points: (K, 2) x, y px.
        shown: (K,) bool, the keypoints that are drawn.
        skeleton: the skeleton of K keypoints.
        size: radius of a keypoint in px.
    """
    far = 4 * max(
        image.shape
    )  # what a network may say of a keypoint that is not there; OpenCV's coordinates are 32 bits
    at = np.round(np.clip(points, -far, far) * (1 << SHIFT)).astype(int)
    width = max(1, round(0.6 * size))
    for a, b in skeleton.link_indices:
        if shown[a] and shown[b]:
            ends = tuple(at[a].tolist()), tuple(at[b].tolist())
            cv2.line(image, *ends, side_color(skeleton, a, b), width, cv2.LINE_AA, SHIFT)
    radius = max(1.0, size if len(skeleton) < FINE else size / 2)
    for k in np.flatnonzero(shown):
        color = side_color(skeleton, k, k)
        cv2.circle(image, tuple(at[k].tolist()), round(radius * (1 << SHIFT)), color, -1, cv2.LINE_AA, SHIFT)
