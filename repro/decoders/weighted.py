"""Weighted inference: the mean of the N highest pixels with harmonic weights (Human Pose Estimation Using Skeletal Heatmaps).

The paper does not say which score the keypoint gets, nor what becomes of HRNet's quarter offset: the score stays the map's
maximum, so that rescoring of persons does not change, and the weighted mean, already between pixels, takes the place of the
offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from repro.errors import ReproError


def harmonic_weights(n: int, *, device: torch.device | None = None, dtype: torch.dtype | None = None) -> Tensor:
    """(n,) weights w_n = (1 / n) / (1 + 1/2 + ... + 1/N), which sum to one (Eq. 5)."""
    inverse = 1 / torch.arange(1, n + 1, device=device, dtype=dtype or torch.float32)
    return inverse / inverse.sum()


def highest_pixels(maps: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The n highest values of each row of maps (B, K, L), falling, and their places, both (B, K, n).

    Equal values stand in the order of their places. Only where the last of them ties with the next is a row sorted whole.
    """
    some, places = maps.topk(min(n + 1, maps.shape[-1]), dim=-1)
    places = places.sort(dim=-1).values
    values, order = maps.gather(-1, places).sort(dim=-1, descending=True, stable=True)
    places = places.gather(-1, order)
    if n < maps.shape[-1] and (tied := some[..., n - 1] == some[..., n]).any():
        whole = maps[tied].sort(dim=-1, descending=True, stable=True)
        values[tied], places[tied] = (column[:, : n + 1] for column in whole)
    return values[..., :n], places[..., :n]


def weighted_points(heatmaps: Tensor, n: int = 20) -> tuple[Tensor, Tensor]:
    """The weighted mean of the n highest pixels (Eq. 4); equal values rank in row-major order.

    Args:
        heatmaps: (B, K, H, W).
        n: number of pixels; the paper's is 20.

    Returns:
        points (B, K, 2), x, y in heatmap px, and the maxima (B, K). Where the maximum is not above zero the point is (0, 0).

    Raises:
        ReproError: when a map has fewer than n pixels.
    """
    height, width = heatmaps.shape[-2:]
    if n > height * width:
        raise ReproError(
            f"Weighted inference over {n} pixels needs larger maps than {width}x{height}: lower its number."
        )
    values, index = highest_pixels(heatmaps.flatten(2), n)
    pixels = torch.stack([index % width, torch.div(index, width, rounding_mode="floor")], -1).to(heatmaps.dtype)
    weights = harmonic_weights(n, device=heatmaps.device, dtype=heatmaps.dtype)
    points = (weights[:, None] * pixels).sum(-2)
    scores = values[..., 0]
    return torch.where(scores[..., None] > 0, points, 0), scores


@dataclass(frozen=True, kw_only=True)
class WeightedInference:
    """Weighted inference.

    Args:
        n: number of pixels that take part; the paper's N = 20.

    Raises:
        ReproError: when ``n`` is below 1.
    """

    n: int = 20

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ReproError(f"WeightedInference n is {self.n}: give the number of pixels that take part, 1 or more.")

    def __call__(self, outputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """points (B, K, 2) in heatmap px and scores (B, K) from ``heatmaps``."""
        return weighted_points(outputs["heatmaps"].float(), self.n)
