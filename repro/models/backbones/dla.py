"""DLA-34 with deformable up-sampling: the smaller backbone of CenterNet, to features at a quarter of the input's size.

Yu et al., "Deep Layer Aggregation", CVPR 2018, and its up-sampling by Zhou et al., "Objects as Points", 2019: before
each transposed convolution, and after each sum, a modulated deformable convolution (``dla_34`` of the official
CenterNet).

Two projections of the official network (in the trees of two levels) are computed and never used; they are left out
here, 41,728 parameters, as is the classifier that the official trunk keeps from ImageNet, 513,000. The official trunk
starts from these weights; here it starts with He's initialisation, as DLA itself does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repro.errors import ReproError
from repro.models.backbones.base import Backbone
from repro.models.deformable import deformable_convolution


@dataclass(frozen=True, kw_only=True)
class DLA(Backbone):
    """Settings of a DLA; the defaults are DLA-34.

    Args:
        channels: the channels of the levels at 1, 1/2, 1/4, 1/8, 1/16 and 1/32 of the input.
        levels: convolutions of the first two levels and depth of the trees of the other four.

    Raises:
        ReproError: when these are not six numbers of at least 1 each.
    """

    stride: ClassVar[Literal[4]] = 4

    channels: tuple[int, int, int, int, int, int] = (16, 32, 64, 128, 256, 512)
    levels: tuple[int, int, int, int, int, int] = (1, 1, 1, 2, 2, 1)

    def __post_init__(self) -> None:
        for name in ("channels", "levels"):
            value = getattr(self, name)
            if len(value) != 6 or min(value) < 1:
                raise ReproError(f"DLA {name} is {value!r}: give six whole numbers of at least 1.")

    @property
    def outputs(self) -> tuple[int, ...]:
        """Channels of the features that heads read, one number a stack; a DLA has one."""
        return (self.channels[2],)

    @property
    def head_channels(self) -> int:
        """Channels within CenterNet's heads: four times the features', 256 in DLA-34."""
        return 4 * self.channels[2]

    def reduced(self) -> DLA:
        """Half the width, rounded up, and the least depth."""
        a, b, c, d, e, f = (-(-channels // 2) for channels in self.channels)
        return replace(self, channels=(a, b, c, d, e, f), levels=(1,) * 6)

    def build(self) -> nn.Module:
        """The backbone: (B, 3, H, W) to a list of one (B, channels[2], H / 4, W / 4)."""
        return DLABackbone(self)


def conv_norm(before: int, after: int, *, kernel: int = 3, stride: int = 1, relu: bool = True) -> nn.Sequential:
    """Convolution without bias, batch normalisation and, unless ``relu`` is False, ReLU, with He's initialisation."""
    convolution = nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out")
    return nn.Sequential(convolution, nn.BatchNorm2d(after), *([nn.ReLU(inplace=True)] if relu else []))


