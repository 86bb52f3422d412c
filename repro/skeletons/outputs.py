"""What a network says of each map that it gives: what its values are, how large it is, how a mirror image changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["heat", "offsets", "sizes", "tags"]
Flip = Literal["mean", "both", "own"]


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a map is. Outputs that losses alone read need not be described.

    Args:
        kind: ``heat``; ``offsets``, pairs of dx and dy in px of the map, (B, K, 2, H, W) or (B, 2K, H, W); ``sizes`` of boxes in
            px of the map; ``tags``, numbers that tell people apart.
        by_keypoint: whether there is one channel (one pair) a keypoint, so that those of left and right change places in the
            mirror; else channels stay in their places.
        stride: input px a px of the map.
        flip: what the flip test makes of the image's map and the mirrored-back one: their ``mean``, ``both`` side by side in a
            dimension of their own behind the keypoints, or the image's ``own``.
        logits: whether values are logits, whose mean is that of their probabilities, given as a logit.
    """

    kind: Kind
    by_keypoint: bool = True
    stride: int = 4
    flip: Flip = "mean"
    logits: bool = False


HEATMAPS = Output(kind="heat")
HEATMAPS_2X = Output(kind="heat", stride=2)
CENTRES = Output(kind="heat", by_keypoint=False)
OFFSETS = Output(kind="offsets")
TAGS = Output(kind="tags", flip="both")
