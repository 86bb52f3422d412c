"""Heads: skull, jaw, hair, hats and a face that tells front from back, with the 68 landmarks of a face.

The frame of a head: x to its left, y up, z to the front, the origin in its middle, the unit is the height of the head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from repro.data.drawn.figures import PART, Shapes, hull_of_circles, project

SKULL = (np.array([0.0, 0.11, -0.05]), np.array([0.33, 0.39, 0.41]))
JAW = (np.array([0.0, -0.19, 0.10]), np.array([0.235, 0.31, 0.27]))
HEAD = np.diag([0.345, 0.5, 0.42])  # semi-axes of the whole head


def _landmarks() -> np.ndarray:
    """(68, 3) landmarks in the order of iBUG-68; x to the person's left, so the first ones (its right) are negative."""
    angle = np.linspace(-1, 1, 17)
    jaw = np.stack(
        [0.325 * np.sin(angle * 1.45), 0.02 - 0.50 * np.cos(angle * 1.45) ** 0.8, -0.04 + 0.40 * np.cos(angle * 1.5)], 1
    )
    brow_x = np.array([0.265, 0.22, 0.17, 0.115, 0.06])
    brow = np.stack([brow_x, 0.10 + np.array([0, 0.035, 0.045, 0.04, 0.025]), 0.30 + 0.3 * (0.27 - brow_x)], 1)
    bridge = np.stack([np.zeros(4), np.array([0.045, -0.02, -0.08, -0.14]), np.array([0.375, 0.41, 0.45, 0.485])], 1)
    base = np.stack(
        [
            np.array([-0.075, -0.04, 0, 0.04, 0.075]),
            np.array([-0.18, -0.19, -0.2, -0.19, -0.18]),
            np.array([0.38, 0.405, 0.42, 0.405, 0.38]),
        ],
        1,
    )
    eye = np.array(
        [
            (0.195, 0, 0.29),
            (0.163, 0.025, 0.325),
            (0.117, 0.025, 0.335),
            (0.085, -0.005, 0.325),
            (0.117, -0.02, 0.33),
            (0.163, -0.02, 0.32),
        ]
    )
    eye = eye + np.array([0, 0.03, 0])
    outer = np.array([(0.125, 0, 0.345), (0.08, 0.028, 0.385), (0.03, 0.04, 0.405), (0, 0.034, 0.41)])
    low = np.array([(0.085, -0.042, 0.375), (0.04, -0.06, 0.395), (0, -0.064, 0.4)])
    inner = np.array([(0.1, 0, 0.36), (0.035, 0.008, 0.395), (0, 0.008, 0.4)])
    inner_low = np.array([(0.035, -0.012, 0.395), (0, -0.014, 0.398)])
    mirror = np.array([-1.0, 1, 1])
    lips = [outer * mirror, outer[2::-1], low[:2], low[2:], (low[:2] * mirror)[::-1]]
    lips += [inner * mirror, inner[1::-1], inner_low[:1], inner_low[1:], inner_low[:1] * mirror]
    mouth = np.concatenate(lips) + np.array([0, -0.29, 0])
    left_eye = eye[[3, 2, 1, 0, 5, 4]]
    return np.concatenate([jaw, brow * mirror, brow[::-1], bridge, base, eye * mirror, left_eye, mouth])


LANDMARKS = _landmarks()
# The points of COCO and LSP on a head, in the same frame, and the directions that they are seen from.
POINTS = {
    "nose": (0.0, -0.14, 0.485), "left_eye": (0.14, 0.033, 0.335), "right_eye": (-0.14, 0.033, 0.335),
    "left_ear": (0.335, -0.03, -0.04), "right_ear": (-0.335, -0.03, -0.04), "head": (0.0, 0.5, -0.03),
}  # fmt: skip


_RING = np.stack([np.cos(np.arange(16) * np.pi / 8), np.sin(np.arange(16) * np.pi / 8)], 1)
_EARS = np.array([POINTS["left_ear"], POINTS["right_ear"]])
_OUTWARD = 1 / np.diag(HEAD) ** 2  # an ellipsoid's normal is the gradient of its equation: each coordinate over its axis squared
_MIDDLES = np.stack([SKULL[0], JAW[0], *_EARS])
_HAIRY, _SKIN = SKULL[1] * 1.07, SKULL[1] * 1.015  # half lengths of the skull with hair and of the face's skin
_EAR_AXES = np.array([0.03, 0.1, 0.06])
_NOSE, _TIP = np.array([27, 31, 33, 35]), np.array([29, 32, 30, 34])


