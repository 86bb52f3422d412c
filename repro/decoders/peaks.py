"""The highest pixel of a heatmap, and HRNet's shift by a quarter of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def highest_pixel(heatmaps: Tensor) -> Tensor:
    """(B, K) int64 places y * W + x of the highest pixels of maps (B, K, H, W); the first where several are equal.

    On a CPU NumPy looks for them: its search compares many values at once and takes an eighth of torch's time.
    """
    flat = heatmaps.detach().flatten(2)
    if flat.device.type == "cpu" and flat.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(flat.numpy().argmax(-1))
    return flat.max(-1).indices


def heatmap_peaks(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """The highest pixel of each map; the first in row-major order where several are equal.

    Args:
        heatmaps: (B, K, H, W).

    Returns:
        points (B, K, 2) float, x, y in heatmap px, and the heights (B, K). Where a map's maximum is not above zero the
        point is (0, 0), as in HRNet's ``get_max_preds``.
    """
    index = highest_pixel(heatmaps)
    scores = heatmaps.flatten(2).gather(2, index[..., None])[..., 0]
    width = heatmaps.shape[-1]
    points = torch.stack([index % width, torch.div(index, width, rounding_mode="floor")], -1).to(heatmaps.dtype)
    return torch.where(scores[..., None] > 0, points, 0), scores


def values_at(heatmaps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The maps' values at whole-number positions x, y (B, K, ...), which are moved into the map if they lie outside.

    Returns:
        The shape of ``x`` and ``y``, which may have several positions a map.
    """
    height, width = heatmaps.shape[-2:]
    index = y.long().clamp(0, height - 1) * width + x.long().clamp(0, width - 1)
    return heatmaps.flatten(2).gather(2, index.flatten(2) if index.dim() > 2 else index[..., None]).view(index.shape)


def inside(points: Tensor, heatmaps: Tensor, margin: int) -> Tensor:
    """(B, K) bool: points with 1 < x < W - margin and 1 < y < H - margin, the test of the official decoders."""
    height, width = heatmaps.shape[-2:]
    x, y = points.unbind(-1)
    return (x > 1) & (x < width - margin) & (y > 1) & (y < height - margin)


def quarter_offset(heatmaps: Tensor, points: Tensor) -> Tensor:
    """Move each peak by a quarter of a pixel toward its higher neighbour, along each axis (HRNet ``get_final_preds``).

    Args:
        heatmaps: (B, K, H, W).
        points: (B, K, 2) whole-number peaks. Peaks with x <= 1, x >= W - 1 (same for y) stay where they are.

    Returns:
        (B, K, 2).
    """
    x, y = points.new_tensor([[1, -1, 0, 0], [0, 0, 1, -1]])  # right, left, below, above
    around = values_at(heatmaps, points[..., :1] + x, points[..., 1:] + y)
    step = 0.25 * (around[..., ::2] - around[..., 1::2]).sign()
    return points + torch.where(inside(points, heatmaps, 1)[..., None], step, 0)


@dataclass(frozen=True, kw_only=True)
class Argmax:
    """The highest pixel."""

    def __call__(self, outputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """points (B, K, 2) in heatmap px and scores (B, K) from ``heatmaps``."""
        return heatmap_peaks(outputs["heatmaps"].float())


@dataclass(frozen=True, kw_only=True)
class QuarterOffset:
    """The highest pixel, moved by a quarter of a pixel toward its higher neighbours: HRNet's own decoder."""

    def __call__(self, outputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """points (B, K, 2) in heatmap px and scores (B, K) from ``heatmaps``."""
        heatmaps = outputs["heatmaps"].float()
        points, scores = heatmap_peaks(heatmaps)
        return quarter_offset(heatmaps, points), scores
