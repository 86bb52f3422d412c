"""What a top-down network finds in images without labels, for COCO's server."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from repro.approaches.samples import Samples, Trained
from repro.approaches.top_down.measure import person_scores
from repro.approaches.top_down.predict import predict
from repro.data.sets.test_dev import TestDev
from repro.metrics.coco import predictions_to_coco
from repro.recipe import Recipe


def coco_results(
    network: nn.Module,
    recipe: Recipe,
    found: TestDev,
    samples: Samples,
    trained: Trained,
    device: torch.device,
    workers: int = 0,
) -> list[dict[str, Any]]:
    """Result dicts of COCO for a detector's boxes in the images of test-dev; see ``approaches.base``."""
    persons = found.persons()
    poses = predict(network, persons, recipe, device, workers)
    scores, kept = person_scores(persons, poses, recipe)
    return predictions_to_coco(persons.image_ids[kept], poses.points[kept], poses.scores[kept], scores[kept])
