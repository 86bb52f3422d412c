"""Annotation files in COCO's format (COCO, COCO-WholeBody, CrowdPose and their like), read once into one shape.

Once loaded, all ids are whole numbers, everything else is numbers, crowds are 0 or 1, keypoints are flat lists in the order of
the skeleton and the category of persons is 1. Training, evaluation and fingerprints see these values and no others. What is not
a number is refused by file, item and field; what may be missing (``iscrowd``, ``num_keypoints``, ``area``) may also be null.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from repro.data.person_sizes import AREA_OF_BOX
from repro.data.values import (
    ADVICE,
    LARGEST_AREA,
    flat,
    is_id,
    name_fault,
    number,
    numbers,
    refused,
    short,
    whole,
)
from repro.errors import ReproError

PERSON = 1  # the category of persons once loaded
ALIASES = {"top_head": "head", "head_top": "head"}  # other names of keypoints


@dataclass(frozen=True)
class Records:
    """M images and A annotations of persons of a file.

    Args:
        path: the path of the file.
        ids: (M,) int64 image ids.
        sizes: (M, 2) int64 stated (width, height).
        names: file names of the images.
        crowd: (M,) float64 crowd indices, nan where an image has none.
        category: id of the persons in the file.
        annotations: the annotations with id, image_id, category_id, iscrowd, num_keypoints, area, bbox and keypoints.
        position: (A,) int64 position of each one's image.
        points: (A, K, 3) float64 x, y, v.
        boxes: (A, 4) float64 x, y, width, height as annotated.
        regions: the ``segmentation`` of each as it is written, None where there is none.
    """

    path: Path
    ids: np.ndarray
    sizes: np.ndarray
    names: list[str]
    crowd: np.ndarray
    category: int
    annotations: list[dict[str, Any]]
    position: np.ndarray
    points: np.ndarray
    boxes: np.ndarray
    regions: list[Any]


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises ReproError when it is missing or is not JSON."""
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ReproError(f"{path} is no file: give the path of an existing JSON file.")
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise ReproError(f"The file {path} does not exist: give the path of an existing JSON file.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ReproError(f"{path} is not a readable JSON file ({error}): fetch or write it again.") from error


def read_records(path: Path, names: tuple[str, ...], lists: Mapping[str, int]) -> Records:
    """Read an annotation file.

    Args:
        path: JSON with ``images``, ``annotations`` and ``categories``. The category taken is the one named ``person``, or
            those with ``keypoints`` if these are the same, or the only one.
        names: the names of the keypoints in the first of the ``lists``. Where the category names its keypoints and has them in
            another order, they are put into this one.
        lists: the fields that hold keypoints and the number in each; they are joined.

    Raises:
        ReproError: when the file is missing or anything in it is not what it has to be.
    """
    data = read_json(path)
    for key in ("images", "annotations", "categories"):
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            raise ReproError(f"{path} has no list {key!r}: expected an annotation file in COCO's format; {ADVICE}")
    ids, sizes, files, crowd = _images(data["images"], path)
    known, persons = _categories(data["categories"], path)
    category = persons[0]
    order, fault = keypoint_order(category, names, partly=len(lists) > 1)
    if fault:
        raise refused(path, f"category {category['id']}", "keypoints", fault)
    chosen = _of_persons(data["annotations"], known, {one["id"] for one in persons}, path)
    if data["annotations"] and not chosen:
        raise ReproError(f"{path} has annotations, but none of a person: {ADVICE}")
    items = [label("annotation", a, n) for n, a in chosen]
    raw = [a for _, a in chosen]
    annotations, points, boxes = _normalised(raw, items, order, lists, path)
    position = _positions_of_images(annotations, items, ids, path)
    regions = [a.get("segmentation") for a in raw]
    return Records(path, ids, sizes, files, crowd, category["id"], annotations, position, points, boxes, regions)


def read_image_list(path: Path, keypoints: int) -> Records:
    """Read a file that lists images and has no annotations, as those of test splits.

    Args:
        path: JSON with ``images``.
        keypoints: the keypoints of the people that nobody labelled.

    Raises:
        ReproError: when the file is missing or anything in it is not what it has to be.
    """
    data = read_json(path)
    if not isinstance(data, dict) or not isinstance(data.get("images"), list):
        raise ReproError(f"{path} has no list 'images': expected an annotation file in COCO's format; {ADVICE}")
    ids, sizes, names, crowd = _images(data["images"], path)
    nobody: list[dict[str, Any]] = []
    none = np.zeros(0, dtype=np.int64), np.zeros((0, keypoints, 3)), np.zeros((0, 4))
    return Records(path, ids, sizes, names, crowd, PERSON, nobody, *none, [])


def label(kind: str, entry: Any, position: int) -> str:
    """What an entry is called: ``annotation 7`` where it has an id, else ``annotations[0]``."""
    identity = entry.get("id") if isinstance(entry, dict) else None
    return f"{kind} {int(identity)}" if is_id(identity) else f"{kind}s[{position}]"


def keypoint_order(
    category: dict[str, Any], names: tuple[str, ...], *, partly: bool = False
) -> tuple[list[int] | None, str]:
    """Where in the file's order each keypoint of ``names`` stands, by the names that its category gives; None for their order.

    Args:
        category: the category of the persons.
        names: the names of the skeleton.
        partly: whether the category may name further keypoints after these.

    Returns:
        The order, and what is wrong with the names, empty for nothing.
    """
    given = category.get("keypoints")
    if not given:
        return None, ""
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        return None, f"is {short(given)}, expected the names of {len(names)} keypoints"
    own = [spelled(name) for name in (given[: len(names)] if partly else given)]
    if own == list(names):
        return None, ""
    if sorted(own) != sorted(names):
        strange = [given[n] for n, name in enumerate(own) if name not in names] or [f"{len(given)} in number"]
        expected = f"the {len(names)} of this data set ({', '.join(names[:3])} and so on), in any order"
        return None, f"names other keypoints ({short(strange[0])}), expected {expected}"
    return [own.index(name) for name in names], ""


def spelled(name: str) -> str:
    """The name of a keypoint as it is compared: in small letters, words joined by underscores."""
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    return ALIASES.get(plain, plain)


def _images(images: list[Any], path: Path) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    """Ids (M,), sizes (M, 2), file names and crowd indices (M,), in the order of the file."""
    ids, sizes, names, crowd = [], [], [], []
    for n, image in enumerate(images):
        item = label("image", image, n)
        if not isinstance(image, dict):
            raise refused(path, item, "images", f"is {short(image)}, expected an object")
        ids.append(whole(image, "id", path, item))
        size = [whole(image, field, path, item) for field in ("width", "height")]
        for field, value in zip(("width", "height"), size, strict=True):
            if value < 1:
                raise refused(path, item, field, f"is {short(value)}, expected a positive number of px")
        sizes.append(size)
        if fault := name_fault(image.get("file_name")):
            raise refused(path, item, "file_name", fault)
        names.append(image["file_name"])
        given = image.get("crowdIndex") is not None
        crowd.append(number(image, "crowdIndex", path, item, 0.0, 1e6) if given else np.nan)
    if len(set(ids)) != len(ids):
        raise ReproError(f"{path} holds an image id more than once: give each image its own id; {ADVICE}")
    if len(set(names)) != len(names):
        n = next(n for n, name in enumerate(names) if name in names[:n])
        fault = f"is {short(names[n])}, which another image has too, expected a file of its own"
        raise refused(path, label("image", images[n], n), "file_name", fault)
    shape = np.array(sizes, dtype=np.int64).reshape(-1, 2)
    return np.array(ids, dtype=np.int64), shape, names, np.array(crowd, dtype=np.float64)


def _categories(categories: list[Any], path: Path) -> tuple[set[int], list[dict[str, Any]]]:
    """The ids of all categories, and the persons' with their ids as whole numbers: one, or several of the same keypoints."""
    entries = []
    for n, category in enumerate(categories):
        if not isinstance(category, dict):
            raise refused(path, f"categories[{n}]", "categories", f"is {short(category)}, expected an object")
        entries.append({**category, "id": whole(category, "id", path, f"categories[{n}]")})
    chosen = person_categories(entries)
    known = [c["id"] for c in entries]
    if len(set(known)) < len(known):
        raise ReproError(f"{path} uses the id of a category more than once: give each its own; {ADVICE}")
    if not of_one_kind(chosen):
        names = ", ".join(short(c.get("name")).strip("'") for c in chosen) or "none"
        raise ReproError(
            f"{path} has the categories {names}: expected one named 'person', or one only, or several of the same keypoints; "
            f"{ADVICE}"
        )
    return set(known), chosen


def person_categories(categories: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The categories that could be the persons': one is right, or several of the same keypoints."""
    named = [c for c in categories if isinstance(c.get("name"), str) and c["name"].strip().lower() == "person"]
    return named or [c for c in categories if c.get("keypoints")] or categories


def of_one_kind(categories: list[dict[str, Any]]) -> bool:
    """Whether categories are read as one: a single one, or several that name the same keypoints, as of dogs and cats."""
    first = categories[0].get("keypoints") if categories else None
    return len(categories) == 1 or (bool(first) and all(c.get("keypoints") == first for c in categories))


def _of_persons(
    annotations: list[Any], known: set[int], persons: set[int], path: Path
) -> list[tuple[int, dict[str, Any]]]:
    """Position and content of the annotations of persons. Raises ReproError for one that is of no category."""
    chosen = []
    for n, annotation in enumerate(annotations):
        if not isinstance(annotation, dict):
            raise refused(path, f"annotations[{n}]", "annotations", f"is {short(annotation)}, expected an object")
        own = annotation.get("category_id")
        if type(own) is not int:
            own = whole(annotation, "category_id", path, label("annotation", annotation, n))
        if own in persons:
            chosen.append((n, annotation))
        elif own not in known:
            item = label("annotation", annotation, n)
            raise refused(path, item, "category_id", f"is {short(own)}, which is the id of no category of this file")
    return chosen


def _normalised(
    raw: list[dict[str, Any]],
    items: list[str],
    order: list[int] | None,
    lists: Mapping[str, int],
    path: Path,
) -> tuple[list[dict[str, Any]], np.ndarray, np.ndarray]:
    """The annotations in one shape, their keypoints (A, K, 3) and boxes (A, 4)."""
    boxes = numbers([a.get("bbox") for a in raw], 4, path, items, "bbox")
    if (boxes[:, 2:] < 0).any():
        wrong = int(np.argmax((boxes[:, 2:] < 0).any(axis=1)))
        fault = f"is {short(raw[wrong]['bbox'])}, expected x, y, width, height of no negative size"
        raise refused(path, items[wrong], "bbox", fault)
    rows, points = _keypoints(raw, items, order, lists, path)
    first = next(iter(lists.values()))
    counts = (points[:, :first, 2] > 0).sum(axis=1).tolist()
    seen: set[int] = set()
    out = []
    for n, (annotation, item) in enumerate(zip(raw, items, strict=True)):
        identity = whole(annotation, "id", path, item)
        if identity in seen:
            raise refused(path, item, "id", "is used more than once, expected an id of its own")
        seen.add(identity)
        box = annotation["bbox"]
        out.append(
            {
                "id": identity,
                "image_id": whole(annotation, "image_id", path, item),
                "category_id": PERSON,
                "iscrowd": _crowd(annotation, path, item),
                "num_keypoints": _count(annotation, counts[n], path, item),
                "area": AREA_OF_BOX * box[2] * box[3]
                if annotation.get("area") is None
                else number(annotation, "area", path, item, 0.0, LARGEST_AREA),
                "bbox": box,
                "keypoints": rows[n],
            }
        )
    return out, points, boxes


def _keypoints(
    raw: list[dict[str, Any]], items: list[str], order: list[int] | None, lists: Mapping[str, int], path: Path
) -> tuple[list[list[float]], np.ndarray]:
    """The joined lists of keypoints of each annotation, and (A, K, 3) float64 of them."""
    parts: list[np.ndarray] = []
    joined: list[list[list[float]]] = []
    for field, count in lists.items():
        rows: list[list[float]] = [flat(a.get(field), 3) for a in raw]
        points = numbers(rows, 3 * count, path, items, field).reshape(len(rows), count, 3)
        if order is not None and not parts:
            points = points[:, order]
            rows = points.reshape(len(rows), 3 * count).tolist()
        parts.append(points)
        joined.append(rows)
    if len(joined) == 1:
        return joined[0], parts[0]
    return [[v for row in several for v in row] for several in zip(*joined, strict=True)], np.concatenate(parts, axis=1)


def _crowd(annotation: dict[str, Any], path: Path, item: str) -> int:
    value = annotation.get("iscrowd")
    if value is None:
        return 0
    if not isinstance(value, int | float) or value not in (0, 1):
        raise refused(path, item, "iscrowd", f"is {short(value)}, expected 0 or 1")
    return int(value)


def _count(annotation: dict[str, Any], counted: int, path: Path, item: str) -> int:
    if annotation.get("num_keypoints") is None:
        return counted
    value = whole(annotation, "num_keypoints", path, item)
    if value < 0:
        raise refused(path, item, "num_keypoints", f"is {short(value)}, expected 0 or more")
    return value


def _positions_of_images(
    annotations: list[dict[str, Any]], items: list[str], ids: np.ndarray, path: Path
) -> np.ndarray:
    """(A,) int64 position of each annotation's image. Raises ReproError for one that is of none."""
    of_id = {identity: n for n, identity in enumerate(ids.tolist())}
    position = np.array([of_id.get(a["image_id"], -1) for a in annotations], dtype=np.int64)
    if (position < 0).any():
        n = int(np.argmin(position))
        fault = f"is {short(annotations[n]['image_id'])}, which is the id of no image of this file"
        raise refused(path, items[n], "image_id", fault)
    return position
