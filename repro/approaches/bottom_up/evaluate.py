"""Evaluation of the trained runs of bottom-up recipes: people, metrics and learning curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from repro.approaches.bottom_up.measure import measure_scenes
from repro.approaches.bottom_up.predict import Asked, answers_of, predict_scenes, predict_scenes_with
from repro.approaches.bottom_up.samples import as_images
from repro.approaches.bottom_up.scoring import fit_scorer, scorer_name
from repro.approaches.samples import Evaluated, Samples, Trained
from repro.data.images import ImageSet
from repro.data.resident import Residence
from repro.metrics.evidence import Evidence
from repro.models.checkpoints import load_weights
from repro.recipe import Recipe, SceneEvaluation
from repro.support import serial
from repro.support.progress import pixels_seen
from repro.support.sealed import Damaged, file_checksum, read_json, sealed, tell, unsealed, write_sealed
from repro.training.checkpoints import is_sealed
from repro.training.loop import build_network

CURVE = "curve"  # kind of sealed file
CURVE_IMAGES = 100  # images that snapshots are measured on: grouping takes longer than the network does


def evaluate(
    recipes: list[Recipe],
    samples: Samples,
    trained: Trained,
    device: torch.device,
    workers: int = 0,
    watch: Callable[[int], object] = lambda pixels: None,
) -> Iterator[Evaluated]:
    """People, metrics and learning curves of recipes of one training; see ``approaches.base``.

    Scales that several recipes read are shown to the network once. The curve is measured on the first CURVE_IMAGES images at one
    scale, with naive scores; a scoring network learns from the training images.
    """
    train, images = as_images(samples.train), as_images(samples.val)
    network, (final, _) = build_network(recipes[0], images, device), trained.snapshots[-1]
    with pixels_seen(network, watch):
        curves = [learning_curve(network, recipe, images, device, trained) for recipe in recipes]
        load_weights(network, final)
        asked = []
        for recipe in recipes:
            scorer = None
            if recipe.scene_evaluation.scoring is not None:
                file = trained.folder / scorer_name(recipe)
                scorer = fit_scorer(network, train, recipe, device, file, workers, file_checksum(final))
            asked.append(Asked(recipe, answers_of(recipe), scorer))
        found = predict_scenes_with(network, images, asked, device, workers=workers)
    for recipe, curve, people in zip(recipes, curves, found, strict=True):
        evidence: dict[str, Evidence] = {}
        metrics = measure_scenes(images, people, evidence=evidence, oks_of=recipe.scene_evaluation.oks_of)
        yield Evaluated(recipe, vars(people["final"]), metrics, evidence, curve)


def learning_curve(
    network: nn.Module,
    recipe: Recipe,
    images: ImageSet,
    device: torch.device,
    trained: Trained,
) -> list[dict[str, float]]:
    """The metrics of the snapshots: of the first CURVE_IMAGES images at one scale, with naive scores.

    It is kept beside the training, for recipes that differ in their scales or in their scoring alone. Which weights the
    network has afterwards is not said.
    """
    plain = plain_evaluation(recipe)
    few = np.arange(min(CURVE_IMAGES, len(images)))
    snapshots, file = trained.snapshots, trained.folder / curve_name(recipe, images)
    weights = file_checksum(snapshots[-1][0])
    if (kept := _kept_curve(file, recipe, weights, [seen for _, seen in snapshots])) is not None:
        return kept
    curve, residence = [], Residence(device)
    for snapshot, seen in snapshots:
        load_weights(network, snapshot)
        found = predict_scenes(network, images, recipe.but(evaluation=plain), device, index=few, residence=residence)
        measured = measure_scenes(images, found, few, oks_of=plain.oks_of)
        figures = {name: value for name, value in measured.items() if "/" not in name}
        curve.append({**seen, **figures, "of": len(few)})
    write_sealed(file, CURVE, {"training": recipe.training_key, "weights": weights, "curve": curve})
    return curve


def _kept_curve(
    file: Path, recipe: Recipe, weights: str, seen: list[dict[str, float]]
) -> list[dict[str, float]] | None:
    """The curve in a file, of the final ``weights`` and of snapshots after what was ``seen``; None where none fits."""
    if not file.exists():
        return None
    try:
        content = read_json(file)
        if isinstance(content, list) and not is_sealed(file.parent):  # of before there were checksums
            content = sealed(CURVE, {"training": recipe.training_key, "weights": weights, "curve": content})
        curve = unsealed(content, file, CURVE, training=recipe.training_key, weights=weights)["curve"]
        if [{name: point.get(name) for name in known} for point, known in zip(curve, seen, strict=True)] != seen:
            raise Damaged(file, "is of other snapshots")
    except (Damaged, ValueError, AttributeError) as error:
        tell(error if isinstance(error, Damaged) else Damaged(file, "is no curve"), "the curve is measured again", in_jobs=True)
        return None
    return curve


def plain_evaluation(recipe: Recipe) -> SceneEvaluation:
    """The protocol that learning curves follow: one scale, naive scores."""
    return replace(recipe.scene_evaluation, scales=(1.0,), scoring=None, reading="concatenated")


def curve_name(recipe: Recipe, images: ImageSet) -> str:
    """The file of a learning curve: the same for recipes of one training that differ in their scales or their scoring alone."""
    count = min(CURVE_IMAGES, len(images))
    names = (serial.digest(plain_evaluation(recipe)), serial.digest(recipe.method.decoder), images.fingerprint()[:8])
    return f"curve-{'-'.join(names)}-{count}.json"
