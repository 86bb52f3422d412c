"""Percentage of correct keypoints (PCK), and the two protocols built on it: PCKh of MPII, PCK of Leeds Sports Pose.

A keypoint is correct when its distance to the truth, divided by a length of the person, is at most a threshold. All
rates are fractions in 0..1; coordinates are (x, y) in image px.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from repro.errors import ReproError
from repro.skeletons.skeleton import Skeleton

NOT_IN_MEAN = ("pelvis", "thorax")  # keypoints that MPII's mean leaves out

# HRNet prints as "Mean@0.1" the entry 11 of arange(0, 0.51, 0.01), which is the threshold 0.11.
PCKH_THRESHOLDS = {"pckh@0.5": 0.5, "pckh@0.1": 0.11, "pckh@0.10": 0.10}


def pck(
    predicted: np.ndarray,
    truth: np.ndarray,
    visibility: np.ndarray,
    lengths: np.ndarray,
    thresholds: Sequence[float],
) -> tuple[np.ndarray, np.ndarray]:
    """The fraction of correct keypoints, for each keypoint and threshold.

    Args:
        predicted: (N, K, 2).
        truth: (N, K, 2); unlabelled keypoints may hold anything.
        visibility: (N, K); only keypoints with > 0 are counted.
        lengths: (N,) px, what distances are divided by. Persons whose length is nan, or not above 0, are left out.
        thresholds: T of them; a keypoint is correct if distance / length <= threshold.

    Returns:
        rates (T, K), nan for keypoints that no counted person has, and counts (K,) int64 of labelled keypoints.

    Raises:
        ReproError: when the shapes disagree.
    """
    predicted, truth, lengths = (np.asarray(a, dtype=np.float64) for a in (predicted, truth, lengths))
    visibility = np.asarray(visibility)
    _check_shapes(predicted, truth, visibility, lengths)
    known = _known(lengths)
    labelled = visibility[known] > 0
    relative = np.linalg.norm(predicted[known] - truth[known], axis=-1) / lengths[known, None]
    limits = np.asarray(thresholds, dtype=np.float64)[:, None, None]
    correct = ((relative <= limits) & labelled).sum(1)
    counts = labelled.sum(0)
    return np.where(counts > 0, correct / np.maximum(counts, 1), np.nan), counts


def correct_counts(
    predicted: np.ndarray,
    truth: np.ndarray,
    visibility: np.ndarray,
    lengths: np.ndarray,
    threshold: float,
    counted: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """How many keypoints of each person are correct, and how many are labelled.

    Args:
        predicted, truth, visibility, lengths: as of ``pck``.
        threshold: a keypoint is correct if distance / length <= threshold.
        counted: (K,) bool, the keypoints that count.

    Returns:
        (N,) and (N,); both 0 for persons whose length cannot divide.
    """
    predicted, truth, lengths = (np.asarray(a, dtype=np.float64) for a in (predicted, truth, lengths))
    labelled = (np.asarray(visibility) > 0) & counted & _known(lengths)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.linalg.norm(predicted - truth, axis=-1) / lengths[:, None]
    return ((relative <= threshold) & labelled).sum(1), labelled.sum(1)


def counted_in_pckh(skeleton: Skeleton) -> np.ndarray:
    """(K,) bool: the keypoints that MPII's mean counts."""
    return np.array([name not in NOT_IN_MEAN for name in skeleton.keypoints])


def pckh(
    predicted: np.ndarray,
    truth: np.ndarray,
    visibility: np.ndarray,
    head_sizes: np.ndarray,
    skeleton: Skeleton,
) -> dict[str, float]:
    """PCKh in the protocol of MPII, as ``MPIIDataset.evaluate`` of HRNet computes it.

    The mean weighs each keypoint by the number of times it is labelled and leaves out pelvis and thorax, where the
    skeleton has them. The column "PCKh@0.1" has two readings, and both are given:

    - ``pckh@0.1``: the threshold 0.11. HRNet reads entry 11 of arange(0, 0.51, 0.01) for its "Mean@0.1", so that this
      is the number that HRNet and the papers built on its code print.
    - ``pckh@0.10``: the threshold 0.10, as the name says and as MMPose computes it. It is never above the other.

    Args:
        predicted: (N, K, 2).
        truth: (N, K, 2).
        visibility: (N, K); labelled where > 0.
        head_sizes: (N,) px, as ``data.person_sizes.head_sizes_mpii``. Persons with nan are left out.
        skeleton: the skeleton of the K keypoints.

    Returns:
        ``pckh@0.5``, ``pckh@0.1`` and ``pckh@0.10``; ``pckh@0.5/<keypoint>`` for all keypoints, pelvis and thorax
        included; ``pckh/left_out``, the number of persons without a head size. Rates of nothing are nan.

    Raises:
        ReproError: when the shapes disagree.
    """
    rates, counts = _skeleton_pck(predicted, truth, visibility, head_sizes, tuple(PCKH_THRESHOLDS.values()), skeleton)
    in_mean = counted_in_pckh(skeleton)
    out = {key: _weighted_mean(rates[i], counts * in_mean) for i, key in enumerate(PCKH_THRESHOLDS)}
    first = list(PCKH_THRESHOLDS).index("pckh@0.5")
    out |= {f"pckh@0.5/{name}": float(rates[first, k]) for k, name in enumerate(skeleton.keypoints)}
    return out | {"pckh/left_out": float((~_known(head_sizes)).sum())}


