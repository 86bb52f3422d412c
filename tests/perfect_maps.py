"""What networks without any error give for drawn scenes: the encoder's targets named as outputs, and people grouped from them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from repro.approaches.bottom_up.measure import measure_scenes
from repro.approaches.bottom_up.predict import gather, group_people
from repro.data.images import ImageSet
from repro.data.scene_batches import SceneBatches
from repro.encoders.centernet import CenterNetTargets
from repro.encoders.people_batch import PeopleBatch
from repro.encoders.tags import AssociativeTargets
from repro.recipe import Recipe


def perfect_ap(images: ImageSet, recipe: Recipe) -> float:
    """AP in percent of the people that a recipe's grouper finds in perfect maps of the images."""
    batches, found = SceneBatches(images, recipe.input), []
    for shown in batches.evaluation():
        height, width = (side // recipe.input.stride for side in shown.images[1.0].shape[1:3])
        people = batches.people(shown.index, shown.matrices, np.zeros(1, dtype=bool))
        people["mask"] = torch.ones(1, height, width)
        batch = PeopleBatch.from_batch(people, 1 / recipe.input.stride)
        targets = recipe.method.encoder(batch, size=(width, height), skeleton=images.skeleton)
        one = group_people({1.0: as_outputs(recipe, batch, targets)}, recipe, images.skeleton)
        found.append((int(shown.index[0]), one.mapped(torch.from_numpy(shown.inverses[0]))))
    return 100 * measure_scenes(images, {"final": gather(found, len(images.skeleton))})["AP"]


def as_outputs(recipe: Recipe, people: PeopleBatch, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """The maps of one image as the recipe's network would give them."""
    maps = {name: targets[name] for name in ("heatmaps", "heatmaps_2x", "centres") if name in targets}
    if isinstance(recipe.method.encoder, AssociativeTargets):
        return maps | {"tags": owner_of_pixels(people, maps["heatmaps"].shape[-2:]) * 10.0}
    if not isinstance(recipe.method.encoder, CenterNetTargets):
        return maps | {"offsets": targets["offsets"]}
    logits = {name: value.clamp(1e-4, 1 - 1e-4).logit() for name, value in maps.items()}
    size, places = maps["centres"].shape[-2:], targets["centre_indices"]
    keypoints = targets["keypoint_offsets"].transpose(2, 3).transpose(1, 2)  # (1, 2, P, K)
    return logits | {
        "sizes": written(targets["sizes"].transpose(1, 2), places, size),
        "centre_offsets": written(targets["centre_offsets"].transpose(1, 2), places, size),
        "offsets": written(targets["offsets"].flatten(2).transpose(1, 2), places, size),
        "keypoint_offsets": written(keypoints.flatten(2), targets["keypoint_indices"].flatten(1), size),
    }


def written(values: Tensor, places: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, C, H, W) maps that hold values (1, C, N) at places (1, N) and 0 elsewhere."""
    maps = values.new_zeros(1, values.shape[1], size[0] * size[1])
    maps[0, :, places[0]] = values[0]
    return maps.unflatten(2, size)


def owner_of_pixels(people: PeopleBatch, size: tuple[int, int]) -> Tensor:
    """(1, K, H, W): the number of the person whose keypoint is the nearest to a pixel; 0 where nobody has it."""
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    pixels = torch.stack([x, y], -1).view(1, 1, -1, 2).float()
    apart = torch.cdist(pixels, people.points.transpose(1, 2))  # (1, K, H * W, P)
    apart = apart.masked_fill(~people.known.transpose(1, 2)[:, :, None], torch.inf)
    return apart.argmin(-1).unflatten(2, size).float()
