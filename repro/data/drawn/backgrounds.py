"""Backgrounds: sky and ground, walls and floors, foliage, stands, with patterns and clutter that are not people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from repro.data.drawn.appearance import sample_color, within

TILE = 256
SLOPES = (0.0, 0.9, 1.5, 2.1)  # of the amplitude spectrum: grain, gravel, grass and leaves, clouds

SKIES = (
    np.array([(120, 165, 215), (178, 200, 222), (225, 228, 230), (90, 130, 190), (200, 190, 185), (60, 70, 95)]) / 255.0
)
GROUNDS = np.array(
    [(88, 116, 58), (70, 98, 48), (116, 128, 70), (150, 140, 118), (118, 116, 114), (176, 160, 130), (96, 78, 58), (58, 86, 148),
     (46, 74, 130), (140, 60, 50), (170, 126, 82), (206, 204, 198), (64, 62, 62), (84, 96, 112)]
) / 255.0  # fmt: skip
WALLS = np.array(
    [(196, 188, 172), (150, 146, 140), (110, 104, 96), (222, 218, 210), (128, 92, 70), (84, 84, 90), (44, 42, 46),
     (162, 142, 110), (96, 108, 122), (26, 28, 36), (70, 30, 34), (38, 52, 84)]
) / 255.0  # fmt: skip


@dataclass(frozen=True)
class Backdrop:
    """A background.

    Args:
        image: (H, W, 3) uint8 RGB.
        horizon: y of the line between the ground and what stands behind it, px; may lie outside the image.
        theme: (3,) a colour of it in 0..1, for camouflage.
        outdoor: lit by the sky.
    """

    image: np.ndarray
    horizon: float
    theme: np.ndarray
    outdoor: bool


_CORNERS = np.linspace(0, 2 * np.pi, 12, endpoint=False) + np.pi / 4


@lru_cache(maxsize=1)
def noise_tiles() -> np.ndarray:
    """(len(SLOPES), 2, 2 TILE, 2 TILE) float32 noise of mean 0 and spread 1 and period TILE, the same in every process.

    Two periods each way are kept, so that a window of up to one period is a slice.
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(20240)))
    fy, fx = np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None]
    radius = np.hypot(fx, fy)
    radius[0, 0] = 1
    tiles = []
    for slope in SLOPES:
        for _ in range(2):
            # Photographs have amplitudes that fall as a power of the frequency; the power says how coarse a texture looks.
            spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE))) * radius**-slope
            spectrum[0, 0] = 0  # the mean
            tile = np.fft.irfft2(spectrum, (TILE, TILE))
            tiles.append(tile / tile.std())
    return np.tile(np.array(tiles, dtype=np.float32).reshape(len(SLOPES), 2, TILE, TILE), (1, 1, 2, 2))


@lru_cache(maxsize=1)
def grain_tile() -> np.ndarray:
    """(TILE, TILE) float32: one period of the noise for the grain of cloth, small enough for the processor's cache."""
    return np.ascontiguousarray(noise_tiles()[1, 0, :TILE, :TILE])


def noise_field(
    rng: np.random.Generator, slope: int, size: tuple[int, int], grain: float, stretch: float = 1.0
) -> np.ndarray:
    """(H, W) float32 noise of mean about 0 and spread about 1.

    Args:
        rng: chooses the window of the tile.
        slope: index into ``SLOPES``.
        size: (width, height).
        grain: px of the image a px of the tile.
        stretch: factor on the width of the grain.
    """
    tile = noise_tiles()[slope, int(rng.integers(2))]
    width = min(TILE, max(4, math.ceil(size[0] / (grain * stretch))))
    height = min(TILE, max(4, math.ceil(size[1] / grain)))
    y, x = int(rng.integers(TILE)), int(rng.integers(TILE))  # faster than two at once, and the same numbers
    return cv2.resize(tile[y : y + height, x : x + width], size, interpolation=cv2.INTER_LINEAR)


