"""Heatmap-guided regression of keypoints: HRNet with heatmaps, a centre map and offsets from the centre.

Sun et al., "Bottom-Up Human Pose Estimation by Ranking Heatmap-Guided Adaptive Keypoint Estimates", Section 3.1 and
Fig. 2, equations 1 and 2, after the official code where the text is silent:

- the representation F is the four scales of stage 4, brought to the highest by bilinear up-sampling and concatenated;
- each head is a 1x1 convolution to fewer channels, residual blocks (see ``heads.adaptive``) and a 1x1 one to maps;
- the heatmap head has three blocks of dilation 1, 2 and 3 side by side and one last layer for all; H is their mean;
- the regression head reads F and H, H with its gradient, and gives offsets and the centre map.

One thing differs: the official code runs the heatmap head's first 1x1 convolution once a branch, with the same result;
here it runs once. Table 1's #Params are reproduced exactly, its GFLOPs to 0.1 where each shared weight is counted once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repro.errors import ReproError, choice_error
from repro.models.backbones.hrnet import HRNet, HRNetBackbone
from repro.models.base import OnBackbone, quarter
from repro.models.heads.adaptive import AdaptiveBlocks, PlainBlocks
from repro.models.heads.heatmap import heatmap_head
from repro.models.heads.upsampled import UpsampledHeatmaps
from repro.models.layers import conv_bn, joined
from repro.skeletons.outputs import CENTRES, HEATMAPS, HEATMAPS_2X, OFFSETS, Output
from repro.skeletons.skeleton import Skeleton

MULTI_SCALE = HRNet(multi_scale_stage4=True)
GUIDED = {"heatmaps": HEATMAPS, "centres": CENTRES, "offsets": OFFSETS}


@dataclass(frozen=True, kw_only=True)
class GuidedNetwork(OnBackbone):
    """Settings of the heatmap-guided network; the defaults are the paper's H-W32.

    Table 4: the first row has neither ``guidance`` nor ``adaptive``, the fourth both. That the baseline keeps its three
    branches is a reading: the paper does not say.

    Args:
        backbone: the HRNet, with ``multi_scale_stage4``.
        guidance: whether the regression head reads the heatmaps H besides F.
        adaptive: whether the blocks of both heads have adaptive convolutions instead of ordinary ones.
        branches: blocks of the heatmap head, of dilation 1, 2, ...
        regression_channels: the channels of the regression head.
        middle_supervision: whether a 1x1 convolution predicts heatmaps from stage 3 too ("middle supervision between
            stage 3 and stage 4" of "Scale-aware heatmap representation for human pose estimation", which says no more:
            on the highest resolution is a reading).

    Raises:
        ReproError: when the backbone is not multi-scale, or a number is below 1.
    """

    outputs: ClassVar[Mapping[str, Output]] = GUIDED

    backbone: HRNet = MULTI_SCALE
    guidance: bool = True
    adaptive: bool = True
    branches: int = 3
    regression_channels: int = 256
    middle_supervision: bool = False

    def __post_init__(self) -> None:
        check_multi_scale(self.backbone)
        for name in ("branches", "regression_channels"):
            if getattr(self, name) < 1:
                raise ReproError(f"GuidedNetwork {name} is {getattr(self, name)}: give a whole number of at least 1.")

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network for the keypoints of ``skeleton``."""
        return GuidedHRNet(self, keypoints=len(skeleton))

    def reduced(self) -> GuidedNetwork:
        """The network on its reduced backbone, with a quarter of the regression's channels."""
        return replace(super().reduced(), regression_channels=quarter(self.regression_channels))


