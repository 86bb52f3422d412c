"""What every grouper returns: the people of one image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from repro.errors import ReproError


@dataclass(frozen=True, kw_only=True)
class People:
    """The M people that were found in one image.

    Args:
        points: (M, K, 2) x, y in px of the network's input.
        keypoint_scores: (M, K) the heat h_k of each keypoint, without the factor of the centre.
        scores: (M,) the person's score, by which people are ranked.

    Raises:
        ReproError: when the shapes disagree.
    """

    points: Tensor
    keypoint_scores: Tensor
    scores: Tensor

    def __post_init__(self) -> None:
        count, joints = self.points.shape[:2]
        shapes = (tuple(self.points.shape), tuple(self.keypoint_scores.shape), tuple(self.scores.shape))
        if shapes != ((count, joints, 2), (count, joints), (count,)):
            raise ReproError(
                f"People have points {shapes[0]}, keypoint scores {shapes[1]} and scores {shapes[2]}: "
                "give (M, K, 2), (M, K) and (M,)."
            )

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, index: Tensor) -> People:
        """The people at ``index``: positions or a mask."""
        return People(points=self.points[index], keypoint_scores=self.keypoint_scores[index], scores=self.scores[index])

    def ranked(self, most: int) -> People:
        """At most ``most`` people by falling score; of equal scores the first goes first."""
        return self.select(torch.argsort(self.scores, descending=True, stable=True)[:most])

    def mapped(self, matrix: Tensor) -> People:
        """The same people after an affine map: ``matrix`` (2, 3), as that from the network's input back to the image."""
        matrix = matrix.to(self.points)
        points = self.points @ matrix[:, :2].T + matrix[:, 2]
        return People(points=points, keypoint_scores=self.keypoint_scores, scores=self.scores)


def no_people(joints: int, like: Tensor) -> People:
    """Nobody, on the device and of the type of ``like``."""
    return People(
        points=like.new_zeros(0, joints, 2), keypoint_scores=like.new_zeros(0, joints), scores=like.new_zeros(0)
    )
