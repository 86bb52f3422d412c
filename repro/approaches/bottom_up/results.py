"""What a bottom-up network finds in images without labels, for COCO's server."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from repro.approaches.bottom_up.measure import as_results
from repro.approaches.bottom_up.predict import predict_scenes
from repro.approaches.bottom_up.samples import as_images
from repro.approaches.bottom_up.scoring import fit_scorer, scorer_name
from repro.approaches.samples import Samples, Trained
from repro.data.sets.test_dev import TestDev
from repro.recipe import Recipe
from repro.support.sealed import file_checksum


def coco_results(
    network: nn.Module,
    recipe: Recipe,
    found: TestDev,
    samples: Samples,
    trained: Trained,
    device: torch.device,
    workers: int = 0,
) -> list[dict[str, Any]]:
    """Result dicts of COCO for the images of test-dev; see ``approaches.base``."""
    images, scorer = found.image_set(), None
    if recipe.scene_evaluation.scoring is not None:
        file, (weights, _) = trained.folder / scorer_name(recipe), trained.snapshots[-1]
        scorer = fit_scorer(network, as_images(samples.train), recipe, device, file, workers, file_checksum(weights))
    return as_results(images, predict_scenes(network, images, recipe, device, scorer=scorer, workers=workers)["final"])
