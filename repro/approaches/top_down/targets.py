"""What a top-down training step is made of: crops of persons and the targets of their points."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from repro.approaches.top_down.samples import as_persons
from repro.data.crops import CropBatches
from repro.data.resident import Residence
from repro.data.sample_set import SampleSet
from repro.geometry import heatmap_factor
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton
from repro.support.foreign import code_of
from repro.training.feed import Epochs


def make_batches(recipe: Recipe, samples: SampleSet, workers: int = 0, residence: Residence | None = None) -> Epochs:
    """The batches that a recipe is trained on, see ``training.feed.Lessons``; with body parts where it learns these."""
    persons, parts = as_persons(samples), getattr(recipe.method.encoder, "takes_parts", False)
    kept = residence.persons(persons.images, persons.image_index, parts=parts) if residence else None
    workers = residence.workers(kept, workers) if residence else workers
    batches = CropBatches(persons, recipe.crop_input, workers=workers, parts=parts, resident=kept)
    return partial(batches.training_epoch, recipe.crop_augmentation, seed=recipe.seed)


def make_targets(
    recipe: Recipe, batch: dict[str, Tensor], size: tuple[int, int], skeleton: Skeleton
) -> dict[str, Tensor]:
    """Targets of a batch of crops, on its device, for maps of ``size`` (width, height)."""
    factor = heatmap_factor(recipe.input.size, size, recipe.crop_input.convention)
    points = batch["points"] * torch.as_tensor(factor, dtype=torch.float32, device=batch["points"].device)
    extra = {"parts": batch["parts"]} if "parts" in batch else {}
    encoder = recipe.method.person_encoder
    with code_of(encoder, "when it makes targets"):
        return encoder(points, batch["labelled"], size=size, skeleton=skeleton, **extra)
