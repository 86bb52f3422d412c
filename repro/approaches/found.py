"""The people that a network finds in photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from repro.metrics.coco import predictions_to_coco
from repro.skeletons.skeleton import Skeleton


@dataclass(frozen=True)
class Found:
    """P people in one photograph.

    Args:
        skeleton: the skeleton of K keypoints.
        points: (P, K, 2) x, y in px of the photograph; the centre of its first pixel is (0, 0).
        keypoint_scores: (P, K) the height of the maps there.
        scores: (P,) score of each pose.
        boxes: (P, 4) x, y, width, height in px: those that were given, or, where the network finds people by itself, the bounds
            of their keypoints.
    """

    skeleton: Skeleton
    points: np.ndarray
    keypoint_scores: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def to_coco(self, image_id: int) -> list[dict[str, Any]]:
        """One entry a person in COCO's result format, with its box."""
        ids = np.full(len(self), image_id, dtype=np.int64)
        entries = predictions_to_coco(ids, self.points, self.keypoint_scores, self.scores)
        return [{**entry, "bbox": box.tolist()} for entry, box in zip(entries, self.boxes, strict=True)]


class Finder(Protocol):
    """Finds people in photographs with a trained network."""

    def __call__(self, photographs: Sequence[np.ndarray], boxes: Sequence[Any] | None) -> list[Found]:
        """The people of each photograph.

        Args:
            photographs: (H, W, 3) uint8 RGB each.
            boxes: those of each photograph as ``data.photographs.checked_boxes`` takes them; None for none.

        Raises:
            ReproError: for boxes that cannot be used.
        """
