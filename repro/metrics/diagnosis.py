"""Which errors a detector's keypoints have: the taxonomy of Ronchi and Perona, ICCV 2017, "Benchmarking and Error Diagnosis".

Detections are matched to people as COCO does, at OKS .1. The keypoint similarity exp(-d^2 / (2 a (2 sigma)^2)) of a detected
keypoint to the true one, to its left-right counterpart on the same person, and to both of every other person decides:

- good: above .85 and highest for the true keypoint; jitter: from .5 to .85 and highest for the true one;
- inversion: at least .5 and highest for the counterpart of the same person;
- swap: at least .5 and highest for either keypoint of another person; miss: below .5 whichever is nearest.

As in the authors' coco-analyze, whose code leaves out a similarity of exactly .85, which is jitter here. Figure 4 of hgr
shows the shares of the four errors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from repro.data.person_sizes import COCO_SIZES
from repro.metrics.oks import oks
from repro.skeletons.skeleton import Skeleton

CLASSES = ("good", "jitter", "inversion", "swap", "miss")
GOOD, NEAR = 0.85, 0.5
SMALLEST, LARGEST = COCO_SIZES["medium"][0], COCO_SIZES["large"][1]  # px^2 of people that take part, as in coco-analyze


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Counts of keypoints by class.

    Args:
        counts: a mapping from each of ``CLASSES`` to the number of matched, labelled keypoints.
        people: true people that take part.
        matched: how many of them have a detection.
    """

    counts: dict[str, int]
    people: int
    matched: int

    @property
    def shares(self) -> dict[str, float]:
        """Each class's part of all labelled keypoints of matched people; nan without any."""
        total = sum(self.counts.values())
        return {name: count / total if total else float("nan") for name, count in self.counts.items()}


def keypoint_similarities(
    predicted: np.ndarray, own: int, truth: np.ndarray, labelled: np.ndarray, areas: np.ndarray, skeleton: Skeleton
) -> np.ndarray:
    """(2N, K) similarity of each detected keypoint to those of the N people of its image.

    Row 0 is the own person, row N its left-right counterparts; the others follow in their order, rows 1 to N - 1 and then
    their counterparts. -1 where the true keypoint is not labelled. A central keypoint is its own counterpart.

    Args:
        predicted: (K, 2) px. own: position of the matched person.
        truth: (N, K, 2) px. labelled: (N, K) bool. areas: (N,) px^2, each used for the person's own keypoints.
    """
    order = [own, *(i for i in range(len(truth)) if i != own)]
    truth, labelled, areas = truth[order], labelled[order], areas[order]
    flip = list(skeleton.flip_permutation)
    truth, labelled = np.concatenate([truth, truth[:, flip]]), np.concatenate([labelled, labelled[:, flip]])
    spread = 2 * np.concatenate([areas, areas])[:, None] * (2 * skeleton.sigma_array) ** 2
    similarity = np.exp(-((predicted - truth) ** 2).sum(-1) / (spread + np.spacing(1)))
    return np.where(labelled, similarity, -1.0)


