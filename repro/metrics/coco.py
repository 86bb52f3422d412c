"""Average precision and recall of COCO's keypoint task, for the skeleton of any data set.

The evaluation itself is pycocotools' COCOeval, the reference that the papers report; here its input is checked, its
skeleton is exchanged, its output is silenced and its ten numbers get names.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from repro.data.persons import PersonSet
from repro.data.values import short
from repro.errors import ReproError
from repro.metrics.evidence import Evidence, matches_of
from repro.metrics.oks import oks

# name, array of COCOeval, OKS threshold (None: the mean of .5, .55, ..., .95), area range
STATISTICS = (
    ("AP", "precision", None, "all"),
    ("AP50", "precision", 0.5, "all"),
    ("AP75", "precision", 0.75, "all"),
    ("AP_M", "precision", None, "medium"),
    ("AP_L", "precision", None, "large"),
    ("AR", "recall", None, "all"),
    ("AR50", "recall", 0.5, "all"),
    ("AR75", "recall", 0.75, "all"),
    ("AR_M", "recall", None, "medium"),
    ("AR_L", "recall", None, "large"),
)


def evaluate_coco(
    annotations: Iterable[dict[str, Any]],
    image_ids: Iterable[int],
    predictions: Sequence[dict[str, Any]],
    sigmas: np.ndarray,
    *,
    max_detections: int = 20,
    areas: Sequence[float] | None = None,
    evidence: dict[str, Evidence] | None = None,
    name: str = "AP",
) -> dict[str, float]:
    """The ten numbers of COCO's keypoint evaluation.

    What decides the numbers besides the predictions: persons that are crowds or whose ``num_keypoints`` is 0 are
    ignored, and OKS divides by their ``area`` (COCO: of the segment; CrowdPose: 0.53 * width * height of the box, which
    its files do not hold). Ids of annotations may be anything: COCOeval takes a match with id 0 for none, so its input
    is numbered anew. The input is not changed.

    Args:
        annotations: COCO annotation dicts, as ``PersonSet.annotations``: ``id``, ``image_id``, ``category_id``,
            ``keypoints`` (3K numbers: x, y, visibility), ``area``, ``bbox`` (x, y, width, height), and optionally
            ``iscrowd`` (else 0) and ``num_keypoints`` (else the number of labelled ones). Those of other images than
            ``image_ids`` are left out.
        image_ids: the images that are evaluated, also those without persons.
        predictions: COCO result dicts: ``image_id``, ``category_id``, ``keypoints`` (3K numbers: x, y, any), ``score``.
        sigmas: (K,) OKS constants, as ``Skeleton.sigma_array``.
        max_detections: so many predictions an image are counted, by falling score. COCO's is 20.
        areas: px^2, one a prediction: by them an unmatched prediction counts in AP_M or AP_L. Without, the extent of
            its keypoints, as ``COCO.loadRes`` has it. Parts of a whole body are given the extent of the body.
        evidence: takes what AP rests on, image by image in the order of their ids; None to leave it out.
        name: the name that it has there.

    Returns:
        AP, AP50, AP75, AP_M, AP_L, AR, AR50, AR75, AR_M and AR_L as fractions; nan where no person counts.

    Raises:
        ReproError: when a field is missing, keypoints do not fit the sigmas, a coordinate or score is not finite, or a
            prediction is for an image or a category that is not evaluated.
    """
    evaluation = run_coco(annotations, image_ids, predictions, sigmas, max_detections=max_detections, areas=areas)
    if evidence is not None:
        evidence[name] = matches_of(evaluation)
    return _summary(evaluation)


def run_coco(
    annotations: Iterable[dict[str, Any]],
    image_ids: Iterable[int],
    predictions: Sequence[dict[str, Any]],
    sigmas: np.ndarray,
    *,
    max_detections: int = 20,
    areas: Sequence[float] | None = None,
) -> COCOeval:
    """COCOeval after its evaluation, as ``evaluate_coco``, whose arguments and errors it has; ``metrics.evidence`` reads it."""
    images = {int(i) for i in image_ids}
    sigmas = np.asarray(sigmas, dtype=np.float64)
    persons = _ground_truth(annotations, images, len(sigmas))
    categories = {p["category_id"] for p in persons}
    found = _results(predictions, images, categories, len(sigmas), areas)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(_index(persons, images), _index(found, images), "keypoints")
        evaluation.params.kpt_oks_sigmas = sigmas
        evaluation.params.catIds = sorted(categories)
        evaluation.params.maxDets = [max_detections]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def matched_oks(persons: PersonSet, predicted: np.ndarray) -> np.ndarray:
    """(N,) OKS of each person against its own prediction, nan for persons without labelled keypoints.

    For crops whose person is known: no matching, no scores. ``predicted`` is (N, K, 2) x, y in image px, in the order
    of ``persons``. Raises ReproError when the shapes disagree.
    """
    predicted = np.asarray(predicted, dtype=np.float64)
    if predicted.shape != persons.keypoints.shape:
        raise ReproError(
            f"Predictions have shape {predicted.shape}, the persons' keypoints {persons.keypoints.shape}: "
            "give one prediction a person, in the same order."
        )
    return oks(predicted, persons.keypoints, persons.visibility, persons.areas, persons.skeleton.sigma_array)


def mean_oks(persons: PersonSet, predicted: np.ndarray) -> float:
    """The mean of ``matched_oks`` over the persons that have labelled keypoints; nan without any."""
    values = matched_oks(persons, predicted)
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def predictions_to_coco(
    image_ids: np.ndarray,
    keypoints: np.ndarray,
    keypoint_scores: np.ndarray,
    scores: np.ndarray,
    category_id: int = 1,
) -> list[dict[str, Any]]:
    """COCO result dicts of N poses, of plain Python numbers, ready for JSON and ``evaluate_coco``.

    Args:
        image_ids: (N,).
        keypoints: (N, K, 2) x, y in image px.
        keypoint_scores: (N, K); written as the third number of each keypoint, which COCOeval does not read.
        scores: (N,) person scores.
        category_id: COCO's person is 1.

    Raises:
        ReproError: when the shapes disagree.
    """
    keypoints, keypoint_scores = np.asarray(keypoints, dtype=np.float64), np.asarray(keypoint_scores, dtype=np.float64)
    lengths = (len(image_ids), len(scores), len(keypoints))
    if len(set(lengths)) > 1 or keypoints.shape != (*keypoint_scores.shape, 2):
        raise ReproError(
            f"Got {lengths[0]} image ids, {lengths[1]} scores, keypoints {keypoints.shape} and keypoint scores "
            f"{keypoint_scores.shape}: expected N, N, (N, K, 2) and (N, K)."
        )
    flat = np.concatenate([keypoints, keypoint_scores[..., None]], axis=-1)
    flat = flat.reshape(len(keypoints), 3 * keypoint_scores.shape[1])
    return [
        {"image_id": int(image), "category_id": category_id, "keypoints": row.tolist(), "score": float(score)}
        for image, row, score in zip(image_ids, flat, scores, strict=True)
    ]


def _ground_truth(annotations: Iterable[dict[str, Any]], images: set[int], size: int) -> list[dict[str, Any]]:
    """What COCOeval reads of the annotations of ``images``, checked, as new dicts with ids from 1."""
    persons: list[dict[str, Any]] = []
    for position, annotation in enumerate(annotations):
        who = f"Annotation {annotation.get('id', f'at position {position}')}"
        _require(annotation, who, ("image_id", "category_id", "keypoints", "area", "bbox"))
        for field in ("image_id", "category_id"):
            _require_whole(annotation[field], who, field)
        if annotation["image_id"] not in images:
            continue
        points = _keypoint_array(annotation, who, size)
        count, crowd = annotation.get("num_keypoints"), annotation.get("iscrowd")
        for field, value in (("num_keypoints", count), ("iscrowd", crowd)):
            if value is not None:
                _require_finite(value, who, field)
        _require_finite(annotation["area"], who, "area")
        box = number_array(annotation["bbox"], who, "bbox")
        if box.shape != (4,) or not np.isfinite(box).all():
            raise ReproError(f"{who} has bbox {short(annotation['bbox'])}: it must be x, y, width, height.")
        persons.append(
            {
                "id": len(persons) + 1,
                "image_id": int(annotation["image_id"]),
                "category_id": annotation["category_id"],
                "keypoints": points.ravel().tolist(),
                "num_keypoints": int((points[:, 2] > 0).sum()) if count is None else count,
                "iscrowd": 0 if crowd is None else crowd,
                "area": annotation["area"],
                "bbox": box.tolist(),
            }
        )
    return persons


def _results(
    predictions: Sequence[dict[str, Any]],
    images: set[int],
    categories: set[int],
    size: int,
    areas: Sequence[float] | None,
) -> list[dict[str, Any]]:
    """What COCOeval reads of predictions, checked, as new dicts with ids from 1 and an area."""
    if areas is not None and len(areas) != len(predictions):
        raise ReproError(f"Got {len(areas)} areas for {len(predictions)} predictions: give one each, or none at all.")
    found = []
    for position, prediction in enumerate(predictions):
        who = f"Prediction {position} (image {prediction.get('image_id')})"
        _require(prediction, who, ("image_id", "category_id", "keypoints", "score"))
        for field in ("image_id", "category_id"):
            _require_whole(prediction[field], who, field)
        if prediction["image_id"] not in images:
            raise ReproError(f"{who} has an unknown image_id: it must be one of the {len(images)} evaluated images.")
        if categories and prediction["category_id"] not in categories:
            known = ", ".join(str(c) for c in sorted(categories))
            raise ReproError(
                f"{who} has category_id {prediction['category_id']}, but the annotations only have {known}: "
                "predict the category of the annotations."
            )
        points = _keypoint_array(prediction, who, size)[:, :2]
        _require_finite(prediction["score"], who, "score")
        entry = {field: prediction[field] for field in ("category_id", "keypoints", "score")}
        area = float(np.prod(np.ptp(points, axis=0))) if areas is None else float(areas[position])
        _require_finite(area, who, "area")
        found.append({"id": position + 1, "image_id": int(prediction["image_id"]), "area": area, **entry})
    return found


def _require(record: dict[str, Any], who: str, fields: tuple[str, ...]) -> None:
    """Raise ReproError for the first field that ``record`` lacks."""
    for field in fields:
        if field not in record:
            hint = " (CrowdPose: 0.53 * width * height of its bbox)" if field == "area" else ""
            raise ReproError(f"{who} has no {field}: add the field{hint}.")


def _require_whole(value: Any, who: str, field: str) -> None:
    """Raise ReproError unless ``value`` is a whole number; text never is one, though it may look so."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise ReproError(f"{who} has {field} {short(value)}: it must be a whole number.")


