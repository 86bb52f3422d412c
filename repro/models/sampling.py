"""Bilinear samples beside the regular positions of a 3x3 kernel, and their gradient, compiled for CPUs by numba.

The values are those of ``models.deformable.gathered_convolution`` up to rounding. A sample's four corners are read as rows of
channels, and added to in the gradient: nothing but samples is kept in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.autograd.function import once_differentiable

# Sums of products may be reordered and contracted, so that they use vector instructions; nan and infinity keep their meaning.
FAST = {"reassoc", "contract", "nsz"}


class Sampled(torch.autograd.Function):
    """Samples (B, H, W, 9, C) of x (B, H, W, C) at the offsets (B, H, W, 18), times the mask (B, H, W, 9).

    Offsets are (dy, dx) in px for each position of the kernel, row by row; outside of x there are zeros. All are contiguous and
    of one dtype, float32 or float64; samples of float32 may be rounded to bfloat16. On a whole pixel the gradient is that of the
    pixels right and below. Images are sampled side by side by as many threads as torch has, with the same values.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, offsets: Tensor, mask: Tensor, dilation: int, rounded: bool) -> Tensor:
        """The samples, in bfloat16 where they are ``rounded``."""
        ctx.save_for_backward(x, offsets, mask)
        ctx.settings = dilation, rounded
        samples = x.new_empty(*mask.shape, x.shape[-1], dtype=torch.bfloat16 if rounded else x.dtype)
        _for_images(_sample, ctx.settings, x, offsets, mask, samples)
        return samples

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """The gradients of x, offsets and mask."""
        x, offsets, mask = ctx.saved_tensors
        found = torch.zeros_like(x), torch.zeros_like(offsets), torch.zeros_like(mask)
        _for_images(_pull_back, ctx.settings, x, offsets, mask, gradient.contiguous(), *found)
        return *found, None, None


def _for_images(kernel: Callable[..., None], settings: tuple[int, bool], *tensors: Tensor) -> None:
    """Run a kernel on the images of a batch, whose arrays it shares with no other image; bfloat16 as its 16 bits."""
    plain = (t.detach().view(torch.uint16) if t.dtype == torch.bfloat16 else t.detach() for t in tensors)
    images = list(zip(*(t.numpy() for t in plain), strict=True))
    threads = min(torch.get_num_threads(), len(images))
    if threads <= 1:
        for arrays in images:
            kernel(*settings, *arrays)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda arrays: kernel(*settings, *arrays), images))


@njit(nogil=True, inline="always")
def _corner(x, offset, pixel, step, dilation, size):  # type: ignore[no-untyped-def]
    """Where a sample lies along one axis.

    Args:
        x: the input, whose dtype numbers have.
        offset: the offset in px.
        pixel: the pixel that the kernel is on.
        step: the regular position, -1 to 1.
        dilation: what that is multiplied by.
        size: pixels along the axis.

    Returns:
        the pixels below and above, brought into the input; the fraction from the one to the other; 1 for each of them that is
        inside, 0 for one that is not.
    """
    one, zero = x.dtype.type(1), x.dtype.type(0)
    position = x.dtype.type(pixel + dilation * step) + offset
    low = np.floor(position)
    fraction = position - low
    if not (low >= -1 and low < size):  # also where it is no number
        return 0, 0, fraction, zero, zero
    first = int(low)
    inside_first = one if first >= 0 else zero
    inside_second = one if first + 1 < size else zero
    return max(first, 0), min(first + 1, size - 1), fraction, inside_first, inside_second


