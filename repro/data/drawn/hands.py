"""Hands with fingers and feet with toes: their keypoints in the frames of wrist and ankle, and their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from repro.data.drawn.bodies import Build
from repro.data.drawn.figures import PART, Limbs, Shapes, hull_of_circles, project

# A left hand that hangs down: x away from the body, y up, z to the front (the thumb's side); unit: length of the hand.
_KNUCKLES = np.array([(0, -0.50, 0.19), (0, -0.52, 0.06), (0, -0.49, -0.07), (0, -0.44, -0.18)])
_BONES = np.array([(0.26, 0.16, 0.12), (0.28, 0.18, 0.13), (0.26, 0.17, 0.12), (0.20, 0.12, 0.10)])
_SPREAD = np.deg2rad(np.array([9.0, 2.0, -5.0, -13.0]))
_THUMB = np.array([(0, -0.12, 0.14), (-0.05, -0.30, 0.27), (-0.10, -0.44, 0.35), (-0.14, -0.55, 0.39)])
HAND_LINKS = ((0, 1), (1, 2), (2, 3), (3, 4)) + tuple(
    pair for f in range(4) for pair in ((5 + 4 * f, 6 + 4 * f), (6 + 4 * f, 7 + 4 * f), (7 + 4 * f, 8 + 4 * f))
)
_INSTEP = np.array([0, -0.012, 0.012])
_FOOT_RADII = np.array([0.012, 0.010, 0.017, 0.018, 0.016])
_FEET = PART["left_foot"], PART["right_foot"]
_ACROSS = np.array([-1.0, 1.0])  # with x and y exchanged, turns a direction by a right angle
_KNUCKLE_POINTS, _TIP_POINTS = np.array([5, 9, 13, 17]), np.array([8, 12, 16, 20])


@lru_cache(maxsize=1024)
def hand_points(curl: float, sign: float) -> np.ndarray:
    """(21, 3) keypoints of a hand in its wrist's frame: wrist, thumb, then four fingers of four from knuckle to tip.

    Args:
        curl: 0 a flat hand, 1 a fist.
        sign: 1 for the left hand, -1 for the right.
    """
    bend = curl * np.deg2rad(np.array([70.0, 160.0, 220.0]))
    step = np.stack([-np.sin(bend), -np.cos(bend)], 1)  # towards the palm (-x), down (-y)
    # Fingers are spread sideways (z) while they are straight; in a fist they lie beside each other.
    steps = _BONES[:, :, None] * np.stack(
        [
            np.broadcast_to(step[:, 0], (4, 3)),
            step[:, 1] * np.cos(_SPREAD)[:, None],
            -step[:, 1] * np.sin(_SPREAD)[:, None] * (1 - 0.8 * curl),
        ],
        axis=2,
    )
    fingers = np.concatenate([_KNUCKLES[:, None], _KNUCKLES[:, None] + np.cumsum(steps, axis=1)], axis=1)
    thumb = _THUMB + np.array([[0], [0.2], [0.8], [1.6]]) * curl * np.array([-0.10, 0.02, -0.10])
    points = np.concatenate([np.zeros((1, 3)), thumb, fingers.reshape(16, 3)])
    return points * np.array([sign, 1, 1])


def foot_points(build: Build, sign: float) -> np.ndarray:
    """(3, 3) big toe, small toe and heel in the ankle's frame; ``sign`` 1 for the left foot, -1 for the right."""
    down, long = -build.length["ankle"], build.length["foot"]
    return np.array(
        [
            (-0.020 * sign, down + 0.008, 0.74 * long),
            (0.030 * sign, down + 0.008, 0.62 * long),
            (0, down + 0.012, -0.26 * long),
        ]
    )


def hand_shapes(
    limbs: Limbs, points: np.ndarray, length: float, side: str, look: str, depth: float, fingers: int
) -> None:
    """Add a hand: a palm with its fingers, or one mitten.

    Args:
        limbs: the list that the capsules go to.
        points: (21, 3) keypoints in camera axes.
        length: the length of the hand, in heights.
        side: ``left`` or ``right``.
        look: material.
        depth: the depth of the group.
        fingers: 2 draws each bone of the fingers, 1 one bar a finger, 0 a mitten.
    """
    part = PART[f"{side}_hand"]
    if fingers < 2:
        reach = np.add.reduce(points[_KNUCKLE_POINTS]) / 4
        if not fingers:
            reach = (reach + np.add.reduce(points[_TIP_POINTS]) / 4) / 2
        limbs.add(points[0], reach, 0.15 * length, 0.19 * length, 0, part, look, depth)
        for knuckle, tip in ((2, 4), (5, 8), (9, 12), (13, 16), (17, 20)) if fingers else ():
            limbs.add(points[knuckle], points[tip], 0.06 * length, 0.05 * length, 0, part, look, depth)
        return
    # Two capsules side by side from the wrist to the knuckles make a palm: one would be a bar.
    palm = 0.5 * (points[5] + points[9]), 0.5 * (points[13] + points[17])
    for end in palm:
        limbs.add(points[0] * 0.8 + end * 0.2, end, 0.14 * length, 0.13 * length, 0, part, look, depth)
    for a, b in HAND_LINKS:
        wide = 0.075 if a in (0, 1) else 0.055
        limbs.add(points[a], points[b], wide * length, 0.048 * length, 0, part, look, depth)


def foot_shapes(
    shapes: Shapes, ankles: np.ndarray, frames: np.ndarray, toes: np.ndarray, depths: Sequence[float], distance: float,
    shoe: float,
) -> None:  # fmt: skip
    """Add both feet, the left one first: each the hull of heel, toes and instep.

    Args:
        shapes: the list that the shapes go to.
        ankles: (2, 3) joints.
        frames: (2, 3, 3) their axes as columns.
        toes: (2, 3, 3) big toe, small toe and heel of each in camera axes.
        depths: the depths of the two groups.
        distance: the distance of the camera.
        shoe: thickness of the shoes, 0 for bare feet.
    """
    points = np.empty((2, 5, 3))
    points[:, :3] = toes
    points[:, 3] = ankles + frames @ _INSTEP
    points[:, 4] = (toes[:, 0] + toes[:, 1]) / 2 * 0.6 + ankles * 0.4
    flat, factor = project(points, distance)
    radii = (_FOOT_RADII + shoe) * factor
    axes = flat[:, 0] - flat[:, 2]
    axes = axes / np.maximum(np.hypot(axes[:, 0], axes[:, 1]), 1e-9)[:, None]
    across = axes[:, ::-1] * _ACROSS
    look = "shoe" if shoe else "skin"
    for i, part in enumerate(_FEET):
        outline = hull_of_circles(flat[i], radii[i])
        width = float(np.abs((outline - flat[i, 2]) @ across[i]).max())
        shapes.add(outline, part, look, depths[i], flat[i, 2], axes[i], max(width, 0.012))
