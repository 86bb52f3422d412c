"""Keypoints of every person, from a network's maps by the recipe's protocol."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from repro.approaches.samples import Kept, Samples
from repro.approaches.top_down.samples import as_persons
from repro.data.crops import CropBatches, normalise
from repro.data.persons import PersonSet
from repro.data.resident import Residence
from repro.decoders.flip import average_with_mirror
from repro.geometry import box_to_center_scale, heatmap_to_image
from repro.models.enlarge import enlarge, load_enlarger
from repro.recipe import PersonDecoder, Recipe
from repro.training.device import network_products, prepare_evaluation
from repro.training.feed import map_size
from repro.training.precision import autocast
from repro.training.returned import decoded, maps_of

BATCH, GPU_BATCH = 64, 256  # persons a forward pass
PIXELS = 256 * 64 * 48  # of small inputs more persons: up to so many pixels a pass


@dataclass(frozen=True)
class Poses:
    """Predicted poses, one a person of the set: points (N, K, 2) x, y in image px and scores (N, K)."""

    points: np.ndarray
    scores: np.ndarray


def load_poses(run: Kept) -> Poses:
    """The poses that a complete run keeps."""
    return Poses(*run.arrays("points", "scores").values())


def predict(network: nn.Module, persons: PersonSet, recipe: Recipe, device: torch.device, workers: int = 0) -> Poses:
    """Poses of all persons, by the recipe's decoder and protocol (flip test, shift, pixel convention)."""
    return predict_with(network, persons, recipe, device, [recipe.method.person_decoder], workers)[0]


@torch.inference_mode()
def predict_with(
    network: nn.Module,
    persons: PersonSet,
    recipe: Recipe,
    device: torch.device,
    decoders: Sequence[PersonDecoder],
    workers: int = 0,
    *,
    enlarger: nn.Module | None = None,
    residence: Residence | None = None,
) -> list[Poses]:
    """Poses of all persons by each of several decoders, which read the same maps; else as ``predict``.

    What is decoded leaves the device at the end. ``enlarger`` and ``residence`` are for ``evaluation_images``.
    """
    network.eval()
    prepare_evaluation(device)
    found: list[tuple[list[Tensor], list[Tensor]]] = [([], []) for _ in decoders]
    size = None
    for images in evaluation_images(persons, recipe, device, workers, enlarger=enlarger, residence=residence):
        images = normalise(images)
        outputs = network_outputs(network, images, recipe, persons)
        size = map_size(outputs)
        for decoder, (points, scores) in zip(decoders, found, strict=True):
            places, heights = decoded(decoder, outputs, (len(images), len(persons.skeleton)))
            points.append(places)
            scores.append(heights)
    if size is None:
        k = len(persons.skeleton)
        return [Poses(np.zeros((0, k, 2)), np.zeros((0, k))) for _ in decoders]
    centers, scales = box_to_center_scale(persons.boxes, recipe.crop_input.aspect, recipe.crop_input.padding)
    return [
        Poses(heatmap_to_image(points, centers, scales, size, recipe.crop_input.convention), heights.astype(np.float64))
        for points, heights in (tuple(torch.cat(column).cpu().numpy() for column in columns) for columns in found)
    ]


def show(network: nn.Module, samples: Samples, recipe: Recipe, device: torch.device) -> None:
    """Show a network the evaluation persons once and decode its maps, for the time that takes."""
    predict_with(network, as_persons(samples.val), recipe, device, [recipe.method.person_decoder])


def evaluation_images(
    persons: PersonSet,
    recipe: Recipe,
    device: torch.device,
    workers: int = 0,
    *,
    enlarger: nn.Module | None = None,
    residence: Residence | None = None,
) -> Iterator[Tensor]:
    """Batches (B, H, W, 3) uint8 of the persons' crops at the input's size, on the device.

    Where the protocol says that crops are enlarged they are cut at the smaller size first and brought to the input's size by
    ``enlarger``, as ``models.enlarge`` makes them; None for the super-resolution network that the package brings.
    ``residence`` is where images stay that are shown again; None for these batches alone.
    """
    source = recipe.crop_evaluation.enlarged_from
    settings = recipe.crop_input if source is None else replace(recipe.crop_input, size=source)
    times = recipe.input.size[0] // settings.size[0]
    larger = load_enlarger(device) if source is not None and enlarger is None else enlarger
    residence = residence or Residence(device)
    kept = residence.persons(persons.images, persons.image_index)
    batches = CropBatches(persons, settings, workers=residence.workers(kept, workers), resident=kept)
    batch_size = GPU_BATCH if device.type == "cuda" else max(BATCH, PIXELS // math.prod(recipe.input.size))
    for batch in batches.evaluation(batch_size):
        images = batch["images"].to(device, non_blocking=True)
        yield (
            images if source is None or larger is None else enlarge(larger, images, times, recipe.crop_input.convention)
        )


def plain_maps(outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Outputs in float32, each map in one piece: decoders read maps one by one, and networks lay their channels side by side."""
    return {k: v.to(torch.float32, memory_format=torch.contiguous_format) for k, v in outputs.items()}


def network_outputs(network: nn.Module, images: Tensor, recipe: Recipe, persons: PersonSet) -> dict[str, Tensor]:
    """Float32 outputs for images (B, 3, H, W), averaged with the mirror image's where the protocol says so."""
    with autocast(recipe, images.device), network_products(recipe, images.device):
        outputs = plain_maps(maps_of(network, images, recipe.method.network))
        if not recipe.evaluation.flip:
            return outputs
        mirrored = plain_maps(maps_of(network, images.flip(-1), recipe.method.network))
    described = recipe.method.network.outputs
    return average_with_mirror(outputs, mirrored, described, persons.skeleton, shift=recipe.crop_evaluation.shift)
