"""Drawing: shapes in depth order into a map of shape numbers, then shading of all covered pixels at once.

The map of numbers holds, at ``SCALE`` times the size of the image, which shape is in front. Masks, occlusion and the
labels are read from it, so they cannot disagree with the picture. A pixel x of the image is covered by the pixels
SCALE * x .. SCALE * x + SCALE - 1 of the map: the point x lies at SCALE * x + (SCALE - 1) / 2.
"""

from __future__ import annotations

import cv2
import numpy as np

from repro.data.drawn.figures import Shapes

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
        corners = np.concatenate(shapes.polygons) * scale
        for axis in (0, 1):  # rows of two are slow to broadcast
            corners[:, axis] += shift[axis]
        # OpenCV counts with 16 fractional bits: what lies further out than 32767 px may come back on the other side.
        corners = np.minimum(np.maximum(self._to_map(corners), -30000), 30000) * (1 << _SHIFT)
        corners = np.rint(corners, out=corners).astype(np.int32)
        first, start = len(self.parts), 0
        for number, polygon in enumerate(shapes.polygons, first):
            stop = start + len(polygon)
            # No antialiasing: between two numbers lies no third one. Edges are smoothed when the map shrinks to the image.
            cv2.fillPoly(self.numbers, [corners[start:stop]], number, cv2.LINE_8, _SHIFT)
            start = stop
        count = len(shapes.polygons)
        self.owners += [owner] * count
        self.rows[owner] = (first, first + count)
        self.parts += shapes.parts
        self._table.append(self._geometry(shapes, materials, scale, shift))

    def _geometry(self, shapes: Shapes, materials: np.ndarray, scale: float, shift: np.ndarray) -> np.ndarray:
        """(S, _GEOMETRY + fields) rows: origin (2), axis per unit (2), 1 / half width, roundness, unit, material."""
        unit = scale * SCALE
        count, fields = materials.shape
        origins, axes = np.concatenate(shapes.origins + shapes.axes).reshape(2, count, 2)
        rows = np.empty((count, _GEOMETRY + fields), dtype=np.float32)
        rows[:, :2] = self._to_map(origins * scale + shift)
        rows[:, 2:4] = axes
        rows[:, 4] = 1 / np.maximum(np.array(shapes.radii) * unit, 0.5)  # thinner than a px, it would be all rim and dark
        rows[:, 5] = np.array(shapes.rounds) / unit
        rows[:, 6] = 1 / unit
        rows[:, _GEOMETRY:] = materials
        return rows

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
        # Four channels: OpenCV resizes them faster than three, and a pixel is written as one number.
        full = cv2.cvtColor(background, cv2.COLOR_RGB2RGBA)
        full = cv2.resize(full, (width, height), interpolation=cv2.INTER_LINEAR)
        # Only covered pixels are shaded, as a list: people cover a small part of most maps.
        where = np.flatnonzero(self.numbers >= start)
        if len(where):
            rows = self.numbers.take(where, mode="clip").astype(np.intp)  # "clip" saves the check of indices, which all fit
            rows -= 1
            full.view(np.uint32).ravel()[where] = self._shade(rows, where, light, ambient, noise)
        return cv2.cvtColor(cv2.resize(full, self.size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGBA2RGB)

    def _shade(
        self, rows: np.ndarray, where: np.ndarray, light: np.ndarray, ambient: float, noise: np.ndarray
    ) -> np.ndarray:
        """(n,) uint32 RGBA colours of the map's pixels ``where`` (n,), which belong to the shapes ``rows`` (n,).

        A shape is a cylinder that lies in the picture, or, where it is round, a ball or an egg. The light on it is Lambert's: the
        cosine between the surface's normal and the direction to the light. What depends on the shape alone is computed for
        shapes, what most shapes lack only for the pixels of the others.
        """
        # Hundreds of thousands of pixels pass through here for a picture, and moving them is what takes the time: arrays are of
        # single precision and written again where they are no longer needed, and what is a table of shapes stays one until it
        # is looked up.
        table = np.concatenate(self._table).T
        _, _, ax, ay, _, round_, unit = table[:_GEOMETRY]
        first, second = table[_GEOMETRY : _GEOMETRY + 3], table[_GEOMETRY + 3 : _GEOMETRY + 6]
        fu, fv, phase, hard, strength, grain = table[_GEOMETRY + 6 :]
        lx, ly, lz = light.astype(np.float32)
        frame = np.concatenate([table[:5], (ay * lx - ax * ly)[None]])  # slope: how far the light comes from the side
        left, top, cos, sin, inverse, slope = frame.take(rows, axis=1, mode="clip")

        x, width = where.astype(np.int32), np.int32(self.numbers.shape[1])
        y = x // width
        x -= y * width
        dx, dy = x.astype(np.float32), y.astype(np.float32)
        dx -= left
        dy -= top
        # v is the place across the axis, -1 and 1 at the rims. There a cylinder's normal lies in the picture, in the middle it
        # points to the camera: its parts are v across and the root of 1 - v^2 (dome) towards the camera.
        v = dx * sin
        v -= dy * cos
        v *= inverse
        _hold(v)  # outlines bulge and taper, so that a pixel may lie beyond the half width
        glow, dome = v * slope, 1 - v * v
        some = np.flatnonzero((round_ != 0).take(rows, mode="clip"))
        if len(some):  # round along the axis too: the normal turns with w, the place along, as it does with v
            row = rows[some]
            w = _hold((dx[some] * cos[some] + dy[some] * sin[some]) * round_[row])
            glow[some] += w * (ax * lx + ay * ly)[row]
            dome[some] -= w * w
        np.sqrt(np.maximum(dome, 0, out=dome), out=dome)
        dome *= -lz  # z points away from the camera
        glow += dome
        np.maximum(glow, 0, out=glow)  # what faces away from the light has the ambient share alone
        glow *= np.float32(1 - ambient)
        glow += np.float32(ambient)
        # Each shape reads the noise from another place; else one grain would lie over the whole picture.
        x += left.astype(np.int32)
        y += top.astype(np.int32)
        rough = grain.take(rows, mode="clip")
        rough *= _repeated(noise, x, y)
        rough += 1
        rough *= np.float32(255)
        glow *= rough

        color = first.take(rows, axis=1, mode="clip")
        some = np.flatnonzero((strength != 0).take(rows, mode="clip"))
        if len(some):
            # A wave between two colours along and across the cloth; made steep (hard) and cut off it is stripes and checks.
            row = rows[some]
            along = dx[some] * cos[some] + dy[some] * sin[some]
            blend = _hold(np.sin(fu[row] * along * unit[row] + fv[row] * v[some] + phase[row]) * hard[row])
            blend = (blend * np.float32(0.5) + np.float32(0.5)) * strength[row]
            for channel, step in zip(color, second - first, strict=True):
                channel[some] += step[row] * blend
        for channel in color:
            channel *= glow
            np.minimum(np.maximum(channel, 0, out=channel), 255, out=channel)
        # The fourth channel only fills the number that a pixel is written as: any will do.
        red, green, blue = (channel.astype(np.uint8) for channel in color)
        return cv2.merge([red, green, blue, blue]).view(np.uint32).ravel()

    def covered(self, owner: int, window: tuple[slice, slice] = (slice(None), slice(None))) -> np.ndarray:
        """Bool map of where a person is in front, of all the map or of a window of rows and columns."""
        first, stop = self.rows[owner]
        numbers = self.numbers[window]
        return (numbers - np.int32(first)).view(np.uint32) < stop - first  # numbers below wrap around


def _repeated(noise: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n,) the noise, whose sides are powers of two, at whole pixels (n,), where it repeats; it changes x and y."""
    y &= noise.shape[0] - 1  # the remainder, since the side is a power of two; right for negative numbers too
    x &= noise.shape[1] - 1
    y *= np.int32(noise.shape[1])
    y += x
    return noise.take(y, mode="clip")


def _hold(values: np.ndarray) -> np.ndarray:
    """Clip to -1 .. 1 in place."""
    return np.minimum(np.maximum(values, -1, out=values), 1, out=values)
