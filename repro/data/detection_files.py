"""A detector's boxes as it wrote them, in COCO's result format: a list of {image_id, category_id, bbox, score}.

Recipes name such a file by its content, so that another file is another evaluation wherever it lies. Only boxes of the
persons' category count, 1 in COCO. Every box has to be in an image of the evaluated split: boxes of other images are a sign of
the wrong file, and leaving them out in silence would let a file of another split pass with a handful of boxes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from repro.data.catalogue import DATA_SETS, load_persons
from repro.data.persons import PersonSet
from repro.errors import ReproError

NAMED = "detections-"  # what the names of files in recipes begin with


def takes_detections(name: str) -> bool:
    """Whether a detector's boxes can be used with the data set of this name."""
    return name in DATA_SETS and DATA_SETS[name].takes_boxes


def boxes_name(path: Path) -> str:
    """What recipes call the boxes of a file: ``detections-`` and 12 hex digits that change with its content.

    Raises:
        ReproError: for a file that cannot be read.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ReproError(f"The detector's file {path} is no file: give the path of an existing JSON file.")
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
    """A detector's boxes in the images of a set, one entry a box as ``coco_format.read_persons`` reads them.

    Args:
        name: the name of the data set.
        root: its folder.
        path: the detector's file, of the whole evaluation split.
        persons: the persons of the evaluation split, all or the first ones: their images are taken, and their annotations.

    Raises:
        ReproError: for a file that is no JSON or has other fields, that has a box in an image which the split has not, and for
            a data set that detected boxes do not fit.
    """
    return in_images_of(load_persons(name, root, "val", boxes=path, look=False), persons)


def in_images_of(detected: PersonSet, persons: PersonSet) -> PersonSet:
    """The boxes that lie in the images of a set of persons, with its images and annotations; their order stays."""
    position = {identity: index for index, identity in enumerate(persons.images.ids.tolist())}
    index = np.array([position.get(identity, -1) for identity in detected.image_ids.tolist()], dtype=np.int64)
    kept = np.flatnonzero(index >= 0)
    kept = kept[np.argsort(index[kept], kind="stable")]
    return replace(detected.take(kept), images=persons.images, image_index=index[kept], annotations=persons.annotations)
