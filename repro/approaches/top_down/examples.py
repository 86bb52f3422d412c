"""A few evaluated persons with the poses that rows of a table predict."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from repro.approaches.examples import COUNT, HEIGHT, Example
from repro.approaches.samples import Kept, Samples
from repro.approaches.top_down.predict import Poses, load_poses
from repro.approaches.top_down.samples import as_persons, evaluated_persons
from repro.data.detections import closest_boxes
from repro.data.persons import PersonSet
from repro.geometry import box_to_center_scale, crop_matrices, transform_points
from repro.recipe import Recipe


def make_examples(samples: Samples, runs: Mapping[str, Kept]) -> list[Example]:
    """Some evaluation persons with the poses of complete runs, by row."""
    poses = {row: poses_of_persons(load_poses(run), samples, run.recipe) for row, run in runs.items()}
    return draw_examples(as_persons(samples.val), poses, next(iter(runs.values())).recipe.crop_input.aspect)


def poses_of_persons(poses: Poses, samples: Samples, recipe: Recipe) -> Poses:
    """One pose for each evaluation person: with a detector's boxes that of the closest box, nan where there is none."""
    if recipe.crop_evaluation.boxes == "truth":
        return poses
    index = closest_boxes(as_persons(samples.val), evaluated_persons(samples, recipe))
    points, scores = (np.full((len(index), *given.shape[1:]), np.nan) for given in (poses.points, poses.scores))
    points[index >= 0], scores[index >= 0] = poses.points[index[index >= 0]], poses.scores[index[index >= 0]]
    return Poses(points, scores)


def choose_persons(persons: PersonSet, found: np.ndarray, count: int = COUNT) -> np.ndarray:
    """Positions of the persons that are shown: evenly spread over those with at least half their keypoints labelled.

    Args:
        persons: the persons to choose from.
        found: (N,) bool, those that have a pose.
        count: how many.
    """
    labelled = np.flatnonzero(((persons.visibility > 0).sum(1) * 2 >= len(persons.skeleton)) & found)
    chosen = labelled if len(labelled) else np.arange(len(persons))
    return chosen[np.unique(np.linspace(0, len(chosen) - 1, count).round().astype(int))]


def draw_examples(persons: PersonSet, poses: dict[str, Poses], aspect: float) -> list[Example]:
    """Crops of some persons with their truth and the predicted poses of each row, images included.

    Args:
        persons: the persons with ground-truth boxes.
        poses: one a person, nan for persons that a detector has missed.
        aspect: width / height of the crops.
    """
    return draw_persons(
        persons, choose_persons(persons, ~np.isnan(next(iter(poses.values())).points).any((1, 2))), poses, aspect
    )


def draw_persons(persons: PersonSet, index: np.ndarray, poses: dict[str, Poses], aspect: float) -> list[Example]:
    """Crops of the persons at positions ``index``, images included; see ``draw_examples``."""
    size = (round(HEIGHT * aspect), HEIGHT)
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
            areas=float(persons.areas[person] * abs(np.linalg.det(matrices[i][:, :2]))),
        )
        for i, person in enumerate(index)
    ]
