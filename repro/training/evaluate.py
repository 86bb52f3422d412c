"""Evaluation of a trained network: keypoints of every person by the recipe's protocol, and all that can be measured on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from repro.data.crops import CropBatches, normalise
from repro.data.persons import PersonSet
from repro.data.resident import Residence
from repro.decoders.flip import average_with_mirror
from repro.geometry import PIXEL_STD, box_to_center_scale, heatmap_to_image
from repro.metrics.coco import evaluate_coco, matched_oks, mean_oks, predictions_to_coco
from repro.metrics.evidence import Evidence, ratio_of
from repro.metrics.oks import oks, oks_nms, rescore
from repro.metrics.pck import PCKH_THRESHOLDS, correct_counts, counted_in_pckh, pck_torso, pckh
from repro.metrics.whole_body import evaluate_whole_body, part_oks
from repro.models.enlarge import enlarge, load_enlarger
from repro.recipe import PersonDecoder, Recipe
from repro.training.device import network_products, set_float32
from repro.training.precision import autocast

BATCH, GPU_BATCH = 64, 256  # persons a forward pass


@dataclass(frozen=True)
class Poses:
    """Predicted poses, one a person of the set: points (N, K, 2) x, y in image px and scores (N, K)."""

    points: np.ndarray
    scores: np.ndarray


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
    set_float32(device)
    found: list[tuple[list[Tensor], list[Tensor]]] = [([], []) for _ in decoders]
    size = None
    for images in evaluation_images(persons, recipe, device, workers, enlarger=enlarger, residence=residence):
        images = normalise(images)
        outputs = network_outputs(network, images, recipe, persons)
        size = (outputs["heatmaps"].shape[-1], outputs["heatmaps"].shape[-2])
        for decoder, (points, scores) in zip(decoders, found, strict=True):
            decoded, heights = decoder(outputs)
            points.append(decoded)
            scores.append(heights)
    if size is None:
        k = len(persons.skeleton)
        return [Poses(np.zeros((0, k, 2)), np.zeros((0, k))) for _ in decoders]
    centers, scales = box_to_center_scale(persons.boxes, recipe.crop_input.aspect, recipe.crop_input.padding)
    return [
        Poses(heatmap_to_image(points, centers, scales, size, recipe.crop_input.convention), heights.astype(np.float64))
        for points, heights in (tuple(torch.cat(column).cpu().numpy() for column in columns) for columns in found)
    ]


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
    for batch in batches.evaluation(GPU_BATCH if device.type == "cuda" else BATCH):
        images = batch["images"].to(device, non_blocking=True)
        yield images if source is None or larger is None else enlarge(larger, images, times, recipe.crop_input.convention)


def plain_maps(outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Outputs in float32, each map in one piece: decoders read maps one by one, and networks lay their channels side by side."""
    return {k: v.to(torch.float32, memory_format=torch.contiguous_format) for k, v in outputs.items()}


def network_outputs(network: nn.Module, images: Tensor, recipe: Recipe, persons: PersonSet) -> dict[str, Tensor]:
    """Float32 outputs for images (B, 3, H, W), averaged with the mirror image's where the protocol says so."""
    with autocast(recipe, images.device), network_products(recipe, images.device):
        outputs = plain_maps(network(images))
        if not recipe.evaluation.flip:
            return outputs
        mirrored = plain_maps(network(images.flip(-1)))
    return average_with_mirror(outputs, mirrored, persons.skeleton, shift=recipe.crop_evaluation.shift)


