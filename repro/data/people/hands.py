"""Hands with fingers and feet with toes: their keypoints in the frames of wrist and ankle, and their shapes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from repro.data.people.bodies import Build
from repro.data.people.figures import PART, Limbs, Shapes, hull_of_circles, project

# A left hand that hangs down: x away from the body, y up, z to the front (the thumb's side); unit: length of the hand.
_KNUCKLES = np.array([(0, -0.50, 0.19), (0, -0.52, 0.06), (0, -0.49, -0.07), (0, -0.44, -0.18)])
_BONES = np.array([(0.26, 0.16, 0.12), (0.28, 0.18, 0.13), (0.26, 0.17, 0.12), (0.20, 0.12, 0.10)])
_SPREAD = np.deg2rad(np.array([9.0, 2.0, -5.0, -13.0]))
_THUMB = np.array([(0, -0.12, 0.14), (-0.05, -0.30, 0.27), (-0.10, -0.44, 0.35), (-0.14, -0.55, 0.39)])
HAND_LINKS = ((0, 1), (1, 2), (2, 3), (3, 4)) + tuple(
    pair for f in range(4) for pair in ((5 + 4 * f, 6 + 4 * f), (6 + 4 * f, 7 + 4 * f), (7 + 4 * f, 8 + 4 * f))
)


@lru_cache(maxsize=1024)
def hand_points(curl: float, sign: float) -> np.ndarray:
    """(21, 3) keypoints of a hand in its wrist's frame: wrist, thumb, then four fingers of four from knuckle to tip.

    Args:
        curl: 0 a flat hand, 1 a fist.
        sign: 1 for the left hand, -1 for the right.
    """
    bend = curl * np.deg2rad(np.array([70.0, 160.0, 220.0]))
    step = np.stack([-np.sin(bend), -np.cos(bend)], 1)  # towards the palm (-x), down (-y)
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
        limbs: where the capsules go.
        points: (21, 3) keypoints in camera axes.
        length: of the hand, in heights.
        side: ``left`` or ``right``.
        look: material.
        depth: of the group.
        fingers: 2 draws each bone of the fingers, 1 one bar a finger, 0 a mitten.
    """
    part = PART[f"{side}_hand"]
    middle = points[[5, 9, 13, 17]].mean(0)
    if fingers < 2:
        reach = middle if fingers else (middle + points[[8, 12, 16, 20]].mean(0)) / 2
        limbs.add(points[0], reach, 0.15 * length, 0.19 * length, 0, part, look, depth)
        for knuckle, tip in ((2, 4), (5, 8), (9, 12), (13, 16), (17, 20)) if fingers else ():
            limbs.add(points[knuckle], points[tip], 0.06 * length, 0.05 * length, 0, part, look, depth)
        return
    palm = 0.5 * (points[5] + points[9]), 0.5 * (points[13] + points[17])
    for end in palm:
        limbs.add(points[0] * 0.8 + end * 0.2, end, 0.14 * length, 0.13 * length, 0, part, look, depth)
    for a, b in HAND_LINKS:
        wide = 0.075 if a in (0, 1) else 0.055
        limbs.add(points[a], points[b], wide * length, 0.048 * length, 0, part, look, depth)


def foot_shape(
    shapes: Shapes, ankle: np.ndarray, frame: np.ndarray, toes: np.ndarray, side: str, depth: float, distance: float, shoe: float
) -> None:  # fmt: skip
    """Add a foot: the hull of heel, toes and instep.

    Args:
        shapes: where the shape goes.
        ankle: (3,) joint.
        frame: (3, 3) its axes as columns.
        toes: (3, 3) big toe, small toe and heel in camera axes.
        side: ``left`` or ``right``.
        depth: of the group.
        distance: of the camera.
        shoe: thickness of the shoe, 0 for a bare foot.
    """
    instep = ankle + frame @ np.array([0, -0.012, 0.012])
    ball = (toes[0] + toes[1]) / 2 * 0.6 + ankle * 0.4
    points = np.stack([toes[0], toes[1], toes[2], instep, ball])
    flat, factor = project(points, distance)
    outline = hull_of_circles(flat, (np.array([0.012, 0.010, 0.017, 0.018, 0.016]) + shoe) * factor)
    axis = flat[0] - flat[2]
    axis = axis / max(np.hypot(*axis), 1e-9)
    across = float(np.abs((outline - flat[2]) @ np.array([-axis[1], axis[0]])).max())
    look = "shoe" if shoe else "skin"
    shapes.add(outline, PART[f"{side}_foot"], look, depth, flat[2], axis, max(across, 0.012))
