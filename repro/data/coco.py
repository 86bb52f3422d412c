"""COCO keypoints (Lin et al., ECCV 2014) and any data set in its annotation format.

Persons are read as HRNet's ``lib/dataset/coco.py`` reads them: ground-truth boxes are cleaned, crowds and persons
without labelled keypoints are no samples. They stay in the annotations, because COCOeval needs them: a detection on
them is neither right nor wrong.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from repro.data.persons import ImageFiles, PersonSet, images_for_limit
from repro.errors import ReproError, choice_error
from repro.skeletons import COCO17, Skeleton

LAYOUT = (
    "annotations/person_keypoints_{train,val}2017.json and the images in {train,val}2017/ or images/{train,val}2017/"
)
AREA_OF_BOX = 0.53  # stands in for a missing `area`, as in the evaluation code of CrowdPose, whose files have none
ADVICE = "run `repro data check` on this data set to list every such place."


def annotation_path(root: Path, split: str) -> Path:
    """Where the annotation file of a split is expected."""
    return root / "annotations" / f"person_keypoints_{split}2017.json"


def image_folders(root: Path, split: str) -> tuple[Path, Path]:
    """Where the images of a split may be: in COCO's own layout and in HRNet's."""
    return root / f"{split}2017", root / "images" / f"{split}2017"


def find_files(root: Path, split: Literal["train", "val"]) -> tuple[Path, Path]:
    """The annotation file and the image folder of a split, in COCO's own layout or in HRNet's (``images/``).

    Raises:
        ReproError: for an unknown split, or naming the file or folder that is missing.
    """
    if split not in ("train", "val"):
        raise choice_error("split of COCO", split, ("train", "val"))
    annotation_file = annotation_path(root, split)
    folders = image_folders(root, split)
    image_folder = next((f for f in folders if f.is_dir()), None)
    if not annotation_file.is_file():
        raise ReproError(f"COCO has no {annotation_file}: expected {LAYOUT}; give the folder that holds them.")
    if image_folder is None:
        raise ReproError(f"COCO has neither {folders[0]} nor {folders[1]}: expected {LAYOUT}; add the image folder.")
    return annotation_file, image_folder


def load_coco(
    annotation_file: Path,
    image_folder: Path,
    skeleton: Skeleton = COCO17,
    *,
    limit: int | None = None,
    boxes: Path | None = None,
) -> PersonSet:
    """Read an annotation file of COCO keypoints; images are opened only when they are read.

    Persons are ordered by image, as the file lists the images, then by annotation. ``num_keypoints``, ``iscrowd`` and
    ``area`` may be missing: they become the number of labelled keypoints, 0 and 0.53 x width x height of the box.

    Args:
        annotation_file: JSON with ``images``, ``annotations`` and ``categories``. The category taken is the one named
            ``person``, or the only one.
        image_folder: where the ``file_name`` of the images lie.
        skeleton: the meaning of ``keypoints``.
        limit: stop adding images once there are ``limit`` persons. Images stay whole, so there may be a few more.
        boxes: a detector's JSON, a list of {image_id, category_id, bbox, score}. The persons are then its detections of
            category 1 in these images: boxes as they are, keypoints and visibility 0, id = position in the file + 1.

    Returns:
        The persons. Visibility is 2 for v >= 2, 1 for 0 < v < 2. Areas are the annotations' segment areas, or the box
        areas of detections. ``annotations`` are the ground truth's, without their segmentations, in both cases.

    Raises:
        ReproError: when a file is missing or malformed, or when no detection lies in these images.
    """
    data = read_annotations(annotation_file)
    ids, sizes, names = _images(data["images"], annotation_file)
    annotations = _of_category(data, annotation_file)
    if data["annotations"] and not annotations:
        raise ReproError(f"{annotation_file} has annotations, but none of a person: {ADVICE}")
    try:
        columns = _ground_truth(annotations, ids, sizes, skeleton)
        if boxes is not None:
            columns = _detections(read_json(boxes), ids, len(skeleton))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        where = annotation_file if boxes is None else f"{annotation_file} or {boxes}"
        raise ReproError(f"{where} holds a malformed entry ({type(error).__name__}: {error}): {ADVICE}") from error
    if boxes is not None and not len(columns["image_index"]):
        raise ReproError(
            f"{boxes} has no detection of category 1 in the images of {annotation_file}: use its own boxes."
        )
    kept = images_for_limit(limit, columns["image_index"], len(ids))
    within = columns["image_index"] < kept
    kept_ids = set(ids[:kept].tolist())
    return PersonSet(
        skeleton=skeleton,
        images=ImageFiles(paths=tuple(image_folder / n for n in names[:kept]), ids=ids[:kept], sizes=sizes[:kept]),
        **{name: column[within] for name, column in columns.items()},
        annotations=tuple(a for a in annotations if a["image_id"] in kept_ids),
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


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises ReproError when it is missing or is not JSON."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise ReproError(f"The file {path} does not exist: give the path of an existing JSON file.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ReproError(f"{path} is not a readable JSON file ({error}): fetch or write it again.") from error


def read_annotations(path: Path) -> dict[str, Any]:
    """The content of an annotation file. Raises ReproError when it lacks one of its three lists."""
    data = read_json(path)
    for key in ("images", "annotations", "categories"):
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            raise ReproError(f"{path} has no list {key!r}: expected an annotation file in COCO's format; {ADVICE}")
    return data


def _images(images: list[dict[str, Any]], path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Ids (M,), sizes (M, 2) and file names, in the order of the file."""
    try:
        ids = np.array([i["id"] for i in images], dtype=np.int64)
        sizes = np.array([(i["width"], i["height"]) for i in images], dtype=np.int64).reshape(-1, 2)
        names = [str(i["file_name"]) for i in images]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ReproError(f"{path} holds a malformed image ({type(error).__name__}: {error}): {ADVICE}") from error
    if len(np.unique(ids)) != len(ids):
        raise ReproError(f"{path} holds an image id more than once: give each image its own id; {ADVICE}")
    return ids, sizes, names