def classify(similarities: np.ndarray) -> np.ndarray:
    """(K,) positions in ``CLASSES`` for the (2N, K) of ``keypoint_similarities``; the first of equal rows decides."""
    best, row = similarities.max(0), similarities.argmax(0)
    kinds = np.full(best.shape, CLASSES.index("swap"))
    kinds[row == len(similarities) // 2] = CLASSES.index("inversion")
    kinds[row == 0] = CLASSES.index("jitter")
    kinds[(row == 0) & (best > GOOD)] = CLASSES.index("good")
    kinds[best < NEAR] = CLASSES.index("miss")
    return kinds


def match(similarity: np.ndarray, counts: np.ndarray, least: float = 0.1) -> np.ndarray:
    """COCO's greedy matching: each detection takes the free person with the highest OKS of at least ``least``.

    People that count go before others. Of equal OKS the last person is taken, as in COCOeval.

    Args:
        similarity: (D, G) OKS, detections by falling score. counts: (G,) bool: people that are evaluated.

    Returns:
        (D,) position of the person, -1 for none.
    """
    out = np.full(len(similarity), -1)
    free = np.ones(similarity.shape[1], dtype=bool)
    for detection, row in enumerate(similarity):
        for group in (counts, ~counts):
            usable = np.flatnonzero(free & group & (row >= least))
            if len(usable):
                out[detection] = usable[len(usable) - 1 - np.argmax(row[usable][::-1])]
                free[out[detection]] = False
                break
    return out


def diagnose(
    annotations: Iterable[dict[str, Any]],
    predictions: Iterable[dict[str, Any]],
    skeleton: Skeleton,
    *,
    least_oks: float = 0.1,
    max_detections: int = 20,
) -> Diagnosis:
    """The diagnosis of predictions.

    People that are crowds, have no labelled keypoint or an area outside [32^2, 1e10] px^2 take no part; unmatched people and
    unmatched predictions do not count.

    Args:
        annotations: COCO annotation dicts with ``area``; CrowdPose's: see ``repro.metrics.crowdpose``.
        predictions: COCO result dicts of the same images, in px of the image.
        skeleton: the skeleton of both.
        least_oks: matches need at least this OKS.
        max_detections: so many predictions an image take part, by falling score.
    """
    truth, found = defaultdict(list), defaultdict(list)
    for annotation in annotations:
        truth[annotation["image_id"]].append(annotation)
    for prediction in predictions:
        found[prediction["image_id"]].append(prediction)
    counts, people, matched = np.zeros(len(CLASSES), dtype=np.int64), 0, 0
    for image, persons in truth.items():
        kinds, number, hits = _diagnose_image(persons, found[image], skeleton, least_oks, max_detections)
        counts += np.bincount(kinds, minlength=len(CLASSES))
        people, matched = people + number, matched + hits
    return Diagnosis(
        counts=dict(zip(CLASSES, map(int, counts), strict=True)),
        people=people,
        matched=matched,
    )


def people_of(persons: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What annotations of an image say of its N people.

    Returns:
        Keypoints (N, K, 2) px, which are labelled (N, K), areas (N,) px^2, and which people take part (N,), see ``diagnose``.
    """
    keypoints = np.array([p["keypoints"] for p in persons], dtype=np.float64).reshape(len(persons), -1, 3)
    truth, labelled = keypoints[..., :2], keypoints[..., 2] > 0
    areas = np.array([p["area"] for p in persons], dtype=np.float64)
    labels = np.array([p.get("num_keypoints", row.sum()) for p, row in zip(persons, labelled, strict=True)])
    crowd = np.array([bool(p.get("iscrowd", 0)) for p in persons])
    counts = (labels > 0) & labelled.any(1) & ~crowd & (areas >= SMALLEST) & (areas <= LARGEST)
    return truth, labelled, areas, counts


def _diagnose_image(
    persons: list[dict[str, Any]],
    predictions: list[dict[str, Any]],
    skeleton: Skeleton,
    least_oks: float,
    max_detections: int,
) -> tuple[np.ndarray, int, int]:
    """The classes of all matched, labelled keypoints of an image, the people that take part and those matched."""
    truth, labelled, areas, counts = people_of(persons)
    number = int(counts.sum())
    order = np.argsort([-p["score"] for p in predictions], kind="stable")[:max_detections]
    if not len(order):
        return np.zeros(0, dtype=np.int64), number, 0
    points = np.array([predictions[i]["keypoints"] for i in order], dtype=np.float64)
    points = points.reshape(len(order), -1, 3)[..., :2]
    similarity = np.nan_to_num(
        oks(points[:, None], truth[None], labelled[None], areas[None], skeleton.sigma_array), nan=-1.0
    )
    kinds = []
    for detection, person in enumerate(match(similarity, counts, least_oks)):
        if person >= 0 and counts[person]:
            rows = keypoint_similarities(points[detection], person, truth, labelled, areas, skeleton)
            kinds.append(classify(rows)[labelled[person]])
    return np.concatenate(kinds) if kinds else np.zeros(0, dtype=np.int64), number, len(kinds)