def _iris(eye: slice) -> np.ndarray:
    """(8, 3) a small disc in the middle of an eye."""
    angle = np.arange(8) * np.pi / 4
    return LANDMARKS[eye].mean(0) + np.stack([0.028 * np.cos(angle), 0.028 * np.sin(angle), np.full(8, 0.005)], 1)


# All points that a face is drawn from: landmarks, upper rims of the brows, irises.
_BROWS, _EYES = (slice(17, 22), slice(22, 27)), (slice(36, 42), slice(42, 48))
_DRAWN = np.concatenate(
    [LANDMARKS, *(LANDMARKS[b][::-1] + np.array([0, 0.035, 0]) for b in _BROWS), *map(_iris, _EYES)]
)


class Surface:
    """Fixed points (M, 3) on a head, for asking again and again which of them face the camera."""

    def __init__(self, points: np.ndarray) -> None:
        self._normals = points * _OUTWARD
        self._lengths = np.sqrt((self._normals * self._normals).sum(1))

    def visible_side(self, frame: np.ndarray) -> np.ndarray:
        """(M,) cosine between the surface and the direction to the camera; 1 faces it."""
        return -(self._normals @ frame[2]) / self._lengths


def visible_side(points: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """(M,) cosine between the head's surface at ``points`` (M, 3) and the direction to the camera; 1 faces it."""
    return Surface(points).visible_side(frame)


_FACE_SIDE, _EAR_SIDE = Surface(LANDMARKS), Surface(_EARS)


def _ellipse(center: np.ndarray, axes: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """(16, 2) outline of an ellipsoid seen from far away; ``center`` (2,) px, ``axes`` (3,) half lengths."""
    # Seen along z an ellipsoid is the ellipse whose 2 x 2 spread is that of its projected axes; its root takes a circle there.
    x, y = frame[:2] * axes
    low = math.sqrt(x @ x)  # the root of the 2 x 2 spread, by hand
    slant = float(x @ y) / max(low, 1e-9)
    root = np.array([(low, slant), (0.0, math.sqrt(max(float(y @ y) - slant * slant, 0.0)))])
    return center + _RING @ root


def _directions(azimuth: np.ndarray, height: np.ndarray) -> np.ndarray:
    """(n, 3) unit vectors of azimuths from the front to the left and heights above the middle, degrees."""
    a, h = np.deg2rad(azimuth), np.deg2rad(height)
    return np.stack([np.sin(a) * np.cos(h), np.sin(h), np.cos(a) * np.cos(h)], 1)


_FACE = _directions(
    np.array([-66, -62, -52, -25, 0, 25, 52, 62, 66, 62, 40, 0, -40, -62]),
    np.array([-5, 20, 38, 44, 45, 44, 38, 20, -5, -40, -62, -70, -62, -40]),
)
_AROUND = np.arange(0, 360, 24)
_DOME = np.concatenate([_directions(_AROUND, np.full(15, 14)), _directions(_AROUND, np.full(15, 45)), [[0, 1.0, 0]]])
_PEAK = np.array([(-0.24, 0.2, 0.28), (0.24, 0.2, 0.28), (0.17, 0.2, 0.62), (-0.17, 0.2, 0.62)])


def _patch(sphere: np.ndarray, axes: np.ndarray, frame: np.ndarray) -> np.ndarray | None:
    """Outline (n, 3) of a patch on an ellipsoid, its hidden edge moved to the horizon; None when all is hidden.

    ``sphere`` (n, 3): the patch on the unit sphere.
    """
    toward = -frame[2] / axes  # a surface point s is seen when s . toward > 0
    lit = sphere @ toward
    if lit.max() <= 0:
        return None
    # Hidden points go to where the surface just turns away, so that the patch ends at the head's own outline.
    level = sphere - (lit / (toward @ toward))[:, None] * toward
    level /= np.maximum(np.sqrt((level * level).sum(1)), 1e-9)[:, None]
    return np.where(lit[:, None] > 0, sphere, level) * axes


@dataclass(frozen=True)
class Head:
    """A head in the camera's axes; lengths of its parts are given in heights of the head.

    Args:
        center: (3,) middle, in heights of the person.
        frame: (3, 3) axes as columns.
        height: the height in heights of the person.
        distance: the distance of the camera.
        shapes: the list that the shapes go to.
        middle: (2,) projection of ``center``.
        size: projected height.
        down: (2,) direction of its upright axis in the picture.
    """

    center: np.ndarray
    frame: np.ndarray
    height: float
    distance: float
    shapes: Shapes
    middle: np.ndarray
    size: float
    down: np.ndarray

    def place(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) projections of (n, 3) points of the head."""
        return project(self.center + self.height * (points @ self.frame.T), self.distance)[0]

    def add(self, outline: np.ndarray, look: str, roundness: float, shift: float = 0.0) -> None:
        """Append a shape, shaded as a ball of the head's size; ``shift`` moves it back in the order."""
        depth = float(self.center[2]) + shift
        self.shapes.add(
            outline, PART["head"], look, depth, self.middle, self.down, 0.46 * self.size, roundness / self.size
        )


def sight_head(center: np.ndarray, frame: np.ndarray, height: float, distance: float, shapes: Shapes) -> Head:
    """The head at ``center``, with its place and size in the picture."""
    middle, factor = project(center, distance)
    x, y = frame[:2, 1].tolist()
    length = (x * x + y * y) ** 0.5
    down = np.array([x / length, y / length] if length > 1e-6 else [0.0, 1.0])
    return Head(center, frame, height, distance, shapes, middle, height * float(factor), down)


def head_shapes(head: Head, hair: str, hat: str, detail: bool) -> None:
    """Add a head to its shapes.

    Args:
        head: the place of the head.
        hair: ``bald``, ``short``, ``long``, ``tail`` or ``bun``.
        hat: ``none``, ``cap`` or ``helmet``.
        detail: draw eyes, brows, nose and mouth.
    """
    front = -head.frame[2, 2]  # 1 when the face looks at the camera
    middle = head.place(_MIDDLES)
    axes = SKULL[1] if hair == "bald" else _HAIRY
    skull = _ellipse(middle[0], axes * head.size, head.frame), "skin" if hair == "bald" else "hair"
    jaw = _ellipse(middle[1], JAW[1] * head.size, head.frame), "skin"
    if hair in ("long", "tail", "bun"):
        _long_hair(head, hair, front)
    for outline, look in (skull, jaw) if front > 0 else (jaw, skull):  # from behind the hair hides the jaw
        head.add(outline, look, 1.9)
    patch = _patch(_FACE, _SKIN, head.frame)
    if patch is not None and front > -0.5:
        head.add(head.place(patch + SKULL[0]), "skin", 1.9)
    for ear, seen in zip(middle[2:], _EAR_SIDE.visible_side(head.frame).tolist(), strict=True):
        if seen > 0.05:
            head.add(_ellipse(ear, _EAR_AXES * head.size, head.frame), "skin_dark", 1.0)
    if detail:
        _face(head)
    if hat != "none":
        points = _DOME * SKULL[1] * (1.12 if hat == "cap" else 1.22) + SKULL[0]
        head.add(hull_of_circles(head.place(points), np.full(len(points), 0.015 * head.size)), "hat", 1.9)
    if hat == "cap" and front > -0.35:
        head.add(hull_of_circles(head.place(_PEAK), np.full(4, 0.02 * head.size)), "hat", 0.6)


def _long_hair(head: Head, hair: str, front: float) -> None:
    """Hair that hangs over the neck, a tail or a bun: behind the head from the front, before it from the back."""
    radii: tuple[float, ...]
    if hair == "long":
        centers, radii = np.array([(0, 0.1, -0.1), (0.2, -0.45, -0.22), (-0.2, -0.45, -0.22)]), (0.37, 0.2, 0.2)
    elif hair == "tail":
        centers, radii = np.array([(0, 0.25, -0.45), (0, -0.1, -0.6), (0, -0.5, -0.55)]), (0.13, 0.12, 0.06)
    else:
        centers, radii = np.array([(0, 0.48, -0.22), (0, 0.42, -0.3)]), (0.19, 0.19)
    outline = hull_of_circles(head.place(centers), np.array(radii) * head.size)
    head.add(outline, "hair", 0.8, 0.02 if front > 0 else -0.02)


def _face(head: Head) -> None:
    """Brows, eyes, nose and mouth, each where its own surface is seen."""
    seen = _FACE_SIDE.visible_side(head.frame)
    if seen[27:36].max() <= 0.1:
        return
    flat = head.place(_DRAWN)
    for brow, rim in zip(_BROWS, (slice(68, 73), slice(73, 78)), strict=True):
        if seen[brow].min() > 0.1:
            head.add(np.concatenate([flat[brow], flat[rim]]), "brow", 0.5)
    for eye, iris in zip(_EYES, (slice(78, 86), slice(86, 94)), strict=True):
        if seen[eye].min() > 0.08:
            head.add(flat[eye], "eye", 0.2)
            head.add(flat[iris], "iris", 0.2)
    head.add(flat[_NOSE], "skin_dark", 1.0)  # the shadow below, then the tip over it
    head.add(flat[_TIP], "skin", 1.5)
    if seen[48:60].min() > 0.02:
        head.add(flat[48:60], "lips", 0.8)