@dataclass(frozen=True, kw_only=True)
class GuidedHigherNetwork(OnBackbone):
    """Settings of the heatmap-guided network with heatmaps at half the input's size besides (the paper's Hr-W48).

    Args:
        backbone, guidance, adaptive, branches, regression_channels, middle_supervision: see ``GuidedNetwork``.
        blocks: basic blocks after the transposed convolution; one, where HigherHRNet has four.
        tested: what the heatmaps are outside of training: the branches' ``mean``, as in the text, or their ``maximum``, as in the
            released code. What guides the regression is their mean either way.

    Raises:
        ReproError: as ``GuidedNetwork``, and for ``blocks`` below 0.
    """

    outputs: ClassVar[Mapping[str, Output]] = {**GUIDED, "heatmaps_2x": HEATMAPS_2X}

    backbone: HRNet = HRNet(width=48, multi_scale_stage4=True)
    guidance: bool = True
    adaptive: bool = True
    branches: int = 3
    regression_channels: int = 256
    middle_supervision: bool = False
    blocks: int = 1
    tested: Literal["mean", "maximum"] = "mean"

    def __post_init__(self) -> None:
        if self.tested not in ("mean", "maximum"):
            raise choice_error("tested of GuidedHigherNetwork", self.tested, ("mean", "maximum"))
        if self.blocks < 0:
            raise ReproError(f"GuidedHigherNetwork blocks is {self.blocks}: give a whole number of at least 0.")
        self.at_quarter()

    def at_quarter(self) -> GuidedNetwork:
        """The settings of the part at a quarter of the input's size."""
        settings = dict(vars(self))
        del settings["blocks"], settings["tested"]
        return GuidedNetwork(**settings)

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network for the keypoints of ``skeleton``."""
        maximum = self.tested == "maximum"
        return GuidedHigherHRNet(self.at_quarter(), keypoints=len(skeleton), blocks=self.blocks, maximum=maximum)

    def reduced(self) -> GuidedHigherNetwork:
        """As that of ``GuidedNetwork``."""
        return replace(super().reduced(), regression_channels=quarter(self.regression_channels))


def check_multi_scale(backbone: HRNet) -> None:
    """Raise ReproError unless stage 4 of ``backbone`` returns four scales."""
    if not backbone.multi_scale_stage4:
        raise ReproError(
            "The backbone of a guided network has multi_scale_stage4 False, but the heads read all four scales: "
            "give HRNet(multi_scale_stage4=True)."
        )


def concatenated(features: list[Tensor]) -> Tensor:
    """The representation F: all scales at the size of the first.

    Args:
        features: (B, C_j, H_j, W_j), highest resolution first.

    Returns:
        (B, sum of C_j, H_1, W_1). Up-sampling is bilinear, with ``align_corners=False``.
    """
    size = features[0].shape[-2:]
    rest = [F.interpolate(x, size=size, mode="bilinear", align_corners=False) for x in features[1:]]
    for x in rest:
        if x.requires_grad and x.device.type == "cpu":
            x.register_hook(_in_order)
    return torch.cat([features[0], *rest], dim=1)


def _in_order(gradient: Tensor) -> Tensor:
    """A gradient that is channels of a larger one, on its own: a CPU takes a tenth of the time to bring that one down."""
    order = gradient.stride(1) == 1 and gradient.shape[1] > 1
    return gradient.contiguous(memory_format=torch.channels_last if order else torch.contiguous_format)


class GuidedHRNet(HRNetBackbone):
    """HRNet with the heads of Fig. 2. Returns maps of size h = H / 4, w = W / 4, all without an activation:

    - ``heatmaps`` (B, K, h, w), the mean of the branches;
    - ``centres`` (B, 1, h, w);
    - ``offsets`` (B, 2K, h, w), x then y of keypoint 1, of keypoint 2 and so on, in pixels of the map. Which sign they
      have is the targets' choice;
    - ``middle_heatmaps`` (B, K, h, w) with middle supervision. Decoders leave them out.
    """

    def __init__(self, settings: GuidedNetwork, *, keypoints: int) -> None:
        super().__init__(settings.backbone)
        width, representation = settings.backbone.width, sum(settings.backbone.outputs)
        blocks = AdaptiveBlocks if settings.adaptive else PlainBlocks
        self.keypoints, self.guidance = keypoints, settings.guidance
        self.heat_reduction = conv_bn(representation, width, kernel=1)
        self.heat_blocks = blocks(width, range(1, settings.branches + 1))
        self.final_layer = heatmap_head(width, keypoints)
        inputs = representation + keypoints * settings.guidance
        self.regression_reduction = conv_bn(inputs, settings.regression_channels, kernel=1)
        self.regression_blocks = blocks(settings.regression_channels)
        self.regression_layer = heatmap_head(settings.regression_channels, 2 * keypoints + 1)
        self.middle_layer = heatmap_head(width, keypoints) if settings.middle_supervision else None

    def warm_fresh(self) -> tuple[str, ...]:
        """Prefixes of the layers that a single-scale HRNet lacks: its weights leave them random."""
        last = len(self.stage4) - 1
        return tuple(f"stage4.{last}.fuse_layers.{scale}" for scale in (1, 2, 3))

    def heat(self, representation: Tensor) -> tuple[Tensor, Tensor]:
        """F (B, C, h, w) to the reduced features (B, width, h, w) and each branch's heatmaps (B, branches, K, h, w)."""
        reduced = self.heat_reduction(representation)
        return reduced, torch.stack([self.final_layer(x) for x in self.heat_blocks(reduced)], dim=1)

    def regression_features(self, representation: Tensor, heatmaps: Tensor) -> Tensor:
        """What the regression head's block reads, (B, regression_channels, h, w)."""
        return self.regression_reduction(joined(representation, heatmaps) if self.guidance else representation)

    def regress(self, representation: Tensor, heatmaps: Tensor) -> dict[str, Tensor]:
        """F and H to the offsets and the centre map (equation 2)."""
        (features,) = self.regression_blocks(self.regression_features(representation, heatmaps))
        maps = self.regression_layer(features)
        return {"centres": maps[:, 2 * self.keypoints :], "offsets": maps[:, : 2 * self.keypoints]}

    def represent(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """(B, 3, H, W) images to F, and the heatmaps of the middle supervision if there is one."""
        features = self.stages_1_to_3(self.stem(images))
        middle = {} if self.middle_layer is None else {"middle_heatmaps": self.middle_layer(features[0])}
        return concatenated(self.stage_4(features)), middle

    def regression_transforms(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """T1 and T2 of the regression head, each (B, 4, h, w), for ``sampling_positions`` (Fig. 3).

        Raises:
            ReproError: when the network is not adaptive.
        """
        if not isinstance(self.regression_blocks, AdaptiveBlocks):
            raise ReproError("This guided network has adaptive False: its regression head has no transforms to show.")
        representation, _ = self.represent(images)
        heatmaps = self.heat(representation)[1].mean(dim=1)
        (transforms,) = self.regression_blocks.transforms(self.regression_features(representation, heatmaps))
        return transforms

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) images to the named maps."""
        representation, middle = self.represent(images)
        heatmaps = self.heat(representation)[1].mean(dim=1)
        return {"heatmaps": heatmaps, **self.regress(representation, heatmaps), **middle}


class GuidedHigherHRNet(GuidedHRNet):
    """The same with heatmaps at half the input's size. Returns besides the maps of ``GuidedHRNet``:

    - ``heatmaps_branches`` (B, branches, K, h, w), which the official loss compares with the targets one by one. Their
      mean is ``heatmaps``, as in the text, or, with ``maximum``, their largest outside of training, as in the official test;
    - ``heatmaps_2x`` (B, K, 2h, 2w), from the heatmap head's reduced features and H.
    """

    def __init__(self, settings: GuidedNetwork, *, keypoints: int, blocks: int, maximum: bool = False) -> None:
        super().__init__(settings, keypoints=keypoints)
        self.maximum = maximum
        width = settings.backbone.width
        self.upsampled = UpsampledHeatmaps(width + keypoints, width, maps=keypoints, blocks=blocks)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) images to the named maps."""
        representation, middle = self.represent(images)
        reduced, branches = self.heat(representation)
        heatmaps = branches.mean(dim=1)
        higher = self.upsampled(joined(reduced, heatmaps))
        shown = branches.amax(dim=1) if self.maximum and not self.training else heatmaps
        maps = {"heatmaps": shown, "heatmaps_branches": branches, "heatmaps_2x": higher}
        return {**maps, **self.regress(representation, heatmaps), **middle}
