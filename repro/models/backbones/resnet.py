"""ResNet up to its fourth stage, at 1/32 of the input.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, with the stride in the 3x3 convolution as in torchvision
and in SimpleBaseline's official ``pose_resnet``. It is made of torchvision's bottlenecks and has torchvision's names, so that
its ImageNet weights load. Initial values are ``pose_resnet``'s: N(0, 0.001) for every convolution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import Bottleneck

from repro.errors import ReproError, choice_error
from repro.models.backbones.base import Backbone, warm_name
from repro.models.layers import EXPANSION, INIT_STD, conv_bn

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}  # bottlenecks of the four stages


@dataclass(frozen=True, kw_only=True)
class ResNet(Backbone):
    """Settings of a ResNet; the defaults are ResNet-50.

    Args:
        depth: 50, 101 or 152, which gives the number of blocks a stage.
        width: channels of the stem; all others scale with it, the four stages return 4, 8, 16 and 32 times as many.
        blocks: bottlenecks of the four stages in place of the depth's own; None for these.

    Raises:
        ReproError: for another depth, a width below 1, or blocks that are not four numbers of at least 1.
    """

    stride: ClassVar[Literal[32]] = 32

    depth: Literal[50, 101, 152] = 50
    width: int = 64
    blocks: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.depth not in BLOCKS:
            raise choice_error("ResNet depth", self.depth, BLOCKS)
        if self.width < 1:
            raise ReproError(f"ResNet width is {self.width}: give a whole number of at least 1.")
        if len(self.stage_blocks) != 4 or min(self.stage_blocks) < 1:
            raise ReproError(f"ResNet blocks is {self.blocks}: give four numbers of at least 1, one for each stage.")

    @property
    def stage_blocks(self) -> tuple[int, ...]:
        """Bottlenecks of the four stages."""
        return BLOCKS[self.depth] if self.blocks is None else self.blocks

    @property
    def outputs(self) -> tuple[int, ...]:
        """Channels of what the last stage returns: 32 times the width."""
        return (8 * EXPANSION * self.width,)

    @property
    def warm_name(self) -> str:
        """The name that the weights of its warm start are kept under."""
        return warm_name(self, f"r{self.depth}-w{self.width}")

    @property
    def start_word(self) -> str:
        """What a start by backbone calls it."""
        return f"r{self.depth}"

    @property
    def warm_option(self) -> str:
        """The option of ``repro warm-start`` that names it."""
        return f"--depth {self.depth}"

    def plain(self) -> ResNet:
        """The backbone that its warm start is made with: this one."""
        return self

    def reduced(self) -> ResNet:
        """Half the width rounded up to a multiple of 16, and a quarter of the blocks of each stage, rounded up.

        ResNets of different depths so stay different.
        """
        width = -(-self.width // 32) * 16
        return replace(self, width=width, blocks=tuple(-(-n // 4) for n in self.stage_blocks))

    def build(self) -> nn.Module:
        """The backbone alone: (B, 3, H, W) to a list of what its last stage returns."""
        return ResNetFeatures(self)


def residual_stage(before: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
    """Bottlenecks from ``before`` to 4 * ``channels`` channels; the first has the stride and a 1x1 shortcut."""
    after = channels * EXPANSION
    shortcut = None
    if stride != 1 or before != after:
        shortcut = conv_bn(before, after, kernel=1, stride=stride, relu=False)
    rest = (Bottleneck(after, channels) for _ in range(blocks - 1))
    return nn.Sequential(Bottleneck(before, channels, stride, shortcut), *rest)


class ResNetBackbone(nn.Module):
    """ResNet up to the features of its last stage. Networks inherit from it, as from ``HRNetBackbone``.

    Args:
        settings: the settings of the network.
    """

    prefixes = ("conv1.", "bn1.", "layer")  # how the names of its parameters begin

    def __init__(self, settings: ResNet) -> None:
        super().__init__()
        self.settings = settings
        width, blocks = settings.width, settings.stage_blocks
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = residual_stage(width, width, blocks[0], stride=1)
        self.layer2 = residual_stage(EXPANSION * width, 2 * width, blocks[1], stride=2)
        self.layer3 = residual_stage(2 * EXPANSION * width, 4 * width, blocks[2], stride=2)
        self.layer4 = residual_stage(4 * EXPANSION * width, 8 * width, blocks[3], stride=2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=INIT_STD)

    def features(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to a list of one (B, 32 * width, H / 32, W / 32); every halving rounds up."""
        x = F.relu(self.bn1(self.conv1(images)), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        return [self.layer4(self.layer3(self.layer2(self.layer1(x))))]


class ResNetFeatures(ResNetBackbone):
    """ResNet without a head."""

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to a list of one, see ``features``."""
        return self.features(images)
