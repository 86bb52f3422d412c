"""CrowdPose's metric: COCO's keypoint evaluation with other areas, and average precision by how crowded an image is.

Three things make pycocotools agree with the official crowdposetools: the area of a person is .53 * width * height of its
box, the 14 sigmas are CrowdPose's, and ``num_keypoints`` is the file's own, which leaves head and neck out and by which
persons are ignored. Easy images have a crowd index below .2, medium ones below .8, the others are hard; each level is an
evaluation of its images alone. The official code rounds these three to four decimals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from repro.data.person_sizes import AREA_OF_BOX
from repro.data.values import short
from repro.errors import ReproError
from repro.metrics.coco import evaluate_coco, number_array
from repro.metrics.evidence import Evidence

LEVELS = (("easy", -np.inf, 0.2), ("medium", 0.2, 0.8), ("hard", 0.8, np.inf))
SHARED = ("AP", "AP50", "AP75", "AR", "AR50", "AR75")


def crowd_level(index: float) -> str:
    """``easy``, ``medium`` or ``hard``. Raises ReproError for a crowd index that is not a number."""
    for name, low, high in LEVELS:
        if isinstance(index, int | float | np.number) and low <= index < high:
            return name
    raise ReproError(f"The crowd index of an image is {index}: give a number, 0 for an image without crowding.")


def evaluate_crowdpose(
    annotations: Iterable[dict[str, Any]],
    crowd_indices: Mapping[int, float],
    predictions: Sequence[dict[str, Any]],
    sigmas: np.ndarray,
    *,
    max_detections: int = 20,
    evidence: dict[str, Evidence] | None = None,
) -> dict[str, float]:
    """The nine numbers of CrowdPose's evaluation.

    Args:
        annotations: COCO annotation dicts as in CrowdPose's files: ``id``, ``image_id``, ``category_id``, ``keypoints``,
            ``bbox`` (x, y, width, height), ``num_keypoints``, optionally ``iscrowd``. An ``area`` is not read. Those of images
            without crowd index are left out.
        crowd_indices: a mapping from image id to ``crowdIndex``; these images are evaluated.
        predictions: COCO result dicts, as ``evaluate_coco`` takes them.
        sigmas: (K,) OKS constants, ``CROWDPOSE14.sigma_array``.
        max_detections: so many predictions an image are counted.
        evidence: takes what AP rests on, see ``evaluate_coco``.

    Returns:
        AP, AP50, AP75, AR, AR50, AR75, AP_easy, AP_medium and AP_hard as fractions; nan where no person counts.

    Raises:
        ReproError: as ``evaluate_coco``, and for a crowd index that is not a number.
    """
    persons = [_with_area(a) for a in annotations if a.get("image_id") in crowd_indices]
    levels = {name: [i for i, c in crowd_indices.items() if crowd_level(c) == name] for name, _, _ in LEVELS}
    all_stats = evaluate_coco(
        persons, crowd_indices, predictions, sigmas, max_detections=max_detections, evidence=evidence
    )
    out = {name: all_stats[name] for name in SHARED}
    for level, images in levels.items():
        inside = set(images)
        some = [p for p in predictions if p["image_id"] in inside]
        out[f"AP_{level}"] = evaluate_coco(persons, images, some, sigmas, max_detections=max_detections)["AP"]
    return out


def _with_area(annotation: dict[str, Any]) -> dict[str, Any]:
    """A copy of the annotation whose area is that of the metric. Raises ReproError when it has no box."""
    if "bbox" not in annotation:
        raise ReproError(
            f"Annotation {annotation.get('id')} has no bbox: CrowdPose takes a person's area from its box."
        )
    box = number_array(annotation["bbox"], f"Annotation {annotation.get('id')}", "bbox")
    if box.shape != (4,):
        raise ReproError(f"Annotation {annotation.get('id')} has bbox {short(box.tolist())}: give x, y, width, height.")
    _, _, width, height = box.tolist()
    return {**annotation, "area": AREA_OF_BOX * width * height}
