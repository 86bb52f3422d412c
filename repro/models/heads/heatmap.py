"""The layer that turns features into maps: one convolution with bias, 1x1 in HRNet."""

from __future__ import annotations

from torch import nn

from repro.errors import ReproError
from repro.models.layers import convolution


def heatmap_head(channels: int, maps: int, *, kernel: int = 1) -> nn.Conv2d:
    """A convolution from (B, channels, H, W) to (B, maps, H, W) raw maps, without an activation.

    In a network it is called ``final_layer``, the official name.

    Args:
        channels: the channels of the features.
        maps: number of maps, as the number of keypoints.
        kernel: its odd size; the maps keep the features' size.

    Raises:
        ReproError: when ``kernel`` is not odd, or below 1.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise ReproError(f"The head's kernel is {kernel}: give an odd number, as 1 or 3, so that maps keep their size.")
    return convolution(channels, maps, kernel=kernel, bias=True)