def pck_torso(
    predicted: np.ndarray,
    truth: np.ndarray,
    visibility: np.ndarray,
    skeleton: Skeleton,
) -> dict[str, float]:
    """PCK at 0.2 of the torso diameter, the protocol of Leeds Sports Pose (person-centric).

    The torso diameter is the distance from left shoulder to right hip in the truth; persons for whom one of them is not
    labelled are left out. The mean is over all labelled keypoints.

    Args:
        predicted: (N, K, 2).
        truth: (N, K, 2).
        visibility: (N, K); labelled where > 0.
        skeleton: the skeleton of the K keypoints; it must have ``left_shoulder`` and ``right_hip``.

    Returns:
        ``pck@0.2``, ``pck@0.2/<keypoint>`` for all keypoints, and ``pck/left_out``, the number of persons left out.

    Raises:
        ReproError: when the shapes disagree or the skeleton lacks one of the two keypoints.
    """
    ends = [skeleton.index("left_shoulder"), skeleton.index("right_hip")]
    truth = np.asarray(truth, dtype=np.float64)
    diameters = np.linalg.norm(truth[:, ends[0]] - truth[:, ends[1]], axis=-1)
    lengths = np.where((np.asarray(visibility)[:, ends] > 0).all(axis=1), diameters, np.nan)
    rates, counts = _skeleton_pck(predicted, truth, visibility, lengths, (0.2,), skeleton)
    out = {"pck@0.2": _weighted_mean(rates[0], counts)}
    out |= {f"pck@0.2/{name}": float(rates[0, k]) for k, name in enumerate(skeleton.keypoints)}
    return out | {"pck/left_out": float((~_known(lengths)).sum())}


def _skeleton_pck(
    predicted: np.ndarray,
    truth: np.ndarray,
    visibility: np.ndarray,
    lengths: np.ndarray,
    thresholds: Sequence[float],
    skeleton: Skeleton,
) -> tuple[np.ndarray, np.ndarray]:
    """``pck`` of poses that must have the skeleton's number of keypoints."""
    if np.shape(visibility)[1:] != (len(skeleton),):
        raise ReproError(
            f"Visibility has shape {np.shape(visibility)}, expected (N, {len(skeleton)}) for skeleton {skeleton.name}: "
            "give keypoints in that skeleton's order."
        )
    return pck(predicted, truth, visibility, lengths, thresholds)


def _known(lengths: np.ndarray) -> np.ndarray:
    """(N,) bool: the persons whose length can divide."""
    lengths = np.asarray(lengths, dtype=np.float64)
    return np.isfinite(lengths) & (lengths > 0)


def _weighted_mean(rates: np.ndarray, weights: np.ndarray) -> float:
    """The mean of (K,) rates weighted by (K,) counts; nan when all counts are 0."""
    used = weights > 0
    return float(np.average(rates[used], weights=weights[used])) if used.any() else float("nan")


def _check_shapes(predicted: np.ndarray, truth: np.ndarray, visibility: np.ndarray, lengths: np.ndarray) -> None:
    """Raise ReproError unless the arrays are (N, K, 2), (N, K, 2), (N, K) and (N,)."""
    expected = (*visibility.shape, 2)
    if visibility.ndim != 2 or predicted.shape != expected or truth.shape != expected or len(lengths) != expected[0]:
        raise ReproError(
            f"Predicted keypoints, true keypoints, visibility and lengths have shapes {predicted.shape}, "
            f"{truth.shape}, {visibility.shape} and {lengths.shape}: expected (N, K, 2), (N, K, 2), (N, K) and (N,)."
        )
