"""The keypoints' coordinates themselves as a target, for networks that regress them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from repro.skeletons.skeleton import Skeleton


def weights_in_map(points: Tensor, size: tuple[int, int]) -> Tensor:
    """1 where the pixel that is nearest to the point lies in the map, else 0.

    Pixel 0 reaches from -0.5 to 0.5, so a point counts where -0.5 <= x < W - 0.5 and likewise y.

    Args:
        points: (B, K, 2), x, y in heatmap px.
        size: (width, height) of the heatmap.

    Returns:
        (B, K) in the dtype of ``points``.
    """
    limits = torch.tensor(size, device=points.device, dtype=points.dtype)
    return ((points >= -0.5) & (points < limits - 0.5)).all(-1).to(points.dtype)


@dataclass(frozen=True, kw_only=True)
class Coordinates:
    """Targets of integral regression."""

    def __call__(
        self, points: Tensor, labelled: Tensor, *, size: tuple[int, int], skeleton: Skeleton
    ) -> dict[str, Tensor]:
        """Targets ``points`` (B, K, 2), x, y in heatmap px, and ``weights`` (B, K), 0 where unlabelled or outside the map.

        Args:
            points: (B, K, 2), x, y in heatmap px.
            labelled: (B, K), 1 where the keypoint is labelled (visible or not), else 0.
            size: (width, height) of the heatmap.
            skeleton: the skeleton of the K keypoints.
        """
        return {"points": points, "weights": labelled * weights_in_map(points, size)}
