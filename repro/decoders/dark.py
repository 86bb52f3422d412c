"""DARK: the peak of a Gaussian, from the heatmap's logarithm (Zhang et al., Distribution-Aware Coordinate Representation).

Follows the official decoder: the map is smoothed with a Gaussian kernel, scaled back to its former maximum, and one Newton
step on its logarithm leads from the highest pixel to the peak.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import torch
from torch import Tensor

from repro.decoders.peaks import heatmap_peaks, inside, values_at
from repro.errors import ReproError


def gaussian_kernel(size: int, *, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(size,) kernel that sums to one: OpenCV's for this size, as in the official code.

    Its sigma is 0.3 ((size - 1) / 2 - 1) + 0.8; the small sizes are fixed tables near that, as 1/4, 1/2, 1/4 for three.
    """
    return torch.from_numpy(cv2.getGaussianKernel(size, 0)[:, 0]).to(device=device, dtype=dtype)


def filter_matrix(kernel: Tensor, length: int) -> Tensor:
    """(L, L) matrix whose product with L values is their correlation with an odd kernel (N,), zeros beyond both ends."""
    places = torch.arange(length, device=kernel.device)
    taps = places - places[:, None] + len(kernel) // 2  # of the kernel, for each result and value
    inside = (taps >= 0) & (taps < len(kernel))
    return torch.where(inside, kernel[taps.clamp(0, len(kernel) - 1)], 0)


def smooth(heatmaps: Tensor, size: int) -> Tensor:
    """Filter (B, K, H, W) with a Gaussian kernel, zeros beyond the border, and scale each map to its former maximum.

    As matrix products, which on a CPU take a sixth to a third of the time of convolutions of one channel.
    """
    kernel = gaussian_kernel(size, device=heatmaps.device, dtype=heatmaps.dtype)
    down, across = (filter_matrix(kernel, length) for length in heatmaps.shape[-2:])
    out = down @ heatmaps @ across.T
    before, after = (m.amax((-2, -1), keepdim=True) for m in (heatmaps, out))
    return out * before / after.clamp(min=torch.finfo(out.dtype).tiny)


def newton_step(logarithm: Tensor, points: Tensor) -> Tensor:
    """One Newton step toward the peak of ``logarithm``, by the official code's finite differences.

    First derivatives over two pixels, second derivatives over four (0.25 (h[x + 2] - 2 h[x] + h[x - 2])), mixed ones over
    the four corners.

    Args:
        logarithm: (B, K, H, W).
        points: (B, K, 2) whole-number peaks; those with x <= 1, x >= W - 2 (same for y) stay where they are, as do those
            whose Hessian is singular.

    Returns:
        (B, K, 2) moved points.
    """
    x, y = points.unbind(-1)

    def at(dx: int, dy: int) -> Tensor:
        return values_at(logarithm, x + dx, y + dy)

    dx, dy = 0.5 * (at(1, 0) - at(-1, 0)), 0.5 * (at(0, 1) - at(0, -1))
    dxx = 0.25 * (at(2, 0) - 2 * at(0, 0) + at(-2, 0))
    dyy = 0.25 * (at(0, 2) - 2 * at(0, 0) + at(0, -2))
    dxy = 0.25 * (at(1, 1) - at(-1, 1) - at(1, -1) + at(-1, -1))
    determinant = dxx * dyy - dxy * dxy
    usable = inside(points, logarithm, 2) & (determinant != 0)
    safe = torch.where(usable, determinant, 1)
    step = torch.stack([-(dyy * dx - dxy * dy) / safe, -(dxx * dy - dxy * dx) / safe], -1)
    return points + torch.where(usable[..., None], step, 0)


@dataclass(frozen=True, kw_only=True)
class Dark:
    """DARK's decoder.

    Args:
        kernel: odd size of the smoothing kernel in heatmap px; 11 in the official recipes at 256x192. 1 does not smooth.

    Raises:
        ReproError: when ``kernel`` is not odd.
    """

    kernel: int = 11

    def __post_init__(self) -> None:
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ReproError(f"Dark kernel is {self.kernel}: give an odd number, as 11, or 1 for no smoothing.")

    def __call__(self, outputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """points (B, K, 2) in heatmap px and scores (B, K) from ``heatmaps``; the scores are the unsmoothed maxima."""
        heatmaps = outputs["heatmaps"].float()
        points, scores = heatmap_peaks(heatmaps)
        smoothed = smooth(heatmaps, self.kernel) if self.kernel > 1 else heatmaps
        return newton_step(smoothed.clamp(min=1e-10).log(), points), scores
