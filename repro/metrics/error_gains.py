"""What AP each kind of error costs: predictions are corrected, one kind after the other, and evaluated again.

The second half of Ronchi and Perona's "Benchmarking and Error Diagnosis" (ICCV 2017); ``metrics.diagnosis`` is the first. Their
coco-analyze, which this follows:

- **Keypoints**: a keypoint of a matched prediction that has an error of the kind goes to the right of the true one (same y), so
  far that its similarity is what it should have been: .85 for jitter, .5 for misses, what it has to the wrong keypoint for
  inversions and swaps. The authors' code takes sigma for 2 sigma there, so that it reaches the fourth root of these.
- **Score**: each prediction has its largest OKS to a person that counts as its score, and predictions that lie over better ones
  lose by Gaussian soft suppression, s exp(-OKS^2 / .5).
- **Background**: predictions without a person are left out, threshold by threshold. **Missed people**: people without a
  prediction are left out too; then precision is 1 throughout.

coco-analyze counts people from 32^2 px^2; here AP is COCO's of all people, but corrections concern the same people.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal

import numpy as np

from repro.errors import ReproError
from repro.metrics.coco import run_coco
from repro.metrics.diagnosis import CLASSES, NEAR, classify, keypoint_similarities, match, people_of
from repro.metrics.oks import oks
from repro.skeletons.skeleton import Skeleton

KEYPOINT_ERRORS = ("miss", "swap", "inversion", "jitter")  # in the order in which they are corrected
ERRORS = (*KEYPOINT_ERRORS, "score", "background", "missed")
WANTED = {"miss": NEAR, "jitter": 0.85}  # similarity after the correction; None: what it has to the wrong keypoint
SOFTNESS = 0.5  # of the suppression


def error_gains(
    annotations: Iterable[dict[str, Any]],
    image_ids: Iterable[int],
    predictions: Sequence[dict[str, Any]],
    skeleton: Skeleton,
    *,
    correction: Literal["code", "paper"] = "code",
) -> dict[str, dict[str, float]]:
    """AP after each correction.

    Args:
        annotations: COCO annotation dicts, as ``evaluate_coco`` takes them.
        image_ids: the images that are evaluated.
        predictions: COCO result dicts.
        skeleton: the skeleton of both.
        correction: ``code`` for the distances of coco-analyze's code, ``paper`` for those whose similarities are as stated.

    Returns:
        ``AP`` as it is under ``cumulative`` and ``alone``, and for each of ``ERRORS`` AP with it corrected: after all
        before it, and alone; ``missed`` alone is corrected together with ``background``.

    Raises:
        ReproError: for another correction, and as ``evaluate_coco``.
    """
    if correction not in ("code", "paper"):
        raise ReproError(f"The correction is {correction!r}, expected code or paper.")
    people, images = list(annotations), list(image_ids)

    def measured(errors: Collection[str]) -> float:
        kinds = [error for error in errors if error in KEYPOINT_ERRORS]
        better = corrected(people, predictions, skeleton, kinds, exact=correction == "paper")
        if "score" in errors:
            better = rescored(people, better, skeleton)
        evaluation = run_coco(people, images, better, skeleton.sigma_array)
        return _average_precision(evaluation, background="background" in errors, missed="missed" in errors)

    plain = measured(())
    cumulative = {"AP": plain} | {error: measured(ERRORS[: i + 1]) for i, error in enumerate(ERRORS)}
    together = {"missed": ("background", "missed")}
    alone = {"AP": plain} | {error: measured(together.get(error, (error,))) for error in ERRORS}
    return {"cumulative": cumulative, "alone": alone}


def corrected(
    annotations: Iterable[dict[str, Any]],
    predictions: Sequence[dict[str, Any]],
    skeleton: Skeleton,
    errors: Collection[str],
    *,
    exact: bool = False,
    least_oks: float = 0.1,
) -> list[dict[str, Any]]:
    """The predictions with keypoints of the given errors moved to where they are none.

    Args:
        annotations: COCO annotation dicts.
        predictions: COCO result dicts; they are not changed.
        skeleton: the skeleton of both.
        errors: some of ``KEYPOINT_ERRORS``.
        exact: whether the similarities reached are those stated, or their fourth roots, as by coco-analyze's code.
        least_oks: OKS from which a prediction is taken for a person's.
    """
    out = copy.deepcopy(list(predictions))
    kinds = {CLASSES.index(error) for error in errors}
    if not kinds:
        return out
    for persons, found in _by_image(annotations, out):
        truth, labelled, areas, counts = people_of(persons)
        points = np.array([one["keypoints"] for one in found], dtype=np.float64).reshape(len(found), -1, 3)
        similarity = oks(points[:, None, :, :2], truth[None], labelled[None], areas[None], skeleton.sigma_array)
        for position, person in enumerate(match(np.nan_to_num(similarity, nan=-1.0), counts, least_oks)):
            if person < 0 or not counts[person]:
                continue
            rows = keypoint_similarities(points[position, :, :2], person, truth, labelled, areas, skeleton)
            classes, reached = classify(rows), rows.max(0)
            moved = labelled[person] & np.isin(classes, list(kinds))
            wanted = np.array([WANTED.get(CLASSES[kind], best) for kind, best in zip(classes, reached, strict=True)])
            sigma = skeleton.sigma_array * (2 if exact else 1)
            away = np.sqrt(-np.log(np.clip(wanted, np.finfo(float).tiny, 1)) * 2 * areas[person] * sigma**2)
            points[position, moved, 0] = (truth[person, :, 0] + away)[moved]
            points[position, moved, 1] = truth[person, moved, 1]
            found[position]["keypoints"] = points[position].ravel().tolist()
    return out


def rescored(
    annotations: Iterable[dict[str, Any]], predictions: Sequence[dict[str, Any]], skeleton: Skeleton
) -> list[dict[str, Any]]:
    """The predictions with the scores that their OKS asks for; see the module. They are not changed.

    Args:
        annotations: COCO annotation dicts.
        predictions: COCO result dicts.
        skeleton: the skeleton of both.
    """
    out = copy.deepcopy(list(predictions))
    for one in out:
        one["score"] = 0.0
    for persons, found in _by_image(annotations, out):
        truth, labelled, areas, counts = people_of(persons)
        points = np.array([one["keypoints"] for one in found], dtype=np.float64).reshape(len(found), -1, 3)[..., :2]
        sigmas = skeleton.sigma_array
        similarity = np.nan_to_num(oks(points[:, None], truth[None], labelled[None], areas[None], sigmas), nan=0.0)
        scores = np.where(counts, similarity, 0).max(1, initial=0.0)
        extents = np.prod(np.ptp(points, axis=1), axis=-1)
        visible = np.ones(points.shape[:2], dtype=bool)
        waiting = list(range(len(found)))
        while waiting:
            best = max(waiting, key=lambda i: scores[i])
            found[best]["score"] = float(scores[best])
            waiting.remove(best)
            for other in waiting:
                area = np.maximum((extents[best] + extents[other]) / 2, np.finfo(float).tiny)
                near = oks(points[best], points[other], visible[other], np.asarray(area), sigmas)
                scores[other] *= np.exp(-(float(near) ** 2) / SOFTNESS)
    return out


def _average_precision(evaluation: Any, *, background: bool, missed: bool) -> float:
    """AP of all people, from COCOeval when evaluated; predictions without a person, and people without one, can be left out."""
    if not evaluation.eval["precision"].size:
        return float("nan")
    recalls = evaluation.params.recThrs
    precision, reached = evaluation.eval["precision"][:, :, 0, 0, -1], evaluation.eval["recall"][:, 0, 0, -1]
    if (precision < 0).all():
        return float("nan")
    if missed:
        return 1.0
    if background:  # of the recalls up to that reached, whose precision is 1 then
        precision = (recalls <= reached[:, None]).astype(np.float64)
    return float(precision.mean())


def _by_image(
    annotations: Iterable[dict[str, Any]], predictions: list[dict[str, Any]], most: int = 20
) -> list[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """People and predictions, the best-scored first, of each image that has both."""
    people: dict[int, list[dict[str, Any]]] = defaultdict(list)
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for annotation in annotations:
        people[annotation["image_id"]].append(annotation)
    for prediction in predictions:
        found[prediction["image_id"]].append(prediction)
    return [
        (people[image], sorted(ones, key=lambda one: -one["score"])[:most])
        for image, ones in found.items()
        if people[image]
    ]

