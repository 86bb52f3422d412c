"""People in photographs, by a network that is shown them whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from repro.approaches.bottom_up.predict import predict_scenes
from repro.approaches.bottom_up.scoring import kept_scorer, scorer_name
from repro.approaches.found import Finder, Found
from repro.data.photographs import Photographs, unlabelled_images
from repro.errors import ReproError
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton


def make_finder(
    network: nn.Module, recipe: Recipe, device: torch.device, skeleton: Skeleton, place: Path, weights: str
) -> Finder:
    """As ``approaches.base`` says. People are scored by the scoring network that the run keeps, where the recipe has one."""
    scorer = None
    if recipe.scene_evaluation.scoring is not None:
        scorer = kept_scorer(place / scorer_name(recipe), recipe, weights, skeleton)

    def find(photographs: Sequence[np.ndarray], boxes: Sequence[Any] | None) -> list[Found]:
        if boxes is not None:
            raise ReproError(
                "Boxes are given to a bottom-up run, which finds people by itself in whole images: leave boxes out, or load a "
                "top-down run."
            )
        images = unlabelled_images(Photographs(tuple(photographs)), skeleton)
        people = predict_scenes(network, images, recipe, device, scorer=scorer)["final"]
        own = [people.of_image(index) for index in range(len(images))]
        return [Found(skeleton, one.points, one.keypoint_scores, one.scores, bounds(one.points)) for one in own]

    return find


def bounds(points: np.ndarray) -> np.ndarray:
    """(P, 4) x, y, width, height around the keypoints (P, K, 2) of each person."""
    low = points.min(1)
    return np.concatenate([low, points.max(1) - low], axis=1)
