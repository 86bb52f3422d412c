"""The building blocks of HRNet: convolution, batch normalisation, basic block and bottleneck.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, in the form that HRNet uses them: every
convolution starts from N(0, 0.001) and zero bias, batch normalisation from scale 1 and shift 0 with momentum 0.1 (both
PyTorch's defaults). Attribute names are those of the official HRNet, so that its checkpoints load.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

INIT_STD = 0.001  # of every convolution, as in the official pose_hrnet
EXPANSION = 4  # channels that a bottleneck returns for each of its own


def convolution(before: int, after: int, *, kernel: int = 3, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """A padded convolution from ``before`` to ``after`` channels; with an odd kernel, H becomes ceil(H / stride)."""
    layer = nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=bias)
    nn.init.normal_(layer.weight, std=INIT_STD)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def conv_bn(before: int, after: int, *, kernel: int = 3, stride: int = 1, relu: bool = True) -> nn.Sequential:
    """Convolution without bias, batch normalisation and, unless ``relu`` is False, ReLU."""
    layers = [convolution(before, after, kernel=kernel, stride=stride), nn.BatchNorm2d(after)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut; (B, C, H, W) to (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = convolution(channels, channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = convolution(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        return F.relu(out + x, inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions with a shortcut; (B, before, H, W) to (B, 4 * channels, H, W).

    The shortcut is a 1x1 convolution where the number of channels changes.
    """

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        after = channels * EXPANSION
        self.conv1 = convolution(before, channels, kernel=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = convolution(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = convolution(channels, after, kernel=1)
        self.bn3 = nn.BatchNorm2d(after)
        self.downsample = nn.Identity() if before == after else conv_bn(before, after, kernel=1, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = F.relu(self.bn2(self.conv2(out)), inplace=True)
        out = self.bn3(self.conv3(out))
        return F.relu(out + self.downsample(x), inplace=True)


def joined(features: Tensor, maps: Tensor) -> Tensor:
    """Features (B, C, H, W) and maps (B, K, H, W) as (B, C + K, H, W), in memory as the features are.

    Where they differ, ``torch.cat`` would bring the many channels of features into the order of the maps, and the convolution
    after it would bring them back.
    """
    channels_last = features.is_contiguous(memory_format=torch.channels_last)
    order = torch.channels_last if channels_last else torch.contiguous_format
    return torch.cat([features, maps.contiguous(memory_format=order)], dim=1)
