"""Targets of a whole body: the heatmaps of all keypoints, and to which part of the body each keypoint belongs.

Keypoint-wise Adaptive Loss for Whole-Body Human Pose Estimation (Seong, Lee, Lee) weighs four parts: body, foot, face and
hand. Both hands are one part of its losses, though they are evaluated one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from repro.encoders.gaussian import GaussianHeatmap
from repro.errors import ReproError
from repro.skeletons.skeleton import Skeleton
from repro.skeletons.wholebody import BODY_PARTS

_PART_OF = {"lefthand": "hand", "righthand": "hand"}


def keypoint_parts(skeleton: Skeleton) -> tuple[int, ...]:
    """For each keypoint the position of its part in ``BODY_PARTS``.

    Raises:
        ReproError: when the skeleton lacks one of the four parts, or a keypoint is in none of them.
    """
    named = {n: _PART_OF.get(part, part) for part, members in skeleton.parts for n in members}
    missing = [part for part in BODY_PARTS if part not in named.values()]
    outside = [n for n in skeleton.keypoints if named.get(n) not in BODY_PARTS]
    if missing or outside:
        wrong = f"no part {missing[0]!r}" if missing else f"the keypoint {outside[0]!r} in none of its parts"
        raise ReproError(
            f"Skeleton {skeleton.name} has {wrong}, but every keypoint has to be of one of the parts {', '.join(BODY_PARTS)}: "
            "take a whole-body skeleton, as wholebody133."
        )
    return tuple(BODY_PARTS.index(named[n]) for n in skeleton.keypoints)


@dataclass(frozen=True, kw_only=True)
class WholeBodyHeatmap:
    """Heatmaps and the parts that the losses of whole bodies weigh.

    Args:
        keypoints: encoder of the heatmaps. The default is DARK's, the data processing that the paper follows: a centre
            that is not rounded, and a Gaussian that fills the map.
    """

    keypoints: GaussianHeatmap = GaussianHeatmap(rounded=False, truncated=False)

    def __call__(
        self, points: Tensor, labelled: Tensor, *, size: tuple[int, int], skeleton: Skeleton
    ) -> dict[str, Tensor]:
        """Targets of the keypoint encoder, and ``keypoint_parts`` (K,) int64, positions in ``BODY_PARTS``.

        Args:
            points: (B, K, 2), x, y in heatmap px.
            labelled: (B, K), 1 where the keypoint is labelled (visible or not), else 0.
            size: (width, height) of the heatmap.
            skeleton: the skeleton of the K keypoints, with all four parts.
        """
        targets = self.keypoints(points, labelled, size=size, skeleton=skeleton)
        return {**targets, "keypoint_parts": torch.tensor(keypoint_parts(skeleton), device=points.device)}
