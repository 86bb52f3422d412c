"""The adaptive representation transformation: convolutions that sample where a local 2x2 transform puts their kernel.

Sun et al., "Bottom-Up Human Pose Estimation by Ranking Heatmap-Guided Adaptive Keypoint Estimates", Section 3.1: at
every pixel q a 3x3 convolution estimates a transform T, and another convolution samples at q + T G_t instead of at the
regular positions q + G_t (equation 3). Readings, all after the official code (``STNBLOCK``):

- the "two adaptive representation transformation units" are the two convolutions of one residual block, and both T
  come from the block's input. The text does not mention the shortcut;
- T has no translation. Its convolution starts at exactly zero, so that sampling starts collapsed on one pixel;
- with dilation d the positions are d G_t + (T G_t - G_t): T is added to a fixed grid of d - 1, and T = I, not
  T = d I, is the ordinary convolution of dilation d. Only for d = 1 is this the T G_t of the text;
- the adaptive weights start from U(-b, b), b = 1 / sqrt(9 C), not from the N(0, 0.001) of the other convolutions;
- blocks of several dilations that run beside each other share the weights of all their convolutions, but not biases
  (only the transforms have them) and batch normalisation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repro.errors import ReproError
from repro.models.deformable import deformable_convolution, regular_grid
from repro.models.layers import convolution


def transformed_grid(transform: Tensor) -> Tensor:
    """T G_t at every pixel (equation 3).

    Args:
        transform: (B, 4, H, W), the rows of T one after the other, in the order (y, x) that the official code has:
            channels are T_yy, T_yx, T_xy, T_xx.

    Returns:
        (B, 9, 2, H, W) displacements (x, y) in pixels of the features, in the order of ``regular_grid``.

    Raises:
        ReproError: when ``transform`` has not four channels.
    """
    _check_transform(transform)
    yy, yx, xy, xx = transform.unsqueeze(1).unbind(2)
    x, y = regular_grid(transform).T.view(2, -1, 1, 1)
    return torch.stack([xx * x + xy * y, yx * x + yy * y], dim=2)


def _check_transform(transform: Tensor) -> None:
    """Raise ReproError unless a transform has four channels."""
    if transform.dim() != 4 or transform.shape[1] != 4:
        raise ReproError(
            f"The transform has shape {tuple(transform.shape)}: expected (B, 4, H, W), a 2x2 matrix a pixel."
        )


def sampling_offsets(transform: Tensor) -> Tensor:
    """What a deformable convolution adds to its regular positions: T G_t - G_t.

    On a CPU it is one product of matrices, whose result lies in memory as ``models.sampling`` takes it; elsewhere products may be
    rounded (``training.device``), and the same is computed number by number.

    Args:
        transform: (B, 4, H, W), see ``transformed_grid``.

    Returns:
        (B, 18, H, W), (dy, dx) for each position of the kernel in turn, row by row.

    Raises:
        ReproError: when ``transform`` has not four channels.
    """
    _check_transform(transform)
    regular = regular_grid(transform)
    if transform.device.type != "cpu":
        return (transformed_grid(transform) - regular.view(1, -1, 2, 1, 1)).flip(2).flatten(1, 2)
    yx, zero = regular.flip(1), torch.zeros_like(regular)
    weights = torch.stack([torch.cat([yx, zero], dim=1), torch.cat([zero, yx], dim=1)], dim=1).flatten(0, 1)  # (18, 4)
    with torch.autocast("cpu", enabled=False):
        return F.linear(transform.permute(0, 2, 3, 1), weights, -yx.flatten()).permute(0, 3, 1, 2)


def sampling_positions(transform: Tensor, *, dilation: int = 1) -> Tensor:
    """Where an adaptive convolution samples (Fig. 3 shows them at the centres of persons).

    Args:
        transform: (B, 4, H, W), see ``transformed_grid``.
        dilation: the dilation of the convolution.

    Returns:
        (B, 9, 2, H, W): for each output pixel nine positions (x, y) in pixels of the features, the centre of the
        top-left pixel being (0, 0). Positions outside read zeros.
    """
    height, width = transform.shape[-2:]
    y, x = torch.meshgrid(*(torch.arange(n).to(transform) for n in (height, width)), indexing="ij")
    fixed = (dilation - 1) * regular_grid(transform).view(1, -1, 2, 1, 1)
    return torch.stack([x, y]) + fixed + transformed_grid(transform)


def adaptive_convolution(x: Tensor, transform: Tensor, weight: Tensor, *, dilation: int = 1) -> Tensor:
    """A 3x3 convolution that samples at ``sampling_positions``, bilinearly and with zeros outside.

    It is a ``deformable_convolution``, which see for its precision and its gradient.

    Args:
        x: (B, C, H, W).
        transform: (B, 4, H, W), see ``transformed_grid``.
        weight: (C', C, 3, 3).
        dilation: the dilation of the regular positions.

    Returns:
        (B, C', H, W) in the dtype of ``x``.
    """
    full = torch.promote_types(transform.dtype, torch.float32)
    return deformable_convolution(x, sampling_offsets(transform.to(full)), weight, dilation=dilation)


class AdaptiveWeight(nn.Module):
    """The weight of an adaptive convolution, (C, C, 3, 3), that starts as the official one does."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))
        bound = 1 / math.sqrt(9 * channels)
        nn.init.uniform_(self.weight, -bound, bound)


class Transform(nn.Module):
    """Estimates T at every pixel with a 3x3 convolution, for several branches that share its weight but not its bias.

    All start at zero.
    """

    def __init__(self, channels: int, branches: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, channels, 3, 3))
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(4)) for _ in range(branches))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) to one (B, 4, H, W) a branch, see ``transformed_grid``."""
        return [F.conv2d(x, self.weight, bias, padding=1) for bias in self.biases]


def norms(channels: int, branches: int) -> nn.ModuleList:
    """One batch normalisation a branch."""
    return nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(branches))


class AdaptiveBlocks(nn.Module):
    """Residual blocks of two adaptive convolutions, one a dilation, side by side on the same input.

    Each computes ReLU(BN2(A2(ReLU(BN1(A1(x, T1))), T2)) + x), T1 and T2 from x.

    Args:
        channels: C of the input and of the outputs.
        dilations: one a block.
    """

    def __init__(self, channels: int, dilations: Sequence[int] = (1,)) -> None:
        super().__init__()
        self.dilations = tuple(dilations)
        count = len(self.dilations)
        self.transform1, self.transform2 = Transform(channels, count), Transform(channels, count)
        self.adaptive1, self.adaptive2 = AdaptiveWeight(channels), AdaptiveWeight(channels)
        self.bn1, self.bn2 = norms(channels, count), norms(channels, count)

    def transforms(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """T1 and T2, each (B, 4, H, W), of every block for the input (B, C, H, W)."""
        return list(zip(self.transform1(x), self.transform2(x), strict=True))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) to one (B, C, H, W) a dilation."""
        outputs = []
        for d, (t1, t2), bn1, bn2 in zip(self.dilations, self.transforms(x), self.bn1, self.bn2, strict=True):
            y = F.relu(bn1(adaptive_convolution(x, t1, self.adaptive1.weight, dilation=d)), inplace=True)
            y = bn2(adaptive_convolution(y, t2, self.adaptive2.weight, dilation=d))
            outputs.append(F.relu(y + x, inplace=True))
        return outputs


class PlainBlocks(nn.Module):
    """The same blocks with ordinary convolutions: Table 4 without adaptive representation (the code's ``BASIC``).

    Dilations and the sharing of weights stay. The weights start from N(0, 0.001), as all ordinary convolutions.

    Args:
        channels: C of the input and of the outputs.
        dilations: one a block.
    """

    def __init__(self, channels: int, dilations: Sequence[int] = (1,)) -> None:
        super().__init__()
        self.dilations = tuple(dilations)
        self.plain1, self.plain2 = convolution(channels, channels), convolution(channels, channels)
        self.bn1, self.bn2 = norms(channels, len(self.dilations)), norms(channels, len(self.dilations))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) to one (B, C, H, W) a dilation."""
        outputs = []
        for d, bn1, bn2 in zip(self.dilations, self.bn1, self.bn2, strict=True):
            y = F.relu(bn1(F.conv2d(x, self.plain1.weight, padding=d, dilation=d)), inplace=True)
            y = bn2(F.conv2d(y, self.plain2.weight, padding=d, dilation=d))
            outputs.append(F.relu(y + x, inplace=True))
        return outputs