def sample_backdrop(
    rng: np.random.Generator, size: tuple[int, int], clutter: float, unit: float, horizon: float | None = None
) -> Backdrop:
    """Draw a background.

    Args:
        rng: random numbers.
        size: (width, height) px.
        clutter: factor on the number of things in it.
        unit: px, about the height of a person: textures and things are scaled by it.
        horizon: y of the foot of the wall or the line of the horizon, px; None draws it.
    """
    width, height = size
    outdoor = rng.random() < 0.6
    if horizon is None:
        horizon = height * (0.15 + 0.75 * rng.random())
    back = (SKIES if outdoor else WALLS)[int(rng.integers(len(SKIES if outdoor else WALLS)))]
    floor = GROUNDS[int(rng.integers(len(GROUNDS)))]
    if rng.random() < 0.1:  # a stage in the dark
        back, floor = 0.12 * back, 0.6 * floor
    back = within(1.1 * back * np.exp(0.15 * rng.standard_normal()) + 0.04 * rng.standard_normal(3), 0.02, 1)
    floor = within(1.1 * floor * np.exp(0.2 * rng.standard_normal()) + 0.03 * rng.standard_normal(3), 0.02, 1)
    rows = np.arange(height, dtype=np.float32)[:, None]
    fade = 1 + (0.35 * rng.standard_normal()) * (rows / height - 0.5)
    shades = (back * 255 * fade).astype(np.float32)  # of each row
    slope = 3 if outdoor else (0, 1, 1, 2)[int(rng.integers(4))]
    texture = noise_field(rng, slope, size, max(0.3, unit / 60 * (1 + 2 * rng.random())))
    level = 1 + (0.04 + 0.2 * rng.random()) * texture
    canvas = cv2.merge([level * shade[:, None] for shade in shades.T])
    # From far to near, each over what is behind it: sky or wall, what stands there, the ground before it.
    _clutter(rng, canvas, horizon, clutter, unit, outdoor)
    if rng.random() < 0.35 * min(clutter, 2.0):
        _heap(rng, canvas, np.array([back, floor]), horizon, clutter, unit)
    _ground(rng, canvas, floor, horizon, unit)
    if rng.random() < 0.7:  # uneven light
        field = 1 + (0.06 + 0.2 * rng.random()) * noise_field(rng, 3, size, max(size) / 40)
        field = cv2.merge([field, field, field])  # faster than broadcasting
        image = cv2.multiply(canvas, field, dtype=cv2.CV_8U)
    else:
        image = cv2.convertScaleAbs(np.maximum(canvas, 0, out=canvas))
    theme = floor if rng.random() < 0.5 else back
    return Backdrop(image, float(horizon), theme, outdoor)


def _ramp(start: float, stop: float, count: int) -> np.ndarray:
    """``np.linspace`` in float32 for two numbers or more, without its overhead."""
    ramp = np.arange(count) * ((stop - start) / (count - 1)) + start
    ramp[-1] = stop
    return ramp.astype(np.float32)


def _ground(rng: np.random.Generator, canvas: np.ndarray, color: np.ndarray, horizon: float, unit: float) -> None:
    """Lay the ground below the horizon, with grain that grows towards the viewer, lines and the foot of the wall."""
    height, width = canvas.shape[:2]
    top = int(min(max(horizon, 0), height))
    if top >= height - 1:
        return
    depth = height - top
    fine = noise_field(
        rng,
        (0, 1, 1, 2)[int(rng.integers(4))],
        (width, depth),
        max(0.3, unit / 130 * (1 + rng.random())),
        1.5 + 2 * rng.random(),  # wider than tall: the ground is seen at a low angle
    )
    rise = _ramp(0.4, 1.1, depth)[:, None]
    shade = 1 + 0.25 * rng.standard_normal() * _ramp(-0.5, 0.5, depth)[:, None]
    level = (1 + (0.05 + 0.22 * rng.random()) * fine * rise) * (255 * shade)
    canvas[top:] = cv2.merge([level * float(c) for c in color])
    for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.5 else 0):
        x, y = rng.random(2) * np.array([width, depth]) + np.array([0, top])
        reach = np.array([2.0 * width, 0.6 * depth * rng.standard_normal()])  # from rim to rim, as lines of a court
        ends: list[Any] = [tuple(int(v) for v in np.round((np.array([x, y]) + s * reach) * 16)) for s in (-1, 1)]
        tint = tuple(float(v) for v in sample_color(rng, 0.3) * 255)
        band = canvas[top:]  # a view, which keeps the line off the wall; corners have four fractional bits
        ends = [(e[0], e[1] - 16 * top) for e in ends]
        cv2.line(band, *ends, tint, max(1, int(unit / 60 * (1 + 3 * rng.random()))), cv2.LINE_8, 4)


