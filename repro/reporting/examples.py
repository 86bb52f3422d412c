"""A few evaluated persons, or images with all their people, that a result folder keeps for the figure of predicted poses.

``examples.json`` holds truth and predictions in crop coordinates. The crops themselves lie beside it as JPEG files only
where the data set's images may be passed on; else they go to ``private/``, which git ignores.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from repro.approaches.bottom_up.predict import ScenePoses
from repro.approaches.top_down.predict import Poses
from repro.data.images import ImageSet
from repro.data.persons import PersonSet
from repro.geometry import box_to_center_scale, crop_matrices, transform_points
from repro.reporting.figures import Example
from repro.reporting.folders import check_kept
from repro.support.sealed import read_json

COUNT = 6
HEIGHT = 192  # of a crop, px
QUALITY = 88  # of the JPEG files
SHOWN = 0.3  # people whose score is below this share of their image's best are not drawn


def choose_persons(persons: PersonSet, found: np.ndarray, count: int = COUNT) -> np.ndarray:
    """Positions of the persons that are shown: evenly spread over those with at least half their keypoints labelled.

    Args:
        persons: to choose from.
        found: (N,) bool, those that have a pose.
        count: how many.
    """
    labelled = np.flatnonzero(((persons.visibility > 0).sum(1) * 2 >= len(persons.skeleton)) & found)
    chosen = labelled if len(labelled) else np.arange(len(persons))
    return chosen[np.unique(np.linspace(0, len(chosen) - 1, count).round().astype(int))]


def make_examples(persons: PersonSet, poses: dict[str, Poses], aspect: float) -> list[Example]:
    """Crops of some persons with their truth and the predicted poses of each row, images included.

    Args:
        persons: with ground-truth boxes.
        poses: one a person, nan for persons that a detector has missed.
        aspect: width / height of the crops.
    """
    size = (round(HEIGHT * aspect), HEIGHT)
    index = choose_persons(persons, ~np.isnan(next(iter(poses.values())).points).any((1, 2)))
    centers, scales = box_to_center_scale(persons.boxes[index], aspect)
    matrices = crop_matrices(centers, scales, np.zeros(len(index)), size, "unbiased")
    truth = transform_points(matrices, persons.keypoints[index])
    found = {row: transform_points(matrices, p.points[index]) for row, p in poses.items()}
    return [
        Example(
            truth=truth[i],
            visibility=persons.visibility[person],
            poses={row: points[i] for row, points in found.items()},
            image=cv2.warpAffine(persons.images.read(int(persons.image_index[person])), matrices[i], size),
            size=size,
        )
        for i, person in enumerate(index)
    ]


def make_scene_examples(images: ImageSet, poses: dict[str, ScenePoses]) -> list[Example]:
    """Some images, evenly spread over those with labelled people, with their truth and what each row found there.

    Args:
        images: the evaluated set.
        poses: by row.
    """
    labelled = (images.visibility > 0).any(1)
    with_people = np.unique(images.image_index[labelled])
    with_people = with_people if len(with_people) else np.arange(len(images))
    chosen = with_people[np.unique(np.linspace(0, len(with_people) - 1, COUNT).round().astype(int))]
    return [_scene_example(images, int(image), labelled & (images.image_index == image), poses) for image in chosen]


def _scene_example(images: ImageSet, image: int, own: np.ndarray, poses: dict[str, ScenePoses]) -> Example:
    """One image HEIGHT px high, with the people that ``own`` (N,) marks and those found."""
    width, height = images.images.sizes[image].tolist()
    factor = HEIGHT / height
    size = (round(width * factor), HEIGHT)
    found = {}
    for row, one in poses.items():
        people = one.of_image(image)
        best = people.scores.max(initial=-np.inf)
        shown = people.scores >= (SHOWN * best if best > 0 else best)  # a scoring network may go below 0
        found[row] = people.points[shown] * factor
    return Example(
        truth=images.keypoints[own] * factor,
        visibility=images.visibility[own],
        poses=found,
        image=cv2.warpAffine(images.images.read(image), factor * np.eye(2, 3), size),
        size=size,
    )


def write_examples(examples: list[Example], folder: Path, *, images: bool) -> None:
    """Write ``examples.json`` to a result folder, and the crops as JPEG files: to ``private/`` unless ``images``."""
    place = folder if images else folder / "private"
    place.mkdir(exist_ok=True)
    plain = []
    for number, example in enumerate(examples):
        picture = cv2.cvtColor(example.image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(place / f"example{number}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        plain.append(
            {
                "size": list(example.size),
                "truth": example.truth.round(2).tolist(),
                "visibility": example.visibility.tolist(),
                "poses": {row: points.round(2).tolist() for row, points in example.poses.items()},
            }
        )
    (folder / "examples.json").write_text(json.dumps(plain) + "\n", encoding="utf-8")


def read_examples(folder: Path, *, private: bool = False) -> list[Example]:
    """The examples of a result folder; ``private`` adds the crops that are kept on this machine alone, if they are."""
    file = folder / "examples.json"
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
                image=_read_crop(place / f"example{number}"),
                size=tuple(one["size"]),
            )
        )
    return examples


def _read_crop(place: Path) -> np.ndarray | None:
    """The image of that name; older folders hold PNG files."""
    files = [file for suffix in (".jpg", ".png") if (file := place.with_suffix(suffix)).exists()]
    image = cv2.imread(str(files[0])) if files else None  # None for one that is damaged too: poses are shown without it
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
