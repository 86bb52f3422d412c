"""A few evaluated images with the people that rows of a table find in them."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from repro.approaches.bottom_up.predict import ScenePoses, load_poses
from repro.approaches.bottom_up.samples import as_images
from repro.approaches.examples import COUNT, HEIGHT, Example
from repro.approaches.samples import Kept, Samples
from repro.data.images import ImageSet

SHOWN = 0.3  # people whose score is below this share of their image's best are not drawn


def make_examples(samples: Samples, runs: Mapping[str, Kept]) -> list[Example]:
    """Some evaluation images with the people that complete runs find there, by row."""
    return draw_examples(as_images(samples.val), {row: load_poses(run) for row, run in runs.items()})


def draw_examples(images: ImageSet, poses: dict[str, ScenePoses]) -> list[Example]:
    """Some images, evenly spread over those with labelled people, with their truth and what each row found there.

    Args:
        images: the evaluated set.
        poses: the poses by row.
    """
    labelled = (images.visibility > 0).any(1)
    with_people = np.unique(images.image_index[labelled])
    with_people = with_people if len(with_people) else np.arange(len(images))
    chosen = with_people[np.unique(np.linspace(0, len(with_people) - 1, COUNT).round().astype(int))]
    return [_draw_example(images, int(image), labelled & (images.image_index == image), poses) for image in chosen]


def _draw_example(images: ImageSet, image: int, own: np.ndarray, poses: dict[str, ScenePoses]) -> Example:
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
        areas=images.areas[own] * factor**2,
    )
