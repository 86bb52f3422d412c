"""A disc around each keypoint and, in it, the way to the keypoint: targets of offset-based methods (G-RMI, UDP, CAL).

Papandreou et al. (CVPR 2017) introduced them; the equations are numbered as in Wang et al., "Low-resolution Human Pose
Estimation" (CAL), Section 3.2 and 4.1. The keypoint y is not rounded, so a pixel's offset leads to it exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from repro.encoders.gaussian import gaussian_heatmaps
from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import Skeleton


def way_to_points(points: Tensor, size: tuple[int, int]) -> Tensor:
    """The vector y - p from every pixel p to each point y.

    Args:
        points: (B, K, 2), x, y in heatmap px.
        size: (width, height) of the heatmap.

    Returns:
        (B, K, 2, H, W) in heatmap px, x first, in the dtype and on the device of ``points``.
    """
    across, down = (
        points[..., axis, None] - torch.arange(length, device=points.device, dtype=points.dtype)
        for axis, length in enumerate(size)
    )
    return torch.stack(torch.broadcast_tensors(across[..., None, :], down[..., :, None]), 2)


def discs(points: Tensor, size: tuple[int, int], radius: float) -> Tensor:
    """The binary heatmap B: 1 where a pixel is no farther than ``radius`` from the point (Eq. 6).

    Args:
        points: (B, K, 2), x, y in heatmap px.
        size: (width, height) of the heatmap.
        radius: R in heatmap px.

    Returns:
        (B, K, H, W) of 0 and 1 in the dtype of ``points``; about 50 ones for R = 4.
    """
    return (way_to_points(points, size).square().sum(2) <= radius**2).to(points.dtype)


def offset_fields(points: Tensor, size: tuple[int, int], radius: float) -> Tensor:
    """The offset field O divided by R: (y - p) / R inside the disc, 0 outside (Eq. 7).

    Eq. 7 is in pixels. The official code of UDP, which CAL "strictly follows", divides by R; that is the reading here, since
    with means over pixels and alpha = 1 only then do the two terms of the loss weigh about the same.

    Args:
        points: (B, K, 2), x, y in heatmap px.
        size: (width, height) of the heatmap.
        radius: R in heatmap px.

    Returns:
        (B, K, 2, H, W) in units of R, x first; no vector is longer than 1.
    """
    way = way_to_points(points, size)
    inside = way.square().sum(2, keepdim=True) <= radius**2
    return torch.where(inside, way / radius, 0)


def gaussian_discs(points: Tensor, size: tuple[int, int], radius: float, sigma: float) -> Tensor:
    """The Gaussian-weighted heatmap G = B C: a Gaussian of peak 1, cut off at the rim of the disc (Eq. 10 and 2).

    Args:
        points: (B, K, 2), x, y in heatmap px.
        size: (width, height) of the heatmap.
        radius: R in heatmap px.
        sigma: standard deviation in heatmap px.

    Returns:
        (B, K, H, W); at the rim it falls from exp(-R^2 / (2 sigma^2)), .135 for R = 4 and sigma = 2, to 0.
    """
    return discs(points, size, radius) * gaussian_heatmaps(points, size, sigma, truncated=False)


@dataclass(frozen=True, kw_only=True)
class OffsetField:
    """Targets of UDP (``binary``) and CAL (``gaussian``).

    Args:
        radius: R in heatmap px. CAL does not print it; UDP's code has 4 at every size (``KPD``). At least 1, so that the disc
            of any point in the map holds a pixel.
        heatmap: whether the heatmap is the disc itself or the disc times a Gaussian.
        sigma: standard deviation of that Gaussian in heatmap px, which CAL does not print either.

    Raises:
        ReproError: for a radius below 1, a sigma that is not positive or an unknown heatmap.
    """

    radius: float = 4.0
    heatmap: Literal["binary", "gaussian"] = "binary"
    sigma: float = 2.0

    def __post_init__(self) -> None:
        if not self.radius >= 1:
            raise ReproError(f"OffsetField radius is {self.radius}: give at least 1 heatmap px, UDP's is 4.")
        if not self.sigma > 0:
            raise ReproError(f"OffsetField sigma is {self.sigma}: give a positive number of heatmap px, as 2.")
        if self.heatmap not in ("binary", "gaussian"):
            raise choice_error("OffsetField heatmap", self.heatmap, ("binary", "gaussian"))

    def __call__(
        self, points: Tensor, labelled: Tensor, *, size: tuple[int, int], skeleton: Skeleton
    ) -> dict[str, Tensor]:
        """Targets ``heatmaps`` and ``discs`` (B, K, H, W), ``offsets`` (B, K, 2, H, W), ``points`` and ``weights`` (B, K).

        As in UDP's code the weights tell only what is labelled: a keypoint outside the map is learned as an empty map. UDP
        draws labelled keypoints only; here all are drawn, and the weights keep the others out of every loss.

        Args:
            points: (B, K, 2), x, y in heatmap px.
            labelled: (B, K), 1 where the keypoint is labelled (visible or not), else 0.
            size: (width, height) of the heatmap.
            skeleton: the skeleton of the K keypoints.
        """
        inside = discs(points, size, self.radius)
        gaussian = self.heatmap == "gaussian"
        return {
            "heatmaps": gaussian_discs(points, size, self.radius, self.sigma) if gaussian else inside,
            "discs": inside,
            "offsets": offset_fields(points, size, self.radius),
            "points": points,
            "weights": labelled,
        }
