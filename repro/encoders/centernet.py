"""Targets of CenterNet for poses: people as box centres, keypoints as offsets from there and as heatmaps of their own.

Zhou, Wang, Kraehenbuehl, "Objects as Points", 2019, and its released code. Gaussians lie at whole pixels and are as wide as
the person's box allows by CornerNet's rule (Law, Deng, ECCV 2018); offsets are keypoint - pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from repro.encoders.people_batch import PeopleBatch, inside
from repro.encoders.people_gaussian import lay_patches, window_patches
from repro.errors import choice_error
from repro.skeletons.skeleton import Skeleton

RadiusRule = Literal["released", "exact"]
OVERLAP = 0.7  # of a box whose corners are displaced by the radius with the true box (CornerNet)
CROWD = 0.9999  # height of the centre of people without labelled keypoints: neither person nor background
CHUNKS = 16


def corner_radius(sizes: Tensor, overlap: float = OVERLAP, rule: RadiusRule = "released") -> Tensor:
    """How far both corners of a box may move so that it still overlaps the true one (CornerNet).

    Args:
        sizes: (..., 2) width, height in px.
        overlap: intersection over union that must remain.
        rule: ``released``: the roots as CornerNet and CenterNet first computed and trained with, the larger root over 2
            instead of the smaller one over 2 a; ``exact``: the roots of the three quadratic equations.

    Returns:
        (...) in px: the smallest of the radii for a box inside, outside and displaced.

    Raises:
        ReproError: for another rule.
    """
    if rule not in ("released", "exact"):
        raise choice_error("rule of the corner radius", rule, ("released", "exact"))
    total, area = sizes.sum(-1), sizes.prod(-1)
    equations = (  # a, b, c of a r^2 - b r + c = 0: displaced, inside, outside
        (1.0, total, area * (1 - overlap) / (1 + overlap)),
        (4.0, 2 * total, (1 - overlap) * area),
        (4 * overlap, -2 * overlap * total, (overlap - 1) * area),
    )
    radii = []
    for a, b, c in equations:
        root = (b.square() - 4 * a * c).clamp(min=0).sqrt()
        smaller = rule == "exact" and c is not equations[2][2]
        radii.append((b - root if smaller else b + root) / (2 * a if rule == "exact" else 2))
    return torch.stack(radii).amin(0)


def clipped_boxes(boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Centres (B, P, 2) and sizes (B, P, 2) in map px of boxes (B, P, 4) cut at the first and last pixel's centre."""
    last = boxes.new_tensor(size) - 1
    low, high = (
        torch.minimum(corner.clamp(min=0), last) for corner in (boxes[..., :2], boxes[..., :2] + boxes[..., 2:])
    )
    return (low + high) / 2, high - low


def pixel_index(pixels: Tensor, valid: Tensor, width: int) -> Tensor:
    """(...) int64 places y * width + x of pixels (..., 2) in a flat map; 0 where not valid."""
    return torch.where(valid, pixels[..., 1] * width + pixels[..., 0], 0).long()


@dataclass(frozen=True, kw_only=True)
class CenterNetTargets:
    """Targets of CenterNet for poses.

    Args:
        rule: the rule of the Gaussians' radius, see ``corner_radius``.
    """

    rule: RadiusRule = "released"

    def __call__(self, people: PeopleBatch, *, size: tuple[int, int], skeleton: Skeleton) -> dict[str, Tensor]:
        """Targets by name; indices are int64 places y * W + x, vectors have x first and are in map px.

        - ``centres`` (B, 1, H, W), ``heatmaps`` (B, K, H, W): peak 1 at whole pixels;
        - ``centre_indices`` (B, P); ``sizes`` (B, P, 2) width and height of the clipped box, ``centre_offsets`` (B, P, 2)
          centre - pixel, both learned from where ``centre_weights`` (B, P) is 1: people with a labelled keypoint;
        - ``offsets`` (B, P, K, 2) keypoint - centre pixel, where ``offset_weights`` (B, P, K) is 1;
        - ``keypoint_indices`` (B, P, K), ``keypoint_offsets`` (B, P, K, 2) keypoint - pixel, where ``offset_weights`` is 1;
        - ``heatmap_weights`` (B, 1, H, W), the people's mask, which the released code does without.

        People without a labelled keypoint are neither person nor background: their centre is 0.9999 high. The released code
        says so too, but then draws a Gaussian of height 1 over it.
        """
        centres, sizes = clipped_boxes(people.boxes, size)
        there = people.present & (sizes > 0).all(-1)
        pixels = torch.trunc(centres)
        known = people.known & inside(people.points, size) & there[..., None]
        places = torch.trunc(people.points)
        radii = torch.floor(corner_radius(torch.ceil(sizes), rule=self.rule)).clamp(min=0)
        learned = there & people.known.any(-1)
        return {
            "centres": self._maps(pixels[:, :, None], there[..., None], radii, size, torch.where(learned, 1.0, CROWD)),
            "heatmaps": self._maps(places, known, radii, size, torch.ones_like(radii)),
            "heatmap_weights": people.mask[:, None],
            "centre_indices": pixel_index(pixels, there, size[0]),
            "centre_weights": learned.to(centres.dtype),
            "sizes": torch.where(there[..., None], sizes, 0),
            "centre_offsets": torch.where(there[..., None], centres - pixels, 0),
            "offsets": torch.where(known[..., None], people.points - pixels[:, :, None], 0),
            "offset_weights": known.to(centres.dtype),
            "keypoint_indices": pixel_index(places, known, size[0]),
            "keypoint_offsets": torch.where(known[..., None], people.points - places, 0),
        }

    def _maps(self, pixels: Tensor, drawn: Tensor, radii: Tensor, size: tuple[int, int], heights: Tensor) -> Tensor:
        """(B, K, H, W): squares of half width ``radii`` (B, P) with a Gaussian of sigma (2 radius + 1) / 6."""
        batch, _, keypoints = drawn.shape
        image, person, keypoint = torch.nonzero(drawn, as_tuple=True)
        radius, height = radii[image, person], heights[image, person]
        place, corner = image * keypoints + keypoint, pixels[image, person, keypoint]
        maps = radii.new_zeros(batch * keypoints, size[1], size[0])
        for part in radius.argsort().chunk(CHUNKS):  # a patch is as large as the largest radius beside it
            start, values = window_patches(corner[part], (2 * radius[part] + 1) / 6, "square", radius[part])
            lay_patches(maps, (start, values * height[part, None, None]), place[part], "max")
        return maps.unflatten(0, (batch, keypoints))
