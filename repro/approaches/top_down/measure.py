"""What is measured on the poses of persons."""

from __future__ import annotations

import numpy as np

from repro.approaches.top_down.predict import Poses
from repro.data.persons import PersonSet
from repro.geometry import PIXEL_STD, box_to_center_scale
from repro.metrics.coco import evaluate_coco, matched_oks, mean_oks, predictions_to_coco
from repro.metrics.evidence import Evidence, ratio_of
from repro.metrics.oks import oks, oks_nms, rescore
from repro.metrics.pck import PCKH_THRESHOLDS, correct_counts, counted_in_pckh, pck_torso, pckh
from repro.metrics.whole_body import evaluate_whole_body, part_oks
from repro.recipe import Recipe


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
        recipe: the recipe whose protocol is followed.
        measures: the measures of the data set: ``oks`` and ``pckh``.
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
