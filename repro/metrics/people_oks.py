"""How near the people found in whole images come to the true ones: the mean OKS of people, for bottom-up methods.

AP counts who passes an OKS of 0.5 at least, which few people do after a short training. The mean OKS has no threshold and
tells such trainings apart, as ``metrics.coco.mean_oks`` does where a crop's person is known. Here nobody says whom a found
person is meant to be, so true and found people of an image are assigned to each other, each used once, with the greatest sum
of OKS (Hungarian method). Other than a greedy choice in order of falling OKS it depends neither on ties of OKS nor on which
of two neighbours is best hit.

Of the people found in an image only the ``best`` count: those of highest score, as many as people are labelled there; of equal
scores the one that stands earlier. People of lower scores change nothing, and a higher score for the wrong person costs. With
``all`` everybody who is found can be assigned, so that each further person, be it noise, can only raise the figure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from repro.metrics.oks import oks

OksOf = Literal["best", "all"]  # the found people that can be assigned


def assigned_oks(similarity: np.ndarray) -> np.ndarray:
    """The OKS of each true person with the found one that it is assigned to.

    Args:
        similarity: (D, G) OKS of D found with G true people.

    Returns:
        (G,); 0 for people left without a found one. The sum is the greatest with each found person used once.
    """
    out = np.zeros(similarity.shape[1])
    found, person = linear_sum_assignment(similarity, maximize=True)
    out[person] = similarity[found, person]
    return out


def people_oks(
    annotations: Iterable[dict[str, Any]],
    predictions: Iterable[dict[str, Any]],
    sigmas: np.ndarray,
    oks_of: OksOf = "best",
) -> float:
    """The mean, over true people, of the OKS with the found person assigned to each; 0 for who has none: see ``reached_oks``."""
    reached = list(reached_oks(annotations, predictions, sigmas, oks_of).values())
    return float(np.concatenate(reached).mean()) if reached else float("nan")


def reached_oks(
    annotations: Iterable[dict[str, Any]],
    predictions: Iterable[dict[str, Any]],
    sigmas: np.ndarray,
    oks_of: OksOf = "best",
) -> dict[int, np.ndarray]:
    """The OKS of each true person with the found one assigned to it, by image id; 0 for who has none.

    Crowds and people without a labelled keypoint take no part, whatever a prediction on them is.

    Args:
        annotations: COCO annotation dicts with ``area``, as ``ImageSet.annotations``; CrowdPose's: see
            ``repro.metrics.crowdpose``.
        predictions: COCO result dicts of the same images, in px of the image.
        sigmas: (K,) OKS constants, as ``Skeleton.sigma_array``.
        oks_of: the found people that can be assigned: of each image the ``best``-scored, as many as people count
            there, or ``all``.

    Returns:
        (G,) fractions of each image in which a person counts.

    Raises:
        ReproError: when the number of keypoints disagrees with that of the sigmas.
    """
    truth, found = defaultdict(list), defaultdict(list)
    for annotation in annotations:
        if not annotation.get("iscrowd", 0) and any(v > 0 for v in annotation["keypoints"][2::3]):
            truth[annotation["image_id"]].append(annotation)
    for prediction in predictions:
        found[prediction["image_id"]].append(prediction)
    if oks_of == "best":
        found = defaultdict(list, {image: best_scored(found[image], len(people)) for image, people in truth.items()})
    return {image: _image_oks(people, found[image], sigmas) for image, people in truth.items()}


def best_scored(predictions: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The ``count`` predictions of highest score, or all where there are fewer; of equal scores those that stand earlier."""
    return sorted(predictions, key=lambda one: -one["score"])[:count]


def _image_oks(people: list[dict[str, Any]], found: list[dict[str, Any]], sigmas: np.ndarray) -> np.ndarray:
    """(G,) OKS that the true people of one image reach."""
    if not found:
        return np.zeros(len(people))
    true, poses = (
        np.array([one["keypoints"] for one in some], dtype=np.float64).reshape(len(some), -1, 3)
        for some in (people, found)
    )
    areas = np.array([one["area"] for one in people], dtype=np.float64)
    return assigned_oks(oks(poses[:, None, :, :2], true[None, ..., :2], true[None, ..., 2], areas[None], sigmas))
