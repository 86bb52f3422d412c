"""From a posed 3D body to the flat shapes that are drawn, far ones first, and to its keypoints.

Camera axes: x to the right, y down, z away from the camera; the unit is the person's height until the figure is placed.
A figure is projected in perspective about its own pelvis: a point at depth z is magnified by 1 / (1 + z / distance).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from repro.data.drawn.bodies import Build, J

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
_REST = 1 - _ALONG
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

    def extend(
        self,
        polygons: np.ndarray,
        parts: Sequence[int],
        looks: Sequence[str],
        depths: Sequence[float],
        origins: np.ndarray,
        axes: np.ndarray,
        radii: np.ndarray,
    ) -> None:
        """Append many shapes that are round across alone: ``add`` for each row of the arguments."""
        self.polygons.extend(polygons)
        self.parts.extend(parts)
        self.looks.extend(looks)
        self.depths.extend(depths)
        self.origins.extend(origins)
        self.axes.extend(axes)
        self.radii.extend(radii.tolist())
        self.rounds.extend([0.0] * len(parts))

    def far_first(self) -> Shapes:
        """The shapes sorted from far to near; those of the same depth keep their order."""
        columns = (self.polygons, self.parts, self.looks, self.depths, self.origins, self.axes, self.radii, self.rounds)
        rows = sorted(zip(*columns, strict=True), key=lambda row: -row[3])
        return Shapes(*map(list, zip(*rows, strict=True)))


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
    # The sides of the hull touch both circles, at the angle from the axis whose cosine is the difference of the radii over the
    # distance. Of two circles one of which holds the other there is no such side: held at -1 and 1, the larger is drawn whole.
    half = np.arccos(np.minimum(np.maximum((start_radius - end_radius) / np.maximum(length, 1e-9), -1), 1))
    count = len(_ARC)
    angles = np.empty((len(start), 2 * count))
    angles[:, :count] = heading[:, None] + half[:, None] * _ARC
    angles[:, count:] = heading[:, None] + np.pi + (np.pi - half)[:, None] * _ARC
    rim = np.empty((len(start), 2 * count, 2))
    rim[..., 0], rim[..., 1] = np.cos(angles), np.sin(angles)
    # In the order of the outline: far circle, side back to the start, near circle, side forth to the end.
    outlines = np.empty((len(start), 2 * count + 4, 2))
    outlines[:, :count] = end[:, None] + end_radius[:, None, None] * rim[:, :count]
    outlines[:, count + 2 : -2] = start[:, None] + start_radius[:, None, None] * rim[:, count:]
    swell = bulge[:, None, None] * rim[:, count - 1 :: 1 - count]  # outwards at both sides
    # Both sides at once: each slice takes the corners at the ends of one side and of the other.
    from_corners, to_corners = outlines[:, count - 1 :: count + 2], outlines[:, count + 2 :: -count - 2]
    sides = _REST * from_corners + _ALONG * to_corners + swell * _SWELL
    outlines[:, count :: count + 2], outlines[:, count + 1 :: count + 2] = sides
    return outlines


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
        starts, stops, *sizes, parts, looks, depths = zip(*self.rows, strict=True)
        ends = np.concatenate(starts + stops).reshape(2, -1, 3)
        start_size, end_size, bulge = np.array(sizes)
        (start, end), (start_factor, end_factor) = project(ends, distance)
        start_radius, end_radius = start_size * start_factor, end_size * end_factor
        delta = end - start
        length = np.hypot(delta[:, 0], delta[:, 1])
        # A limb that points at the camera is short in the picture and shows its muscle end on: it stands out less.
        true = np.sqrt(((ends[1] - ends[0]) ** 2).sum(1))
        bulge = bulge * np.minimum(1, length / np.maximum(true, 1e-9)) * start_factor
        outlines = capsule_outlines(start, end, start_radius, end_radius, bulge)
        axes = delta / np.maximum(length, 1e-9)[:, None]
        width = np.maximum(start_radius, end_radius) + 0.5 * bulge
        shapes.extend(outlines, parts, looks, depths, start, axes, width)


_RING_JOINTS = np.array([J[name] for name in ("pelvis", "pelvis", "waist", "chest", "chest", "chest")])
_COSINES, _SINES = _CIRCLE[:, :1], _CIRCLE[:, 1:]


def torso_shapes(
    shapes: Shapes, positions: np.ndarray, frames: np.ndarray, build: Build, distance: float, loose: float, low: bool
) -> None:
    """Add the trunk: hulls between elliptic cross-sections from crotch to neck.

    Args:
        shapes: the list that the shapes go to.
        positions: (J, 3) joints.
        frames: (J, 3, 3) their axes.
        build: proportions.
        distance: the distance of the camera, in heights.
        loose: how far the top stands off the body, as a share of the radius.
        low: True when the top hangs down over the hips.
    """
    t, n = build.thick, build.length
    off = 1 + loose
    rings = (  # y in the joint's frame, half lengths to the side and to the front
        (-0.062, 0.45 * t["pelvis_x"], 0.8 * t["pelvis_z"]),
        (-0.012, t["pelvis_x"], t["pelvis_z"]),
        (0.0, t["waist_x"], t["waist_z"]),
        (0.55 * n["chest"], t["chest_x"] * (1 + 0.6 * loose), t["chest_z"] * (1 + 0.8 * loose)),
        (n["chest"] - 0.016, n["shoulder"] + 0.004, 0.75 * t["chest_z"]),
        (n["chest"] + 0.012, 0.045, 0.04),
    )
    sizes, sides = np.array(rings)[:, None], frames[_RING_JOINTS][:, None]
    middle = positions[_RING_JOINTS][:, None] + sides[..., 1] * sizes[..., :1]
    points = middle + sizes[..., 1:2] * _COSINES * sides[..., 0] + sizes[..., 2:] * _SINES * sides[..., 2]
    depths = middle[1::2, 0, 2].tolist()  # of hips, chest and neck: trousers are sorted by the first, the top by the second
    flat, _ = project(np.concatenate([middle, points], axis=1), distance)
    middle, points = flat[:, :1], flat[:, 1:]
    apart = points - middle
    across = (np.sqrt((apart**2).sum(-1).max(1)) * off).tolist()
    steps = middle[1:, 0] - middle[:-1, 0]
    axes = steps / np.maximum(np.hypot(steps[:, 0], steps[:, 1]), 1e-9)[:, None]
    # A loose top stands off the body in the picture, not in space: its outline grows about the middle of each ring.
    tight = wide = chest = points.astype(np.float32)
    if low or off > 1:
        wide, chest = (middle + apart * off).astype(np.float32), (middle + apart).astype(np.float32)
    spans = [(0, "bottom", tight), (1, "bottom", tight), (2, "top", wide), (3, "top", chest), (4, "top", tight)]
    if low:  # last of its depth, so that it hangs over the trousers
        spans += [(1, "top", wide)]
    for a, look, outlines in spans:
        hull = cv2.convexHull(outlines[a : a + 2].reshape(-1, 2))[:, 0]
        depth = depths[0 if look == "bottom" else 1]
        shapes.add(hull, PART["torso"], look, depth, middle[a, 0], axes[a], max(across[a], across[a + 1]))


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
    depth = min(positions[hip, 2], np.mean([c[2] for c in centers])) - 0.03  # before the thighs that it covers
    shapes.add(hull, PART["torso"], "skirt", float(depth), flat[:2].mean(0), axis, float(across))
