"""The scoring network of a trained bottom-up network: it learns from the people that this one finds in training images.

Sun et al., "Bottom-Up Human Pose Estimation by Ranking Heatmap-Guided Adaptive Keypoint Estimates", Section 3.2. As in the
released code it learns from people found at one scale, and scores those of several scales too.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from repro.approaches.bottom_up.predict import ScenePoses, predict_scenes
from repro.data.images import ImageSet
from repro.errors import ReproError
from repro.grouping.scores import Scorer, ScoringNetwork, pose_features, train_scoring
from repro.metrics.pose_labels import pose_labels
from repro.models.checkpoints import load_weights, save_weights
from repro.recipe import Decoder, Recipe, Scoring
from repro.skeletons.skeleton import Skeleton
from repro.support import serial
from repro.support.sealed import Damaged, check_file, read_sealed, tell, write_sealed
from repro.training.checkpoints import is_sealed

SCORING = "scoring"  # kind of sealed file


def fit_scorer(
    network: nn.Module,
    images: ImageSet,
    recipe: Recipe,
    device: torch.device,
    file: Path,
    workers: int = 0,
    weights: str = "",
) -> Scorer | None:
    """The scorer of a recipe, read from its file, or trained and kept there.

    Args:
        network: trained.
        images: training images.
        recipe: the recipe whose evaluation has a ``scoring``.
        device: the device that the network computes on.
        file: safetensors; a sealed JSON beside it says what they belong to.
        workers: processes that read images.
        weights: checksum of the network's.

    Returns:
        None where the network finds nobody in the training images: then nothing can be learned, and the naive score stays.
    """
    scoring = recipe.scene_evaluation.scoring or Scoring()
    if (kept := kept_scorer(file, recipe, weights, images.skeleton)) is not None:
        return kept
    if scoring.weights is not None:
        raise ReproError(f"The weights of the scoring network {file} are not there: give them again in WEIGHTS.")
    index = np.arange(len(images) if scoring.images is None else min(scoring.images, len(images)))
    plain = recipe.but(evaluation=replace(recipe.scene_evaluation, scales=(1.0,), scoring=None))
    poses = predict_scenes(network, images, plain, device, index=index, workers=workers)["final"]
    rows, labels = scoring_labels(images, poses)
    if not len(rows):
        return None
    points, heats = (torch.from_numpy(column[rows]).float() for column in (poses.points, poses.keypoint_scores))
    features = pose_features(points, heats, images.skeleton)
    model = train_scoring(features, torch.from_numpy(labels).float(), images.skeleton, training=scoring.training)
    about = save_weights(model, file, {"recipe": recipe.training_key})
    content = {"training": recipe.training_key, "weights": weights, "tensors": about}
    write_sealed(file.with_suffix(".json"), SCORING, content)
    return Scorer(model=model, skeleton=images.skeleton)


def kept_scorer(file: Path, recipe: Recipe, weights: str, skeleton: Skeleton) -> Scorer | None:
    """The scorer in a file, of a network with weights of this checksum; None where none fits."""
    if not file.exists():
        return None
    model, note = ScoringNetwork().build(skeleton), file.with_suffix(".json")
    try:
        if note.exists() or is_sealed(file.parent):
            about = read_sealed(note, SCORING, training=recipe.training_key, weights=weights)
            check_file(file, about["tensors"])
        load_weights(model, file)
    except ReproError as error:
        damaged = error if isinstance(error, Damaged) else Damaged(file, "holds no scoring network")
        tell(damaged, "the scoring network is trained again", in_jobs=True)
        return None
    given = (recipe.scene_evaluation.scoring or Scoring()).weights
    return Scorer(model=model.eval(), skeleton=skeleton, released=given is not None and given.network is not None)


def scoring_labels(images: ImageSet, poses: ScenePoses) -> tuple[np.ndarray, np.ndarray]:
    """What the network learns: positions (R,) of people in ``poses`` and the OKS (R,) that each reaches with anybody."""
    starts, rows, labels = images.starts(), [], []
    for image in np.unique(poses.image_index):
        own = np.flatnonzero(poses.image_index == image)
        truth = slice(starts[image], starts[image + 1])
        found, values = pose_labels(
            poses.points[own],
            poses.scores[own],
            images.keypoints[truth],
            images.visibility[truth],
            images.areas[truth],
            images.skeleton,
        )
        rows.append(own[found])
        labels.append(values)
    return (np.concatenate(rows), np.concatenate(labels)) if rows else (np.zeros(0, dtype=np.int64), np.zeros(0))


def scorer_name(recipe: Recipe) -> str:
    """The file of a recipe's scorer: recipes of one training share it where flip test, scoring and grouper are the same."""
    evaluation = replace(recipe.scene_evaluation, scales=(1.0,), reading="concatenated", split="val", oks_of="all")
    return f"scoring-{serial.digest(evaluation)}-{serial.digest(recipe.method.decoder, Decoder)}.safetensors"