def _clutter(
    rng: np.random.Generator, canvas: np.ndarray, horizon: float, clutter: float, unit: float, outdoor: bool
) -> None:
    """Things before the sky or the wall: trees and hedges, buildings with windows, banners, poles, stands of dots."""
    kinds = (
        ("hedge", "block", "pole", "banner", "stand", "beam")
        if outdoor
        else ("block", "pole", "banner", "stand", "beam", "block")
    )
    for _ in range(int(rng.poisson(4 * clutter))):
        kind = kinds[int(rng.integers(len(kinds)))]
        color = (sample_color(rng, 0.35) * 255).astype(np.float32)
        if kind == "hedge":
            _hedge(rng, canvas, horizon, unit)
        elif kind == "stand":
            _stand(rng, canvas, horizon, unit)
        elif kind in ("pole", "beam"):
            _bar(rng, canvas, color, horizon, unit, kind == "pole")
        else:
            _block(rng, canvas, color, horizon, unit, kind == "banner")


def _span(
    rng: np.random.Generator, canvas: np.ndarray, horizon: float, size: np.ndarray
) -> tuple[int, int, int, int] | None:
    """A box of about ``size`` (w, h) that stands on the horizon or floats over it, cut to the image; None when outside."""
    height, width = canvas.shape[:2]
    wide, tall = size.tolist()
    x = rng.random() * (width + wide) - wide
    bottom = horizon + 0.05 * height
    left, right = (int(min(max(v, 0), width)) for v in (x, x + wide))
    top, low = (int(min(max(v, 0), height)) for v in (bottom - tall, bottom))
    return (left, top, right, low) if right - left > 1 and low - top > 1 else None


def _heap(
    rng: np.random.Generator, canvas: np.ndarray, palette: np.ndarray, horizon: float, clutter: float, unit: float
) -> None:
    """Many plain shapes over each other before the wall, small ones more often, as the furniture of a crowded room."""
    width = canvas.shape[1]
    count = int((15 + 40 * rng.random()) * min(clutter, 2.0))
    tall = unit * (0.2 + 1.2 * rng.random())
    # Sorted from the top down, so that lower things, which are nearer, hide those behind; sizes follow a power law.
    middle = np.stack([rng.random(count) * width, horizon - tall * np.sort(rng.random(count))[::-1]], 1)
    radius = np.minimum(unit * 0.05 / np.maximum(rng.random(count), 0.05) ** 0.7, 0.6 * tall)
    shape = radius[:, None] * (0.4 + 0.8 * rng.random((count, 2)))
    round_ = rng.random(count) < 0.3
    angle = _CORNERS + 0.1 * rng.standard_normal((count, 1))
    outlines = middle[:, None] + np.stack([np.cos(angle), np.sin(angle)], -1) * shape[:, None]
    corners = np.round(outlines * 16).astype(np.int32)
    boxes = np.ascontiguousarray(corners[:, ::3])  # every third of twelve corners: a rectangle from the same numbers
    colors = np.array([*palette, *palette, *(sample_color(rng, 0.35) for _ in range(6))])
    tints = colors[rng.integers(0, len(colors), count)] * np.exp(0.25 * rng.standard_normal((count, 1)))
    for i, tint in enumerate((np.minimum(tints, 1) * 255).tolist()):
        cv2.fillPoly(canvas, [corners[i] if round_[i] else boxes[i]], tint, cv2.LINE_8, 4)


def _hedge(rng: np.random.Generator, canvas: np.ndarray, horizon: float, unit: float) -> None:
    """Foliage: noise above a threshold that falls off towards the rim, with its own light and dark leaves."""
    span = _span(rng, canvas, horizon, unit * np.array([0.6 + 3 * rng.random(), 0.4 + 1.6 * rng.random()]))
    if span is None:
        return
    left, top, right, low = span
    size = (right - left, low - top)
    outline = noise_field(rng, 2, size, max(0.4, unit / 50))
    leaves = noise_field(rng, 1, size, max(0.3, unit / 110))
    x, y = _ramp(-1, 1, size[0]), _ramp(1, -1, size[1])
    # A mound, steep at the sides and round at the top, with a ragged rim where the noise decides.
    inside = (1 - x[None] ** 4 - np.maximum(y[:, None], 0) ** 2 + 0.5 * outline) > 0.35
    green = np.array([52, 76, 36]) * np.exp(0.3 * rng.standard_normal(3) * np.array([1, 0.6, 1]))
    level = 1 + 0.32 * leaves
    foliage = cv2.merge([level * float(c) for c in green.astype(np.float32)])
    cv2.copyTo(foliage, inside.view(np.uint8), canvas[top:low, left:right])


