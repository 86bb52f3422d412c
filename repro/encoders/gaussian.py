"""Gaussian heatmaps, one a keypoint: rounded as in HRNet, or continuous as in DARK and UDP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import Skeleton

WINDOW = 3  # half width of a truncated Gaussian, in sigmas


def round_to_pixel(points: Tensor) -> Tensor:
    """HRNet's rounding ``int(x + 0.5)``: to the nearest pixel, truncated toward zero for negative coordinates."""
    return torch.trunc(points + 0.5)


def gaussian_heatmaps(
    points: Tensor, size: tuple[int, int], sigma: float, *, truncated: bool, window: Tensor | None = None
) -> Tensor:
    """Draw a Gaussian of peak 1 at each point.

    Args:
        points: (B, K, 2), x, y in heatmap px.
        size: (width, height) of the heatmap.
        sigma: standard deviation in heatmap px.
        truncated: whether the Gaussian ends at the square of half width 3 sigma, as in HRNet; else it fills the map.
        window: (B, K, 2) centres of those squares; None for the points themselves.

    Returns:
        (B, K, H, W) in the dtype and on the device of ``points``.
    """
    profiles = []
    for axis, length in enumerate(size):
        pixels = torch.arange(length, device=points.device, dtype=points.dtype)
        distance = pixels - points[..., axis, None]
        profile = torch.exp(-distance.square() / (2 * sigma**2))
        if truncated:
            from_window = distance if window is None else pixels - window[..., axis, None]
            profile = torch.where(from_window.abs() <= WINDOW * sigma, profile, 0)
        profiles.append(profile)
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
    """Heatmap targets of HRNet; of DARK (``rounded=False, truncated=False``); of UDP (``rounded=False, window="pixel"``).

    UDP's Gaussian target has a continuous centre, but ends at the window around the rounded centre.

    Args:
        sigma: standard deviation in heatmap px; HRNet takes 2 at 256x192 and 3 at 384x288.
        rounded: whether the centre is rounded to a pixel before drawing.
        truncated: whether the Gaussian ends at 3 sigma.
        window: the place that 3 sigma count from: the Gaussian's ``centre``, or the ``pixel`` that the keypoint is rounded to.

    Raises:
        ReproError: for an unknown window, or a window of a Gaussian that does not end.
    """

    sigma: float = 2.0
    rounded: bool = True
    truncated: bool = True
    window: Literal["centre", "pixel"] = "centre"

    def __post_init__(self) -> None:
        if self.window not in ("centre", "pixel"):
            raise choice_error("GaussianHeatmap window", self.window, ("centre", "pixel"))
        if self.window == "pixel" and not self.truncated:
            raise ReproError(
                "GaussianHeatmap window is 'pixel' but truncated is False: a Gaussian that fills the map has no window, "
                "leave one of the two out."
            )

    def __call__(
        self, points: Tensor, labelled: Tensor, *, size: tuple[int, int], skeleton: Skeleton
    ) -> dict[str, Tensor]:
        """Targets ``heatmaps`` (B, K, H, W) and ``weights`` (B, K).

        Args:
            points: (B, K, 2), x, y in heatmap px.
            labelled: (B, K), 1 where the keypoint is labelled (visible or not), else 0.
            size: (width, height) of the heatmap.
            skeleton: the skeleton of the K keypoints.
        """
        centres = round_to_pixel(points) if self.rounded else points
        window = round_to_pixel(points) if self.window == "pixel" else None
        return {
            "heatmaps": gaussian_heatmaps(centres, size, self.sigma, truncated=self.truncated, window=window),
            "weights": labelled * weights_in_view(points, size, self.sigma),
        }
