"""What a bottom-up training step is made of: whole images and the targets of all people in them."""

from __future__ import annotations

from functools import partial

import numpy as np
from torch import Tensor

from repro.approaches.bottom_up.samples import as_images
from repro.data.resident import Residence
from repro.data.sample_set import SampleSet
from repro.data.scene_batches import SceneBatches
from repro.encoders.people_batch import PeopleBatch
from repro.errors import ReproError
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton
from repro.support.foreign import code_of
from repro.training.feed import Epochs


def make_batches(recipe: Recipe, samples: SampleSet, workers: int = 0, residence: Residence | None = None) -> Epochs:
    """The batches that a recipe is trained on, see ``training.feed.Lessons``."""
    images = as_images(samples)
    kept = residence.scenes(images, np.arange(len(images))) if residence else None
    workers = residence.workers(kept, workers) if residence else workers
    batches = SceneBatches(images, recipe.scene_input, workers=workers, resident=kept)
    return partial(batches.training_epoch, recipe.scene_augmentation, seed=recipe.seed)


def make_targets(
    recipe: Recipe, batch: dict[str, Tensor], size: tuple[int, int], skeleton: Skeleton
) -> dict[str, Tensor]:
    """Targets of a batch of whole images; coordinates are divided by the stride, in the ``biased`` convention.

    Args:
        recipe: the recipe, for encoder and stride.
        batch: a batch of ``SceneBatches``.
        size: (width, height) of the maps.
        skeleton: the skeleton of the people.

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
    encoder = recipe.method.scene_encoder
    with code_of(encoder, "when it makes targets"):
        return encoder(people, size=size, skeleton=skeleton)
