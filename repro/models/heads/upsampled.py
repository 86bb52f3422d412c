"""Heatmaps at twice the features' size: a transposed convolution, basic blocks and a 1x1 convolution.

Cheng et al., "HigherHRNet: Scale-Aware Representation Learning for Bottom-Up Human Pose Estimation", CVPR 2020, Section
3.3, whose features are concatenated with the maps that were predicted from them.
"""

from __future__ import annotations

from torch import Tensor, nn

from repro.models.heads.heatmap import heatmap_head
from repro.models.layers import INIT_STD, BasicBlock


def deconvolution(before: int, after: int) -> nn.Sequential:
    """Transposed convolution (4x4, stride 2, no bias), batch normalisation and ReLU: twice the height and width.

    Output pixel 2i + 0.5 lies on input pixel i.
    """
    layer = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
    nn.init.normal_(layer.weight, std=INIT_STD)
    return nn.Sequential(layer, nn.BatchNorm2d(after), nn.ReLU(inplace=True))


class UpsampledHeatmaps(nn.Module):
    """Features to raw maps of twice their size.

    Args:
        before: channels of the features.
        width: channels after the transposed convolution.
        maps: number of maps.
        blocks: basic blocks after the transposed convolution.
    """

    def __init__(self, before: int, width: int, *, maps: int, blocks: int) -> None:
        super().__init__()
        self.features = nn.Sequential(deconvolution(before, width), *(BasicBlock(width) for _ in range(blocks)))
        self.final_layer = heatmap_head(width, maps)

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, h, w) to (B, maps, 2h, 2w)."""
        return self.final_layer(self.features(x))
