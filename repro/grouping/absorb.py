"""Absorption: each regressed keypoint is replaced by the nearest keypoint candidate of its type (hgr, section 3.2)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from repro.errors import choice_error
from repro.grouping.candidates import Candidates
from repro.grouping.regressed import heat_at

Beyond = Literal["cue", "nearest"]


def absorb(
    points: Tensor,
    candidates: Candidates,
    heatmaps: Tensor,
    *,
    stride: int,
    radius: float = 75.0,
    beyond: Beyond = "cue",
) -> tuple[Tensor, Tensor, Tensor]:
    """The nearest candidate less than ``radius`` px from each keypoint, and its heat.

    The choice is by distance alone; two people may absorb the same candidate, as in the released code. Equal distances go to
    the candidate with more heat.

    Args:
        points: (M, K, 2) keypoints of the cues, x, y in px of the network's input (the resized image, in which the released
            code measures the 75 px).
        candidates: the candidates of the K types.
        heatmaps: (K, H, W).
        stride: input px a map px.
        beyond: what becomes of a keypoint without candidate within the radius. ``cue``: it stays where it was regressed, with
            the heat there. ``nearest``: it goes to the nearest candidate however far, or to the map's highest pixel where
            there is none, with score 0. This is for ground truth as cue, which must not leak into the result.

    Returns:
        points (M, K, 2) in input px, heats (M, K), and whether a candidate within the radius was absorbed (M, K) bool.

    Raises:
        ReproError: for an unknown ``beyond``.
    """
    if beyond not in ("cue", "nearest"):
        raise choice_error("way for keypoints beyond the radius", beyond, ("cue", "nearest"))
    joints = torch.arange(points.shape[1], device=points.device)
    apart = (points[:, :, None] - candidates.points[None]).square().sum(-1).sqrt()
    apart = torch.where(candidates.valid[None], apart, torch.inf)
    distance, nearest = apart.min(-1)
    absorbed = distance < radius
    found, heat = candidates.points[joints, nearest], candidates.scores[joints, nearest]
    if beyond == "cue":
        other, other_heat = points, heat_at(heatmaps, points, stride)
    else:
        top = heatmaps.flatten(1).argmax(1)
        width = heatmaps.shape[-1]
        top = torch.stack([top % width, torch.div(top, width, rounding_mode="floor")], -1).to(points) * stride
        other = torch.where(torch.isfinite(distance)[..., None], found, top)
        other_heat = torch.zeros_like(heat)
    return torch.where(absorbed[..., None], found, other), torch.where(absorbed, heat, other_heat), absorbed
