"""A few samples with their truth and the poses that rows of a table predict, for figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repro.data.person_sizes import AREA_OF_BOX
from repro.metrics.oks import oks
from repro.skeletons.skeleton import Skeleton

COUNT = 6  # examples of a table
HEIGHT = 192  # px: of an example


@dataclass(frozen=True)
class Example:
    """One evaluated person in a crop of its own, or an image with all its people.

    Args:
        truth: (K, 2) x, y in px of the crop; (P, K, 2) of the P people of an image.
        visibility: (K,), or (P, K).
        poses: the poses by row, of the first seed: (K, 2), or (M, K, 2) of the M people that were found.
        image: (H, W, 3) uint8 RGB; None where the data set's photographs may not be passed on.
        size: (width, height) of the crop.
        areas: px^2 of the crop that the true person takes; (P,) of the P people. None where it was not kept.
    """

    truth: np.ndarray
    visibility: np.ndarray
    poses: dict[str, np.ndarray]
    image: np.ndarray | None
    size: tuple[int, int]
    areas: np.ndarray | float | None = None


def similarities(example: Example, row: str, skeleton: Skeleton) -> np.ndarray:
    """The OKS of the poses of a row, (), with the true person; or (M,) of M poses, each with the person that it is most like.

    Where areas were not kept they are taken as 0.53 of the box around the labelled keypoints. nan where nothing is labelled.
    """
    truth, visibility, poses = example.truth, example.visibility, example.poses[row]
    areas = _areas_by_rule(truth, visibility) if example.areas is None else np.asarray(example.areas)
    if truth.ndim == 2:
        return oks(poses, truth, visibility, areas, skeleton.sigma_array)
    if not len(truth) or not len(poses):
        return np.full(len(poses), np.nan)
    pairs = oks(poses[:, None], truth[None], visibility[None], areas[None], skeleton.sigma_array)
    return np.where(np.isnan(pairs), -1.0, pairs).max(1, initial=-1.0)


def _areas_by_rule(truth: np.ndarray, visibility: np.ndarray) -> np.ndarray:
    """(...) px^2 of people (..., K, 2); 0 where fewer than two keypoints are labelled."""
    labelled = (visibility > 0)[..., None]
    spans = np.where(labelled, truth, -np.inf).max(-2) - np.where(labelled, truth, np.inf).min(-2)
    return AREA_OF_BOX * np.where(np.isfinite(spans), spans, 0.0).prod(-1)
