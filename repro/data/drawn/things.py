"""Things that are not people but have parts like limbs: poles, branches, boxes, balls, benches, bars."""

from __future__ import annotations

import numpy as np

from repro.data.drawn.appearance import MATERIAL_FIELDS, sample_cloth, sample_color
from repro.data.drawn.figures import Shapes, capsule_outlines

_CIRCLE = np.stack([np.cos(np.arange(20) * np.pi / 10), np.sin(np.arange(20) * np.pi / 10)], 1)


def _bars(shapes: Shapes, start: np.ndarray, end: np.ndarray, first: np.ndarray, last: np.ndarray) -> None:
    """Append tapered bars between (M, 2) points."""
    outlines = capsule_outlines(start, end, first, last, np.zeros(len(start)))
    delta = end - start
    axes = delta / np.maximum(np.hypot(delta[:, 0], delta[:, 1]), 1e-9)[:, None]
    count = len(start)
    shapes.extend(outlines, [0] * count, ["thing"] * count, [0.0] * count, start, axes, np.maximum(first, last))


def _plate(shapes: Shapes, corners: np.ndarray) -> None:
    """Append a convex plate; it is shaded a little across."""
    delta = corners[1] - corners[0]
    axis = delta / max(np.hypot(*delta), 1e-9)
    middle = corners.mean(0)
    across = np.abs((corners - middle) @ np.array([-axis[1], axis[0]])).max()
    shapes.add(corners, 0, "thing", 0.0, middle, axis, 1.6 * across)


def _box(middle: np.ndarray, size: np.ndarray, angle: float) -> np.ndarray:
    """(4, 2) corners of a turned rectangle."""
    c, s = np.cos(angle), np.sin(angle)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * size / 2
    return middle + corners @ np.array([[c, s], [-s, c]])


def sample_thing(
    rng: np.random.Generator, middle: np.ndarray, size: float, theme: np.ndarray | None = None
) -> tuple[Shapes, np.ndarray]:
    """Draw a thing.

    Args:
        rng: random numbers.
        middle: (2,) where it stands.
        size: its extent, in the unit of ``middle``.
        theme: (3,) colour to take, or None.

    Returns:
        its shapes and their materials (S, MATERIAL_FIELDS).
    """
    shapes = Shapes()
    kind = int(rng.integers(7))
    angle = 0.2 * rng.standard_normal()
    if kind == 0:  # a pole or a bar
        turn = angle + (np.pi / 2 if rng.random() < 0.5 else 0)
        reach = size * (0.6 + 1.4 * rng.random()) * np.array([np.cos(turn), np.sin(turn)])
        radius = np.full(1, size * (0.02 + 0.06 * rng.random()))
        _bars(shapes, (middle - reach)[None], (middle + reach)[None], radius, radius)
    elif kind == 1:  # a trunk with branches, as a body with limbs
        _tree(rng, shapes, middle, size)
    elif kind == 2:  # a ball
        round_ = size * (0.1 + 0.2 * rng.random())
        shapes.add(middle + round_ * _CIRCLE, 0, "thing", 0.0, middle, np.array([0.0, 1.0]), round_, 1 / round_)
    elif kind == 3:  # a bench or table
        wide, tall = size * (0.4 + 0.5 * rng.random()), size * (0.25 + 0.25 * rng.random())
        legs = middle + np.array([(-wide, 0), (wide, 0), (-0.8 * wide, -0.05 * tall), (0.8 * wide, -0.05 * tall)])
        thin = np.full(4, 0.025 * size)
        _bars(shapes, legs, legs + np.array([0, tall]), thin, thin)
        _plate(shapes, _box(middle, np.array([2.2 * wide, 0.12 * size]), angle * 0.3))
    elif kind == 4:  # two poles and bars between, as a fence or a goal
        count = 2 + int(rng.integers(4))
        x = np.linspace(-1, 1, count) * size
        start = middle + np.stack([x, np.full(count, -0.5 * size)], 1)
        thin = np.full(count, size * (0.015 + 0.02 * rng.random()))
        rail = np.array([(-size, -0.4 * size), (-size, 0.1 * size)]) + middle
        ends = np.concatenate([start + np.array([0, size]), rail + np.array([2 * size, 0])])
        thin = np.concatenate([thin, thin[:2]])
        _bars(shapes, np.concatenate([start, rail]), ends, thin, thin)
    else:  # a box or a sign
        _plate(shapes, _box(middle, size * (0.2 + 0.7 * rng.random(2)), angle))
    row = sample_cloth(rng, sample_color(rng, 0.5) if theme is None else theme, 0.5)
    materials = np.empty((len(shapes.polygons), MATERIAL_FIELDS), dtype=np.float32)
    materials[:] = row
    return shapes, materials


def _tree(rng: np.random.Generator, shapes: Shapes, middle: np.ndarray, size: float) -> None:
    """A trunk and two to five two-part branches."""
    lean = size * 0.15 * rng.standard_normal()
    foot, top = middle + np.array([lean, 0.6 * size]), middle - np.array([lean, 0.5 * size])
    count = 2 + int(rng.integers(4))
    share = rng.random(count)
    root = top + (foot - top) * share[:, None] * 0.7
    angles = np.pi * (rng.random((count, 2)) - 0.5) * np.array([2.2, 1.0])
    angles[:, 1] += angles[:, 0]
    reach = size * (0.2 + 0.25 * rng.random((count, 2, 1)))
    steps = reach * np.stack([np.sin(angles), -np.cos(angles)], -1)
    elbow = root + steps[:, 0]
    thick = size * (0.03 + 0.03 * rng.random(count))
    starts, ends = np.concatenate([foot[None], root, elbow]), np.concatenate([top[None], elbow, elbow + steps[:, 1]])
    first = np.concatenate([[size * 0.1], thick, 0.8 * thick])
    last = np.concatenate([[size * 0.06], 0.8 * thick, 0.5 * thick])
    _bars(shapes, starts, ends, first, last)
