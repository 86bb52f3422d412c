"""What the scoring network of hgr learns: the OKS that a found pose reaches (section 3.2).

The released code runs COCO's evaluation and takes a label from each of its three area ranges, so that one pose enters up to
three times, with label 0 where its person has another size. Here a pose enters once by default.
"""

from __future__ import annotations

import numpy as np

from repro.data.person_sizes import COCO_SIZES
from repro.metrics.oks import oks
from repro.skeletons.skeleton import Skeleton


def pose_labels(
    points: np.ndarray,
    scores: np.ndarray,
    truth: np.ndarray,
    visibility: np.ndarray,
    areas: np.ndarray,
    skeleton: Skeleton,
    *,
    ignored: np.ndarray | None = None,
    max_detections: int = 20,
    dedup_area_ranges: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Training rows from the poses of one image: the highest OKS with any person that counts.

    Args:
        points: (M, K, 2) found poses in image px. scores: (M,).
        truth: (G, K, 2) px. visibility: (G, K), labelled where > 0. areas: (G,) px^2.
        skeleton: the skeleton whose sigmas OKS uses.
        ignored: (G,) bool: crowds and others that do not count; people without labelled keypoints never do.
        max_detections: so many poses by falling score.
        dedup_area_ranges: one row a pose, by people of all sizes. False: the released code's three rows, in which people out of
            the range are ignored.

    Returns:
        positions (R,) int64 of the poses and their labels (R,); none for an image without people, as in the released code.
        That code also sets labels of exactly 1 to 0, meant for people without keypoints; not so here.
    """
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")[:max_detections]
    if not len(truth) or not len(order):
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    counts = (np.asarray(visibility) > 0).any(1)
    if ignored is not None:
        counts &= ~np.asarray(ignored)
    similarity = oks(
        np.asarray(points)[order][:, None],
        np.asarray(truth)[None],
        np.asarray(visibility)[None],
        np.asarray(areas)[None],
        skeleton.sigma_array,
    )
    labels = []
    for low, high in list(COCO_SIZES.values())[: 1 if dedup_area_ranges else None]:
        valid = counts & (np.asarray(areas) >= low) & (np.asarray(areas) <= high)
        labels.append(np.where(valid, similarity, 0.0).max(1))
    return np.tile(order, len(labels)), np.concatenate(labels)
