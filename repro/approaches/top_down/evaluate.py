"""Evaluation of the trained runs of top-down recipes: poses, metrics and learning curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from repro.approaches.samples import Evaluated, Samples, Trained
from repro.approaches.top_down.measure import measure
from repro.approaches.top_down.predict import Poses, predict_with
from repro.approaches.top_down.samples import as_persons, evaluated_persons
from repro.data.resident import Residence
from repro.metrics.evidence import Evidence
from repro.models.checkpoints import load_weights
from repro.recipe import Recipe
from repro.support.progress import pixels_seen
from repro.training.loop import build_network

CURVE_PERSONS = 400  # persons that snapshots are measured on: all of them would take as long as half the training


def evaluate(
    recipes: list[Recipe],
    samples: Samples,
    trained: Trained,
    device: torch.device,
    workers: int = 0,
    watch: Callable[[int], object] = lambda pixels: None,
) -> Iterator[Evaluated]:
    """Poses, metrics and learning curves of recipes that differ in their decoders alone; see ``approaches.base``.

    The curve is measured on the images of the first CURVE_PERSONS persons, at its end too.
    """
    first, kept = recipes[0], trained.snapshots
    persons, decoders = evaluated_persons(samples, first), [r.method.person_decoder for r in recipes]
    known, few_images = as_persons(samples.val).first(CURVE_PERSONS)
    few = np.flatnonzero(persons.image_index < len(few_images))  # of a detector's boxes others than of persons
    network, residence = build_network(first, persons, device), Residence(device)
    curves: list[list[dict[str, float]]] = [[] for _ in recipes]
    for number, (file, seen) in enumerate(kept, start=1):
        load_weights(network, file)
        shown = persons if number == len(kept) else persons.take(few)
        with pixels_seen(network, watch):
            found = predict_with(network, shown, first, device, decoders, workers, residence=residence)
        for recipe, curve, poses in zip(recipes, curves, found, strict=True):
            early = poses if shown is not persons else Poses(poses.points[few], poses.scores[few])
            metrics = measure(persons.take(few), early, recipe, samples.measures, few_images)
            plain = {name: value for name, value in metrics.items() if "/" not in name}
            curve.append({**seen, **plain, "of": len(known)})
    for recipe, curve, poses in zip(recipes, curves, found, strict=True):  # of the last snapshot
        evidence: dict[str, Evidence] = {}
        measured = measure(persons, poses, recipe, samples.measures, evidence=evidence)
        yield Evaluated(recipe, vars(poses), measured, evidence, curve)
