"""The persons of an annotation file in COCO's format, as top-down methods take them.

Persons are read as HRNet's ``lib/dataset/coco.py`` reads them: ground-truth boxes are cleaned, crowds and persons
without labelled keypoints are no samples. They stay in the annotations, because COCOeval needs them: a detection on
them is neither right nor wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from repro.data.coco_format.boxes import read_boxes
from repro.data.coco_format.records import Records, read_records
from repro.data.image_files import checked_images, remembered_images
from repro.data.persons import PersonSet, images_for_limit
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17, Skeleton


def read_persons(
    annotation_file: Path,
    image_folder: Path,
    skeleton: Skeleton = COCO17,
    *,
    limit: int | None = None,
    boxes: Path | None = None,
    look: bool = True,
) -> PersonSet:
    """Read an annotation file of COCO keypoints; images are decoded only when they are read.

    Persons are ordered by image, as the file lists the images, then by annotation. ``num_keypoints``, ``iscrowd`` and
    ``area`` may be missing: they become the number of labelled keypoints, 0 and 0.53 x width x height of the box.

    Args:
        annotation_file: JSON with ``images``, ``annotations`` and ``categories``, see ``records.read_records``.
        image_folder: the folder that the ``file_name`` of the images are relative to.
        skeleton: the meaning of ``keypoints``.
        limit: stop adding images once there are ``limit`` persons. Images stay whole, so there may be a few more.
        boxes: a detector's JSON, a list of {image_id, category_id, bbox, score}. The persons are then its detections of
            the persons' category in these images: boxes as they are, keypoints and visibility 0, id = position in the file + 1.
        look: whether the image files are looked at (``image_files.checked_images``); else they need not be there.

    Returns:
        The persons. Visibility is 2 for v >= 2, 1 for 0 < v < 2. Areas are the annotations' segment areas, or the box
        areas of detections. ``annotations`` are the ground truth's, without their segmentations, in both cases.

    Raises:
        ReproError: when a file is missing or malformed, when an image is missing, unusable or has another size than stated, or
            when a detection lies in an image that the file has not.
    """
    records = read_records(annotation_file, skeleton.keypoints, {"keypoints": len(skeleton)})
    return persons_of(records, image_folder, skeleton, limit=limit, boxes=boxes, look=look)


def persons_of(
    records: Records,
    image_folder: Path,
    skeleton: Skeleton,
    *,
    body: int | None = None,
    limit: int | None = None,
    boxes: Path | None = None,
    look: bool = True,
) -> PersonSet:
    """The persons of a file that has been read.

    Args:
        records: the records of the file.
        image_folder: the folder that ``read_persons`` takes, like what follows.
        skeleton: the skeleton of the records' keypoints.
        body: a person is a sample when one of the first so many keypoints is labelled; None for any keypoint.
        limit: the limit that ``read_persons`` takes.
        boxes: the boxes that ``read_persons`` takes.
        look: what ``read_persons`` looks at.
    """
    columns = _ground_truth(records, len(skeleton) if body is None else body)
    if boxes is not None:
        columns = _detections(boxes, records, len(skeleton))
    kept = images_for_limit(limit, columns["image_index"], len(records.ids))
    within = columns["image_index"] < kept
    files = tuple(image_folder / name for name in records.names[:kept])
    ids, sizes = records.ids[:kept], records.sizes[:kept]
    return PersonSet(
        skeleton=skeleton,
        images=checked_images(files, ids, sizes, records.path) if look else remembered_images(files, ids, sizes),
        **{name: column[within] for name, column in columns.items()},
        annotations=tuple(a for a, at in zip(records.annotations, records.position.tolist(), strict=True) if at < kept),
    )


def clean_boxes(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """HRNet's cleaning of ground-truth boxes: within the image, and one pixel narrower and lower.

    x1 = max(0, x), x2 = min(W - 1, x1 + max(0, w - 1)), the new width is x2 - x1; the same for y. A box that lies
    right of or below the image gets a negative size.

    Args:
        boxes: (N, 4) x, y, width, height in image px.
        sizes: (N, 2) width, height of each box's image.

    Returns:
        (N, 4) x, y, width, height.
    """
    low = np.maximum(boxes[:, :2], 0)
    high = np.minimum(sizes - 1, low + np.maximum(boxes[:, 2:] - 1, 0))
    return np.concatenate([low, high - low], axis=1)


def _ground_truth(records: Records, body: int) -> dict[str, np.ndarray]:
    """The columns of a PersonSet for the annotations that are samples: of the first ``body`` keypoints one is labelled."""
    annotations, position, points = records.annotations, records.position, records.points
    boxes = clean_boxes(records.boxes, records.sizes[position])
    areas = np.array([a["area"] for a in annotations], dtype=np.float64)
    counted = np.array([not a["iscrowd"] and a["num_keypoints"] > 0 for a in annotations], dtype=bool)
    counted &= (points[:, :body, 2] > 0).any(axis=1)
    sample = counted & (areas > 0) & (boxes[:, 2:] >= 0).all(axis=1) & (boxes[:, 2:] > 0).any(axis=1)
    if left := int((counted & ~sample).sum()):
        tqdm.write(
            f"{records.path}: {left} of {int(counted.sum())} labelled persons have no area, or no box in their image, and are "
            "left out (`repro data check` lists them).",
            sys.stderr,
        )
    chosen = np.flatnonzero(sample)
    chosen = chosen[np.argsort(position[chosen], kind="stable")]
    seen = points[chosen, :, 2]
    return {
        "image_index": position[chosen],
        "person_ids": np.array([annotations[i]["id"] for i in chosen], dtype=np.int64),
        "keypoints": points[chosen, :, :2],
        "visibility": np.where(seen >= 2, 2, seen > 0).astype(np.int8),
        "boxes": boxes[chosen],
        "areas": areas[chosen],
        "scores": np.ones(len(chosen)),
        "head_sizes": np.full(len(chosen), np.nan),
    }


def _detections(path: Path, records: Records, keypoints: int) -> dict[str, np.ndarray]:
    """The columns of a PersonSet for a detector's boxes of persons with a positive size, in the images of ``records``."""
    found = read_boxes(path, records.category)
    of_id = {identity: n for n, identity in enumerate(records.ids.tolist())}
    position = np.array([of_id.get(i, -1) for i in found.image_ids.tolist()], dtype=np.int64)
    chosen = np.flatnonzero((position >= 0) & (found.boxes[:, 2:] > 0).all(axis=1))
    if not len(chosen):
        raise ReproError(
            f"{path} has no detection of category {records.category} in the images of {records.path}: use its own boxes."
        )
    if unknown := int((position < 0).sum()):
        first = found.image_ids[int(np.argmin(position))]
        raise ReproError(
            f"{unknown} of the {len(position)} boxes in {path} are in images that {records.path} has not, the first in image "
            f"{first}: give the detections of this split alone."
        )
    chosen = chosen[np.argsort(position[chosen], kind="stable")]
    return {
        "image_index": position[chosen],
        "person_ids": found.numbers[chosen] + 1,
        "keypoints": np.zeros((len(chosen), keypoints, 2)),
        "visibility": np.zeros((len(chosen), keypoints), dtype=np.int8),
        "boxes": found.boxes[chosen],
        "areas": found.boxes[chosen, 2] * found.boxes[chosen, 3],
        "scores": found.scores[chosen],
        "head_sizes": np.full(len(chosen), np.nan),
    }
