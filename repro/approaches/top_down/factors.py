"""Keypoint-wise adaptive factors that a trained network gives the crops of persons, for Fig. 5 of Keypoint-wise Adaptive Loss for
Whole-Body Human Pose Estimation (Seong, Lee, Lee)."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from repro.approaches.top_down.predict import evaluation_images
from repro.data.crops import normalise
from repro.data.persons import PersonSet
from repro.encoders.whole_body import keypoint_parts
from repro.recipe import Recipe
from repro.skeletons.wholebody import BODY_PARTS
from repro.training.device import network_products, prepare_evaluation
from repro.training.precision import autocast


@torch.inference_mode()
def person_factors(network: nn.Module, persons: PersonSet, recipe: Recipe, device: torch.device) -> np.ndarray:
    """(N, K) float32 factors of N persons, each in the crop of its own box, not mirrored.

    Args:
        network: a network that gives ``factors``, on the device.
        persons: the persons.
        recipe: the recipe, for the crops and the precision.
        device: the device that computes.
    """
    network.eval()
    prepare_evaluation(device)
    found = [np.zeros((0, len(persons.skeleton)), dtype=np.float32)]
    for images in evaluation_images(persons, recipe, device):
        with autocast(recipe, images.device), network_products(recipe, images.device):
            found.append(network(normalise(images))["factors"].float().cpu().numpy())
    return np.concatenate(found)


def whole_persons(persons: PersonSet, count: int, aspect: float) -> np.ndarray:
    """Positions of up to ``count`` persons of whom most parts of the body are labelled; of those, with the largest faces.

    The size of a face is the height of its labelled keypoints as a share of the crop's, whose width is ``aspect`` of its height:
    so that single keypoints of the face can be told apart in a picture of the whole person.
    """
    labelled, parts = persons.visibility > 0, np.array(keypoint_parts(persons.skeleton))
    known = np.stack([labelled[:, parts == part].any(1) for part in range(len(BODY_PARTS))], 1).sum(1)
    face = labelled & (parts == BODY_PARTS.index("face"))
    y = persons.keypoints[..., 1]
    spans = np.where(face, y, -np.inf).max(1) - np.where(face, y, np.inf).min(1)
    heights = np.maximum(persons.boxes[:, 3], persons.boxes[:, 2] / aspect)
    shares = np.where(face.any(1), spans, 0.0) / np.maximum(heights, 1.0)
    return np.lexsort((-shares, -known))[:count]
