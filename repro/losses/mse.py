"""Mean squared error on heatmaps, of the keypoints that are labelled; and the total loss of skeletal heatmaps."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from repro.errors import ReproError


def weighted_mse(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Half the mean squared error, maps of weight 0 counted as zero error (HRNet ``JointsMSELoss``).

    HRNet averages 0.5 (w (p - t))^2 over batch and pixels for each keypoint, then over keypoints; that is the mean over all.

    Args:
        predicted: (B, K, H, W).
        target: (B, K, H, W).
        weights: (B, K).

    Returns:
        A scalar in float32 or wider.

    Raises:
        ReproError: when the shapes of predictions and targets disagree.
    """
    if predicted.shape != target.shape:
        raise ReproError(
            f"Predicted heatmaps have shape {tuple(predicted.shape)} but targets {tuple(target.shape)}: encoder and network "
            "must agree on the number of maps and their size."
        )
    difference = predicted.to(target.dtype) - target
    return 0.5 * (weights[..., None, None] * difference).square().mean()


@dataclass(frozen=True, kw_only=True)
class HeatmapMSE:
    """Loss of HRNet on ``heatmaps``."""

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss``, from outputs ``heatmaps`` and targets ``heatmaps`` and ``weights``."""
        return {"loss": weighted_mse(outputs["heatmaps"], targets["heatmaps"], targets["weights"])}


@dataclass(frozen=True, kw_only=True)
class SkeletalLoss:
    """l = l_k + lambda l_s (Human Pose Estimation Using Skeletal Heatmaps, Eq. 8 and 9).

    The paper sums squared errors; here both terms are HRNet's means, because the network is trained "in the same way" as
    HRNet. The ratio of the two terms then differs from the printed one by K / 16 for K keypoints.

    Args:
        weight: the paper's lambda.
    """

    weight: float = 0.2

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss``, ``keypoint_loss`` and ``skeletal_loss``, from the outputs ``heatmaps`` and ``skeletal``."""
        keypoint = weighted_mse(outputs["heatmaps"], targets["heatmaps"], targets["weights"])
        skeletal = weighted_mse(outputs["skeletal"], targets["skeletal"], targets["skeletal_weights"])
        return {"loss": keypoint + self.weight * skeletal, "keypoint_loss": keypoint, "skeletal_loss": skeletal}
