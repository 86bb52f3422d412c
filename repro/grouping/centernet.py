"""Decoding of CenterNet for poses (Zhou, Wang, Krähenbühl 2019, "Objects as Points", multi-pose).

The highest centres give people; each regressed keypoint snaps to the nearest peak of its heatmap if that lies inside the
predicted box and near enough for the size of the box. Offsets are keypoint - centre pixel, the opposite sign of hgr's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from repro.errors import ReproError
from repro.grouping.candidates import Candidates, highest_peaks, pooled_peaks
from repro.grouping.maps import one_image
from repro.grouping.people import People, no_people
from repro.grouping.regressed import offsets_by_joint
from repro.grouping.sampling import values_between
from repro.grouping.shown import Shown


def values_at_pixels(maps: Tensor, pixels: Tensor) -> Tensor:
    """(..., C) values of maps (C, H, W) at whole-number pixels (..., 2)."""
    x, y = pixels.long().unbind(-1)
    return maps[:, y, x].movedim(0, -1)


def snap(
    points: Tensor, boxes: Tensor, candidates: Tensor, heats: Tensor, valid: Tensor, reach: float = 0.3
) -> tuple[Tensor, Tensor, Tensor]:
    """The nearest candidate of each keypoint, where it lies in the person's box and near enough.

    Args:
        points: (M, K, 2) regressed keypoints.
        boxes: (M, 4) left, top, right, bottom.
        candidates: (K, N, 2). heats, valid: (K, N).
        reach: the share of the longer side of the box; at this distance a candidate still counts.

    Returns:
        points (M, K, 2), the candidates' heats (M, K), and whether a keypoint was moved (M, K) bool.
    """
    joints = torch.arange(points.shape[1], device=points.device)
    apart = (points[:, :, None] - candidates[None]).square().sum(-1).sqrt()
    distance, nearest = torch.where(valid[None], apart, torch.inf).min(-1)
    found, heat = candidates[joints, nearest], heats[joints, nearest]
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    longest = (high - low).amax(-1)
    moved = ((found >= low) & (found <= high)).all(-1) & (distance <= reach * longest)
    return torch.where(moved[..., None], found, points), heat, moved


@dataclass(frozen=True, kw_only=True)
class CenterNetGrouper:
    """CenterNet's decoder.

    Args:
        count: K of the released code: centres, and candidates a keypoint type.
        threshold: smallest heat of a keypoint candidate.
        reach: a keypoint snaps to candidates within this part of the longer side of its box.
        kernel: window of peaks in map px.
        max_people: the largest number of people returned; the released code returns all ``count``, COCO's evaluation takes 20.
        logits: the heat comes before the sigmoid, as networks give it that train with the focal loss.
    """

    answers: ClassVar[tuple[str, ...]] = ("final",)

    count: int = 100
    threshold: float = 0.1
    reach: float = 0.3
    kernel: int = 3
    max_people: int = 100
    logits: bool = True

    def __call__(self, outputs: dict[str, Tensor], *, stride: int = 4) -> People:
        """The people of one image; their score is the centre's heat, and a keypoint's its candidate's or the heat at its place.

        Args:
            outputs: ``centres`` (1, 1, h, w), ``sizes`` (1, 2, h, w) width and height of the box, ``centre_offsets``
                (1, 2, h, w) box centre - pixel, ``offsets`` (1, 2K, h, w), ``heatmaps`` (1, K, h, w), ``keypoint_offsets``
                (1, 2, h, w) keypoint - pixel; all in map px.
            stride: input px a map px.

        Raises:
            ReproError: when a map is missing or keypoints disagree.
        """
        centres, heatmaps = (one_image(outputs, name).float() for name in ("centres", "heatmaps"))
        sizes, shifts, fine = (
            one_image(outputs, name).float() for name in ("sizes", "centre_offsets", "keypoint_offsets")
        )
        offsets = offsets_by_joint(one_image(outputs, "offsets").float())
        if len(offsets) != len(heatmaps):
            raise ReproError(f"Got offsets of {len(offsets)} keypoints and {len(heatmaps)} heatmaps: they must agree.")
        if self.logits:
            centres, heatmaps = centres.sigmoid(), heatmaps.sigmoid()
        found = self._peaks(centres, 0.0)
        pixels, scores = found.points[0][found.valid[0]], found.scores[0][found.valid[0]]
        if not len(scores):
            return no_people(len(heatmaps), heatmaps)
        points = pixels[:, None] + values_at_pixels(offsets.flatten(0, 1), pixels).unflatten(1, (-1, 2))
        middle, half = pixels + values_at_pixels(shifts, pixels), values_at_pixels(sizes, pixels) / 2
        peaks = self._peaks(heatmaps, self.threshold)
        candidates = peaks.points + values_at_pixels(fine, peaks.points)
        boxes = torch.cat([middle - half, middle + half], 1)
        points, heats, moved = snap(points, boxes, candidates, peaks.scores, peaks.valid, self.reach)
        channels = torch.arange(len(heatmaps), device=points.device)
        there = values_between(heatmaps, channels, points.transpose(0, 1))[0].T
        people = People(points=points * stride, keypoint_scores=torch.where(moved, heats, there), scores=scores)
        return people.ranked(self.max_people)

    def people(self, shown: Shown) -> People:
        """The people of an image. Raises ReproError for several scales, which CenterNet has no rule for."""
        return self(shown.at_one_scale(self), stride=shown.stride)

    def _peaks(self, maps: Tensor, threshold: float) -> Candidates:
        """The highest peaks in map px."""
        return highest_peaks(maps, pooled_peaks(maps, self.kernel, threshold), count=self.count, stride=1)
