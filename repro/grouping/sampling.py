"""Values of maps between their pixels, and maps resampled to another size without half pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def values_between(maps: Tensor, channels: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Bilinear values of single channels.

    Args:
        maps: (K, H, W).
        channels: (N,) int64: the channel of each row of points.
        points: (N, ..., 2) x, y in px of the maps.

    Returns:
        values (N, ...), 0 outside the map, and whether a point is inside: 0 <= x <= W - 1, the same for y.
    """
    height, width = maps.shape[-2:]
    x, y = points.unbind(-1)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x, y = x.clamp(0, width - 1).nan_to_num(0), y.clamp(0, height - 1).nan_to_num(0)
    left, top = x.floor().clamp(max=max(width - 2, 0)), y.floor().clamp(max=max(height - 2, 0))
    u, v = x - left, y - top
    first = (channels * (height * width)).view(-1, *[1] * (x.dim() - 1)) + top.long() * width + left.long()
    right, down = int(width > 1), width * int(height > 1)
    flat = maps.reshape(-1)
    above = torch.lerp(flat[first], flat[first + right], u)
    below = torch.lerp(flat[first + down], flat[first + down + right], u)
    return torch.where(inside, torch.lerp(above, below, v), 0), inside


def resample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps of another size that show the same view: pixel i of W' takes the bilinear value at pixel i * W / W' of W.

    Pixel 0 stays pixel 0 and nothing moves by a half pixel, as the released code of hgr up-samples (align_corners on a size
    smaller by the factor less one, then the last rows and columns repeated). Positions beyond the last pixel take its value.

    Args:
        maps: (C, H, W).
        size: (width, height) of the result.

    Returns:
        (C, height, width).
    """
    height, width = maps.shape[-2:]
    if (width, height) == tuple(size):
        return maps
    if size[0] % width == 0 and size[1] % height == 0:
        wider, higher = size[0] // width, size[1] // height
        inner = ((height - 1) * higher + 1, (width - 1) * wider + 1)
        large = F.interpolate(maps[None], size=inner, mode="bilinear", align_corners=True)
        return F.pad(large, (0, wider - 1, 0, higher - 1), mode="replicate")[0]
    if width % size[0] == 0 and height % size[1] == 0:
        return maps[:, :: height // size[1], :: width // size[0]]
    x = torch.arange(size[0], device=maps.device, dtype=maps.dtype) * (width / size[0])
    y = torch.arange(size[1], device=maps.device, dtype=maps.dtype) * (height / size[1])
    x, y = (2 * x / max(width - 1, 1) - 1).clamp(max=1), (2 * y / max(height - 1, 1) - 1).clamp(max=1)
    grid = torch.stack([x.expand(len(y), -1), y[:, None].expand(-1, len(x))], -1)
    return F.grid_sample(maps[None], grid[None], mode="bilinear", padding_mode="border", align_corners=True)[0]
