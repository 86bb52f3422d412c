"""The 3x3 deformable convolution, with forms for CPUs that are several times as fast as torchvision's.

Dai et al., "Deformable Convolutional Networks", ICCV 2017; with a mask Zhu et al., "Deformable ConvNets v2", CVPR 2019.
torchvision's operator is written for GPUs; on a CPU its gradient takes five times as long as its result, and its result two to
four times as long as need be. There samples are taken first, by compiled loops (``models.sampling``), and then multiplied by the
weight as one matrix. Where a network is exported, or numba is absent, they are gathered by ``embedding_bag``. All forms give the
same values up to rounding.
"""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

COMPILED = find_spec("numba") is not None


def regular_grid(like: Tensor) -> Tensor:
    """(9, 2) positions (x, y) of a 3x3 kernel, row by row, in the dtype and device of ``like``."""
    index = torch.arange(9, device=like.device)
    return torch.stack([index % 3 - 1, index // 3 - 1], dim=1).to(like.dtype)


def deformable_convolution(
    x: Tensor,
    offsets: Tensor,
    weight: Tensor,
    *,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    dilation: int = 1,
) -> Tensor:
    """A 3x3 convolution that samples beside its regular positions, bilinearly and with zeros outside.

    Samples are taken in float32 at least, also inside autocast: in bfloat16 a position beyond 128 is known to a whole px. A CPU
    then multiplies them by the weight in autocast's precision, as in any other convolution; torchvision's operator for GPUs
    does both in one precision, float32, of which products may be rounded (``training.device``). On a GPU the gradient is not
    deterministic (atomic additions).

    Args:
        x: (B, C, H, W).
        offsets: (B, 18, H, W), (dy, dx) in px for each position of the kernel, row by row.
        weight: (C', C, 3, 3).
        bias: (C',).
        mask: (B, 9, H, W) factors of the samples; ones when None.
        dilation: the dilation of the regular positions.

    Returns:
        (B, C', H, W) in the dtype of ``x``.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    wide, offsets, weight = (t.to(dtype) for t in (x, offsets, weight))
    bias, mask = (t if t is None else t.to(dtype) for t in (bias, mask))
    if x.device.type == "cpu":
        followed = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined]
        form = sampled_convolution if COMPILED and not followed else gathered_convolution
        out = form(wide, offsets, weight, bias=bias, mask=mask, dilation=dilation)
    else:
        out = deform_conv2d(wide, offsets, weight, bias, padding=dilation, dilation=dilation, mask=mask)
    return out.to(x.dtype)


def gathered_convolution(
    x: Tensor,
    offsets: Tensor,
    weight: Tensor,
    *,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    dilation: int = 1,
) -> Tensor:
    """``deformable_convolution`` for a CPU, all in one dtype. It keeps B * H * W * 9 * C samples for the gradient."""
    (batch, channels, height, width), outputs = x.shape, len(weight)
    indices, factors = corners(offsets, dilation)
    if mask is not None:
        factors = factors * mask.permute(0, 2, 3, 1).unsqueeze(-1)
    rows = x.permute(0, 2, 3, 1).reshape(-1, channels)
    samples = F.embedding_bag(indices.view(-1, 4), rows, per_sample_weights=factors.reshape(-1, 4), mode="sum")
    matrix = weight.permute(0, 2, 3, 1).reshape(outputs, 9 * channels)
    out = F.linear(samples.view(-1, 9 * channels), matrix, bias)
    return out.view(batch, height, width, outputs).permute(0, 3, 1, 2)


def sampled_convolution(
    x: Tensor,
    offsets: Tensor,
    weight: Tensor,
    *,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    dilation: int = 1,
) -> Tensor:
    """``gathered_convolution`` by the compiled loops of ``models.sampling``."""
    from repro.models.sampling import Sampled  # numba takes half a second to import

    batch, height, width = x.shape[0], *offsets.shape[-2:]
    factors = x.new_ones(batch, height, width, 9) if mask is None else mask.permute(0, 2, 3, 1)
    rows = (t.contiguous() for t in (x.permute(0, 2, 3, 1), offsets.permute(0, 2, 3, 1), factors))
    autocast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    samples = Sampled.apply(*rows, dilation, x.dtype == torch.float32 and autocast == torch.bfloat16)
    matrix = weight.permute(0, 2, 3, 1).flatten(1)
    return F.linear(samples.flatten(3), matrix, bias).permute(0, 3, 1, 2)


def sampled_positions(offsets: Tensor, dilation: int) -> Tensor:
    """(B, H, W, 9, 2) positions (x, y) of all samples in px, from offsets (B, 18, H, W), see ``deformable_convolution``."""
    height, width = offsets.shape[-2:]
    y, x = torch.meshgrid(*(torch.arange(n, device=offsets.device) for n in (height, width)), indexing="ij")
    pixels = torch.stack([x, y], dim=-1).to(offsets.dtype).unsqueeze(2)
    displaced = offsets.permute(0, 2, 3, 1).unflatten(-1, (9, 2)).flip(-1)
    return pixels + dilation * regular_grid(offsets) + displaced


def corners(offsets: Tensor, dilation: int) -> tuple[Tensor, Tensor]:
    """The four pixels around each sample, and their share in it.

    Args:
        offsets: (B, 18, H, W), see ``deformable_convolution``.
        dilation: the dilation of the regular positions.

    Returns:
        (B, H, W, 9, 4) int64 places of the pixels among all B * H * W, and their bilinear factors, 0 outside.
    """
    batch, _, height, width = offsets.shape
    positions = sampled_positions(offsets, dilation)
    low = positions.floor()
    right, down = (positions - low).unsqueeze(-2).unbind(-1)
    side_x, side_y = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])
    factors = torch.where(side_x == 1, right, 1 - right) * torch.where(side_y == 1, down, 1 - down)
    at_x, at_y = low[..., :1].long() + side_x, low[..., 1:].long() + side_y
    inside = (at_x >= 0) & (at_x < width) & (at_y >= 0) & (at_y < height)
    image = torch.arange(batch).view(-1, 1, 1, 1, 1)
    places = (image * height + at_y.clamp(0, height - 1)) * width + at_x.clamp(0, width - 1)
    return places, factors * inside
