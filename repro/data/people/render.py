"""Drawing: shapes in depth order into a map of shape numbers, then shading of all covered pixels at once.

The map of numbers holds, at ``SCALE`` times the size of the image, which shape is in front. Masks, occlusion and the
labels are read from it, so they cannot disagree with the picture. A pixel x of the image is covered by the pixels
SCALE * x .. SCALE * x + SCALE - 1 of the map: the point x lies at SCALE * x + (SCALE - 1) / 2.
"""

from __future__ import annotations

import cv2
import numpy as np

from repro.data.people.figures import Shapes

SCALE = 2
_SHIFT = 4  # fractional bits of OpenCV's polygon corners
_GEOMETRY = 7  # columns of a shape before its material


class Canvas:
    """The map of one image and the table of its shapes.

    Args:
        size: (width, height) of the image in px.

    Attributes:
        numbers: (SCALE * H, SCALE * W) int32, 0 for the background, else 1 + the row of the shape in the table.
        owners: person of each row, 0 for things, else from 1 on in the order drawn; entry 0 is the background.
        parts: part of each row, entry 0 is the background.
        rows: first and last + 1 row of each person, by its number.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.numbers = np.zeros((SCALE * size[1], SCALE * size[0]), dtype=np.int32)
        self.owners: list[int] = [0]
        self.parts: list[int] = [0]
        self.rows: dict[int, tuple[int, int]] = {}
        self._table: list[np.ndarray] = []

    def draw(self, shapes: Shapes, materials: np.ndarray, scale: float, shift: np.ndarray, owner: int) -> None:
        """Draw shapes over what is there.

        Args:
            shapes: far ones first.
            materials: (S, fields) one row a shape.
            scale: px of the image a unit of the shapes.
            shift: (2,) px of the image where the shapes' origin goes.
            owner: the person's number, 0 for things.
        """
        counts = np.array([len(p) for p in shapes.polygons])
        corners = self._to_map(np.concatenate(shapes.polygons) * scale + shift)
        corners = np.round(np.clip(corners, -30000, 30000) * (1 << _SHIFT)).astype(np.int32)
        first = len(self.parts)
        stop = np.cumsum(counts)
        for i, (a, b) in enumerate(zip(stop - counts, stop, strict=True)):
            cv2.fillPoly(self.numbers, [corners[a:b]], first + i, cv2.LINE_8, _SHIFT)
        self.owners += [owner] * len(counts)
        self.rows[owner] = (first, first + len(counts))
        self.parts += list(shapes.parts)
        self._table.append(self._geometry(shapes, materials, scale, shift))

    def _geometry(self, shapes: Shapes, materials: np.ndarray, scale: float, shift: np.ndarray) -> np.ndarray:
        """(S, _GEOMETRY + fields) rows: origin (2), axis per unit (2), 1 / half width, roundness, unit, material."""
        unit = scale * SCALE
        origins = self._to_map(np.array(shapes.origins) * scale + shift)
        width = np.maximum(np.array(shapes.radii) * unit, 0.5)
        rounds = np.array(shapes.rounds) / unit
        columns = (origins, np.array(shapes.axes), 1 / width, rounds, np.full(len(width), 1 / unit))
        return np.column_stack([*columns, materials]).astype(np.float32)

    @staticmethod
    def _to_map(points: np.ndarray) -> np.ndarray:
        """Image px to px of the map."""
        return points * SCALE + (SCALE - 1) / 2

    def paint(
        self, background: np.ndarray, light: np.ndarray, ambient: float, noise: np.ndarray, start: int = 1
    ) -> np.ndarray:
        """Shade all shapes over a background.

        Args:
            background: (H, W, 3) uint8 or the size of the map already.
            light: (3,) unit vector towards the light, camera axes.
            ambient: share of light that comes from everywhere.
            noise: (h, w) float32 tile of mean 0 and spread 1 for the grain of cloth, sides powers of two.
            start: first row to paint.

        Returns:
            (H, W, 3) uint8.
        """
        height, width = self.numbers.shape
        full = cv2.resize(background, (width, height), interpolation=cv2.INTER_LINEAR)
        where = np.flatnonzero(self.numbers >= start)
        if len(where):
            table = np.concatenate(self._table).T
            cells = np.take(table, self.numbers.ravel()[where] - 1, axis=1, mode="clip")
            full.reshape(-1, 3)[where] = self._shade(cells, where, light, ambient, noise)
        return cv2.resize(full, self.size, interpolation=cv2.INTER_AREA)

    def _shade(
        self, cells: np.ndarray, where: np.ndarray, light: np.ndarray, ambient: float, noise: np.ndarray
    ) -> np.ndarray:
        """(n, 3) uint8 colours of the map's pixels ``where`` (n,), whose shapes' rows are the columns of ``cells``."""
        y, x = np.divmod(where.astype(np.int32), np.int32(self.numbers.shape[1]))
        ox, oy, ax, ay, across, round_, unit = cells[:_GEOMETRY]
        dx, dy = x.astype(np.float32) - ox, y.astype(np.float32) - oy
        along = dx * ax + dy * ay
        v = (dx * ay - dy * ax) * across
        w = along * round_
        np.clip(v, -1, 1, out=v)
        np.clip(w, -1, 1, out=w)
        lx, ly, lz = (np.float32(c) for c in light)
        glow = v * (ay * lx - ax * ly) + w * (ax * lx + ay * ly)
        glow += np.sqrt(np.maximum(1 - v * v - w * w, 0)) * -lz
        np.maximum(glow, 0, out=glow)
        glow *= np.float32(1 - ambient)
        glow += np.float32(ambient)
        first, second, (fu, fv, phase, hard, strength, grain) = np.split(cells[_GEOMETRY:], [3, 6])
        blend = np.clip(np.sin(fu * along * unit + fv * v + phase) * hard, -1, 1) * np.float32(0.5) + np.float32(0.5)
        blend *= strength
        speck = noise[
            (y + oy.astype(np.int32)) & (noise.shape[0] - 1), (x + ox.astype(np.int32)) & (noise.shape[1] - 1)
        ]
        glow *= (1 + grain * speck) * np.float32(255)
        color = (first + (second - first) * blend) * glow
        return np.clip(color, 0, 255).astype(np.uint8).T

    def covered(self, owner: int, window: tuple[slice, slice] = (slice(None), slice(None))) -> np.ndarray:
        """Bool map of where a person is in front, of all the map or of a window of rows and columns."""
        first, stop = self.rows[owner]
        numbers = self.numbers[window]
        return (numbers >= first) & (numbers < stop)
