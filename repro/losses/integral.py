"""Integral pose regression: the mean of a softmaxed map as the keypoint's place, and the L1 error of that place.

Sun et al., "Integral Human Pose Regression", ECCV 2018. The mean stands here, before the decoders, because the loss is taken
through it; ``decoders.integral`` reads keypoints with the same function.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from repro.errors import ReproError


def soft_argmax(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """The mean pixel of each map's softmax (Eq. 2 and 3 of the paper): differentiable, and between pixels.

    Args:
        heatmaps: (B, K, H, W) raw maps of any scale.

    Returns:
        points (B, K, 2), x, y in heatmap px, within the map; and scores (B, K), the maxima of the softmaxed maps.
    """
    height, width = heatmaps.shape[-2:]
    shares = heatmaps.flatten(2).softmax(-1)
    maps = shares.unflatten(-1, (height, width))
    x, y = (torch.arange(n, device=maps.device, dtype=maps.dtype) for n in (width, height))
    points = torch.stack([(maps.sum(-2) * x).sum(-1), (maps.sum(-1) * y).sum(-1)], -1)
    return points, shares.amax(-1)


def weighted_l1(points: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean of w (|dx| + |dy|) over batch and keypoints, those of weight 0 counted as zero error.

    The official code sums over keypoints and measures in shares of the map, which differs by a constant factor.

    Args:
        points: (B, K, 2), x, y in heatmap px.
        target: (B, K, 2), likewise.
        weights: (B, K).

    Raises:
        ReproError: when the shapes of predictions and targets disagree.
    """
    if points.shape != target.shape:
        raise ReproError(
            f"Predicted points have shape {tuple(points.shape)} but targets {tuple(target.shape)}: encoder and network "
            "must agree on the number of keypoints."
        )
    # A point that is not labelled may lie anywhere, at infinity too: it is left out before it is multiplied.
    error = torch.where(weights > 0, (points.to(target.dtype) - target).abs().sum(-1), 0)
    return (weights * error).mean()


@dataclass(frozen=True, kw_only=True)
class JointL1:
    """L1 error of the keypoints that ``soft_argmax`` reads from ``heatmaps``, in heatmap px."""

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss``, from outputs ``heatmaps`` and targets ``points`` (B, K, 2) and ``weights`` (B, K)."""
        points, _ = soft_argmax(outputs["heatmaps"].float())
        return {"loss": weighted_l1(points, targets["points"], targets["weights"])}
