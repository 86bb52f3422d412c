"""Affine warps of many images at once on a device, equal to OpenCV's: what ``cv2.warpAffine`` does to one image on a CPU.

OpenCV works in whole numbers, and so does this. A crop's pixel (x, y) is looked up at M^-1 (x, y) of the image, where the
share of x and that of y are each rounded to 1/1024 px and their sum to 1/32 px. Bilinear weights are products of 32nds, beyond
the image everything is 0. Intel's and OpenCV's own code agree in that; other builds of OpenCV may round differently.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

POSITION_BITS = 10  # of the fraction of each axis' share of a position
WEIGHT_BITS = 5  # of the fraction of a position, for bilinear weights


@dataclass(frozen=True)
class Planes:
    """Images of M sizes in one tensor on a device.

    Args:
        pixels: (n, C) uint8, the pixels of all images one after the other, row by row.
        starts: (M,) int64, the row of ``pixels`` where each image begins.
        sizes: (M, 2) int32, (width, height).
    """

    pixels: Tensor
    starts: Tensor
    sizes: Tensor

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.pixels.device


def inverse_matrices(matrices: np.ndarray) -> np.ndarray:
    """The inverse maps of (N, 2, 3) affine ones in float64, in the order of operations of ``cv2.warpAffine``."""
    (a, b, tx), (c, d, ty) = np.moveaxis(np.asarray(matrices, dtype=np.float64), 0, -1)
    determinant = a * d - b * c
    factor = np.divide(1.0, determinant, out=np.zeros_like(determinant), where=determinant != 0)
    a, b, c, d = d * factor, b * -factor, c * -factor, a * factor
    inverse = np.array([[a, b, -a * tx - b * ty], [c, d, -c * tx - d * ty]])
    return np.ascontiguousarray(np.moveaxis(inverse, -1, 0))


def warp(planes: Planes, index: Tensor, inverses: Tensor, size: tuple[int, int], *, nearest: bool = False) -> Tensor:
    """Warped images, on the device of ``planes`` and without waiting for it.

    Args:
        planes: the images, of C channels.
        index: (B,) int64, which image each one is made of.
        inverses: (B, 2, 3) float64, of ``inverse_matrices``.
        size: (width, height) of the warped images.
        nearest: whether the nearest pixel is taken; else four are weighed.

    Returns:
        (B, height, width, C) uint8.
    """
    bits = POSITION_BITS if nearest else POSITION_BITS - WEIGHT_BITS
    across, down = (_positions(inverses[:, axis], size, bits) for axis in (0, 1))
    start, limits = planes.starts[index], planes.sizes[index]
    width, height = (limits[:, axis, None, None] for axis in (0, 1))
    if nearest:
        inside = (across >= 0) & (across < width) & (down >= 0) & (down < height)
        return _taken(planes, start, width, height, across, down) * inside[..., None]
    left, right = _weights(across, width)
    upper, lower = _weights(down, height)
    across, down = across >> WEIGHT_BITS, down >> WEIGHT_BITS
    total: Tensor | None = None
    for weight_y, y in ((upper, down), (lower, down + 1)):
        for weight_x, x in ((left, across), (right, across + 1)):
            share = _taken(planes, start, width, height, x, y) * (weight_x * weight_y)[..., None]
            total = share if total is None else total.add_(share)
    assert total is not None
    return total.add_(1 << (2 * WEIGHT_BITS - 1)).bitwise_right_shift_(2 * WEIGHT_BITS).to(torch.uint8)


def _positions(inverse: Tensor, size: tuple[int, int], bits: int) -> Tensor:
    """(B, height, width) int32: one coordinate of the position of each pixel, in units of 2^-(10 - bits) px, rounded down
    after half a unit was added."""
    x, y = (torch.arange(length, device=inverse.device, dtype=torch.float64) for length in size)
    unit = float(1 << POSITION_BITS)
    share_x = (inverse[:, 0, None] * x * unit).round().to(torch.int32)
    share_y = ((inverse[:, 1, None] * y + inverse[:, 2, None]) * unit).round().to(torch.int32)
    return (share_y[:, :, None] + (1 << (bits - 1)) + share_x[:, None]) >> bits


def _weights(position: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the pixels before and after positions in 32nds: int32 from 0 to 32; 0 for those outside 0 .. length - 1."""
    pixel, fraction = position >> WEIGHT_BITS, position & ((1 << WEIGHT_BITS) - 1)
    before = ((1 << WEIGHT_BITS) - fraction) * ((pixel >= 0) & (pixel < length))
    return before, fraction * ((pixel >= -1) & (pixel < length - 1))


def _taken(planes: Planes, start: Tensor, width: Tensor, height: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(B, h, w, C) uint8: the pixels at x, y, those outside replaced by the nearest inside."""
    zero = torch.zeros_like(width)
    row = torch.minimum(torch.maximum(y, zero), height - 1).long() * width
    place = row + torch.minimum(torch.maximum(x, zero), width - 1) + start[:, None, None]
    return planes.pixels[place]
