"""DARK: the peak of a Gaussian, from the heatmap's logarithm (Zhang et al., Distribution-Aware Coordinate Representation).

Follows the official decoder: the map is smoothed with a Gaussian kernel, scaled back to its former maximum, raised to 1e-10
where it is below, and one Newton step on its logarithm leads from the highest pixel to the peak. The step reads 13 pixels, at
most two from the peak, so no others are smoothed. Scaling adds the same number to all logarithms, which no difference of them
shows; it matters only beside the 1e-10, that is where a smoothed value near the peak is not positive: such maps, rare but in
untrained networks, are smoothed and scaled as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import torch
from torch import Tensor

from repro.decoders.peaks import heatmap_peaks, inside, values_at
from repro.errors import ReproError

FLOOR = 1e-10  # below which no logarithm is taken


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


def smooth_around(heatmaps: Tensor, points: Tensor, size: int) -> Tensor:
    """What a Gaussian kernel, with zeros beyond the border, makes of the 5x5 pixels around a point of each map.

    Args:
        heatmaps: (B, K, H, W).
        points: (B, K, 2) whole numbers x, y.
        size: the size of the kernel, odd; 1 gives the pixels as they are.

    Returns:
        (B, K, 5, 5) float64, not scaled.
    """
    height, width = heatmaps.shape[-2:]
    half = size // 2
    side = torch.arange(-half - 2, half + 3, device=heatmaps.device)
    x, y = (points[..., i, None].long() + side for i in (0, 1))  # (B, K, size + 4)
    known = ((y >= 0) & (y < height))[..., :, None] & ((x >= 0) & (x < width))[..., None, :]
    maps = torch.arange(x.shape[:2].numel(), device=x.device).view(*x.shape[:2], 1)
    rows = maps * height + y.clamp(0, height - 1)
    values = heatmaps.flatten()[rows[..., :, None] * width + x.clamp(0, width - 1)[..., None, :]]
    kernel = gaussian_kernel(size, device=heatmaps.device, dtype=torch.float64)
    taps = filter_matrix(kernel, size + 4)[half : half + 5]
    return taps @ torch.where(known, values, 0).double() @ taps.T


def to_extremum(points: Tensor, dx: Tensor, dy: Tensor, dxx: Tensor, dyy: Tensor, dxy: Tensor) -> Tensor:
    """Points (B, K, 2) moved to where a parabola with these derivatives (B, K) is level; not where the Hessian is singular."""
    determinant = dxx * dyy - dxy * dxy
    regular = determinant != 0
    safe = torch.where(regular, determinant, 1)
    step = torch.stack([-(dyy * dx - dxy * dy) / safe, -(dxx * dy - dxy * dx) / safe], -1)
    return points + torch.where(regular[..., None], step, 0)


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
    return torch.where(inside(points, logarithm, 2)[..., None], to_extremum(points, dx, dy, dxx, dyy, dxy), points)


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
        moving = inside(points, heatmaps, 2)
        near = smooth_around(heatmaps, points, self.kernel)
        low = moving & (near.amin((-2, -1)) < FLOOR)
        if low.any():
            whole = smooth(heatmaps[low][None].double(), self.kernel)
            near[low] = smooth_around(whole, points[low][None], 1)[0]
        middle = points.new_full(points.shape, 2)
        moved = newton_step(near.clamp(min=FLOOR).log(), middle.double()).to(points.dtype)
        return torch.where(moving[..., None], points - middle + moved, points), scores
