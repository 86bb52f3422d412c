"""HRNets that predict a heatmap and a field of offsets for each keypoint: UDP's, and the two branches of CAL.

Both return ``heatmaps`` (B, K, H / 4, W / 4) and ``offsets`` (B, K, 2, H / 4, W / 4), the offsets x first. The unit of the
offsets, px of the heatmap or that divided by the radius of the disc, is the targets' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor, nn

from repro.errors import ReproError
from repro.models.backbones.hrnet import HRNet, HRNetBackbone, next_stage, stage, transition
from repro.models.base import OnBackbone
from repro.models.heads.heatmap import heatmap_head
from repro.models.layers import BasicBlock
from repro.skeletons.outputs import HEATMAPS, OFFSETS, Output
from repro.skeletons.skeleton import Skeleton

AXES = 2  # dx, dy


@dataclass(frozen=True, kw_only=True)
class OffsetNetwork(OnBackbone):
    """Settings of UDP's offset network (Huang et al., "The Devil is in the Details: Delving into Unbiased Data
    Processing", CVPR 2020, official code): HRNet whose last layer returns 3K channels.

    The official network also widens the last exchange unit of stage 4 to four times its channels, which the paper does not
    say; only so its printed #Params come about (28.6M and 63.7M; 28.5M and 63.6M without).

    Args:
        backbone: the HRNet, before it is widened.
        fuse_width_factor: channels of the last exchange unit in multiples of the width; None or 1 for no widening.

    Raises:
        ReproError: when the factor is below 1, or the backbone is already widened or returns several scales.
    """

    outputs: ClassVar[Mapping[str, Output]] = {"heatmaps": HEATMAPS, "offsets": OFFSETS}

    backbone: HRNet = HRNet()
    fuse_width_factor: int | None = 4

    def __post_init__(self) -> None:
        if self.fuse_width_factor is not None and self.fuse_width_factor < 1:
            raise ReproError(
                f"OffsetNetwork fuse_width_factor is {self.fuse_width_factor}: give a whole number of at least 1, or None."
            )
        if self.backbone.fuse_width is not None:
            raise ReproError(
                f"The backbone of OffsetNetwork has fuse_width {self.backbone.fuse_width}: leave it at None, "
                "fuse_width_factor widens the backbone."
            )
        self.widened()

    def widened(self) -> HRNet:
        """The backbone as it is built."""
        if self.fuse_width_factor in (None, 1):
            return self.backbone
        return replace(self.backbone, fuse_width=self.fuse_width_factor * self.backbone.width)

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network for the keypoints of ``skeleton``."""
        return OffsetHRNet(self.widened(), keypoints=len(skeleton))


@dataclass(frozen=True, kw_only=True)
class TwoBranchNetwork(OnBackbone):
    """Settings of the network of CAL (Wang et al., "Low-resolution Human Pose Estimation", Section 3).

    The two branches share HRNet up to stage 3; each has transition 3 and stage 4 of its own, then a basic block and a 3x3
    convolution to its maps. The paper draws two branches and does not say where they part, nor of what their heads are
    made. This is the only one of the plausible designs that gives all printed counts: at 128x96 Table 1 prints 49.3M and
    2.5 GFLOPs for W32 (here 49.290 and 2.495) and 110.3M and 5.3 for W48 (110.259 and 5.255), and Table 9 prints 110.2M
    and 47.2 for W48 at 384x288 (110.259 and 47.294). The two contradict each other unless Table 1 rounds and Table 9
    truncates, which is the reading taken. With 1x1 heads W48 would be 110.239M and 5.241, against Table 1; with transition
    3 shared, or without the blocks, the counts are too small.

    Args:
        backbone: the HRNet.

    Raises:
        ReproError: when the backbone returns several scales or is widened; the branches are plain.
    """

    outputs: ClassVar[Mapping[str, Output]] = {"heatmaps": HEATMAPS, "offsets": OFFSETS}

    backbone: HRNet = HRNet()

    def __post_init__(self) -> None:
        if self.backbone.outputs != (self.backbone.width,):
            raise ReproError(
                f"The backbone of TwoBranchNetwork returns {self.backbone.outputs} channels, expected "
                f"({self.backbone.width},): leave multi_scale_stage4 and fuse_width at their defaults."
            )

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network for the keypoints of ``skeleton``."""
        return TwoBranchHRNet(self.backbone, keypoints=len(skeleton))


def split_offset_maps(maps: Tensor, keypoints: int) -> dict[str, Tensor]:
    """Take UDP's channels apart, which are (heatmap, dx, dy) of the first keypoint, then of the next.

    Args:
        maps: (B, 3K, H, W).
        keypoints: K.

    Returns:
        ``heatmaps`` (B, K, H, W) and ``offsets`` (B, K, 2, H, W).
    """
    maps = maps.unflatten(1, (keypoints, 1 + AXES))
    return {"heatmaps": maps[:, :, 0], "offsets": maps[:, :, 1:]}


class OffsetHRNet(HRNetBackbone):
    """HRNet and its final layer of 3K channels, under the official parameter names."""

    def __init__(self, settings: HRNet, *, keypoints: int) -> None:
        super().__init__(settings)
        self.keypoints = keypoints
        self.final_layer = heatmap_head(settings.outputs[0], keypoints * (1 + AXES))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) images to the named maps."""
        high, *_ = self.features(images)
        return split_offset_maps(self.final_layer(high), self.keypoints)

    def warm_fresh(self) -> tuple[str, ...]:
        """The widened exchange unit, which fits no backbone that was trained without."""
        if self.settings.fuse_width in (None, self.settings.width):
            return ()
        return (f"stage4.{len(self.stage4) - 1}.fuse_layers",)


class TwoBranchHRNet(HRNetBackbone):
    """HRNet whose transition 3 and stage 4 exist twice. The heatmaps' branch has the official names."""

    def __init__(self, settings: HRNet, *, keypoints: int) -> None:
        super().__init__(settings)
        width, channels = settings.width, settings.channels
        self.offset_transition3 = transition(channels[:3], channels)
        self.offset_stage4 = stage(settings, 4)
        self.heatmap_block, self.offset_block = BasicBlock(width), BasicBlock(width)
        self.final_layer = heatmap_head(width, keypoints, kernel=3)
        self.offset_layer = heatmap_head(width, keypoints * AXES, kernel=3)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) images to the named maps."""
        features = self.stages_1_to_3(self.stem(images))
        for_heatmaps, *_ = self.stage_4(features)
        for_offsets, *_ = next_stage(features, self.offset_transition3, self.offset_stage4)
        offsets = self.offset_layer(self.offset_block(for_offsets))
        heatmaps = self.final_layer(self.heatmap_block(for_heatmaps))
        return {"heatmaps": heatmaps, "offsets": offsets.unflatten(1, (-1, AXES))}

    def warm_copies(self) -> dict[str, str]:
        """The second branch's parts, and the parts of the first that they start as copies of."""
        return {"offset_transition3": "transition3", "offset_stage4": "stage4"}