def person_scores(persons: PersonSet, poses: Poses, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """HRNet's rescoring and OKS-NMS: scores (N,) of all persons, and the positions that are kept.

    The area that NMS divides by is that of the padded crop, as in HRNet.
    """
    scores = rescore(persons.scores, poses.scores, recipe.crop_evaluation.rescoring)
    _, scales = box_to_center_scale(persons.boxes, recipe.crop_input.aspect, recipe.crop_input.padding)
    areas = np.prod(scales * PIXEL_STD, axis=1)
    kept = []
    for image in np.unique(persons.image_index):
        own = np.flatnonzero(persons.image_index == image)
        chosen = oks_nms(
            poses.points[own], scores[own], areas[own], persons.skeleton.sigma_array, recipe.crop_evaluation.nms
        )
        kept.append(own[chosen])
    return scores, np.concatenate(kept) if kept else np.zeros(0, dtype=int)


def measure(
    persons: PersonSet,
    poses: Poses,
    recipe: Recipe,
    measures: frozenset[str],
    image_ids: np.ndarray | None = None,
    evidence: dict[str, Evidence] | None = None,
) -> dict[str, float]:
    """Every metric that the data set allows, as fractions.

    Args:
        persons: the evaluated persons.
        poses: one a person.
        recipe: whose protocol is followed.
        measures: of the data set: ``oks`` and ``pckh``.
        image_ids: images that the persons are all of; None for all images of the set.
        evidence: takes what AP, OKS and PCKh rest on, for a whole set of images; None to leave it out.

    Returns:
        COCO's ten figures, of a whole body those of each part too (``hand_AP``); with ground-truth boxes also ``OKS``, each
        person's mean similarity with its own pose, by keypoint too (``OKS/<keypoint>``) and of a whole body by part
        (``hand_OKS``), and PCK.
    """
    skeleton = persons.skeleton
    image_ids = persons.images.ids if image_ids is None else image_ids
    whole_body = {"body", "face"} <= set(dict(skeleton.parts))
    scores, kept = person_scores(persons, poses, recipe)
    results = predictions_to_coco(persons.image_ids[kept], poses.points[kept], poses.scores[kept], scores[kept])
    figures = evaluate_coco(persons.annotations, image_ids, results, skeleton.sigma_array, evidence=evidence)
    if whole_body:
        figures |= evaluate_whole_body(persons.annotations, image_ids, results, skeleton=skeleton, evidence=evidence)
    if recipe.crop_evaluation.boxes != "truth":
        return figures
    figures |= similarities(persons, poses)
    if whole_body:
        figures |= part_oks(persons, poses.points, evidence)
    if "pckh" in measures:
        figures |= pckh(poses.points, persons.keypoints, persons.visibility, persons.head_sizes, skeleton)
    if evidence is not None:
        evidence |= keypoint_evidence(persons, poses, measures)
    names = skeleton.keypoints
    if {"left_shoulder", "right_hip"} <= set(names):
        figures |= pck_torso(poses.points, persons.keypoints, persons.visibility, skeleton)
    return figures


def keypoint_evidence(persons: PersonSet, poses: Poses, measures: frozenset[str]) -> dict[str, Evidence]:
    """What ``OKS`` and, where it is measured, PCKh rest on, image by image."""
    rank, images = persons.ranked_images
    found: dict[str, Evidence] = {"OKS": ratio_of(matched_oks(persons, poses.points), rank, images)}
    if "pckh" in measures:
        counted, truth = counted_in_pckh(persons.skeleton), (persons.keypoints, persons.visibility, persons.head_sizes)
        for name, threshold in PCKH_THRESHOLDS.items():
            correct, labelled = correct_counts(poses.points, *truth, threshold, counted)
            found[name] = ratio_of(correct, rank, images, counts=labelled)
    return found


def similarities(persons: PersonSet, poses: Poses) -> dict[str, float]:
    """``OKS``: the mean over persons of the similarity of each with its own pose; ``OKS/<keypoint>``: by keypoint."""
    skeleton = persons.skeleton
    sigmas, labelled = skeleton.sigma_array, persons.visibility > 0
    figures = {"OKS": mean_oks(persons, poses.points)}
    for k, name in enumerate(skeleton.keypoints):
        if labelled[:, k].any():
            one = slice(k, k + 1)
            each = oks(
                poses.points[:, one], persons.keypoints[:, one], persons.visibility[:, one], persons.areas, sigmas[one]
            )
            figures[f"OKS/{name}"] = float(np.nanmean(each))
    return figures
