"""The highest pixel of a heatmap, and HRNet's shift by a quarter of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def heatmap_peaks(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """The highest pixel of each map; the first in row-major order where several are equal.

    Args:
        heatmaps: (B, K, H, W).

    Returns:
        points (B, K, 2) float, x, y in heatmap px, and the heights (B, K). Where a map's maximum is not above zero the
        point is (0, 0), as in HRNet's ``get_max_preds``.
    """
    scores, index = heatmaps.flatten(2).max(-1)
    width = heatmaps.shape[-1]
    points = torch.stack([index % width, torch.div(index, width, rounding_mode="floor")], -1).to(heatmaps.dtype)
    return torch.where(scores[..., None] > 0, points, 0), scores


def values_at(heatmaps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The maps' values (B, K) at whole-number positions x, y (B, K), which are moved into the map if they lie outside."""
    height, width = heatmaps.shape[-2:]
    index = y.long().clamp(0, height - 1) * width + x.long().clamp(0, width - 1)
    return heatmaps.flatten(2).gather(2, index[..., None])[..., 0]


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
    x, y = points.unbind(-1)
    across = values_at(heatmaps, x + 1, y) - values_at(heatmaps, x - 1, y)
    down = values_at(heatmaps, x, y + 1) - values_at(heatmaps, x, y - 1)
    step = 0.25 * torch.stack([across, down], -1).sign()
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
