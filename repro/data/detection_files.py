"""A detector's boxes as it wrote them, in COCO's result format: a list of {image_id, category_id, bbox, score}.

Recipes name such a file by its content, so that another file is another evaluation wherever it lies. Only boxes of category 1,
a person, count. Every box has to be in an image of the evaluated split: boxes of other images are a sign of the wrong file, and
leaving them out in silence would let a file of another split pass with a handful of boxes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from repro.data.coco import read_json
from repro.data.persons import PersonSet
from repro.data.sources import DATA_SETS, load_persons
from repro.errors import ReproError

NAMED = "detections-"  # what the names of files in recipes begin with
PERSON = 1  # category
FORMAT = "expected COCO's result format, a list of {image_id, category_id, bbox: [x, y, width, height], score}"


def takes_detections(name: str) -> bool:
    """Whether a detector's boxes can be used with the data set of this name."""
    return name in DATA_SETS and DATA_SETS[name].takes_boxes


def boxes_name(path: Path) -> str:
    """What recipes call the boxes of a file: ``detections-`` and 12 hex digits that change with its content.

    Raises:
        ReproError: for a file that cannot be read.
    """
    try:
        return NAMED + hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise ReproError(
            f"The detector's file {path} cannot be read ({error.strerror}): give the path of an existing JSON file, as in "
            "BOXES=/path/to/detections.json."
        ) from error


def file_of_boxes(recipes: Iterable[dict[str, Any]]) -> str | None:
    """The name of the detector's file that some recipes, as JSON values, are evaluated with; None where none is."""
    names = (str(recipe.get("evaluation", {}).get("boxes")) for recipe in recipes)
    return next((name for name in names if name.startswith(NAMED)), None)


def load_detected(name: str, root: Path | None, path: Path, persons: PersonSet) -> PersonSet:
    """A detector's boxes in the images of a set, one entry a box as ``coco.load_coco`` reads them.

    Args:
        name: of the data set.
        root: its folder.
        path: the detector's file, of the whole evaluation split.
        persons: of the evaluation split, all or the first ones: their images are taken, and their annotations.

    Raises:
        ReproError: for a file that is no JSON or has other fields, that has a box in an image which the split has not, and for
            a data set that detected boxes do not fit.
    """
    image_ids = read_image_ids(path)
    detected = load_persons(name, root, "val", boxes=path)
    unknown = image_ids[~np.isin(image_ids, detected.images.ids)]
    if len(unknown):
        raise ReproError(
            f"{len(unknown)} of the {len(image_ids)} boxes in {path} are in images that the evaluation split of {name} has not, "
            f"the first in image {unknown[0]}: give the detections of this split alone."
        )
    return in_images_of(detected, persons)


def read_image_ids(path: Path) -> np.ndarray:
    """(N,) int64: the image ids of a file's boxes of persons.

    Raises:
        ReproError: for a file that cannot be read, is no JSON, has no such box, or has an entry with other fields, which is
            named by its position.
    """
    found = read_json(path)
    if not isinstance(found, list):
        raise ReproError(f"{path} holds no list of boxes but a {type(found).__name__}: {FORMAT}; export it so.")
    for number, entry in enumerate(found):
        if wrong := _wrong_field(entry):
            raise ReproError(f"Entry {number} of {path} has {wrong}: {FORMAT}; export it so.")
    image_ids = [entry["image_id"] for entry in found if entry["category_id"] == PERSON]
    if not image_ids:
        raise ReproError(f"{path} has no box of category {PERSON}, a person: {FORMAT}; export the boxes of persons.")
    return np.array(image_ids, dtype=np.int64)


def _wrong_field(entry: Any) -> str:
    """What is wrong with an entry; empty for nothing."""
    if not isinstance(entry, dict):
        return f"no fields, it is {entry!r}"
    for field in ("image_id", "category_id"):
        if type(entry.get(field)) is not int:
            return f"the {field} {entry.get(field)!r}, no whole number" if field in entry else f"no {field}"
    for field, value in (("bbox", entry.get("bbox")), ("score", [entry.get("score")])):
        if field not in entry:
            return f"no {field}"
        count = 4 if field == "bbox" else 1
        if not isinstance(value, list) or len(value) != count or not all(map(_is_number, value)):
            return f"the {field} {entry[field]!r}, no {'four numbers' if count == 4 else 'number'}"
    return ""


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def in_images_of(detected: PersonSet, persons: PersonSet) -> PersonSet:
    """The boxes that lie in the images of a set of persons, with its images and annotations; their order stays."""
    position = {identity: index for index, identity in enumerate(persons.images.ids.tolist())}
    index = np.array([position.get(identity, -1) for identity in detected.image_ids.tolist()], dtype=np.int64)
    kept = np.flatnonzero(index >= 0)
    kept = kept[np.argsort(index[kept], kind="stable")]
    return replace(detected.take(kept), images=persons.images, image_index=index[kept], annotations=persons.annotations)
