"""What networks without any error give: the encoder's targets named as outputs, and the people grouped from them.

Perfect maps are the ceiling that input size, least area, targets and grouping leave. Where two rows differ in their targets, the
change between their perfect maps is what the encoder does alone, before anything is learned.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from repro.approaches.bottom_up.predict import ScenePoses, answers_of, gather, group_people, true_cues
from repro.data.images import ImageSet
from repro.data.scene_batches import SceneBatches
from repro.encoders.centernet import CenterNetTargets
from repro.encoders.people_batch import PeopleBatch
from repro.encoders.tags import AssociativeTargets
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton


def perfect_people(images: ImageSet, recipe: Recipe) -> dict[str, ScenePoses]:
    """The people that a recipe's grouper finds in perfect maps of each image at one scale, by answer (see ``answers_of``)."""
    batches, starts = SceneBatches(images, recipe.scene_input), images.starts()
    found: dict[str, list] = {answer: [] for answer in answers_of(recipe)}
    for shown in batches.evaluation():
        image, (height, width) = int(shown.index[0]), shown.images[1.0].shape[1:3]
        people = batches.people(shown.index, shown.matrices, np.zeros(1, dtype=bool))
        maps = {1.0: perfect_maps(people, recipe, images.skeleton, (width, height))}
        inverse = torch.from_numpy(shown.inverses[0])
        for answer, lines in found.items():
            cues = true_cues(images, starts, image, shown.matrices[0]) if answer == "heatmap" else None
            one = group_people(maps, recipe, images.skeleton, answer=answer, cues=cues)
            lines.append((image, one.mapped(inverse)))
    return {answer: gather(lines, len(images.skeleton)) for answer, lines in found.items()}


def perfect_maps(
    people: dict[str, Tensor], recipe: Recipe, skeleton: Skeleton, size: tuple[int, int]
) -> dict[str, Tensor]:
    """What a network without error gives for the people of a batch of one image.

    Args:
        people: the people of ``SceneBatches.people``, in input px.
        recipe: the recipe, for its encoder and stride.
        skeleton: the skeleton of the people.
        size: (width, height) of the input in px.
    """
    stride = recipe.scene_input.stride
    small = (size[0] // stride, size[1] // stride)
    mask = torch.ones(len(people["points"]), small[1], small[0])
    batch = PeopleBatch.from_batch({**people, "mask": mask}, 1 / stride)
    return as_outputs(recipe, batch, recipe.method.scene_encoder(batch, size=small, skeleton=skeleton))


def as_outputs(recipe: Recipe, people: PeopleBatch, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """The targets of one image as the recipe's network would give them: CenterNet's heatmaps before the sigmoid, tags that tell
    the people apart."""
    maps = {name: targets[name] for name in ("heatmaps", "heatmaps_2x", "centres") if name in targets}
    if isinstance(recipe.method.encoder, AssociativeTargets):
        return maps | {"tags": owner_of_pixels(people, (maps["heatmaps"].shape[-2], maps["heatmaps"].shape[-1])) * 10.0}
    if not isinstance(recipe.method.encoder, CenterNetTargets):
        return maps | {"offsets": targets["offsets"]}
    logits = {name: value.clamp(1e-4, 1 - 1e-4).logit() for name, value in maps.items()}
    size, places = (maps["centres"].shape[-2], maps["centres"].shape[-1]), targets["centre_indices"]
    keypoints = targets["keypoint_offsets"].transpose(2, 3).transpose(1, 2)  # (1, 2, P, K)
    return logits | {
        "sizes": written(targets["sizes"].transpose(1, 2), places, size),
        "centre_offsets": written(targets["centre_offsets"].transpose(1, 2), places, size),
        "offsets": written(targets["offsets"].flatten(2).transpose(1, 2), places, size),
        "keypoint_offsets": written(keypoints.flatten(2), targets["keypoint_indices"].flatten(1), size),
    }


def written(values: Tensor, places: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, C, H, W) maps of size (H, W) that hold values (1, C, N) at places (1, N) and 0 elsewhere."""
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
