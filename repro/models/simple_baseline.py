"""ResNet and transposed convolutions: SimpleBaseline, and the network of Integral Pose Regression.

Attribute names are those of the official ``pose_resnet``, so that its checkpoints load.

Where 32 does not divide the input, the trunk's sizes are rounded up and doubling them overshoots: 48 px become 2, then 4, 8 and
16 pixels where a quarter of the input is 12. So each transposed convolution's output is cropped at the right and at the bottom
to the input's size over its stride, rounded up: 3, 6 and 12. The top-left pixel stays where it is, because the trunk's strided
convolutions count from it too. At multiples of 32 nothing is cropped and the network is the official one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor, nn

from repro.errors import ReproError
from repro.models.backbones.resnet import ResNet, ResNetBackbone
from repro.models.base import OnBackbone, quarter
from repro.models.heads.heatmap import heatmap_head
from repro.models.layers import INIT_STD, convolution
from repro.skeletons.outputs import HEATMAPS, Output
from repro.skeletons.skeleton import Skeleton

STEPS = 3  # transposed convolutions, from 1/32 to 1/4


def check_channels(network: str, **channels: int) -> None:
    """Raise ReproError for a number of channels below 1."""
    for name, value in channels.items():
        if value < 1:
            raise ReproError(f"{network} {name} is {value}: give a whole number of at least 1.")


@dataclass(frozen=True, kw_only=True)
class DeconvNetwork(OnBackbone):
    """Settings of SimpleBaseline (Xiao et al., "Simple Baselines for Human Pose Estimation and Tracking", ECCV 2018).

    At 256x192 HRNet's repository prints 8.9, 12.4 and 15.7 GFLOPs for depths 50, 101 and 152; here 8.991, 12.378 and 15.765.
    The 35.6 that HRNet's paper and CAL's Table 9 print for depth 152 at 384x288 is 15.8 times 2.25, a product of the rounded
    number; the count is 35.470.

    Args:
        backbone: the ResNet.
        deconv_channels: the channels of each of the three transposed convolutions.

    Raises:
        ReproError: when ``deconv_channels`` is below 1.
    """

    outputs: ClassVar[Mapping[str, Output]] = {"heatmaps": HEATMAPS}

    backbone: ResNet = ResNet()
    deconv_channels: int = 256

    def __post_init__(self) -> None:
        check_channels("DeconvNetwork", deconv_channels=self.deconv_channels)

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network for the keypoints of ``skeleton``."""
        return HeatmapResNet(self.backbone, maps=len(skeleton), deconv_channels=self.deconv_channels)

    def reduced(self) -> DeconvNetwork:
        """The network on its reduced backbone, with a quarter of the channels between it and the maps."""
        return replace(super().reduced(), deconv_channels=quarter(self.deconv_channels))


