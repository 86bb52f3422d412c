"""A detector's boxes as they stand in a file of COCO's result format, read once into columns and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from repro.data.coco_format.records import PERSON, read_json
from repro.data.values import LARGEST, is_id, is_number, short
from repro.errors import ReproError

FORMAT = "expected COCO's result format, a list of {image_id, category_id, bbox: [x, y, width, height], score}"
LARGEST_SCORE = 1e6


@dataclass(frozen=True)
class Boxes:
    """N boxes of persons.

    Args:
        numbers: (N,) int64 positions in the file.
        image_ids: (N,) int64.
        boxes: (N, 4) float64 x, y, width, height in image px.
        scores: (N,) float64.
    """

    numbers: np.ndarray
    image_ids: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray


def read_boxes(path: Path, category: int = PERSON) -> Boxes:
    """The boxes of one category in a detector's file.

    Args:
        path: the path of the file.
        category: id of persons.

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
    numbers = [number for number, entry in enumerate(found) if entry["category_id"] == category]
    if not numbers:
        raise ReproError(f"{path} has no box of category {category}, a person: {FORMAT}; export the boxes of persons.")
    chosen = [found[number] for number in numbers]
    return Boxes(
        np.array(numbers, dtype=np.int64),
        np.array([int(entry["image_id"]) for entry in chosen], dtype=np.int64),
        np.array([entry["bbox"] for entry in chosen], dtype=np.float64).reshape(-1, 4),
        np.array([entry["score"] for entry in chosen], dtype=np.float64),
    )


def _wrong_field(entry: Any) -> str:
    """What is wrong with an entry; empty for nothing."""
    if not isinstance(entry, dict):
        return f"no fields, it is {short(entry)}"
    for field in ("image_id", "category_id"):
        if not is_id(entry.get(field)):
            return f"the {field} {short(entry[field])}, no whole number of 64 bits" if field in entry else f"no {field}"
    if "bbox" not in entry:
        return "no bbox"
    box = entry["bbox"]
    if not isinstance(box, list) or len(box) != 4 or not all(is_number(v, LARGEST) for v in box):
        return f"the bbox {short(box)}, no four numbers of at most {LARGEST:g} px"
    if min(box[2:]) < 0:
        return f"the bbox {short(box)} of a negative size, no x, y, width, height"
    if "score" not in entry:
        return "no score"
    if not is_number(entry["score"], LARGEST_SCORE):
        return f"the score {short(entry['score'])}, no number of at most {LARGEST_SCORE:g}"
    return ""
