"""HRNet with a head for keypoint-wise adaptive factors (Seong, Lee, Lee: Keypoint-wise Adaptive Loss for Whole-Body Human
Pose Estimation, Fig. 2).

The paper says that "a head network" predicts the factors lambda in [0, 1]^K and nothing of its layers. The smallest reading
is taken: the mean over the map of HRNet's features at 1/4, one linear layer and a sigmoid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from repro.models.backbones.hrnet import HRNet
from repro.models.base import OnBackbone
from repro.models.layers import INIT_STD
from repro.models.networks import HeatmapHRNet
from repro.skeletons.outputs import HEATMAPS, Output
from repro.skeletons.skeleton import Skeleton


@dataclass(frozen=True, kw_only=True)
class AdaptiveFactorNetwork(OnBackbone):
    """Settings of HRNet with adaptive factors, which the loss reads in training and nothing reads afterwards.

    Args:
        backbone: the HRNet.
        factor_gradient: ``full`` lets the gradient of the factors into the backbone, ``detached`` ends it at their head.
    """

    outputs: ClassVar[Mapping[str, Output]] = {"heatmaps": HEATMAPS}

    backbone: HRNet = HRNet()
    factor_gradient: Literal["full", "detached"] = "full"

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network for the keypoints of ``skeleton``."""
        return AdaptiveFactorHRNet(self.backbone, keypoints=len(skeleton), detached=self.factor_gradient == "detached")


class AdaptiveFactorHRNet(HeatmapHRNet):
    """HRNet under its official parameter names, and ``factor_head``.

    Returns ``heatmaps`` (B, K, H / 4, W / 4) and ``factors`` (B, K) in (0, 1), float32 also under autocast. The head starts
    like HRNet's layers, from N(0, 0.001) and zero bias: all factors begin near 1/2.
    """

    def __init__(self, settings: HRNet, *, keypoints: int, detached: bool) -> None:
        super().__init__(settings, keypoints=keypoints)
        self.detached = detached
        self.factor_head = nn.Linear(settings.outputs[0], keypoints)
        nn.init.normal_(self.factor_head.weight, std=INIT_STD)
        nn.init.zeros_(self.factor_head.bias)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) images to the heatmaps and the factors."""
        high, *_ = self.stage_4(self.stages_1_to_3(self.stem(images)))
        return {"heatmaps": self.final_layer(high), "factors": self.factors(high)}

    def factors(self, features: Tensor) -> Tensor:
        """(B, C, H / 4, W / 4) features to (B, K) factors."""
        pooled = features.mean((-2, -1), dtype=torch.promote_types(features.dtype, torch.float32))
        kind = features.device.type if features.device.type != "meta" else "cpu"  # shapes alone, where work is counted
        with torch.autocast(kind, enabled=False):
            return torch.sigmoid(self.factor_head(pooled.detach() if self.detached else pooled))
