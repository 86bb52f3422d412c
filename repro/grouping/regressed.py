"""Poses that the network regresses at centres: the grouping cues of hgr (section 3.1 and 3.2).

An offset is pixel - joint, the sign of the released code (the paper's text has joint - centre), so that the joint is the
pixel less the offset. Offsets count in px of the map.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from repro.errors import ReproError
from repro.grouping.candidates import centre_candidates
from repro.grouping.sampling import values_between


@dataclass(frozen=True, kw_only=True)
class Cues:
    """Poses that keypoint candidates are grouped by.

    Args:
        points: (M, K, 2) x, y in input px.
        scores: (M,) the centre's heat o(p); 1 for ground truth.
        labelled: (M, K) bool: keypoints that exist, when the cues are ground truth; None for all.
    """

    points: Tensor
    scores: Tensor
    labelled: Tensor | None = None


def offsets_by_joint(offsets: Tensor) -> Tensor:
    """(K, 2, H, W) of (2K, H, W) in the order x, y of the first joint, x, y of the second; (K, 2, H, W) passes.

    Raises:
        ReproError: for any other shape.
    """
    if offsets.dim() == 4 and offsets.shape[1] == 2:
        return offsets
    if offsets.dim() == 3 and offsets.shape[0] % 2 == 0:
        return offsets.unflatten(0, (-1, 2))
    raise ReproError(f"Offset maps have shape {tuple(offsets.shape)}: give (2K, H, W) or (K, 2, H, W), x before y.")


def poses_at(offsets: Tensor, pixels: Tensor) -> Tensor:
    """The poses that the map regresses at whole pixels: joint = pixel - offset.

    Args:
        offsets: (K, 2, H, W), x before y, in map px.
        pixels: (M, 2) x, y, whole numbers.

    Returns:
        (M, K, 2) x, y in map px.
    """
    x, y = pixels.long().unbind(-1)
    return pixels[:, None] - offsets[:, :, y, x].permute(2, 0, 1)


def regressed_cues(
    centres: Tensor,
    offsets: Tensor,
    *,
    stride: int,
    count: int = 30,
    threshold: float = 0.01,
    kernel: int | None = None,
) -> Cues:
    """The poses at the highest peaks of the centre map.

    Args:
        centres: (1, H, W) centre heat.
        offsets: (2K, H, W) or (K, 2, H, W), in map px.
        stride: input px a map px.
        count, threshold: M and the smallest centre heat; the paper's are 30 and, by the released code, 0.01.
        kernel: window in px of the centre map; None for the released code's rule.
    """
    found = centre_candidates(centres, stride=1, count=count, threshold=threshold, kernel=kernel)
    pixels, scores = found.points[0][found.valid[0]], found.scores[0][found.valid[0]]
    return Cues(points=poses_at(offsets_by_joint(offsets), pixels) * stride, scores=scores)


def heat_at(heatmaps: Tensor, points: Tensor, stride: int) -> Tensor:
    """Bilinear heat (M, K) of joints (M, K, 2), given in input px; 0 outside the map.

    The released code reads the regression-only result so. For a keypoint without candidate it truncates to whole px and
    exchanges row and column; both are mended here.
    """
    joints = points.shape[1]
    channels = torch.arange(joints, device=points.device)
    return values_between(heatmaps, channels, points.transpose(0, 1) / stride)[0].T