def _require_finite(value: Any, who: str, field: str) -> None:
    """Raise ReproError unless ``value`` is a finite number."""
    if not isinstance(value, int | float | np.number) or not abs(float(value)) < np.inf:
        raise ReproError(f"{who} has {field} {short(value)}: it must be a finite number.")


def _keypoint_array(record: dict[str, Any], who: str, size: int) -> np.ndarray:
    """The (K, 3) keypoints of a record. Raises ReproError for another length or a coordinate that is not finite."""
    flat = number_array(record["keypoints"], who, "keypoints")
    if flat.shape != (3 * size,):
        raise ReproError(
            f"{who} has keypoints of shape {flat.shape}, expected {3 * size} numbers for {size} sigmas: "
            "evaluate it with the skeleton it was made for."
        )
    points = flat.reshape(size, 3)
    if not np.isfinite(points[:, :2]).all():
        bad = int(np.argmin(np.isfinite(points[:, :2]).all(axis=1)))
        where = tuple(points[bad, :2].tolist())
        raise ReproError(f"{who} has number {bad} of its keypoints at {where}: coordinates must be finite.")
    return points


def number_array(values: Any, who: str, field: str) -> np.ndarray:
    """A list of numbers as a float64 array. Raises ReproError for anything else; text is no number, though it may look so."""
    if isinstance(values, np.ndarray):
        plain = values.dtype.kind in "iuf"
    else:
        kinds = set(map(type, values)) if isinstance(values, list | tuple) else {type(None)}
        plain = all(issubclass(kind, int | float | np.number) and kind is not bool for kind in kinds)
    try:
        if plain:
            return np.asarray(values, dtype=np.float64)
    except OverflowError:  # a whole number beyond all floats
        pass
    raise ReproError(f"{who} has {field} {short(values)}: they must be numbers.")


def _index(records: list[dict[str, Any]], images: set[int]) -> COCO:
    """The COCO object of checked records."""
    coco = COCO()
    categories = sorted({r["category_id"] for r in records})
    coco.dataset = {
        "images": [{"id": i} for i in sorted(images)],
        "categories": [{"id": c} for c in categories],
        "annotations": records,
    }
    coco.createIndex()
    return coco


def _summary(evaluation: COCOeval) -> dict[str, float]:
    """The named statistics; COCOeval marks what has no person with -1 and leaves it out of its means."""
    params = evaluation.params
    out = {}
    for name, kind, threshold, area in STATISTICS:
        values = evaluation.eval[kind]  # precision (T, R, C, A, 1), recall (T, C, A, 1)
        if threshold is not None:
            values = values[np.isclose(params.iouThrs, threshold)]
        values = values[..., params.areaRngLbl.index(area), 0]
        known = values[values > -1]
        out[name] = float(known.mean()) if known.size else float("nan")
    return out
