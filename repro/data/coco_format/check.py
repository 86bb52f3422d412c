"""Checks of an annotation file in COCO's format, on the raw JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from repro.data.coco_format.records import keypoint_order, label, of_one_kind, person_categories
from repro.data.headers import LARGEST_SIDE
from repro.data.masks import region_fault
from repro.data.problems import Found, Inspector, Severity, far_outside
from repro.data.values import LARGEST, LARGEST_AREA, flat, is_id, is_number, list_fault, short

Size = tuple[int, int]  # width, height


@dataclass(frozen=True)
class Rules:
    """What is right in the files of a data set.

    Args:
        keypoints: names of those in the field ``keypoints``.
        counted: ``num_keypoints`` counts the first so many of them; None for all.
        areas: whether the official files have an ``area``.
        mend: whether exchanged widths and heights are mended when loaded.
        whole_body: whether further keypoints are in fields of their own.
    """

    keypoints: tuple[str, ...]
    counted: int | None = None
    areas: bool = True
    mend: bool = False
    whole_body: bool = False


def check_file(data: Any, folder: Path, rules: Rules, decode: bool) -> Found:
    """All that is wrong with an annotation file in COCO's format and with its images.

    Args:
        data: content of the JSON file, of any form.
        folder: the folder of the images.
        rules: the rules of the data set.
        decode: decode the images, not only their headers.
    """
    for key in ("images", "annotations", "categories"):
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            yield "the file", key, "is missing or no list, expected an annotation file in COCO's format", "error"
            return
    if not data["images"]:
        yield "the file", "images", "holds no image, so nothing can be trained or evaluated", "error"
    sizes: dict[int, Size | None] = {}
    yield from _check_images(data["images"], folder, decode, sizes, rules.mend)
    known = [c for c in data["categories"] if isinstance(c, dict) and is_id(c.get("id"))]
    persons = person_categories(known)
    if not of_one_kind(persons) or len(known) != len(data["categories"]):
        yield "the file", "categories", f"{len(persons)} could be the persons, expected one named 'person'", "error"
    yield from _check_names(persons[:1], rules)
    ids = [c["id"] for c in (persons if of_one_kind(persons) else persons[:1])]
    categories = {c["id"] for c in known}
    seen: set[int] = set()
    labelled = 0
    for item, annotation in _labelled(data["annotations"], "annotation"):
        if not isinstance(annotation, dict):
            yield item, "annotations", f"is {short(annotation)}, expected an object", "error"
            continue
        yield from _check_references(item, annotation, sizes, categories, seen)
        if annotation.get("category_id") in ids:
            image_id = annotation.get("image_id")
            yield from _check_person(item, annotation, sizes.get(image_id) if is_id(image_id) else None, rules)
            labelled += _counts(annotation)
    if not labelled:
        yield "the file", "annotations", "holds no person with labelled keypoints", "error"


def _counts(annotation: dict[str, Any]) -> bool:
    """Whether an evaluation counts this person, unless its labels are broken, which is told elsewhere."""
    points = flat(annotation.get("keypoints"), 3)
    seen = not isinstance(points, list) or any(not is_number(v) or v > 0 for v in points[2::3])
    return seen and annotation.get("num_keypoints") != 0 and not annotation.get("iscrowd")


def _check_names(persons: list[dict[str, Any]], rules: Rules) -> Found:
    """Whether the category names its keypoints as the data set does."""
    for category in persons:
        order, fault = keypoint_order(category, rules.keypoints, partly=rules.whole_body)
        if order is not None:
            fault = "names the keypoints in another order: they are put into the data set's when loaded"
        if fault:
            yield f"category {category['id']}", "keypoints", fault, "error" if order is None else "warning"


def image_names(data: Any) -> dict[int | str, str]:
    """The file name of each image id, of content of any form."""
    images = data.get("images") if isinstance(data, dict) else None
    images = images if isinstance(images, list) else []
    return {i["id"]: str(i.get("file_name")) for i in images if isinstance(i, dict) and is_id(i.get("id"))}


def _labelled(entries: list[Any], kind: str) -> Iterator[tuple[str, Any]]:
    """Each entry with its label: ``annotation 7`` where it has an id, else ``annotations[0]``."""
    for position, entry in enumerate(entries):
        yield label(kind, entry, position), entry


def _check_images(images: list[Any], folder: Path, decode: bool, sizes: dict[int, Size | None], mend: bool) -> Found:
    """What is wrong with the images; fills ``sizes``, None for an image whose size is not known."""
    names: set[str] = set()
    inspector = Inspector(folder, (i.get("file_name") for i in images if isinstance(i, dict)), decode)
    labelled = list(_labelled(images, "image"))
    for item, image in tqdm(labelled, desc="Checking images", unit="image", disable=None):
        if not isinstance(image, dict):
            yield item, "images", f"is {short(image)}, expected an object", "error"
            continue
        width, height = image.get("width"), image.get("height")
        for field, value in zip(("width", "height"), (width, height), strict=True):
            if not is_id(value) or not 0 < value <= LARGEST_SIDE:
                yield item, field, f"is {short(value)}, expected a positive whole number of px", "error"
        size = None
        if is_id(width) and is_id(height) and min(width, height) > 0 and max(width, height) <= LARGEST_SIDE:
            size = (width, height)
        if not is_id(image.get("id")):
            yield item, "id", f"is {short(image.get('id'))}, expected a whole number", "error"
        elif image["id"] in sizes:
            yield item, "id", "is used by more than one image", "error"
        else:
            sizes[image["id"]] = size
        crowd = image.get("crowdIndex")
        if crowd is not None and (not is_number(crowd) or crowd < 0):
            yield item, "crowdIndex", f"is {short(crowd)}, expected a number of 0 or more", "error"
        yield from _check_image_file(item, image.get("file_name"), inspector, size, names, mend)


def _check_image_file(
    item: str, name: Any, inspector: Inspector, size: Size | None, names: set[str], mend: bool
) -> Found:
    """What is wrong with the file of an image of stated ``size``; adds its name to ``names``."""
    if isinstance(name, str) and name in names:
        yield item, "file_name", f"{short(name)} is used by more than one image", "error"
        return
    names |= {name} if isinstance(name, str) else set()
    found = inspector.inspect(name)
    if found.size is None:
        yield item, "file_name", found.fault, "error"
        return
    if found.oddity:
        yield item, "file_name", found.oddity, "warning"
    if size is not None and found.size != size:
        fields = ", ".join(n for n, a, b in zip(("width", "height"), found.size, size, strict=True) if a != b)
        message = f"stated as {size[0]} x {size[1]}, the file has {found.size[0]} x {found.size[1]} (width x height)"
        exchanged = found.size == size[::-1]
        severity: Severity = "warning" if exchanged and mend and not found.oddity else "error"
        yield item, fields, message + (": the two are exchanged" if exchanged else ""), severity


def _check_references(
    item: str, annotation: dict[str, Any], images: dict[int, Size | None], categories: set[int], seen: set[int]
) -> Found:
    """What is wrong with the ids of an annotation; adds its own to ``seen``."""
    identity = annotation.get("id")
    if not is_id(identity):
        yield item, "id", f"is {short(identity)}, expected a whole number", "error"
    elif identity in seen:
        yield item, "id", "is used by more than one annotation", "error"
    else:
        seen.add(identity)
    for what, known in (("image", images), ("category", categories)):
        value = annotation.get(f"{what}_id")
        if not is_id(value) or value not in known:
            yield item, f"{what}_id", f"is {short(value)}, which is the id of no {what} of this file", "error"


def _check_person(item: str, annotation: dict[str, Any], size: Size | None, rules: Rules) -> Found:
    """What is wrong with the labels of an annotation of a person in an image of ``size``."""
    if annotation.get("iscrowd") is None:
        yield item, "iscrowd", "is missing and read as 0, other tools stop here", "warning"
    elif not isinstance(annotation["iscrowd"], int | float) or annotation["iscrowd"] not in (0, 1):
        yield item, "iscrowd", f"is {short(annotation['iscrowd'])}, expected 0 or 1", "error"
    given, size_of_one = annotation.get("keypoints"), 3 * len(rules.keypoints)
    keypoints = flat(given, 3)
    count = None
    if fault := list_fault(keypoints, size_of_one, LARGEST):
        yield item, "keypoints", f"{fault}: x, y, v of {len(rules.keypoints)} keypoints", "error"
    else:
        if given and keypoints is not given:
            yield item, "keypoints", "is a list of lists and joined when loaded, other tools stop here", "warning"
        points = np.array(keypoints, dtype=np.float64).reshape(-1, 3)
        count = int((points[:, 2] > 0).sum())
        yield from _check_points(item, points, size)
        yield from _check_count(item, annotation, int((points[: rules.counted, 2] > 0).sum()))
    yield from _check_area(item, annotation, count != 0, rules.areas)
    yield from _check_box(item, annotation.get("bbox"), size, count != 0)
    if size is not None and (fault := region_fault(annotation.get("segmentation"), *size)):
        hidden = annotation.get("iscrowd") or not count
        yield item, "segmentation", fault, "error" if hidden else "warning"


def _check_points(item: str, points: np.ndarray, size: Size | None) -> Found:
    """What is wrong with the keypoints (K, 3) x, y, v."""
    if odd := sorted(set(points[:, 2].tolist()) - {0.0, 1.0, 2.0}):
        yield item, "keypoints", f"a visibility v is {odd[0]:g}, expected 0, 1 or 2", "error"
    labelled = points[points[:, 2] > 0, :2]
    if zeros := int((labelled == 0).all(axis=1).sum()):
        severity: Severity = "warning" if zeros == 1 else "error"  # one may truly lie in the corner
        yield item, "keypoints", f"{zeros} labelled at (0, 0), expected v = 0 for keypoints without a place", severity
    if size is not None and (message := far_outside(labelled, size)):
        yield item, "keypoints", message, "warning"


def _check_count(item: str, annotation: dict[str, Any], count: int) -> Found:
    """Whether ``num_keypoints`` is the number of labelled keypoints."""
    if annotation.get("num_keypoints") is None:
        yield item, "num_keypoints", "is missing and counted when loaded, other tools stop here", "warning"
    elif annotation["num_keypoints"] != count:
        message = f"is {short(annotation['num_keypoints'])}, but {count} keypoints have v > 0"
        yield item, "num_keypoints", message, "error"


def _check_area(item: str, annotation: dict[str, Any], labelled: bool, official: bool) -> Found:
    """What is wrong with the area, which OKS uses when the person is ``labelled``."""
    area = annotation.get("area")
    if area is None and not official:
        return
    if area is None:
        yield item, "area", "is missing and read as 0.53 x the box, other tools stop here or give AP -1", "warning"
    elif not is_number(area, LARGEST_AREA) or area < 0:
        yield item, "area", f"is {short(area)}, expected a finite number of px^2, 0 or more", "error"
    elif area == 0 and labelled:
        yield item, "area", f"is {area:g} for a person with keypoints, expected more than 0 px^2", "error"


def _check_box(item: str, box: Any, size: Size | None, labelled: bool) -> Found:
    """What is wrong with the box, which crops use when the person is ``labelled``."""
    if fault := list_fault(box, 4, LARGEST):
        yield item, "bbox", f"{fault}: x, y, width, height", "error"
        return
    x, y, width, height = box
    if width <= 0 or height <= 0:
        severity: Severity = "error" if labelled or min(width, height) < 0 else "warning"
        yield item, "bbox", f"has the size {width:g} x {height:g}, expected more than 0", severity
    elif size is not None:
        over = max(-x, -y, x + width - size[0], y + height - size[1])
        if x >= size[0] or y >= size[1] or x + width <= 0 or y + height <= 0:
            yield item, "bbox", f"{short(box)} is outside the image of {size[0]} x {size[1]}", "error"
        elif over > 1:
            message = f"reaches {over:g} px outside the image: expected x, y, width, height, not two corners"
            yield item, "bbox", message, "warning"
