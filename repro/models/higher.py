"""HigherHRNet with associative embedding: heatmaps at two sizes and a tag map for each keypoint.

Cheng et al., "HigherHRNet: Scale-Aware Representation Learning for Bottom-Up Human Pose Estimation", CVPR 2020; tags
after Newell et al., "Associative Embedding", NIPS 2017, at the smaller size only (the official ``WITH_AE_LOSS`` is
``[True, False]``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from repro.errors import ReproError
from repro.models.backbones.hrnet import HRNet, HRNetBackbone
from repro.models.base import OnBackbone
from repro.models.heads.heatmap import heatmap_head
from repro.models.heads.upsampled import UpsampledHeatmaps
from repro.models.layers import joined
from repro.skeletons.outputs import HEATMAPS, HEATMAPS_2X, TAGS, Output
from repro.skeletons.skeleton import Skeleton


@dataclass(frozen=True, kw_only=True)
class HigherNetwork(OnBackbone):
    """Settings of HigherHRNet; the defaults are HigherHRNet-W32.

    Args:
        backbone: the HRNet; only its highest resolution is used.
        blocks: basic blocks after the transposed convolution.

    Raises:
        ReproError: when the backbone is multi-scale, or ``blocks`` is below 0.
    """

    outputs: ClassVar[Mapping[str, Output]] = {"heatmaps": HEATMAPS, "tags": TAGS, "heatmaps_2x": HEATMAPS_2X}

    backbone: HRNet = HRNet()
    blocks: int = 4

    def __post_init__(self) -> None:
        if self.backbone.multi_scale_stage4:
            raise ReproError(
                "The backbone of a HigherHRNet has multi_scale_stage4 True, but only the highest resolution is used: "
                "give an HRNet without."
            )
        if self.blocks < 0:
            raise ReproError(f"HigherNetwork blocks is {self.blocks}: give a whole number of at least 0.")

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network for the keypoints of ``skeleton``."""
        return HigherHRNet(self.backbone, keypoints=len(skeleton), blocks=self.blocks)


class HigherHRNet(HRNetBackbone):
    """HRNet and the two heads. Returns maps without an activation:

    - ``heatmaps`` and ``tags``, each (B, K, H / 4, W / 4);
    - ``heatmaps_2x`` (B, K, H / 2, W / 2), from the features, the heatmaps and the tags.
    """

    def __init__(self, settings: HRNet, *, keypoints: int, blocks: int) -> None:
        super().__init__(settings)
        width = settings.outputs[0]
        self.final_layer = heatmap_head(width, 2 * keypoints)
        self.upsampled = UpsampledHeatmaps(width + 2 * keypoints, width, maps=keypoints, blocks=blocks)

    def warm_fresh(self) -> tuple[str, ...]:
        """Prefixes of backbone layers that a single-scale HRNet's weights leave random: none."""
        return ()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) images to the named maps."""
        (features,) = self.features(images)
        maps = self.final_layer(features)
        heatmaps, tags = maps.chunk(2, dim=1)
        return {"heatmaps": heatmaps, "tags": tags, "heatmaps_2x": self.upsampled(joined(features, maps))}
