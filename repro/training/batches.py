"""What a training step is made of: the batches of a recipe and their targets, for crops of persons and for whole images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from repro.data.crops import CropBatches
from repro.data.images import ImageSet
from repro.data.persons import PersonSet
from repro.data.resident import Residence
from repro.data.scene_batches import SceneBatches
from repro.encoders.people_batch import PeopleBatch
from repro.errors import ReproError
from repro.geometry import heatmap_factor
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton


def make_batches(
    recipe: Recipe, samples: PersonSet | ImageSet, workers: int = 0, residence: Residence | None = None
) -> CropBatches | SceneBatches:
    """The batches that a recipe is trained on.

    Args:
        recipe: whose input decides between crops and whole images.
        samples: persons, or the images of a bottom-up recipe.
        workers: processes that read images.
        residence: the device that images stay on, where they fit; None to read them step by step.

    Raises:
        ReproError: when samples and recipe do not fit.
    """
    if recipe.takes_scenes != isinstance(samples, ImageSet):
        wanted, given = ("images", "persons") if recipe.takes_scenes else ("persons", "images")
        raise ReproError(f"The recipe's input is {type(recipe.input).__name__}, which takes {wanted}, and got {given}.")
    if isinstance(samples, ImageSet):
        kept = residence.scenes(samples, np.arange(len(samples))) if residence else None
        workers = residence.workers(kept, workers) if residence else workers
        return SceneBatches(samples, recipe.scene_input, workers=workers, resident=kept)
    parts = getattr(recipe.method.encoder, "takes_parts", False)
    kept = residence.persons(samples.images, samples.image_index, parts=parts) if residence else None
    workers = residence.workers(kept, workers) if residence else workers
    return CropBatches(samples, recipe.crop_input, workers=workers, parts=parts, resident=kept)


def training_epoch(
    batches: CropBatches | SceneBatches, recipe: Recipe, epoch: int, batch: int, rank: int = 0, world: int = 1
) -> Iterator[dict[str, Tensor]]:
    """The batches of an epoch of a recipe, augmented as it says.

    Args:
        batches: of ``make_batches``.
        recipe: for seed and augmentation.
        epoch: counted from 0.
        batch: persons, or images, a step, over all processes.
        rank: of this process.
        world: number of processes.
    """
    how = {"seed": recipe.seed, "epoch": epoch, "batch": batch, "rank": rank, "world": world}
    if isinstance(batches, SceneBatches):
        return batches.training_epoch(recipe.scene_augmentation, **how)
    return batches.training_epoch(recipe.crop_augmentation, **how)


def make_targets(
    recipe: Recipe, batch: dict[str, Tensor], outputs: dict[str, Tensor], samples: PersonSet | ImageSet
) -> dict[str, Tensor]:
    """Targets of a batch, on its device, at the size of the network's first output."""
    return targets_of_size(recipe, batch, map_size(outputs), samples)


def map_size(outputs: dict[str, Tensor]) -> tuple[int, int]:
    """(width, height) of the network's first output, which targets are made for."""
    first = next(iter(outputs.values()))
    return first.shape[-1], first.shape[-2]


def targets_of_size(
    recipe: Recipe, batch: dict[str, Tensor], size: tuple[int, int], samples: PersonSet | ImageSet
) -> dict[str, Tensor]:
    """Targets of a batch, on its device, for maps of ``size`` (width, height)."""
    if recipe.takes_scenes:
        return scene_targets(recipe, batch, size, samples.skeleton)
    factor = heatmap_factor(recipe.input.size, size, recipe.crop_input.convention)
    points = batch["points"] * torch.as_tensor(factor, dtype=torch.float32, device=batch["points"].device)
    extra = {"parts": batch["parts"]} if "parts" in batch else {}
    return recipe.method.person_encoder(points, batch["labelled"], size=size, skeleton=samples.skeleton, **extra)


def scene_targets(
    recipe: Recipe, batch: dict[str, Tensor], size: tuple[int, int], skeleton: Skeleton
) -> dict[str, Tensor]:
    """Targets of a batch of whole images; coordinates are divided by the stride, in the ``biased`` convention.

    Args:
        recipe: for encoder and stride.
        batch: of ``SceneBatches``.
        size: (width, height) of the maps.
        skeleton: of the people.

    Raises:
        ReproError: when the maps are not the input over the stride.
    """
    width, height = (side // recipe.scene_input.stride for side in recipe.scene_input.size)
    if size != (width, height):
        raise ReproError(
            f"The network's first maps are {size[0]}x{size[1]}, the input over its stride is {width}x{height}: give the "
            "input the network's stride."
        )
    people = PeopleBatch.from_batch(batch, 1 / recipe.scene_input.stride)
    return recipe.method.scene_encoder(people, size=size, skeleton=skeleton)
