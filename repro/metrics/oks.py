"""Object keypoint similarity (OKS), and what top-down methods do with it between decoding and COCOeval.

OKS is the mean over the labelled keypoints of exp(-d^2 / (2 a (2 sigma)^2)), with d the distance in px, a the person's
area in px^2 and sigma the constant of the keypoint (https://cocodataset.org/#keypoints-eval). Coordinates are (x, y).
"""

from __future__ import annotations

import numpy as np

from repro.errors import ReproError


def oks(
    predicted: np.ndarray,
    truth: np.ndarray,
    visibility: np.ndarray,
    areas: np.ndarray,
    sigmas: np.ndarray,
) -> np.ndarray:
    """OKS of predictions against true poses, as ``COCOeval.computeOks`` has it.

    The leading dimensions broadcast: (D, 1, K, 2) against (G, K, 2) gives all (D, G) pairs. Persons without labelled
    keypoints, for which COCOeval measures the distance to their doubled box instead, have no OKS here.

    Args:
        predicted: (..., K, 2) x, y in image px.
        truth: (..., K, 2) x, y in image px; unlabelled keypoints may hold anything.
        visibility: (..., K); labelled where > 0.
        areas: (...) px^2, of the true person. COCOeval's guard against 0, ``np.spacing(1)``, is added.
        sigmas: (K,) OKS constants, as ``Skeleton.sigma_array``.

    Returns:
        (...) in 0..1; nan where nothing is labelled.

    Raises:
        ReproError: when the number of keypoints disagrees with that of the sigmas, or coordinates are not pairs.
    """
    predicted, truth, sigmas = (np.asarray(a, dtype=np.float64) for a in (predicted, truth, sigmas))
    visibility = np.asarray(visibility)
    _check_keypoints("Predicted keypoints", predicted, len(sigmas))
    _check_keypoints("True keypoints", truth, len(sigmas))
    if visibility.shape[-1:] != sigmas.shape:
        raise ReproError(f"Visibility has shape {visibility.shape}, expected (..., {len(sigmas)}): give one a sigma.")
    labelled = visibility > 0
    spread = (2 * sigmas) ** 2 * (np.asarray(areas, dtype=np.float64)[..., None] + np.spacing(1)) * 2
    similarity = np.exp(-((predicted - truth) ** 2).sum(-1) / spread)
    count = labelled.sum(-1)
    mean = np.where(labelled, similarity, 0.0).sum(-1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)


def rescore(box_scores: np.ndarray, keypoint_scores: np.ndarray, threshold: float = 0.2) -> np.ndarray:
    """Person scores of HRNet: the box's score times the mean of the keypoint scores above the threshold.

    As ``COCODataset.evaluate`` of HRNet, where the threshold is ``TEST.IN_VIS_THRE``.

    Args:
        box_scores: (N,) detector scores; 1 for ground-truth boxes.
        keypoint_scores: (N, K) heights of the heatmaps' peaks.
        threshold: keypoint scores must exceed it to enter the mean.

    Returns:
        (N,) scores; 0 where no keypoint score exceeds the threshold.
    """
    keypoint_scores = np.asarray(keypoint_scores, dtype=np.float64)
    confident = keypoint_scores > threshold
    total = np.where(confident, keypoint_scores, 0.0).sum(1)
    return np.asarray(box_scores, dtype=np.float64) * total / np.maximum(confident.sum(1), 1)


def oks_nms(
    keypoints: np.ndarray,
    scores: np.ndarray,
    areas: np.ndarray,
    sigmas: np.ndarray,
    threshold: float = 0.9,
) -> np.ndarray:
    """Greedy suppression of poses that repeat a better one of the same image, as ``oks_nms`` of HRNet.

    From the highest score down, a pose is kept if its OKS with every pose kept so far is <= the threshold. OKS is taken
    over all K keypoints and the mean of the two areas. Of equal scores the first goes first; HRNet leaves that order to
    an unstable sort.

    Args:
        keypoints: (N, K, 2) x, y in image px, of one image.
        scores: (N,).
        areas: (N,) px^2. HRNet's is that of the padded crop, the product of 200 times its scale.
        sigmas: (K,) OKS constants.
        threshold: HRNet's ``TEST.OKS_THRE``.

    Returns:
        (M,) int64 positions of the kept poses, by falling score.

    Raises:
        ReproError: as ``oks``.
    """
    keypoints, areas = np.asarray(keypoints, dtype=np.float64), np.asarray(areas, dtype=np.float64)
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    everything = np.ones(len(sigmas))
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        similarity = oks(keypoints[rest], keypoints[best], everything, (areas[rest] + areas[best]) / 2, sigmas)
        order = rest[~(similarity > threshold)]  # keeps nan, which evaluation then names instead of losing it
    return np.array(kept, dtype=np.int64)


def _check_keypoints(what: str, points: np.ndarray, size: int) -> None:
    """Raise ReproError unless ``points`` is (..., size, 2)."""
    if points.shape[-2:] != (size, 2):
        raise ReproError(f"{what} have shape {points.shape}, expected (..., {size}, 2) for the {size} sigmas given.")
