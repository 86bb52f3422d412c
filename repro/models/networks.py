"""The joined networks: settings that a recipe holds, and the modules that they build.

A network takes (B, 3, H, W) images and returns named maps of size (H / 4, W / 4), each in the dtype that its last
convolution computes in: float32, or autocast's lower precision inside autocast. Losses and decoders convert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor, nn

from repro.encoders.skeletal_links import link_indices, upper_links
from repro.errors import ReproError
from repro.models.backbones.hrnet import HRNet, HRNetBackbone
from repro.models.backbones.resnet import ResNet
from repro.models.base import OnBackbone, quarter
from repro.models.heads.heatmap import heatmap_head
from repro.models.heads.skeletal_attention import SkeletalAttention, check_width
from repro.models.simple_baseline import DeconvResNet, check_channels
from repro.skeletons.outputs import HEATMAPS, Output
from repro.skeletons.skeleton import Skeleton

LINKS = Output(kind="heat", by_keypoint=False, flip="own")  # no decoder reads them


@dataclass(frozen=True, kw_only=True)
class HeatmapNetwork(OnBackbone):
    """Settings of HRNet with one heatmap a keypoint (Sun et al., CVPR 2019).

    Args:
        backbone: the HRNet.
    """

    outputs: ClassVar[Mapping[str, Output]] = {"heatmaps": HEATMAPS}

    backbone: HRNet = HRNet()

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network for the keypoints of ``skeleton``."""
        return HeatmapHRNet(self.backbone, keypoints=len(skeleton))


@dataclass(frozen=True, kw_only=True)
class SkeletalNetwork(OnBackbone):
    """Settings of HRNet with skeletal attention (Jun et al., "Human Pose Estimation Using Skeletal Heatmaps").

    The paper prints 0.8M (W32) and 1.7M (W48) more parameters than HRNet. Nearly all of them are the layers that a
    multi-scale stage 4 has and that no output uses: a backbone with ``multi_scale_stage4`` reproduces the printed
    #Params and GFLOPs and computes the same function, with weights that never learn. Train without.

    Args:
        backbone: the HRNet; its width is a multiple of 16.
        head_kernel: size of the convolution that predicts the skeletal heatmaps.
        torso_upper: whether the links from shoulder to hip count as upper body.

    Raises:
        ReproError: when the width is not a multiple of 16, or ``head_kernel`` is not odd.
    """

    outputs: ClassVar[Mapping[str, Output]] = {"heatmaps": HEATMAPS, "skeletal": LINKS}

    backbone: HRNet = HRNet()
    head_kernel: int = 3
    torso_upper: bool = True

    def __post_init__(self) -> None:
        check_width(self.backbone.width)
        if self.head_kernel < 1 or self.head_kernel % 2 == 0:
            raise ReproError(f"SkeletalNetwork head_kernel is {self.head_kernel}: give an odd number, as 1 or 3.")

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network for ``skeleton``. Raises ReproError when one of the sixteen links needs a keypoint it lacks."""
        link_indices(skeleton)
        return SkeletalHRNet(
            self.backbone, keypoints=len(skeleton), head_kernel=self.head_kernel, torso_upper=self.torso_upper
        )


@dataclass(frozen=True, kw_only=True)
class PartNetwork(OnBackbone):
    """Settings of a backbone with one map of logits a body part: the network of the warm start.

    Args:
        backbone: the HRNet, or the ResNet, which SimpleBaseline's transposed convolutions follow.
        parts: number of classes, background included.
        deconv_channels: the channels of each transposed convolution after a ResNet; an HRNet has none.

    Raises:
        ReproError: when ``deconv_channels`` is below 1.
    """

    outputs: ClassVar[Mapping[str, Output]] = {}

    backbone: HRNet | ResNet = HRNet()
    parts: int = 15
    deconv_channels: int = 256

    def __post_init__(self) -> None:
        check_channels("PartNetwork", deconv_channels=self.deconv_channels)

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network; it does not depend on ``skeleton``."""
        if self.backbone.stride == 32:
            return PartResNet(self.backbone, parts=self.parts, deconv_channels=self.deconv_channels)
        return PartHRNet(self.backbone, parts=self.parts)

    def reduced(self) -> PartNetwork:
        """The network on its reduced backbone, with a quarter of the channels between a ResNet and its maps."""
        small = super().reduced()
        return replace(small, deconv_channels=quarter(self.deconv_channels)) if self.backbone.stride == 32 else small


class PartHRNet(HRNetBackbone):
    """HRNet and a layer of its own for parts. Returns logits ``parts`` (B, P, H / 4, W / 4)."""

    def __init__(self, settings: HRNet, *, parts: int) -> None:
        super().__init__(settings)
        self.final_layer = heatmap_head(settings.outputs[0], parts)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) images to the named maps."""
        high, *_ = self.features(images)
        return {"parts": self.final_layer(high)}


class PartResNet(DeconvResNet):
    """SimpleBaseline's network with a layer for parts. Returns logits ``parts`` (B, P, H / 4, W / 4)."""

    def __init__(self, settings: ResNet, *, parts: int, deconv_channels: int) -> None:
        super().__init__(settings, deconv_channels=deconv_channels)
        self.final_layer = heatmap_head(deconv_channels, parts)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) images to the named maps."""
        (features,) = self.features(images)
        return {"parts": self.final_layer(features)}


class HeatmapHRNet(HRNetBackbone):
    """HRNet and its final layer, under the official parameter names. Returns ``heatmaps`` (B, K, H / 4, W / 4)."""

    def __init__(self, settings: HRNet, *, keypoints: int) -> None:
        super().__init__(settings)
        self.final_layer = heatmap_head(settings.outputs[0], keypoints)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) images to the named maps."""
        high, *_ = self.features(images)
        return {"heatmaps": self.final_layer(high)}


class SkeletalHRNet(HeatmapHRNet):
    """HRNet with skeletal attention between stage 3 and transition 3.

    Returns ``heatmaps`` (B, K, H / 4, W / 4) and ``skeletal`` (B, 16, H / 4, W / 4), the latter in the order of
    ``SKELETAL_LINKS``.
    """

    def __init__(self, settings: HRNet, *, keypoints: int, head_kernel: int, torso_upper: bool) -> None:
        super().__init__(settings, keypoints=keypoints)
        upper = upper_links(torso_side_is_upper=torso_upper)
        self.skeletal_attention = SkeletalAttention(settings.width, kernel=head_kernel, upper=upper)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) images to the named maps."""
        features = self.stages_1_to_3(self.stem(images))
        features, skeletal = self.skeletal_attention(features)
        high, *_ = self.stage_4(features)
        return {"heatmaps": self.final_layer(high), "skeletal": skeletal}
