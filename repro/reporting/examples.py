"""A few evaluated persons, or images with all their people, that a result folder keeps for the figure of predicted poses.

``examples.json`` holds truth, areas and predictions in crop coordinates. The crops themselves lie beside it as JPEG files only
where the data set's images may be passed on; else they go to ``private/``, which git ignores.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from repro.approaches.examples import Example
from repro.reporting.folders import check_kept
from repro.support.sealed import read_json

QUALITY = 88  # of the JPEG files
NAME = "example"


def write_examples(examples: list[Example], folder: Path, *, images: bool, name: str = NAME) -> None:
    """Write ``examples.json``, or that of another ``name``, to a result folder, and the crops as JPEG files: to ``private/``
    unless ``images``."""
    place = folder if images else folder / "private"
    place.mkdir(exist_ok=True)
    plain = []
    for number, example in enumerate(examples):
        picture = cv2.cvtColor(example.image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(place / f"{name}{number}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        plain.append(
            {
                "size": list(example.size),
                "truth": example.truth.round(2).tolist(),
                "visibility": example.visibility.tolist(),
                "poses": {row: points.round(2).tolist() for row, points in example.poses.items()},
                **({} if example.areas is None else {"areas": np.round(example.areas, 1).tolist()}),
            }
        )
    (folder / f"{name}s.json").write_text(json.dumps(plain) + "\n", encoding="utf-8")


def read_examples(folder: Path, *, private: bool = False, name: str = NAME) -> list[Example]:
    """The examples of that ``name`` in a folder; ``private`` adds the crops that are kept on this machine alone, if they are."""
    file = folder / f"{name}s.json"
    check_kept(file)
    plain = read_json(file)
    place = folder / "private" if private else folder
    examples = []
    for number, one in enumerate(plain):
        visibility = np.array(one["visibility"])
        shape = (
            *[-1] * (visibility.ndim - 1),
            visibility.shape[-1],
            2,
        )  # an image in which nobody was found stays (0, K, 2)
        examples.append(
            Example(
                truth=np.array(one["truth"]),
                visibility=visibility,
                poses={row: np.array(points).reshape(shape) for row, points in one["poses"].items()},
                image=_read_crop(place / f"{name}{number}"),
                size=tuple(one["size"]),
                areas=np.array(one["areas"]) if "areas" in one else None,
            )
        )
    return examples


def _read_crop(place: Path) -> np.ndarray | None:
    """The image of that name; older folders hold PNG files."""
    files = [file for suffix in (".jpg", ".png") if (file := place.with_suffix(suffix)).exists()]
    image = cv2.imread(str(files[0])) if files else None  # None for one that is damaged too: poses are shown without it
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
