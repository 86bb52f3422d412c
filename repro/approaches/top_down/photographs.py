"""People in photographs, by a network that is shown a crop of each box."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from repro.approaches.found import Finder, Found
from repro.approaches.top_down.measure import person_scores
from repro.approaches.top_down.predict import predict
from repro.data.photographs import Photographs, boxed_persons
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton


def make_finder(
    network: nn.Module, recipe: Recipe, device: torch.device, skeleton: Skeleton, place: Path, weights: str
) -> Finder:
    """As ``approaches.base`` says. Photographs without boxes are taken whole; people get the protocol's rescoring and NMS."""

    def find(photographs: Sequence[np.ndarray], boxes: Sequence[Any] | None) -> list[Found]:
        shown = Photographs(tuple(photographs))
        persons = boxed_persons(shown, [None] * len(shown.pixels) if boxes is None else boxes, skeleton)
        poses = predict(network, persons, recipe, device)
        scores, kept = person_scores(persons, poses, recipe)
        kept = np.sort(kept)  # in the order of the boxes
        of_image = persons.image_index[kept]
        own = [kept[of_image == image] for image in range(len(shown.pixels))]
        return [Found(skeleton, poses.points[i], poses.scores[i], scores[i], persons.boxes[i]) for i in own]

    return find