def _stand(rng: np.random.Generator, canvas: np.ndarray, horizon: float, unit: float) -> None:
    """A stand of spectators far away: rows of coloured dots, too small and too blurred to be labelled."""
    span = _span(rng, canvas, horizon, unit * np.array([2 + 4 * rng.random(), 0.4 + 0.9 * rng.random()]))
    if span is None:
        return
    left, top, right, low = span
    cell = max(2.0, unit * (0.05 + 0.05 * rng.random()))
    grid = (max(1, int((right - left) / cell)), max(1, int((low - top) / cell)))
    gray = rng.random((grid[1], grid[0], 1)).astype(np.float32)
    colors = (
        (0.6 * gray + 0.4 * rng.random((grid[1], grid[0], 3)).astype(np.float32)) ** 1.4
        * 255
        * (0.4 + 0.6 * rng.random())
    )
    # Every second row has the colours of faces, the others those of clothes.
    colors[1::2] = colors[1::2] * 0.35 + np.array([150, 110, 85], np.float32) * 0.5 * rng.random(
        (grid[1] // 2, grid[0], 1)
    )
    canvas[top:low, left:right] = cv2.resize(colors, (right - left, low - top), interpolation=cv2.INTER_CUBIC)


def _bar(
    rng: np.random.Generator, canvas: np.ndarray, color: np.ndarray, horizon: float, unit: float, upright: bool
) -> None:
    """A pole, rail or branch: a thick line, more or less upright or level."""
    height, width = canvas.shape[:2]
    middle = np.array([rng.random() * width, horizon - unit * (0.9 * rng.random() - 0.2)])
    angle = (np.pi / 2 if upright else 0) + 0.15 * rng.standard_normal()
    reach = unit * (0.3 + 1.5 * rng.random()) * np.array([np.cos(angle), np.sin(angle)])
    thick = max(1, round(unit * (0.01 + 0.07 * rng.random() ** 2)))
    ends = np.rint(np.array([middle - reach, middle + reach]) * 16).astype(np.int64).tolist()
    tint = color.tolist()
    cv2.line(canvas, *ends, tint, thick, cv2.LINE_8, 4)
    if thick > 3:  # a light stripe in the middle makes it round
        cv2.line(canvas, *ends, [c * 1.25 for c in tint], thick // 3, cv2.LINE_8, 4)


def _block(
    rng: np.random.Generator, canvas: np.ndarray, color: np.ndarray, horizon: float, unit: float, banner: bool
) -> None:
    """A building with windows, or a banner with strokes like letters."""
    size = unit * (np.array([1 + 2 * rng.random(), 0.3 + 0.2 * rng.random()]) if banner else 0.4 + 2 * rng.random(2))
    span = _span(rng, canvas, horizon, size)
    if span is None:
        return
    left, top, right, low = span
    region = canvas[top:low, left:right]
    level = 1 + 0.1 * noise_field(rng, 2, (right - left, low - top), max(0.4, unit / 60))
    region[:] = cv2.merge([level * float(c) for c in color])
    if rng.random() < 0.7:
        mix = 0.2 + 0.8 * rng.random() ** 2
        other = (1 - mix) * color + mix * (sample_color(rng, 0.25) * 255).astype(np.float32)
        # A grid of windows; with narrow steps it is lattice, slats or strokes as well.
        step = np.maximum(2, unit * (0.04 + 0.25 * rng.random(2)))
        share = 0.25 + 0.5 * rng.random(2)
        columns = (np.arange(right - left) % step[0]) < step[0] * share[0]
        rows = (np.arange(low - top) % step[1]) < step[1] * share[1]
        region[np.flatnonzero(rows)[:, None], np.flatnonzero(columns)] = other
