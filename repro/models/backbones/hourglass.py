"""The stacked hourglass of CornerNet, Hourglass-104: the larger backbone of CenterNet, at 1/4 of the input's size.

Newell et al., "Stacked Hourglass Networks for Human Pose Estimation", ECCV 2016, in the form of Law and Deng,
"CornerNet", ECCV 2018 (``large_hourglass`` of the official CenterNet): residual blocks of two 3x3 convolutions, strides
instead of pooling, five halvings. Weights start with He's initialisation; the official ones are those of a trained
CornerNet or ExtremeNet.

One thing differs: features are up-sampled to the size of those they are added to, not by two. Both are the same where
the input is a multiple of 128.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from repro.errors import ReproError
from repro.models.backbones.base import Backbone
from repro.models.backbones.dla import conv_norm
from repro.models.backbones.hrnet import upsample_to


@dataclass(frozen=True, kw_only=True)
class Hourglass(Backbone):
    """Settings of a stacked hourglass; the defaults are Hourglass-104.

    Args:
        channels: the channels at 1/4, 1/8, ... of the input; one number a scale. The stem has half of the first, then the first.
        blocks: residual blocks at each scale.
        stacks: hourglasses one after the other.

    Raises:
        ReproError: when there are fewer than two scales, not as many numbers of blocks, or one is below 1.
    """

    stride: ClassVar[Literal[4]] = 4

    channels: tuple[int, ...] = (256, 256, 384, 384, 384, 512)
    blocks: tuple[int, ...] = (2, 2, 2, 2, 2, 4)
    stacks: int = 2

    def __post_init__(self) -> None:
        if len(self.channels) < 2 or len(self.channels) != len(self.blocks):
            raise ReproError(
                f"Hourglass channels is {self.channels!r} and blocks {self.blocks!r}: give as many numbers in both, "
                "one a scale, for at least two scales."
            )
        if min(*self.channels, *self.blocks, self.stacks) < 1:
            raise ReproError(
                f"Hourglass channels {self.channels!r}, blocks {self.blocks!r} and stacks {self.stacks}: give whole "
                "numbers of at least 1."
            )

    @property
    def outputs(self) -> tuple[int, ...]:
        """Channels of the features that heads read, one number a stack."""
        return (self.channels[0],) * self.stacks

    @property
    def head_channels(self) -> int:
        """Channels within CenterNet's heads: as many as the features have, 256 in Hourglass-104."""
        return self.channels[0]

    def reduced(self) -> Hourglass:
        """Half the width, rounded up, one block a scale and one stack."""
        return replace(
            self, channels=tuple(-(-c // 2) for c in self.channels), blocks=(1,) * len(self.blocks), stacks=1
        )

    def build(self) -> nn.Module:
        """The backbone: (B, 3, H, W) to a list of (B, channels[0], H / 4, W / 4), one a stack."""
        return HourglassBackbone(self)


class Residual(nn.Module):
    """Two 3x3 convolutions with a shortcut, which is a 1x1 convolution where size or channels change."""

    def __init__(self, before: int, after: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = conv_norm(before, after, stride=stride)
        self.conv2 = conv_norm(after, after, relu=False)
        same = before == after and stride == 1
        self.shortcut = nn.Identity() if same else conv_norm(before, after, kernel=1, stride=stride, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) to (B, after, H / stride, W / stride)."""
        return F.relu(self.conv2(self.conv1(x)) + self.shortcut(x))


def residuals(channels: list[int], *, stride: int = 1) -> nn.Sequential:
    """Residual blocks from each number of channels to the next, the first with ``stride``."""
    pairs = zip(channels[:-1], channels[1:], strict=True)
    return nn.Sequential(*(Residual(b, a, stride=1 if i else stride) for i, (b, a) in enumerate(pairs)))


class Scale(nn.Module):
    """One scale of an hourglass and all below it; (B, channels[0], H, W) to the same shape.

    Args:
        channels: the channels of this scale and those below.
        blocks: residual blocks of each of them.
    """

    def __init__(self, channels: tuple[int, ...], blocks: tuple[int, ...]) -> None:
        super().__init__()
        here, below = channels[:2]
        self.across = residuals([here] * (blocks[0] + 1))
        self.down = residuals([here] + [below] * blocks[0], stride=2)
        self.inner = Scale(channels[1:], blocks[1:]) if len(channels) > 2 else residuals([below] * (blocks[1] + 1))
        self.up = residuals([below] * blocks[0] + [here])

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        across = self.across(x)
        return across + upsample_to(self.up(self.inner(self.down(x))), across)


class HourglassBackbone(nn.Module):
    """A strided stem and hourglasses; each but the last passes on what it was given plus what it made of it."""

    def __init__(self, settings: Hourglass) -> None:
        super().__init__()
        width, between = settings.channels[0], settings.stacks - 1
        self.base = nn.Sequential(
            conv_norm(3, -(-width // 2), kernel=7, stride=2), Residual(-(-width // 2), width, stride=2)
        )
        self.hourglasses = nn.ModuleList(Scale(settings.channels, settings.blocks) for _ in range(settings.stacks))
        self.features = nn.ModuleList(conv_norm(width, width) for _ in range(settings.stacks))
        self.keep = nn.ModuleList(conv_norm(width, width, kernel=1, relu=False) for _ in range(between))
        self.add = nn.ModuleList(conv_norm(width, width, kernel=1, relu=False) for _ in range(between))
        self.next = nn.ModuleList(Residual(width, width) for _ in range(between))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to one (B, channels[0], H / 4, W / 4) a stack; sizes are rounded up."""
        x = self.base(images)
        outputs: list[Tensor] = []
        for i, (hourglass, features) in enumerate(zip(self.hourglasses, self.features, strict=True)):
            if i:
                x = self.next[i - 1](F.relu(self.keep[i - 1](x) + self.add[i - 1](outputs[-1])))
            outputs.append(features(hourglass(x)))
        return outputs