@dataclass(frozen=True, kw_only=True)
class IntegralNetwork(OnBackbone):
    """Settings of the network of Integral Pose Regression (Sun et al., "Integral Human Pose Regression", ECCV 2018).

    Its maps are raw; loss and decoder take their softmax and its mean (``JointL1``, ``SoftArgmax``).

    The head is a reading. With SimpleBaseline's transposed convolutions of 256 channels, ResNet-101 has 53.0M parameters and
    16.5 GFLOPs at 256x256, where CAL's Table 9 prints 45.1M and 11.0. Tried were 0 to 3 transposed 4x4 convolutions of 64,
    128, 256 or 512 channels, after no 1x1 reduction or one to 128, 256 or 512, counted as the table's other rows. Three of
    them have 45.1M: reduction to 512 and three convolutions of 128 (45.125M, 11.058), to 256 and two of 256 (45.127M,
    10.773), to 256 and one of 512 (45.131M, 10.021). Only the first also prints 11.0, truncated as CAL's own row of that
    table, and only it has maps at a quarter of the input. HRNet's paper prints 45.0M and 11.0, which none of them has.

    Args:
        backbone: the ResNet.
        reduction: channels of the 1x1 convolution after the trunk; None for none.
        deconv_channels: the channels of each of the three transposed convolutions.

    Raises:
        ReproError: when a number of channels is below 1.
    """

    outputs: ClassVar[Mapping[str, Output]] = {"heatmaps": HEATMAPS}

    backbone: ResNet = ResNet(depth=101)
    reduction: int | None = 512
    deconv_channels: int = 128

    def __post_init__(self) -> None:
        check_channels("IntegralNetwork", deconv_channels=self.deconv_channels)
        if self.reduction is not None:
            check_channels("IntegralNetwork", reduction=self.reduction)

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network for the keypoints of ``skeleton``."""
        return HeatmapResNet(
            self.backbone, maps=len(skeleton), deconv_channels=self.deconv_channels, reduction=self.reduction
        )

    def reduced(self) -> IntegralNetwork:
        """The network on its reduced backbone, with a quarter of the channels between it and the maps."""
        reduction = None if self.reduction is None else quarter(self.reduction)
        return replace(super().reduced(), deconv_channels=quarter(self.deconv_channels), reduction=reduction)


def deconvolutions(before: int, channels: int, steps: int = STEPS) -> nn.Sequential:
    """Transposed 4x4 convolutions of stride 2, each with batch normalisation and ReLU, in one sequence as officially."""
    return nn.Sequential(
        *(layer for i in range(steps) for layer in _deconvolution(channels if i else before, channels))
    )


def _deconvolution(before: int, after: int) -> Iterator[nn.Module]:
    layer = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
    nn.init.normal_(layer.weight, std=INIT_STD)
    yield from (layer, nn.BatchNorm2d(after), nn.ReLU(inplace=True))


def upsample(x: Tensor, layers: nn.Sequential, size: tuple[int, int], stride: int = ResNet.stride) -> Tensor:
    """Apply ``deconvolutions``, cropping each output to ``size`` over its stride, rounded up.

    Args:
        x: (B, C, h, w), h and w being ``size`` over ``stride``, rounded up.
        layers: the sequence.
        size: (height, width) of the input image.
        stride: the stride of ``x``.

    Returns:
        (B, C', h', w').
    """
    for layer in layers:
        x = layer(x)
        if isinstance(layer, nn.ConvTranspose2d):
            stride //= 2
            height, width = (-(-length // stride) for length in size)
            x = x[..., :height, :width]
    return x


class DeconvResNet(ResNetBackbone):
    """ResNet, an optional 1x1 reduction, and three transposed convolutions.

    Args:
        settings: the settings of the ResNet.
        deconv_channels: the channels of each transposed convolution.
        reduction: channels of the 1x1 convolution before them; None for none.
    """

    def __init__(self, settings: ResNet, *, deconv_channels: int, reduction: int | None = None) -> None:
        super().__init__(settings)
        before = settings.outputs[0]
        self.reduction = nn.Identity() if reduction is None else convolution(before, reduction, kernel=1)
        self.deconv_layers = deconvolutions(reduction or before, deconv_channels)

    def features(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to a list of one (B, deconv_channels, H / 4, W / 4), sizes rounded up."""
        height, width = images.shape[-2:]
        (trunk,) = super().features(images)
        return [upsample(self.reduction(trunk), self.deconv_layers, (height, width))]


class HeatmapResNet(DeconvResNet):
    """``DeconvResNet`` and a 1x1 final layer. Returns ``heatmaps`` (B, K, H / 4, W / 4)."""

    def __init__(self, settings: ResNet, *, maps: int, deconv_channels: int, reduction: int | None = None) -> None:
        super().__init__(settings, deconv_channels=deconv_channels, reduction=reduction)
        self.final_layer = heatmap_head(deconv_channels, maps)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) images to the named maps."""
        (features,) = self.features(images)
        return {"heatmaps": self.final_layer(features)}
