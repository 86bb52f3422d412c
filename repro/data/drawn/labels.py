"""Labels read off the drawing: exact keypoints, visibility, masks, boxes; and the noise of annotators."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from pycocotools import mask as rle

from repro.data.drawn.people import FACE, OWNERS, POINT, POINT_NAMES, Figure
from repro.data.drawn.render import SCALE, Canvas

HEAD_CORNERS = np.array([POINT["upper_neck"], POINT["head"]])
_FACE_POINTS = {"nose", "left_eye", "right_eye", "left_ear", "right_ear", *FACE}
_ON_FACE = np.array([name in _FACE_POINTS for name in POINT_NAMES])


@dataclass(frozen=True)
class Labels:
    """N people of one image; P is the length of ``POINT_NAMES``.

    Args:
        points: (N, P, 2) float32, x, y px, exact.
        visibility: (N, P) int8: 0 not labelled, 1 hidden, 2 visible.
        boxes: (N, 4) float32, x, y, width, height of the visible mask: its pixels are x .. x + width - 1.
        areas: (N,) float32, px of the visible mask.
        masks: N run-length codes of the visible masks, as COCO compresses them.
        head_boxes: (N, 4) float32, x, y, width, height around the head, MPII's way: from upper neck to the top.
        heights: (N,) float32, drawn height of the upright person in px.
    """

    points: np.ndarray
    visibility: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    masks: tuple[bytes, ...]
    head_boxes: np.ndarray
    heights: np.ndarray


@dataclass(frozen=True)
class Placed:
    """A figure in the image: ``scale`` px a height, ``shift`` (2,) px of its origin, ``owner`` its number on the canvas."""

    figure: Figure
    scale: float
    shift: np.ndarray
    owner: int

    def points(self) -> np.ndarray:
        """(P, 2) keypoints in px of the image."""
        return self.figure.points * self.scale + self.shift

    def extent(self) -> np.ndarray:
        """(4,) left, top, right, bottom of its shapes in px of the image."""
        return (self.figure.extent.reshape(2, 2) * self.scale + self.shift).ravel()

    def window(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the pixels of an image of ``size`` that it may cover; at least one pixel."""
        left, top, right, low = self.extent().tolist()
        left, top = (min(max(int(v) - 2, 0), s - 1) for v, s in zip((left, top), size, strict=True))
        right, low = (min(max(int(v) + 3, a + 1), s) for v, a, s in zip((right, low), (left, top), size, strict=True))
        return left, top, right, low

    def map_window(self, size: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns of the canvas' map that it may cover."""
        return _on_map(*self.window(size))


def _on_map(left: int, top: int, right: int, low: int) -> tuple[slice, slice]:
    """Rows and columns of the canvas' map under pixels of the image."""
    return slice(top * SCALE, low * SCALE), slice(left * SCALE, right * SCALE)


def read_labels(
    canvas: Canvas, people: list[Placed], rng: np.random.Generator, unlabelled: float
) -> tuple[Labels, np.ndarray]:
    """Read the labels of ``people`` off the finished canvas.

    Args:
        canvas: the canvas after all drawing.
        people: the people to label.
        rng: decides which hidden keypoints stay unlabelled.
        unlabelled: their share; of the points on a face that looks away two and a half times as many.

    Returns:
        the labels, and (H, W) uint8 the part of the labelled people at each pixel (``part_labels``).
    """
    masks = person_masks(canvas, people)
    points = np.array([person.points() for person in people]).reshape(-1, len(POINT_NAMES), 2)
    away = np.array([person.figure.turned_away for person in people]).reshape(-1, len(POINT_NAMES))
    state = keypoint_states(canvas, points, away, np.array([person.owner for person in people], dtype=np.int64))
    chance = np.where(away & _ON_FACE, min(1.0, 2.5 * unlabelled), unlabelled)
    state[(state == 1) & (rng.random(state.shape) < chance)] = 0
    labels = Labels(
        points.astype(np.float32),
        state,
        np.array([_box(m, at) for m, at in masks], dtype=np.float32).reshape(-1, 4),
        np.array([np.count_nonzero(m) for m, _ in masks], dtype=np.float32),
        tuple(_encode(m, at, canvas.size) for m, at in masks),
        _head_boxes(points, people),
        np.array([person.scale for person in people], dtype=np.float32),
    )
    return labels, part_labels(canvas, people, masks)


def keypoint_states(canvas: Canvas, points: np.ndarray, turned_away: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Visibility from what is in front at each keypoint.

    A keypoint is visible when the shape in front there belongs to its person and to one of the parts that meet in it, and
    it does not lie on the side of head or trunk that faces away. Outside the image it is not labelled.

    Args:
        canvas: the canvas after all drawing.
        points: (N, P, 2) px of the image.
        turned_away: (N, P) bool.
        owners: (N,) number of each person on the canvas.

    Returns:
        (N, P) int8: 0 outside, 1 hidden, 2 visible.
    """
    width, height = canvas.size
    pixel = np.floor(points + 0.5).astype(np.int64)
    column, row = pixel[..., 0], pixel[..., 1]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    # What is in front is asked of the map, finer than the image: thin limbs would get lost between its pixels.
    fine = np.rint(points * SCALE + (SCALE - 1) / 2).astype(np.int64)
    fine = np.minimum(np.maximum(fine, 0), (width * SCALE - 1, height * SCALE - 1))
    front = canvas.numbers[fine[..., 1], fine[..., 0]]
    mine = np.asarray(canvas.owners)[front] == owners[:, None]
    part = np.asarray(canvas.parts)[front]
    own = OWNERS[np.arange(points.shape[1])[None], part]
    return np.where(inside, np.where(mine & own & ~turned_away, 2, 1), 0).astype(np.int8)


def person_masks(canvas: Canvas, people: list[Placed]) -> list[tuple[np.ndarray, tuple[int, int]]]:
    """``person_mask`` of all people; a pixel that two cover half and half goes to the one in front, who was drawn later."""
    taken = np.zeros(canvas.size[::-1], dtype=bool)
    masks = {}
    for person in sorted(people, key=lambda p: -p.owner):
        mask, (left, top) = person_mask(canvas, person)
        region = taken[top : top + mask.shape[0], left : left + mask.shape[1]]
        mask &= ~region
        region |= mask
        masks[person.owner] = mask, (left, top)
    return [masks[person.owner] for person in people]


def person_mask(canvas: Canvas, person: Placed) -> tuple[np.ndarray, tuple[int, int]]:
    """The pixels that a person covers at least by half: (h, w) bool of a window, and its top-left pixel (x, y)."""
    left, top, right, low = person.window(canvas.size)
    fine = canvas.covered(person.owner, _on_map(left, top, right, low)).view(np.uint8)
    half = cv2.resize(fine, (right - left, low - top), interpolation=cv2.INTER_AREA)  # the mean, a half rounded up to 1
    return half.view(bool), (left, top)


def _box(mask: np.ndarray, at: tuple[int, int]) -> tuple[float, float, float, float]:
    """x, y, width, height of the pixels of a mask; zeros when it is empty."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return (at[0] + x, at[1] + y, width, height) if width else (0.0, 0.0, 0.0, 0.0)


def _encode(mask: np.ndarray, at: tuple[int, int], size: tuple[int, int]) -> bytes:
    """COCO's compressed run-length code of a window of an image of ``size``."""
    full = np.zeros((size[1], size[0]), dtype=np.uint8, order="F")  # COCO's code runs down the columns
    full[at[1] : at[1] + mask.shape[0], at[0] : at[0] + mask.shape[1]] = mask
    return rle.encode(full)["counts"]


def _head_boxes(points: np.ndarray, people: list[Placed]) -> np.ndarray:
    """(N, 4) boxes around the head, from upper neck to top and as wide as three quarters of its length."""
    ends = points[:, HEAD_CORNERS]
    length = np.array([person.figure.head_size * person.scale for person in people])
    middle = (ends[:, 0] + ends[:, 1]) / 2
    half = np.abs(ends[:, 1] - ends[:, 0]) / 2
    half = np.maximum(half, 0.375 * length[:, None])  # the ends of an upright head span no width of their own
    return np.concatenate([middle - half, 2 * half], axis=1).astype(np.float32)


def part_labels(canvas: Canvas, people: list[Placed], masks: list[tuple[np.ndarray, tuple[int, int]]]) -> np.ndarray:
    """(H, W) uint8 part of the body that covers each pixel at least by half, as numbered by ``figures.PARTS``.

    All but the given people, whose ``masks`` are those of ``person_masks``, are background. Of several parts in a pixel
    the one with the highest number is taken.
    """
    out = np.zeros(canvas.size[::-1], dtype=np.uint8)
    parts = np.asarray(canvas.parts, dtype=np.uint8)
    for person, (mask, (left, top)) in zip(people, masks, strict=True):
        height, width = mask.shape
        first, stop = canvas.rows[person.owner]
        table = np.zeros_like(parts)  # with others' shapes as background
        table[first:stop] = parts[first:stop]
        fine = table.take(canvas.numbers[_on_map(left, top, left + width, top + height)], mode="clip")
        corners = [fine[y::SCALE, x::SCALE] for y in range(SCALE) for x in range(SCALE)]
        most = np.maximum(np.maximum(corners[0], corners[1]), np.maximum(corners[2], corners[3]))
        region = out[top : top + height, left : left + width]
        np.copyto(region, most, where=mask)
    return out


def label_noise(
    rng: np.random.Generator, points: np.ndarray, sigmas: np.ndarray, areas: np.ndarray, amount: float
) -> np.ndarray:
    """Move keypoints as annotators do: Gaussian, its spread by type and size of the person.

    COCO's sigma of a keypoint is the root of the mean of d^2 / area over repeated annotations, d the distance to the truth;
    so each coordinate gets a spread of amount * sigma * sqrt(area / 2).

    Args:
        rng: random numbers of the labels.
        points: (N, K, 2) px.
        sigmas: (K,) OKS sigmas.
        areas: (N,) px^2.
        amount: 1 for COCO's spread.

    Returns:
        (N, K, 2) px.
    """
    spread = amount * np.asarray(sigmas)[None, :, None] * np.sqrt(np.asarray(areas) / 2)[:, None, None]
    return points + spread * rng.standard_normal(points.shape)
