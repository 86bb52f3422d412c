"""Targets of associative embedding: heatmaps at whole pixels, and where the tags of each person's keypoints are read.

Newell, Huang, Deng, "Associative Embedding: End-to-End Learning for Joint Detection and Grouping", NIPS 2017, as
HigherHRNet's released code has it (Cheng et al., CVPR 2020): coordinates are truncated to the pixel below, at each of the two
heatmap sizes; tags are read at the smaller one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from repro.encoders.people_batch import PeopleBatch, inside
from repro.encoders.people_gaussian import PeopleGaussian
from repro.skeletons.skeleton import Skeleton


def tag_positions(people: PeopleBatch, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The pixel of each keypoint.

    Args:
        people: P people an image.
        size: (width, height) of the tag map.

    Returns:
        (B, P, K, 2) int64, x, y, truncated toward zero and 0 where not read; (B, P, K) bool, whether the keypoint is
        labelled and its pixel in the map.
    """
    pixels = torch.trunc(people.points)
    read = people.known & inside(pixels, size)
    return torch.where(read[..., None], pixels, 0).long(), read


def at_whole_pixels(people: PeopleBatch) -> PeopleBatch:
    """The same people with points truncated to pixels."""
    return replace(people, points=torch.trunc(people.points))


@dataclass(frozen=True, kw_only=True)
class AssociativeTargets:
    """Targets of HigherHRNet with associative embedding.

    Args:
        heatmaps: the encoder of the keypoints' maps; HigherHRNet takes sigma 2 at both sizes.
        higher: whether there are heatmaps at half the input's size as well, twice as large as the others.
    """

    heatmaps: PeopleGaussian = PeopleGaussian()
    higher: bool = True

    def __call__(self, people: PeopleBatch, *, size: tuple[int, int], skeleton: Skeleton) -> dict[str, Tensor]:
        """Targets by name.

        ``heatmaps`` (B, K, H, W) and ``heatmap_weights`` (B, 1, H, W), the people's mask; ``tag_positions`` (B, P, K, 2)
        int64 x, y and ``tags_read`` (B, P, K) bool; with ``higher`` also ``heatmaps_2x`` (B, K, 2H, 2W) and
        ``heatmap_weights_2x``.
        """
        targets = self.heatmaps(at_whole_pixels(people), size=size, skeleton=skeleton)
        targets["tag_positions"], targets["tags_read"] = tag_positions(people, size)
        if self.higher:
            larger = at_whole_pixels(people.scaled(2))
            more = self.heatmaps(larger, size=(2 * size[0], 2 * size[1]), skeleton=skeleton)
            targets |= {f"{name}_2x": value for name, value in more.items()}
        return targets
