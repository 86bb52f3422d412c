"""Gaussian heatmaps, one a keypoint: rounded as in HRNet, or continuous as in DARK and UDP."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from repro.skeletons import Skeleton

WINDOW = 3  # half width of a truncated Gaussian, in sigmas


def round_to_pixel(points: Tensor) -> Tensor:
    """HRNet's rounding ``int(x + 0.5)``: to the nearest pixel, truncated toward zero for negative coordinates."""
    return torch.trunc(points + 0.5)


def gaussian_heatmaps(points: Tensor, size: tuple[int, int], sigma: float, *, truncated: bool) -> Tensor:
    """Draw a Gaussian of peak 1 at each point.

    Args:
        points: (B, K, 2), x, y in heatmap px.
        size: (width, height) of the heatmap.
        sigma: standard deviation in heatmap px.
        truncated: whether the Gaussian ends at the square of half width 3 sigma, as in HRNet; else it fills the map.

    Returns:
        (B, K, H, W) in the dtype and on the device of ``points``.
    """
    profiles = []
    for axis, length in enumerate(size):
        distance = torch.arange(length, device=points.device, dtype=points.dtype) - points[..., axis, None]
        profile = torch.exp(-distance.square() / (2 * sigma**2))
        profiles.append(torch.where(distance.abs() <= WINDOW * sigma, profile, 0) if truncated else profile)
    across, down = profiles
    return down[..., :, None] * across[..., None, :]


def weights_in_view(points: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """1 where the 3 sigma window around the point's pixel touches the map, else 0 (HRNet ``generate_target``).

    HRNet drops a keypoint iff ``mu - 3 sigma >= W`` or ``mu + 3 sigma + 1 < 0``, where ``mu`` is the rounded coordinate.

    Args:
        points: (B, K, 2), x, y in heatmap px.
        size: (width, height) of the heatmap.
        sigma: standard deviation in heatmap px.

    Returns:
        (B, K) in the dtype of ``points``.
    """
    pixel = round_to_pixel(points)
    limits = torch.tensor(size, device=points.device, dtype=points.dtype)
    outside = (pixel - WINDOW * sigma >= limits) | (pixel + WINDOW * sigma + 1 < 0)
    return (~outside.any(-1)).to(points.dtype)


@dataclass(frozen=True, kw_only=True)
class GaussianHeatmap:
    """Heatmap targets of HRNet, or of DARK with ``rounded=False, truncated=False``.

    UDP's Gaussian target is neither: its centre is continuous, but it ends at the window around the rounded centre.

    Args:
        sigma: standard deviation in heatmap px; HRNet takes 2 at 256x192 and 3 at 384x288.
        rounded: whether the centre is rounded to a pixel before drawing.
        truncated: whether the Gaussian ends at 3 sigma.
    """

    sigma: float = 2.0
    rounded: bool = True
    truncated: bool = True

    def __call__(
        self, points: Tensor, labelled: Tensor, *, size: tuple[int, int], skeleton: Skeleton
    ) -> dict[str, Tensor]:
        """Targets ``heatmaps`` (B, K, H, W) and ``weights`` (B, K).

        Args:
            points: (B, K, 2), x, y in heatmap px.
            labelled: (B, K), 1 where the keypoint is labelled (visible or not), else 0.
            size: (width, height) of the heatmap.
            skeleton: of the K keypoints.
        """
        centres = round_to_pixel(points) if self.rounded else points
        return {
            "heatmaps": gaussian_heatmaps(centres, size, self.sigma, truncated=self.truncated),
            "weights": labelled * weights_in_view(points, size, self.sigma),
        }
