"""Checks of an annotation file of COCO-WholeBody: those of COCO, and the keypoints of feet, face and hands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from repro.data.coco_format.check import Rules, check_file, image_names
from repro.data.problems import Found, SplitFiles, far_outside
from repro.data.sets import coco
from repro.data.sets.coco_wholebody import KEYPOINT_FIELDS, PART_SIZES, annotation_path
from repro.data.values import LARGEST, flat, is_id, list_fault
from repro.skeletons.skeleton import COCO17

RULES = Rules(COCO17.keypoints, whole_body=True)
Size = tuple[int, int]  # width, height


def check_coco_wholebody(data: Any, folder: Path, decode: bool) -> Found:
    """All that is wrong with the annotation file of a split and with its images; arguments as of ``check_file``."""
    yield from check_file(data, folder, RULES, decode)
    if not isinstance(data, dict) or not all(isinstance(data.get(k), list) for k in ("images", "annotations")):
        return
    sizes = {
        image["id"]: (image["width"], image["height"])
        for image in data["images"]
        if isinstance(image, dict) and is_id(image.get("id")) and _positive(image.get("width"), image.get("height"))
    }
    for position, annotation in enumerate(data["annotations"]):
        if isinstance(annotation, dict):  # others are reported above; all of a file's annotations are of persons
            identity, image_id = annotation.get("id"), annotation.get("image_id")
            item = f"annotation {identity}" if is_id(identity) else f"annotations[{position}]"
            yield from _check_parts(item, annotation, sizes.get(image_id) if is_id(image_id) else None)


def _positive(*values: Any) -> bool:
    return all(is_id(v) and v > 0 for v in values)


def _check_parts(item: str, annotation: dict[str, Any], size: Size | None) -> Found:
    """What is wrong with the keypoints of the parts beside the body, which COCO's checks see."""
    for part, field in KEYPOINT_FIELDS.items():
        if part == "body":
            continue
        values, count = flat(annotation.get(field), 3), PART_SIZES[part]
        if fault := list_fault(values, 3 * count, LARGEST):
            yield item, field, f"{fault}: x, y, v of {count} keypoints", "error"
            continue
        points = np.array(values, dtype=np.float64).reshape(-1, 3)
        if (odd := points[(points[:, 2] < 0) | (points[:, 2] > 2), 2]).size:
            yield item, field, f"a visibility v is {odd[0]:g}, expected 0 to 2, fractions allowed", "error"
        labelled = points[points[:, 2] > 0, :2]
        if zeros := int((labelled == 0).all(axis=1).sum()):
            message = f"{zeros} labelled at (0, 0), expected v = 0 for keypoints without a place"
            yield item, field, message, "warning" if zeros == 1 else "error"
        if size is not None and (outside := far_outside(labelled, size)):
            yield item, field, outside, "warning"


def _check(data: Any, root: Path, split: str, decode: bool) -> Found:
    return check_coco_wholebody(data, coco.folder_of_images(root, split), decode)


CHECK = SplitFiles(annotation_path, _check, image_names)