@njit(nogil=True, fastmath=FAST)
def _sample(dilation, rounded, x, offsets, mask, samples):  # type: ignore[no-untyped-def]
    """The samples of one image, see ``Sampled``."""
    height, width, channels = x.shape
    one = x.dtype.type(1)
    row = np.empty((9, channels), x.dtype)
    for i in range(height):
        for j in range(width):
            for t in range(9):
                y0, y1, fy, top, bottom = _corner(x, offsets[i, j, 2 * t], i, t // 3 - 1, dilation, height)
                x0, x1, fx, left, right = _corner(x, offsets[i, j, 2 * t + 1], j, t % 3 - 1, dilation, width)
                top, bottom = top * (one - fy) * mask[i, j, t], bottom * fy * mask[i, j, t]
                left, right = left * (one - fx), right * fx
                a00, a01, a10, a11 = top * left, top * right, bottom * left, bottom * right
                v00, v01, v10, v11 = x[y0, x0], x[y0, x1], x[y1, x0], x[y1, x1]
                out = row[t]
                for c in range(channels):
                    out[c] = a00 * v00[c] + a01 * v01[c] + a10 * v10[c] + a11 * v11[c]
            if rounded:
                _round(row.reshape(-1).view(np.uint32), samples[i, j].reshape(-1))
            else:
                samples[i, j] = row


@njit(nogil=True)
def _round(bits, out):  # type: ignore[no-untyped-def]
    """Bits of float32 numbers to those of the nearest in bfloat16, in the middle of two to the even one."""
    for c in range(len(out)):
        out[c] = (bits[c] + np.uint32(0x7FFF) + ((bits[c] >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)


@njit(nogil=True)
def _widen(bits, out):  # type: ignore[no-untyped-def]
    """Bits of bfloat16 numbers to those of float32."""
    for c in range(len(bits)):
        out[c] = np.uint32(bits[c]) << np.uint32(16)


@njit(nogil=True, fastmath=FAST)
def _pull_back(dilation, rounded, x, offsets, mask, gradient, to_x, to_offsets, to_mask):  # type: ignore[no-untyped-def]
    """Add the gradient of one image's samples to those of x, and write those of offsets and mask, see ``Sampled``."""
    height, width, channels = x.shape
    one, zero = x.dtype.type(1), x.dtype.type(0)
    pulls = np.empty((9, channels), x.dtype)
    for i in range(height):
        for j in range(width):
            if rounded:
                _widen(gradient[i, j].reshape(-1), pulls.reshape(-1).view(np.uint32))
            else:
                pulls[:] = gradient[i, j]
            for t in range(9):
                y0, y1, fy, top, bottom = _corner(x, offsets[i, j, 2 * t], i, t // 3 - 1, dilation, height)
                x0, x1, fx, left, right = _corner(x, offsets[i, j, 2 * t + 1], j, t % 3 - 1, dilation, width)
                v00, v01, v10, v11 = x[y0, x0], x[y0, x1], x[y1, x0], x[y1, x1]
                pull = pulls[t]
                d00, d01, d10, d11 = zero, zero, zero, zero
                for c in range(channels):
                    d00 += v00[c] * pull[c]
                    d01 += v01[c] * pull[c]
                    d10 += v10[c] * pull[c]
                    d11 += v11[c] * pull[c]
                d00, d01, d10, d11 = d00 * top * left, d01 * top * right, d10 * bottom * left, d11 * bottom * right
                gy, gx, factor = one - fy, one - fx, mask[i, j, t]
                to_offsets[i, j, 2 * t] = factor * (gx * (d10 - d00) + fx * (d11 - d01))
                to_offsets[i, j, 2 * t + 1] = factor * (gy * (d01 - d00) + fy * (d11 - d10))
                to_mask[i, j, t] = gy * (gx * d00 + fx * d01) + fy * (gx * d10 + fx * d11)
                top, bottom = top * gy * factor, bottom * fy * factor
                left, right = left * gx, right * fx
                _add(to_x[y0, x0], top * left, pull)
                _add(to_x[y0, x1], top * right, pull)
                _add(to_x[y1, x0], bottom * left, pull)
                _add(to_x[y1, x1], bottom * right, pull)


@njit(nogil=True, fastmath=FAST, inline="always")
def _add(row, factor, pull):  # type: ignore[no-untyped-def]
    """Add a multiple of one row of channels to another."""
    for c in range(len(row)):
        row[c] += factor * pull[c]
