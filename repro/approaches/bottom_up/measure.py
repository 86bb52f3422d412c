"""What is measured on the people that were found in whole images."""

from __future__ import annotations

from typing import Any

import numpy as np

from repro.approaches.bottom_up.predict import ScenePoses
from repro.data.images import ImageSet
from repro.metrics.coco import evaluate_coco, predictions_to_coco
from repro.metrics.crowdpose import evaluate_crowdpose
from repro.metrics.diagnosis import diagnose
from repro.metrics.evidence import Evidence, Ratio
from repro.metrics.people_oks import OksOf, people_oks, reached_oks
from repro.skeletons.skeleton import CROWDPOSE14


def measure_scenes(
    images: ImageSet,
    poses: dict[str, ScenePoses],
    index: np.ndarray | None = None,
    evidence: dict[str, Evidence] | None = None,
    oks_of: OksOf = "best",
) -> dict[str, float]:
    """Every metric that the set allows, as fractions.

    Args:
        images: the evaluated set.
        poses: people by answer, ``final`` among them.
        index: positions of the images that were evaluated; None for all.
        evidence: takes what each AP and mean OKS rests on, image by image in the order of their ids; None to leave it out.
        oks_of: the found people that count in the mean OKS, see ``metrics.people_oks``.

    Returns:
        COCO's ten figures; of a set with CrowdPose's skeleton and crowd indices CrowdPose's nine, whose AP is by its own
        areas; ``OKS``, the mean OKS of people (``metrics.people_oks``). Of the other answers ``AP_regression`` and
        ``AP_heatmap``, ``OKS_regression`` and ``OKS_heatmap``. For each answer ``diagnosis/<answer>/<class>``, the share of
        each class of ``metrics.diagnosis`` among the keypoints of matched people, and ``diagnosis/<answer>/found``, the share
        of people that are matched.
    """
    wanted = np.arange(len(images)) if index is None else index
    ids, sigmas = images.images.ids[wanted], images.skeleton.sigma_array
    chosen = set(ids.tolist())
    truth = [a for a in images.annotations if a["image_id"] in chosen]
    results = {answer: as_results(images, one) for answer, one in poses.items()}
    figures = evaluate_coco(truth, ids, results["final"], sigmas, evidence=evidence)
    if images.crowd_indices is not None and images.skeleton == CROWDPOSE14:
        crowd = dict(zip(ids.tolist(), images.crowd_indices[wanted].tolist(), strict=True))
        figures |= evaluate_crowdpose(truth, crowd, results["final"], sigmas, evidence=evidence)
    for answer, found in results.items():
        suffix = "" if answer == "final" else f"_{answer}"
        figures[f"OKS{suffix}"] = people_oks(truth, found, sigmas, oks_of)
        if evidence is not None:
            evidence[f"OKS{suffix}"] = people_evidence(truth, found, ids, sigmas, oks_of)
        if suffix:
            name = f"AP{suffix}"
            figures[name] = evaluate_coco(truth, ids, found, sigmas, evidence=evidence, name=name)["AP"]
        errors = diagnose(truth, found, images.skeleton)
        figures |= {f"diagnosis/{answer}/{name}": share for name, share in errors.shares.items()}
        figures[f"diagnosis/{answer}/found"] = errors.matched / errors.people if errors.people else float("nan")
    return figures


def people_evidence(
    truth: list[dict[str, Any]],
    found: list[dict[str, Any]],
    ids: np.ndarray,
    sigmas: np.ndarray,
    oks_of: OksOf = "best",
) -> Ratio:
    """What the mean OKS of people rests on, in the order of image ids."""
    reached, order = reached_oks(truth, found, sigmas, oks_of), sorted(ids.tolist())
    sums = np.array([reached[image].sum() if image in reached else 0.0 for image in order])
    return Ratio(sums, np.array([len(reached.get(image, ())) for image in order], dtype=np.float64))


def as_results(images: ImageSet, poses: ScenePoses) -> list[dict[str, Any]]:
    """COCO result dicts of people."""
    ids = images.images.ids[poses.image_index]
    return predictions_to_coco(ids, poses.points, poses.keypoint_scores, poses.scores)
