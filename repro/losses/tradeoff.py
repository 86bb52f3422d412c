"""The tradeoff heatmap loss: squared errors of the background weigh less than those near keypoints.

Sun et al., "Bottom-Up Human Pose Estimation by Ranking Heatmap-Guided Adaptive Keypoint Estimates", equation 4, and its
released code. The encoder makes the mask; this is where it enters the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from repro.errors import ReproError, choice_error

Mode = Literal["code", "paper"]


def tradeoff_mse(predicted: Tensor, target: Tensor, weights: Tensor, mode: Mode = "code") -> Tensor:
    """Mean over images, channels and pixels of a weighted squared error.

    The paper prints a sum; the code's mean over everything is taken in both modes, so that one learning rate fits all sizes.

    Args:
        predicted: (B, K, H, W).
        target: (B, K, H, W).
        weights: (B, 1 or K, H, W), the background mask times the crowd mask.
        mode: ``code``: m (p - t)^2; ``paper``: (m (p - t))^2, so that a background of 0.1 counts 0.01.

    Returns:
        A scalar in the dtype of ``target`` or wider.

    Raises:
        ReproError: when shapes disagree or the mode is unknown.
    """
    check_maps(predicted, target)
    if mode not in ("code", "paper"):
        raise choice_error("mode of the tradeoff loss", mode, ("code", "paper"))
    difference = predicted.to(target.dtype) - target
    return (difference.square() * (weights if mode == "code" else weights.square())).mean()


def check_maps(predicted: Tensor, target: Tensor) -> None:
    """Raise ReproError unless both have one shape."""
    if predicted.shape != target.shape:
        raise ReproError(
            f"Predicted maps have shape {tuple(predicted.shape)} but targets {tuple(target.shape)}: encoder and network "
            "must agree on the number of maps and their size."
        )


@dataclass(frozen=True, kw_only=True)
class TradeoffLoss:
    """The tradeoff loss on ``heatmaps``; plain mean squared error where the encoder's background weight is 1.

    Args:
        mode: how the mask enters, see ``tradeoff_mse``.
    """

    mode: Mode = "code"

    def maps(self, predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """A scalar; arguments as ``tradeoff_mse``."""
        return tradeoff_mse(predicted, target, weights, self.mode)

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss``, from outputs ``heatmaps`` and targets ``heatmaps`` and ``heatmap_weights``."""
        return {"loss": self.maps(outputs["heatmaps"], targets["heatmaps"], targets["heatmap_weights"])}
