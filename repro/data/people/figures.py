"""From a posed 3D body to the flat shapes that are drawn, far ones first, and to its keypoints.

Camera axes: x to the right, y down, z away from the camera; the unit is the person's height until the figure is placed.
A figure is projected in perspective about its own pelvis: a point at depth z is magnified by 1 / (1 + z / distance).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from repro.data.people.bodies import Build, J

PARTS = (
    "background", "head", "torso",
    "left_upper_arm", "left_lower_arm", "left_hand", "right_upper_arm", "right_lower_arm", "right_hand",
    "left_upper_leg", "left_lower_leg", "left_foot", "right_upper_leg", "right_lower_leg", "right_foot",
)  # fmt: skip
PART = {name: i for i, name in enumerate(PARTS)}
_CIRCLE = np.stack(
    [np.cos(np.linspace(0, 2 * np.pi, 12, endpoint=False)), np.sin(np.linspace(0, 2 * np.pi, 12, endpoint=False))], 1
)
_ARC = np.linspace(-1.0, 1.0, 6)
# Where along its two sides (from end to start, from start to end) a limb swells, and how much.
_ALONG = np.array([[0.35, 0.30], [0.70, 0.65]])[:, None, :, None]
_SWELL = np.array([[0.7, 1.0], [1.0, 0.7]])[:, None, :, None]


@dataclass
class Shapes:
    """Flat shapes of one figure while they are collected; one entry a shape in every list.

    ``polygons`` (n, 2) outlines; ``parts`` entries of ``PARTS``; ``looks`` names of materials; ``depths`` of the group that
    the shape is sorted with; ``origins`` and ``axes`` (2,), ``radii``: the frame of shading, an axis and the half width
    across it; ``rounds``: 1 / half length for shapes that are round along the axis as well, 0 for cylinders.
    """

    polygons: list[np.ndarray] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    depths: list[float] = field(default_factory=list)
    origins: list[np.ndarray] = field(default_factory=list)
    axes: list[np.ndarray] = field(default_factory=list)
    radii: list[float] = field(default_factory=list)
    rounds: list[float] = field(default_factory=list)

    def add(
        self,
        polygon: np.ndarray,
        part: int,
        look: str,
        depth: float,
        origin: np.ndarray,
        axis: np.ndarray,
        radius: float,
        round_: float = 0.0,
    ) -> None:
        """Append one shape; a shape that is added later is drawn over earlier ones of the same depth."""
        self.polygons.append(polygon)
        self.parts.append(part)
        self.looks.append(look)
        self.depths.append(depth)
        self.origins.append(origin)
        self.axes.append(axis)
        self.radii.append(radius)
        self.rounds.append(round_)

    def far_first(self) -> Shapes:
        """The shapes sorted from far to near; those of the same depth keep their order."""
        order = np.argsort(-np.asarray(self.depths), kind="stable").tolist()
        columns = (self.polygons, self.parts, self.looks, self.depths, self.origins, self.axes, self.radii, self.rounds)
        return Shapes(*([column[i] for i in order] for column in columns))


def project(points: np.ndarray, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Perspective projection of (..., 3) camera points about the origin at ``distance``: (..., 2) points, (...) factors.

    The factor is what a length at that point is multiplied by: 1 / (1 + z / distance). Depths nearer to the camera than
    four fifths of the distance are held there.
    """
    factor = 1 / (1 + np.maximum(points[..., 2], -0.8 * distance) / distance)
    return points[..., :2] * factor[..., None], factor


def capsule_outlines(
    start: np.ndarray, end: np.ndarray, start_radius: np.ndarray, end_radius: np.ndarray, bulge: np.ndarray
) -> np.ndarray:
    """Outlines of tapered limbs: the convex hull of two circles, widened by a muscle along the sides.

    Args:
        start, end: (M, 2) centres of the circles.
        start_radius, end_radius: (M,).
        bulge: (M,) how far the muscle stands out, nearer to the start.

    Returns:
        (M, 16, 2) outlines.
    """
    delta = end - start
    length = np.hypot(delta[:, 0], delta[:, 1])
    heading = np.arctan2(delta[:, 1], delta[:, 0])
    half = np.arccos(np.clip((start_radius - end_radius) / np.maximum(length, 1e-9), -1, 1))
    angles = np.concatenate(
        [heading[:, None] + half[:, None] * _ARC, heading[:, None] + np.pi + (np.pi - half)[:, None] * _ARC], axis=1
    )
    rim = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    count = len(_ARC)
    far = end[:, None] + end_radius[:, None, None] * rim[:, :count]
    near = start[:, None] + start_radius[:, None, None] * rim[:, count:]
    swell = bulge[:, None, None] * rim[:, [count - 1, 0]]  # outwards at both sides
    corners = np.stack([far[:, -1], near[:, -1]], axis=1), np.stack([near[:, 0], far[:, 0]], axis=1)
    one, two = ((1 - t) * corners[0] + t * corners[1] for t in _ALONG)
    one, two = one + swell * _SWELL[0], two + swell * _SWELL[1]
    return np.concatenate([far, one[:, :1], two[:, :1], near, one[:, 1:], two[:, 1:]], axis=1)