def _of_category(data: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """The annotations of the category ``person``, or of the only one, without their segmentations."""
    categories = [c for c in data["categories"] if isinstance(c, dict) and "id" in c]
    chosen = [c for c in categories if c.get("name") == "person"] or categories
    if len(chosen) != 1:
        names = ", ".join(str(c.get("name")) for c in chosen) or "none"
        raise ReproError(f"{path} has the categories {names}: expected one named 'person', or one only; {ADVICE}")
    kept = (a for a in data["annotations"] if isinstance(a, dict) and a.get("category_id") == chosen[0]["id"])
    return [{key: value for key, value in a.items() if key != "segmentation"} for a in kept]


def _positions(image_ids: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Positions in ``ids`` of each of ``image_ids``, -1 where it is not there."""
    if not len(ids):
        return np.full(len(image_ids), -1, dtype=np.int64)
    order = np.argsort(ids)
    slots = np.minimum(np.searchsorted(ids, image_ids, sorter=order), len(ids) - 1)
    return np.where(ids[order[slots]] == image_ids, order[slots], -1)


def _floats(rows: list[Any], width: int) -> np.ndarray:
    """(N, width) float64. Raises ValueError for rows of another length and for values that are not finite."""
    array = np.array(rows, dtype=np.float64).reshape(len(rows), -1) if rows else np.zeros((0, width))
    if array.shape[1] != width:
        raise ValueError(f"expected {width} numbers, found {array.shape[1]}")
    if not np.isfinite(array).all():
        raise ValueError(f"a number of row {int(np.argwhere(~np.isfinite(array))[0, 0])} is not finite")
    return array


def _ground_truth(
    annotations: list[dict[str, Any]], ids: np.ndarray, sizes: np.ndarray, skeleton: Skeleton
) -> dict[str, np.ndarray]:
    """The columns of a PersonSet for the annotations that are samples; fills missing fields of ``annotations``."""
    points = _floats([a["keypoints"] for a in annotations], 3 * len(skeleton)).reshape(-1, len(skeleton), 3)
    given = _floats([a["bbox"] for a in annotations], 4)
    labelled = points[..., 2] > 0
    for annotation, count, box in zip(annotations, labelled.sum(axis=1).tolist(), given.tolist(), strict=True):
        annotation.setdefault("iscrowd", 0)
        annotation.setdefault("num_keypoints", count)
        annotation.setdefault("area", AREA_OF_BOX * box[2] * box[3])
    areas = _floats([[a["area"]] for a in annotations], 1)[:, 0]
    position = _positions(np.array([a["image_id"] for a in annotations], dtype=np.int64), ids)
    if (position < 0).any():
        raise ValueError(f"annotation {annotations[int(np.argmin(position))].get('id')} is of an unknown image")
    boxes = clean_boxes(given, sizes[position])
    sample = np.array([not a["iscrowd"] and a["num_keypoints"] > 0 for a in annotations], dtype=bool)
    sample &= labelled.any(axis=1) & (areas > 0) & (boxes[:, 2:] >= 0).all(axis=1) & (boxes[:, 2:] > 0).any(axis=1)
    chosen = np.flatnonzero(sample)
    chosen = chosen[np.argsort(position[chosen], kind="stable")]
    return {
        "image_index": position[chosen],
        "person_ids": np.array([annotations[i]["id"] for i in chosen], dtype=np.int64),
        "keypoints": points[chosen, :, :2],
        "visibility": np.where(points[chosen, :, 2] >= 2, 2, labelled[chosen]).astype(np.int8),
        "boxes": boxes[chosen],
        "areas": areas[chosen],
        "scores": np.ones(len(chosen)),
        "head_sizes": np.full(len(chosen), np.nan),
    }


def _detections(found: list[dict[str, Any]], ids: np.ndarray, keypoints: int) -> dict[str, np.ndarray]:
    """The columns of a PersonSet for a detector's boxes of category 1 with a positive size, in the images ``ids``."""
    numbers = np.array([n for n, d in enumerate(found) if d["category_id"] == 1], dtype=np.int64)
    position = _positions(np.array([found[n]["image_id"] for n in numbers], dtype=np.int64), ids)
    boxes = _floats([found[n]["bbox"] for n in numbers], 4)
    chosen = np.flatnonzero((position >= 0) & (boxes[:, 2:] > 0).all(axis=1))
    chosen = chosen[np.argsort(position[chosen], kind="stable")]
    return {
        "image_index": position[chosen],
        "person_ids": numbers[chosen] + 1,
        "keypoints": np.zeros((len(chosen), keypoints, 2)),
        "visibility": np.zeros((len(chosen), keypoints), dtype=np.int8),
        "boxes": boxes[chosen],
        "areas": boxes[chosen, 2] * boxes[chosen, 3],
        "scores": _floats([[found[n]["score"]] for n in numbers[chosen]], 1)[:, 0],
        "head_sizes": np.full(len(chosen), np.nan),
    }
