"""How near the people found in whole images come to the true ones: the mean OKS of people, for bottom-up methods.

AP counts who passes an OKS of 0.5 at least, which few people do after a short training. The mean OKS has no threshold and
tells such trainings apart, as ``metrics.coco.mean_oks`` does where a crop's person is known. Here nobody says whom a found
person is meant to be, so true and found people of an image are assigned to each other, each used once, with the greatest sum
of OKS (Hungarian method). Other than a greedy choice in order of falling OKS it depends neither on ties nor on which of two
neighbours is best hit, and a person found in addition never lowers the figure.

Scores have no part in it: who is found in excess costs nothing, and neither does a wrong order of people. AP sees both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from repro.metrics.oks import oks


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
    annotations: Iterable[dict[str, Any]], predictions: Iterable[dict[str, Any]], sigmas: np.ndarray
) -> float:
    """The mean, over true people, of the OKS with the found person assigned to each; 0 for who has none: see ``reached_oks``."""
    reached = list(reached_oks(annotations, predictions, sigmas).values())
    return float(np.concatenate(reached).mean()) if reached else float("nan")


def reached_oks(
    annotations: Iterable[dict[str, Any]], predictions: Iterable[dict[str, Any]], sigmas: np.ndarray
) -> dict[int, np.ndarray]:
    """The OKS of each true person with the found one assigned to it, by image id; 0 for who has none.

    Crowds and people without a labelled keypoint take no part, whatever a prediction on them is.

    Args:
        annotations: COCO annotation dicts with ``area``, as ``ImageSet.annotations``; CrowdPose's: see
            ``repro.metrics.crowdpose``.
        predictions: COCO result dicts of the same images, in px of the image.
        sigmas: (K,) OKS constants, as ``Skeleton.sigma_array``.

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
    return {image: _image_oks(people, found[image], sigmas) for image, people in truth.items()}


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