def hull_of_circles(centers: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """(n, 2) convex outline around circles with centres (M, 2) and radii (M,)."""
    points = centers[:, None] + np.asarray(radii)[:, None, None] * _CIRCLE
    return cv2.convexHull(points.reshape(-1, 2).astype(np.float32))[:, 0]


class Limbs:
    """Collects capsules and adds them to shapes all at once, because outlines are cheap only in bulk."""

    def __init__(self) -> None:
        self.rows: list[tuple] = []

    def add(
        self,
        start: np.ndarray,
        end: np.ndarray,
        start_radius: float,
        end_radius: float,
        bulge: float,
        part: int,
        look: str,
        depth: float,
    ) -> None:
        """One capsule between two 3D points."""
        self.rows.append((start, end, start_radius, end_radius, bulge, part, look, depth))

    def into(self, shapes: Shapes, distance: float) -> None:
        """Project all capsules and append their outlines to ``shapes``."""
        ends = np.array([(row[0], row[1]) for row in self.rows])
        flat, factor = project(ends, distance)
        radius = np.array([row[2:4] for row in self.rows]) * factor
        delta = flat[:, 1] - flat[:, 0]
        length = np.hypot(delta[:, 0], delta[:, 1])
        true = np.sqrt(((ends[:, 1] - ends[:, 0]) ** 2).sum(1))
        bulge = np.array([row[4] for row in self.rows]) * np.minimum(1, length / np.maximum(true, 1e-9)) * factor[:, 0]
        outlines = capsule_outlines(flat[:, 0], flat[:, 1], radius[:, 0], radius[:, 1], bulge)
        axes = delta / np.maximum(length, 1e-9)[:, None]
        width = radius.max(1) + 0.5 * bulge
        for i, row in enumerate(self.rows):
            shapes.add(outlines[i], row[5], row[6], row[7], flat[i, 0], axes[i], width[i])


def torso_shapes(
    shapes: Shapes, positions: np.ndarray, frames: np.ndarray, build: Build, distance: float, loose: float, low: bool
) -> None:
    """Add the trunk: hulls between elliptic cross-sections from crotch to neck.

    Args:
        shapes: where the shapes go.
        positions: (J, 3) joints.
        frames: (J, 3, 3) their axes.
        build: proportions.
        distance: of the camera, in heights.
        loose: how far the top stands off the body, as a share of the radius.
        low: True when the top hangs down over the hips.
    """
    t, n = build.thick, build.length
    off = 1 + loose
    chest, pelvis = J["chest"], J["pelvis"]
    rings = (
        (pelvis, -0.062, 0.45 * t["pelvis_x"], 0.8 * t["pelvis_z"]),
        (pelvis, -0.012, t["pelvis_x"], t["pelvis_z"]),
        (J["waist"], 0.0, t["waist_x"], t["waist_z"]),
        (chest, 0.55 * n["chest"], t["chest_x"] * (1 + 0.6 * loose), t["chest_z"] * (1 + 0.8 * loose)),
        (chest, n["chest"] - 0.016, n["shoulder"] + 0.004, 0.75 * t["chest_z"]),
        (chest, n["chest"] + 0.012, 0.045, 0.04),
    )
    outline = np.array([positions[j] + frames[j][:, 1] * y for j, y, _, _ in rings])
    sizes = np.array([r[2:] for r in rings])
    sides = np.array([frames[j] for j, *_ in rings])
    points = (
        outline[:, None]
        + sizes[:, None, :1] * _CIRCLE[None, :, :1] * sides[:, None, :, 0]
        + sizes[:, None, 1:] * _CIRCLE[None, :, 1:] * sides[:, None, :, 2]
    )
    flat, factor = project(points, distance)
    middle, _ = project(outline, distance)
    across = (np.sqrt(((flat - middle[:, None]) ** 2).sum(-1).max(1)) * off).tolist()
    depths = outline[[1, 3], 2].tolist()
    spans = [(0, 1, "bottom", 0), (1, 2, "bottom", 0), (2, 3, "top", 1), (3, 4, "top", 1), (4, 5, "top", 1)]
    if low:
        spans += [(1, 2, "top", 1)]
    for a, b, look, level in spans:
        pair = flat[[a, b]]
        if look == "top" and (low or off > 1) and (a, b) != (4, 5):
            pair = middle[[a, b], None] + (pair - middle[[a, b], None]) * (off if b != 4 else 1.0)
        hull = cv2.convexHull(pair.reshape(-1, 2).astype(np.float32))[:, 0]
        axis = middle[b] - middle[a]
        axis = axis / max(np.hypot(*axis), 1e-9)
        shapes.add(hull, PART["torso"], look, depths[level], middle[a], axis, max(across[a], across[b]))


def skirt_shape(
    shapes: Shapes, positions: np.ndarray, frames: np.ndarray, build: Build, distance: float, reach: float, flare: float
) -> None:
    """Add a skirt: the hull of the hips and of circles around the thighs at ``reach`` (0 hip, 1 knee, above: over it)."""
    hip = J["pelvis"]
    centers, radii = [], []
    top = positions[hip] + frames[hip][:, 1] * 0.03
    for sign in (1.0, -1.0):
        centers.append(top + frames[hip][:, 0] * sign * build.thick["pelvis_x"] * 0.45)
        radii.append(build.thick["pelvis_x"] * 0.5)
    for side in ("left", "right"):
        a, b, c = (positions[J[f"{side}_{n}"]] for n in ("hip", "knee", "ankle"))
        centers.append(a + (b - a) * reach if reach <= 1 else b + (c - b) * (reach - 1))
        radii.append(build.thick["thigh"] * flare)
    flat, factor = project(np.array(centers), distance)
    hull = hull_of_circles(flat, np.array(radii) * factor)
    axis = flat[2:].mean(0) - flat[:2].mean(0)
    axis = axis / max(np.hypot(*axis), 1e-9)
    across = np.abs((hull - flat.mean(0)) @ np.array([-axis[1], axis[0]])).max()
    depth = min(positions[hip, 2], np.mean([c[2] for c in centers])) - 0.03
    shapes.add(hull, PART["torso"], "skirt", float(depth), flat[:2].mean(0), axis, float(across))
