"""HRNet: parallel branches at 1/4, 1/8, 1/16 and 1/32 of the input that exchange features again and again.

Sun et al., "Deep High-Resolution Representation Learning for Human Pose Estimation", CVPR 2019. Attribute names are
those of the official ``pose_hrnet``, so that its checkpoints and timm's ``hrnet_w32`` and ``hrnet_w48`` load.

One thing differs: features are up-sampled to the size of the branch they are added to, not by a factor of two to some
power. Both are the same where the input is a multiple of 32; elsewhere (an input of 48x64, for instance, whose 1/32
branch is 2x2) the official network stops with an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import ClassVar, Literal, cast

from torch import Tensor, nn
from torch.nn import functional as F

from repro.errors import ReproError
from repro.models.backbones.base import Backbone, warm_name
from repro.models.layers import EXPANSION, BasicBlock, Bottleneck, conv_bn, convolution


@dataclass(frozen=True, kw_only=True)
class HRNet(Backbone):
    """Settings of an HRNet; the defaults are HRNet-W32.

    Args:
        width: channels C of the highest resolution; the branches have C, 2C, 4C and 8C.
        stem: channels of the two strided convolutions; the bottlenecks after them return 4 times as many.
        stem_blocks: bottlenecks after the stem.
        modules: exchange modules of stages 2, 3 and 4.
        blocks: basic blocks of each branch of a module.
        multi_scale_stage4: stage 4 returns all four scales instead of the highest resolution alone. A network that
            reads only the first of them carries the weights of the other three unused.
        fuse_width: channels that the last exchange unit returns at the highest resolution, ``width`` when None.
            The official offset network of UDP has 4 * width there: the identity becomes a bare 1x1 convolution.

    Raises:
        ReproError: for a number below 1, a wrong count of modules, or ``fuse_width`` with ``multi_scale_stage4``.
    """

    stride: ClassVar[Literal[4]] = 4

    width: int = 32
    stem: int = 64
    stem_blocks: int = 4
    modules: tuple[int, int, int] = (1, 4, 3)
    blocks: int = 4
    multi_scale_stage4: bool = False
    fuse_width: int | None = None

    def __post_init__(self) -> None:
        if len(self.modules) != 3:
            raise ReproError(
                f"HRNet modules is {self.modules!r}: give three numbers, one for each of stages 2, 3 and 4."
            )
        sizes = {"width": self.width, "stem": self.stem, "stem_blocks": self.stem_blocks, "blocks": self.blocks}
        sizes |= {f"modules of stage {n}": count for n, count in enumerate(self.modules, start=2)}
        if self.fuse_width is not None:
            sizes["fuse_width"] = self.fuse_width
        for name, value in sizes.items():
            if value < 1:
                raise ReproError(f"HRNet {name} is {value}: give a whole number of at least 1.")
        if self.multi_scale_stage4 and self.fuse_width is not None:
            raise ReproError(
                f"HRNet has fuse_width {self.fuse_width} and multi_scale_stage4 True, but only a single-scale exchange "
                "unit is widened: leave one of the two at its default."
            )

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of the four branches: C, 2C, 4C, 8C."""
        return self.width, 2 * self.width, 4 * self.width, 8 * self.width

    @property
    def outputs(self) -> tuple[int, ...]:
        """Channels of what stage 4 returns, highest resolution first."""
        return self.channels if self.multi_scale_stage4 else (self.fuse_width or self.width,)

    @property
    def warm_name(self) -> str:
        """The name that the weights of its warm start are kept under."""
        return warm_name(self, f"w{self.width}")

    @property
    def start_word(self) -> str:
        """What a start by backbone calls it."""
        return f"w{self.width}"

    @property
    def warm_option(self) -> str:
        """The option of ``repro warm-start`` that names it."""
        return f"--width {self.width}"

    def plain(self) -> HRNet:
        """The backbone that its warm start is made with: stage 4 is neither multi-scale nor widened there."""
        return replace(self, multi_scale_stage4=False, fuse_width=None)

    def reduced(self) -> HRNet:
        """Half the width rounded up to a multiple of 16, and the least depth that has all stages."""
        width = -(-self.width // 32) * 16
        return replace(self, width=width, stem=32, stem_blocks=1, modules=(1, 1, 1), blocks=2)

    def build(self) -> nn.Module:
        """The backbone alone: (B, 3, H, W) to the list of what stage 4 returns."""
        return HRNetFeatures(self)


def upsample_to(x: Tensor, like: Tensor) -> Tensor:
    """Nearest up-sampling of (B, C, h, w) to the height and width of ``like``."""
    return F.interpolate(x, size=like.shape[-2:], mode="nearest")


def fuse(features: Sequence[Tensor], paths: Sequence[nn.Module], scale: int) -> Tensor:
    """One output of an exchange unit: the sum of all branches brought to one scale, then ReLU.

    Args:
        features: one (B, C_j, H_j, W_j) a branch, highest resolution first.
        paths: one a branch; down-sizing is theirs, up-sampling is done here.
        scale: the branch j whose size the output has.
    """
    terms = [path(x) for x, path in zip(features, paths, strict=True)]
    terms[scale + 1 :] = [upsample_to(x, features[scale]) for x in terms[scale + 1 :]]
    return F.relu(reduce(add, terms), inplace=True)


def exchange_path(before: int, after: int, source: int, target: int) -> nn.Module:
    """The path from branch ``source`` (``before`` channels) to output ``target`` (``after`` channels).

    Downwards a chain of strided 3x3 convolutions that keeps its channels until the last, which has no ReLU; upwards a
    1x1 convolution; across nothing, or a bare 1x1 convolution where the number of channels changes (UDP).
    """
    if source > target:
        return conv_bn(before, after, kernel=1, relu=False)
    if source == target:
        return nn.Identity() if before == after else nn.Sequential(convolution(before, after, kernel=1))
    steps = [conv_bn(before, before, stride=2) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, conv_bn(before, after, stride=2, relu=False))


class ExchangeModule(nn.Module):
    """Basic blocks on every branch, then an exchange of features between the branches.

    Args:
        channels: channels of the branches, highest resolution first.
        blocks: basic blocks a branch.
        outputs: channels of the outputs, highest resolution first; fewer than branches where later ones are dropped.
    """

    def __init__(self, channels: Sequence[int], blocks: int, outputs: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*(BasicBlock(c) for _ in range(blocks))) for c in channels)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(exchange_path(before, after, j, i) for j, before in enumerate(channels))
            for i, after in enumerate(outputs)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """List of (B, C_j, H_j, W_j), one a branch, to the list of outputs."""
        blocks = [branch(x) for branch, x in zip(self.branches, features, strict=True)]
        return [fuse(blocks, cast(Sequence[nn.Module], paths), i) for i, paths in enumerate(self.fuse_layers)]