class Block(nn.Module):
    """Two 3x3 convolutions, and a shortcut that is given from outside."""

    def __init__(self, before: int, after: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = conv_norm(before, after, stride=stride)
        self.conv2 = conv_norm(after, after, relu=False)

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """(B, before, H, W), and a shortcut of the output's shape, to (B, after, H / stride, W / stride)."""
        return F.relu(self.conv2(self.conv1(x)) + shortcut)


class Tree(nn.Module):
    """A tree of blocks whose root joins all its children by a 1x1 convolution (Fig. 3 of "Deep Layer Aggregation").

    Args:
        depth: 1 is two blocks and a root; more is two trees of one less, the second of which has the root of both.
        before: channels of the input.
        after: channels of the output.
        stride: the stride of the first block.
        joins_input: whether the pooled input is a child of the root too.
        children: channels of the children that come from outside.
    """

    def __init__(
        self, depth: int, before: int, after: int, *, stride: int = 1, joins_input: bool = False, children: int = 0
    ) -> None:
        super().__init__()
        self.depth, self.joins_input = depth, joins_input
        self.pool = nn.MaxPool2d(stride, stride=stride) if stride > 1 else nn.Identity()
        children += before * joins_input
        if depth > 1:
            self.first: nn.Module = Tree(depth - 1, before, after, stride=stride)
            self.second: nn.Module = Tree(depth - 1, after, after, children=children + after)
        else:
            self.project = nn.Identity() if before == after else conv_norm(before, after, kernel=1, relu=False)
            self.first = Block(before, after, stride=stride)
            self.second = Block(after, after)
            self.root = conv_norm(2 * after + children, after, kernel=1)

    def forward(self, x: Tensor, children: Sequence[Tensor] = ()) -> Tensor:
        """(B, before, H, W) to (B, after, H / stride, W / stride); ``children`` have the output's size."""
        bottom = self.pool(x)
        if self.joins_input:
            children = [*children, bottom]
        if self.depth > 1:
            first = self.first(x)
            return self.second(first, [*children, first])
        first = self.first(x, self.project(bottom))
        return self.root(torch.cat([self.second(first, first), first, *children], dim=1))


def modulated_convolution(x: Tensor, estimates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A 3x3 deformable convolution whose nine samples are weighted too (Zhu et al., "Deformable ConvNets v2", 2019).

    Args:
        x: (B, C, H, W).
        estimates: (B, 27, H, W): (dy, dx) in px for each position of the kernel, row by row, then nine weight logits.
        weight: (C', C, 3, 3).
        bias: (C',).

    Returns:
        (B, C', H, W) in the dtype of ``x``.
    """
    offsets, logits = estimates.split((18, 9), dim=1)
    return deformable_convolution(x, offsets, weight, bias=bias, mask=logits.sigmoid())


class ModulatedConvolution(nn.Module):
    """Modulated deformable convolution, batch normalisation and ReLU; (B, before, H, W) to (B, after, H, W).

    It starts with the regular positions, each weighted by a half, and weights from U(-b, b), b = 1 / sqrt(9 before).
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.estimate = nn.Conv2d(before, 27, 3, padding=1)
        nn.init.zeros_(self.estimate.weight)
        if self.estimate.bias is not None:
            nn.init.zeros_(self.estimate.bias)
        bound = 1 / math.sqrt(9 * before)
        self.weight = nn.Parameter(torch.empty(after, before, 3, 3).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(after))
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return F.relu(self.norm(modulated_convolution(x, self.estimate(x), self.weight, self.bias)), inplace=True)


def bilinear_upsampling(channels: int, factor: int) -> nn.ConvTranspose2d:
    """A learned up-sampling by an even ``factor``, each channel by itself, that starts as bilinear interpolation."""
    layer = nn.ConvTranspose2d(
        channels, channels, 2 * factor, stride=factor, padding=factor // 2, groups=channels, bias=False
    )
    tent = 1 - (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor
    with torch.no_grad():
        layer.weight.copy_(torch.outer(tent, tent).expand_as(layer.weight))
    return layer


class Aggregation(nn.Module):
    """Joins features of several scales, from the first on: each is projected, brought to the first's size, and added to
    the result so far (iterative deep aggregation).

    Args:
        channels: the channels of the features, first one first; all results have as many as the first.
        factors: the factors by which each but the first is made larger.
    """

    def __init__(self, channels: Sequence[int], factors: Sequence[int]) -> None:
        super().__init__()
        after = channels[0]
        self.project = nn.ModuleList(ModulatedConvolution(c, after) for c in channels[1:])
        self.enlarge = nn.ModuleList(bilinear_upsampling(after, factor) for factor in factors)
        self.node = nn.ModuleList(ModulatedConvolution(after, after) for _ in factors)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """List of (B, C_j, h_j, w_j) to as many (B, C_1, h_1, w_1), the first of which is unchanged."""
        results = [features[0]]
        for x, project, enlarge, node in zip(features[1:], self.project, self.enlarge, self.node, strict=True):
            results.append(node(enlarge(project(x)) + results[-1]))
        return results


class DLABackbone(nn.Module):
    """The trunk, and what brings its scales from 1/4 to 1/32 to 1/4.

    First the features from 1/16 on are joined at 1/16, with these those from 1/8 on at 1/8, with these all at 1/4; then
    the last results of the three steps are joined at 1/4.
    """

    def __init__(self, settings: DLA) -> None:
        super().__init__()
        channels, levels = settings.channels, settings.levels
        c0, c1 = channels[:2]
        self.level0 = nn.Sequential(conv_norm(3, c0, kernel=7), *(conv_norm(c0, c0) for _ in range(levels[0])))
        halving = conv_norm(c0, c1, stride=2)
        self.level1 = nn.Sequential(halving, *(conv_norm(c1, c1) for _ in range(levels[1] - 1)))
        self.trees = nn.ModuleList(
            Tree(levels[i], channels[i - 1], channels[i], stride=2, joins_input=i > 2) for i in range(2, 6)
        )
        scales = list(channels[2:])
        steps = []
        for start in (2, 1, 0):
            steps.append(Aggregation(scales[start:], [2] * (3 - start)))
            scales[start:] = [scales[start]] * (4 - start)
        self.steps = nn.ModuleList(steps)
        self.join = Aggregation(channels[2:5], [2, 4])

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to a list of one (B, C, H / 4, W / 4). Raises ReproError unless 32 divides H and W."""
        height, width = images.shape[-2:]
        if height % 32 or width % 32:
            raise ReproError(f"The image given to DLA is {width}x{height} px: pad both sides to multiples of 32.")
        x, features = self.level1(self.level0(images)), []
        for tree in self.trees:
            x = tree(x)
            features.append(x)
        results: list[Tensor] = []
        for start, step in zip((2, 1, 0), self.steps, strict=True):
            features[start:] = step(features[start:])
            results.insert(0, features[-1])
        return self.join(results)[-1:]
