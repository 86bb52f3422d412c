"""What the paper proposes: an encoder, a loss and a network with another head."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from repro.models.backbones.hrnet import HRNet, HRNetBackbone
from repro.models.base import OnBackbone
from repro.skeletons.outputs import HEATMAPS, Output
from repro.skeletons.skeleton import Skeleton


@dataclass(frozen=True, kw_only=True)
class WidePeaks:
    """Heatmaps 1 / (1 + d^2 / width^2), d being the distance from the keypoint in heatmap px."""

    width: float = 2.0

    def __call__(
        self, points: Tensor, labelled: Tensor, *, size: tuple[int, int], skeleton: Skeleton
    ) -> dict[str, Tensor]:
        """Targets ``heatmaps`` (B, K, H, W) and ``weights`` (B, K)."""
        x, y = (torch.arange(n, device=points.device, dtype=points.dtype) for n in size)
        across = (x - points[..., :1]).square()[..., None, :]
        down = (y - points[..., 1:]).square()[..., :, None]
        return {"heatmaps": 1 / (1 + (across + down) / self.width**2), "weights": labelled}


@dataclass(frozen=True, kw_only=True)
class SmoothLoss:
    """The mean of sqrt(e^2 + epsilon^2) - epsilon over the errors e of labelled maps."""

    epsilon: float = 0.1

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss``, from outputs ``heatmaps`` and targets ``heatmaps`` and ``weights``."""
        error = (outputs["heatmaps"] - targets["heatmaps"]) * targets["weights"][..., None, None]
        return {"loss": ((error.square() + self.epsilon**2).sqrt() - self.epsilon).mean()}


@dataclass(frozen=True, kw_only=True)
class DeepHeadNetwork(OnBackbone):
    """HRNet with a hidden layer before its maps."""

    outputs: ClassVar[Mapping[str, Output]] = {"heatmaps": HEATMAPS}

    backbone: HRNet = HRNet()
    hidden: int = 32

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network for the keypoints of ``skeleton``."""
        return DeepHead(self.backbone, hidden=self.hidden, keypoints=len(skeleton))


class DeepHead(HRNetBackbone):
    """HRNet under its official names, so that its weights can be started from, and the head."""

    def __init__(self, settings: HRNet, *, hidden: int, keypoints: int) -> None:
        super().__init__(settings)
        self.head = nn.Sequential(
            nn.Conv2d(settings.outputs[0], hidden, 3, padding=1), nn.ReLU(), nn.Conv2d(hidden, keypoints, 1)
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) images to ``heatmaps`` (B, K, H / 4, W / 4)."""
        high, *_ = self.features(images)
        return {"heatmaps": self.head(high)}
