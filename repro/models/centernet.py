"""CenterNet for poses: people as the centres of their boxes, keypoints as offsets from there and as heatmaps.

Zhou, Wang, Kraehenbuehl, "Objects as Points", 2019, Section 4.2 and its released code. Each of six heads is a 3x3
convolution, ReLU and a 1x1 convolution. Official names: ``hm`` is ``centres`` here, ``wh`` ``sizes``, ``hps``
``offsets``, ``reg`` ``centre_offsets``, ``hm_hp`` ``heatmaps`` and ``hp_offset`` ``keypoint_offsets``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Protocol, cast

from torch import Tensor, nn

from repro.models.backbones.base import Backbone
from repro.models.backbones.dla import DLA
from repro.models.backbones.hourglass import Hourglass
from repro.models.base import OnBackbone
from repro.skeletons.outputs import OFFSETS, Output
from repro.skeletons.skeleton import Skeleton
from repro.support.serial import Open, check_parts

FRACTION = Output(kind="offsets", by_keypoint=False, flip="own")  # of a pixel: CenterNet takes the image's own
CENTERNET = {
    "centres": Output(kind="heat", by_keypoint=False, logits=True),
    "sizes": Output(kind="sizes", by_keypoint=False),
    "offsets": OFFSETS,
    "centre_offsets": FRACTION,
    "heatmaps": Output(kind="heat", logits=True),
    "keypoint_offsets": FRACTION,
}
RARE = -2.19  # first bias of centres and heatmaps: their sigmoid starts at 0.1


class StackedBackbone(Backbone, Protocol):
    """A backbone that heads can be put on at the end of each stack."""

    @property
    def head_channels(self) -> int:
        """Channels within the heads."""


@dataclass(frozen=True, kw_only=True)
class CenterNetwork(OnBackbone):
    """Settings of CenterNet; the default is CenterNet-DLA, ``backbone=Hourglass()`` is CenterNet-HG.

    Args:
        backbone: gives features at a quarter of the input's size, one set a stack; any that fits ``StackedBackbone``.

    Raises:
        ReproError: for a backbone that does not fit.
    """

    outputs: ClassVar[Mapping[str, Output]] = CENTERNET

    backbone: Annotated[StackedBackbone, Open((DLA, Hourglass), (StackedBackbone,))] = DLA()

    def __post_init__(self) -> None:
        check_parts(self)

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network for the keypoints of ``skeleton``."""
        return CenterNet(self.backbone, keypoints=len(skeleton))


def pose_heads(before: int, channels: int, keypoints: int) -> nn.ModuleDict:
    """The six heads on (B, before, h, w), with ``channels`` after their first convolution."""
    maps = {"centres": 1, "sizes": 2, "offsets": 2 * keypoints, "centre_offsets": 2}
    maps |= {"heatmaps": keypoints, "keypoint_offsets": 2}
    heads = {name: pose_head(before, channels, count) for name, count in maps.items()}
    for name in ("centres", "heatmaps"):
        nn.init.constant_(cast(Tensor, heads[name][-1].bias), RARE)
    return nn.ModuleDict(heads)


def pose_head(before: int, channels: int, maps: int) -> nn.Sequential:
    """(B, before, h, w) to (B, maps, h, w); biases start at zero, weights as PyTorch's do."""
    layers = nn.Conv2d(before, channels, 3, padding=1), nn.Conv2d(channels, maps, 1)
    for layer in layers:
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.ReLU(inplace=True), layers[1])


class CenterNet(nn.Module):
    """The backbone and its heads. Returns maps of size h = H / 4, w = W / 4, vectors in px of the maps with x first:

    - ``centres`` (B, 1, h, w) and ``heatmaps`` (B, K, h, w): logits, of which losses and decoders take the sigmoid;
    - ``sizes`` (B, 2, h, w), width and height of a person's box, and ``centre_offsets`` (B, 2, h, w), centre - pixel;
    - ``offsets`` (B, 2K, h, w), keypoint - pixel: x, y of keypoint 1, of keypoint 2 and so on;
    - ``keypoint_offsets`` (B, 2, h, w), keypoint - pixel near a keypoint of any kind.

    These are the last stack's. Those of stack i before it, from 1 on, are named ``stack1.centres`` and so on: the loss
    is the mean over all stacks, decoders read the last.
    """

    def __init__(self, settings: StackedBackbone, *, keypoints: int) -> None:
        super().__init__()
        self.backbone = settings.build()
        self.heads = nn.ModuleList(pose_heads(c, settings.head_channels, keypoints) for c in settings.outputs)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) images to the named maps."""
        maps: dict[str, Tensor] = {}
        for number, (features, heads) in enumerate(zip(self.backbone(images), self.heads, strict=True), start=1):
            prefix = "" if number == len(self.heads) else f"stack{number}."
            maps |= {f"{prefix}{name}": head(features) for name, head in cast(nn.ModuleDict, heads).items()}
        return maps