def transition(before: Sequence[int], after: Sequence[int]) -> nn.ModuleList:
    """The layers between two stages: 3x3 convolutions where channels change, and a strided one for the new branch.

    Args:
        before: channels of the branches of the stage before.
        after: channels of the branches of the next stage, one more; the new branch starts from the lowest resolution.
    """
    kept = [nn.Identity() if b == a else conv_bn(b, a) for b, a in zip(before, after[:-1], strict=True)]
    return nn.ModuleList([*kept, nn.Sequential(conv_bn(before[-1], after[-1], stride=2))])


def stage(settings: HRNet, number: int) -> nn.Sequential:
    """The exchange modules of stage ``number`` (2, 3 or 4), which has as many branches."""
    channels = settings.channels[:number]
    outputs = [channels] * settings.modules[number - 2]
    if number == 4:
        outputs[-1] = settings.outputs
    return nn.Sequential(*(ExchangeModule(channels, settings.blocks, out) for out in outputs))


def next_stage(features: Sequence[Tensor], transition: nn.ModuleList, stage: nn.Sequential) -> list[Tensor]:
    """Carry n branches, each (B, C_j, H_j, W_j), through a transition to n + 1 branches and the stage after it."""
    return stage([layer(x) for layer, x in zip(transition, [*features, features[-1]], strict=True)])


class HRNetBackbone(nn.Module):
    """HRNet up to the features of stage 4.

    Networks inherit from it and add their heads and ``forward``, so that their parameters keep the official names. The
    steps are methods of their own, for networks that act between stage 3 and transition 3 or double what follows.

    Args:
        settings: the settings of the network.
    """

    prefixes = ("conv", "bn", "layer", "transition", "stage")  # how the names of its parameters begin

    def __init__(self, settings: HRNet) -> None:
        super().__init__()
        self.settings = settings
        stem, channels = settings.stem, settings.channels
        self.conv1, self.bn1 = conv_bn(3, stem, stride=2, relu=False)
        self.conv2, self.bn2 = conv_bn(stem, stem, stride=2, relu=False)
        widths = [stem] + [stem * EXPANSION] * settings.stem_blocks
        self.layer1 = nn.Sequential(*(Bottleneck(before, stem) for before in widths[:-1]))
        self.transition1 = transition(widths[-1:], channels[:2])
        self.stage2 = stage(settings, 2)
        self.transition2 = transition(channels[:2], channels[:3])
        self.stage3 = stage(settings, 3)
        self.transition3 = transition(channels[:3], channels)
        self.stage4 = stage(settings, 4)

    def stem(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, stem, H / 4, W / 4): two strided convolutions. Sizes are rounded up."""
        x = F.relu(self.bn1(self.conv1(images)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)), inplace=True)

    def stages_1_to_3(self, x: Tensor) -> list[Tensor]:
        """The stem's (B, stem, h, w) to three scales: (B, C, h, w), (B, 2C, h / 2, w / 2), (B, 4C, h / 4, w / 4)."""
        features = next_stage([self.layer1(x)], self.transition1, self.stage2)
        return next_stage(features, self.transition2, self.stage3)

    def stage_4(self, features: Sequence[Tensor]) -> list[Tensor]:
        """The three scales of stage 3 to the outputs of stage 4: one tensor, or four with ``multi_scale_stage4``."""
        return next_stage(features, self.transition3, self.stage4)

    def features(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to the outputs of stage 4, highest resolution (H / 4, W / 4) first."""
        return self.stage_4(self.stages_1_to_3(self.stem(images)))


class HRNetFeatures(HRNetBackbone):
    """HRNet without a head."""

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to the outputs of stage 4, see ``features``."""
        return self.features(images)
