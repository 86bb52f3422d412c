"""Where the adaptive convolutions of a trained network read (Fig. 3 of Sun et al.): its own T, at the centres of true people.

A result folder keeps no weights: the figure can be drawn where the run lies among the runs of this computer, on drawn people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from repro.approaches.bottom_up.samples import as_images
from repro.data.crops import normalise
from repro.data.images import ImageSet
from repro.data.scene_batches import SceneBatches
from repro.encoders.people_batch import PeopleBatch, person_centres
from repro.experiments.trained import load_network
from repro.models.guided import GuidedHRNet
from repro.models.heads.adaptive import sampling_positions
from repro.recipe import Recipe
from repro.reporting.outcome import Outcome
from repro.runs.run import is_trained
from repro.scales.scale import SCALES
from repro.tables.plan import table_samples


@dataclass(frozen=True)
class Learned:
    """Images and where a network reads in them, as ``papers.hgr.figures.sampling_figure`` takes it.

    Args:
        images: (H, W, 3) of the input each.
        positions: (P, 9, 2) of each image, x, y in px of the features.
        centres: (P, 2) of each image's people, in input px.
    """

    images: list[np.ndarray]
    positions: list[Tensor]
    centres: list[Tensor]


def learned_of(outcome: Outcome, row: str, index: Sequence[int] = (0, 1, 2, 3)) -> Learned | str:
    """The positions of a row's first seed on images of its evaluation, or the reason, in a sentence, why there are none.

    Args:
        outcome: the outcome of a result folder.
        row: the slug of a row with adaptive convolutions.
        index: positions of the images in the evaluation set.
    """
    run = next((one for one in outcome.runs if one.row == row), None)
    if run is None:
        return f"The row {row} was not run here."
    if outcome.data != "people" or outcome.scale not in SCALES:
        return "The learned transforms are drawn of drawn people alone."
    recipe = Recipe.from_plain(run.recipe)
    if not is_trained(recipe):
        return f"The weights of the row {row}, seed {run.seed}, are not among the runs of this computer: train it to see its T."
    samples, data = table_samples(
        outcome.paper, outcome.table, outcome.data, None, SCALES[outcome.scale], train=False
    )
    if recipe.data is None or data.val_fingerprint != recipe.data.val_fingerprint:
        return f"The row {row} was evaluated on other people than this version draws."
    images = as_images(samples.val)
    return learned_positions(load_network(recipe, images, torch.device("cpu")), images, recipe, index)


@torch.inference_mode()
def learned_positions(network: nn.Module, images: ImageSet, recipe: Recipe, index: Sequence[int]) -> Learned:
    """The positions of the first adaptive convolution of the regression head, at people's centres.

    Args:
        network: an adaptive ``GuidedHRNet`` of the recipe.
        images: the set.
        recipe: the recipe, for the input and the centre of people.
        index: positions of the images.
    """
    assert isinstance(network, GuidedHRNet)
    network.eval()
    stride, found = recipe.scene_input.stride, Learned([], [], [])
    batches = SceneBatches(images, recipe.scene_input)
    for shown in batches.evaluation(index=np.asarray(index)):
        pixels = shown.images[1.0]
        first, _ = network.regression_transforms(normalise(pixels))
        people = batches.people(shown.index, shown.matrices, np.zeros(1, dtype=bool))
        mask = torch.ones(1, first.shape[2], first.shape[3])
        batch = PeopleBatch.from_batch({**people, "mask": mask}, 1 / stride)
        middles = person_centres(batch)[0][batch.known[0].any(-1)]
        x, y = middles.round().long().unbind(-1)
        x, y = x.clamp(0, first.shape[3] - 1), y.clamp(0, first.shape[2] - 1)
        found.images.append(pixels[0].numpy())
        found.positions.append(sampling_positions(first)[0, :, :, y, x].permute(2, 0, 1))
        found.centres.append(middles * stride)
    return found
