"""The skeletal attention module: skeletal heatmaps and body attention maps, added to the features of HRNet's stage 3.

Jun et al., "Human Pose Estimation Using Skeletal Heatmaps", Sections II.B and II.C, equations 2 and 3. Readings where
the paper is silent:

- the maps are predicted by one convolution with bias on the highest resolution. The text speaks of "augmenting
  convolutional layers"; 3x3 and 1x1 both reproduce the printed #Params and GFLOPs, larger modules do not;
- the predicted maps are added, in training and at test, raw as they are regressed: not clipped and not normalised (a
  body map reaches about 3 where links meet), with their gradient;
- "replicated" tiles the maps over the channels, H1 .. H16, H1 .. H16, ...; repeating each map instead is the same up to
  the order of channels. The number of channels T is each branch's own;
- maps are made smaller by the mean over blocks (2x2 and 4x4);
- the sums enter before transition 3, so that the fourth branch sees the full-body map too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repro.encoders.skeletal_links import SKELETAL_LINKS, UPPER_LINKS
from repro.errors import ReproError
from repro.models.heads.heatmap import heatmap_head


def check_width(width: int) -> None:
    """Raise ReproError unless the sixteen skeletal maps can be replicated to ``width`` channels."""
    if width % len(SKELETAL_LINKS):
        raise ReproError(
            f"The width of an HRNet with skeletal attention is {width}, but its channels are filled with the "
            f"{len(SKELETAL_LINKS)} skeletal heatmaps replicated: give a multiple of {len(SKELETAL_LINKS)}."
        )


def body_attention_maps(skeletal: Tensor, upper: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Upper-body, lower-body and full-body attention maps (equations 2 and 3).

    Args:
        skeletal: (B, 16, H, W) skeletal heatmaps H^s.
        upper: (16,) bool, True for the links in U; the others are in L.

    Returns:
        H^u, H^l and H^f = H^u + H^l, each (B, 1, H, W).
    """
    in_upper = upper.to(skeletal.dtype).view(1, -1, 1, 1)
    upper_body = (skeletal * in_upper).sum(dim=1, keepdim=True)
    lower_body = (skeletal * (1 - in_upper)).sum(dim=1, keepdim=True)
    return upper_body, lower_body, upper_body + lower_body


def downsize(maps: Tensor, like: Tensor) -> Tensor:
    """Shrink (B, M, H, W) maps to the height and width of ``like`` by the mean over blocks.

    Where a size does not divide, blocks overlap by a pixel (adaptive pooling). That gives the same result for sizes
    that divide, but on a GPU its gradient is not deterministic.
    """
    (height, width), (h, w) = maps.shape[-2:], like.shape[-2:]
    if height % h or width % w:
        return F.adaptive_avg_pool2d(maps, (h, w))
    return F.avg_pool2d(maps, (height // h, width // w))


def add_replicated(features: Tensor, maps: Tensor) -> Tensor:
    """Add maps to features, replicated over the channels: channel c receives map c mod M.

    Args:
        features: (B, T, H, W), T a multiple of M.
        maps: (B, M, H, W).

    Returns:
        (B, T, H, W).
    """
    return (features.unflatten(1, (-1, maps.shape[1])) + maps.unsqueeze(1)).flatten(1, 2)


def add_attention(features: Sequence[Tensor], skeletal: Tensor, upper: Tensor) -> list[Tensor]:
    """Add skeletal heatmaps and body attention maps to the three scales of stage 3 (Section II.C).

    Args:
        features: (B, C, H, W), (B, 2C, H / 2, W / 2) and (B, 4C, H / 4, W / 4), C a multiple of 16.
        skeletal: (B, 16, H, W) skeletal heatmaps.
        upper: (16,) bool, True for the links of the upper body.

    Returns:
        The three features plus, in this order: H^s replicated C / 16 times; H^u and H^l halved in size and replicated
        2C / 2 times; H^f at a quarter of the size replicated 4C times.

    Raises:
        ReproError: when C is not a multiple of 16.
    """
    high, middle, low = features
    check_width(high.shape[1])
    upper_body, lower_body, full_body = body_attention_maps(skeletal, upper)
    half_body = torch.cat([upper_body, lower_body], dim=1)
    return [
        add_replicated(high, skeletal),
        add_replicated(middle, downsize(half_body, middle)),
        add_replicated(low, downsize(full_body, low)),
    ]


class SkeletalAttention(nn.Module):
    """Predicts the skeletal heatmaps and adds the attention to the features.

    Args:
        width: channels C of the highest resolution.
        kernel: size of the predicting convolution.
        upper: flags, one for each of the sixteen links, that say whether it is of the upper body.

    Raises:
        ReproError: when ``width`` is not a multiple of 16 or ``kernel`` is even.
    """

    def __init__(self, width: int, *, kernel: int = 3, upper: Sequence[bool] = UPPER_LINKS) -> None:
        super().__init__()
        check_width(width)
        self.head = heatmap_head(width, len(upper), kernel=kernel)
        self.upper: Tensor
        self.register_buffer("upper", torch.tensor(upper), persistent=False)

    def forward(self, features: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Stage 3's three scales to the same with attention, and the skeletal heatmaps (B, 16, H, W)."""
        skeletal = self.head(features[0])
        return add_attention(features, skeletal, self.upper), skeletal
