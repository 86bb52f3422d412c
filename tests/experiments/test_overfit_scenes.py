"""Learning photographs with all their people by heart: perfect maps, the recipe, and a short training on real samples."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from repro import paths
from repro.approaches.bottom_up.measure import measure_scenes
from repro.approaches.bottom_up.oracle import perfect_maps, perfect_people
from repro.data.persons import ImageFiles
from repro.experiments import overfit_scenes
from repro.experiments.overfit_scenes import (
    EVALUATED,
    KEPT,
    LEARNED,
    evaluated,
    load_photographs,
    overfit_recipe,
    run_overfit,
    take_images,
)
from repro.losses.centre_regression import GuidedLoss

from ..tiny_scenes import SIDE, scene_data, scene_recipe, tiny_scenes


@pytest.fixture
def root(places) -> Path:
    """A folder of COCO's layout; what is decoded goes to a folder of the test's own."""
    samples = os.environ.get("REPRO_SAMPLES")
    if not samples:
        pytest.skip("REPRO_SAMPLES is not set: it names the folder of real samples.")
    if not (Path(samples) / "coco-mini").is_dir():
        pytest.skip("coco-mini is not in the folder that REPRO_SAMPLES names.")
    return Path(samples) / "coco-mini"


def test_the_recipe_is_the_full_method_on_unchanged_images(places):
    """The 75 px that a cue reaches and the 10 px of one joint found twice are of an input of 512."""
    recipe = overfit_recipe(tiny_scenes(9), 5)
    network, grouper, a = recipe.method.network, recipe.method.decoder, recipe.augmentation
    assert network.guidance and network.adaptive and network.backbone.width == 16
    assert recipe.method.encoder.background_weight == 0.1 and recipe.method.loss == GuidedLoss()
    assert (recipe.optimisation.batch, recipe.optimisation.epochs) == (4, 3)
    assert (a.rotation, a.translation, a.mirror) == (0, 0, 0) and not recipe.evaluation.flip
    assert recipe.input.size == (LEARNED, LEARNED) and a.scale[0] == a.scale[1]
    assert (grouper.radius, grouper.same_distance) == (75 * EVALUATED / 512, 10 * EVALUATED / 512)


def test_images_are_evaluated_at_the_scale_that_they_are_learned_at(places):
    """Training shows a share of the shorter side on LEARNED px, evaluation the whole shorter side on its input's side."""
    recipe = overfit_recipe(tiny_scenes(4), 1)
    assert LEARNED / recipe.augmentation.scale[0] == pytest.approx(evaluated(recipe).input.size[0])
    assert evaluated(recipe).but(input=recipe.input) == recipe


def test_perfect_maps_have_peaks_at_the_keypoints():
    """A keypoint of tiny scenes lies at its px over the stride; its heat there is 1 up to the distance from a whole px."""
    images = tiny_scenes(1)
    recipe = scene_recipe(scene_data(images, images))
    points = torch.from_numpy(images.keypoints[None]).float()
    people = {
        "points": points,
        "labelled": torch.ones(1, 2, len(images.skeleton)),
        "boxes": torch.from_numpy(images.boxes[None]).float(),
        "areas": torch.from_numpy(images.areas[None]).float(),
        "segment_areas": torch.from_numpy(images.areas[None]).float(),
        "present": torch.ones(1, 2, dtype=torch.bool),
    }
    maps = perfect_maps(people, recipe, images.skeleton, (SIDE, SIDE))
    assert set(maps) == {"heatmaps", "centres", "offsets"}
    places = (points[0, 0] / 4).round()
    for k, (place, point) in enumerate(zip(places.long(), points[0, 0] / 4, strict=True)):
        heat = torch.exp(-(place - point).square().sum() / 8)
        assert float(maps["heatmaps"][0, k, place[1], place[0]]) == pytest.approx(float(heat), abs=1e-5)


def test_perfect_maps_give_everybody_back():
    """Two people an image, all found by all answers."""
    images = tiny_scenes(3)
    recipe = scene_recipe(scene_data(images, images))
    found = perfect_people(images, recipe)
    assert set(found) == {"final", "regression", "heatmap"}
    metrics = measure_scenes(images, found)
    assert [metrics[name] for name in ("AP", "AP_regression", "AP_heatmap")] == pytest.approx([1, 1, 1])
    assert np.bincount(found["final"].image_index).tolist() == [2, 2, 2]


def test_perfect_maps_of_photographs_leave_room_above_the_goal(root):
    """Otherwise an AP of 0.6 would be out of reach, however well the network learns."""
    images = load_photographs(root)
    labelled = (images.visibility > 0).any(1)
    assert len(images) == 12 and images.areas[labelled].min() >= 64**2
    assert labelled.sum() == 19 and (np.bincount(images.image_index[labelled]) > 0).all()
    metrics = measure_scenes(images, perfect_people(images, evaluated(overfit_recipe(images))))
    assert metrics["AP"] > 0.9 and metrics["AP_heatmap"] > 0.9


def test_images_are_taken_with_their_own_people_and_regions():
    """Of three images with two people each the first and the last, one with a region where the loss must not look."""
    images = tiny_scenes(3)
    drawn = images.images
    files = ImageFiles(paths=tuple(Path(f"{i}.png") for i in range(3)), ids=drawn.ids, sizes=drawn.sizes)
    taken = take_images(replace(images, images=files, ignored={2: b"region"}), np.array([0, 2]))
    assert len(taken) == 2 and taken.images.paths == (Path("0.png"), Path("2.png"))
    assert taken.image_index.tolist() == [0, 0, 1, 1] and taken.ignored == {1: b"region"}
    assert np.array_equal(taken.keypoints, images.keypoints[[0, 1, 4, 5]])
    assert [a["image_id"] for a in taken.annotations] == [1, 1, 3, 3]


def test_the_experiment_writes_what_it_found(root, monkeypatch):
    """Two steps on two images of 64 px: the file is complete, and perfect maps are better than such a network."""
    torch.set_num_threads(1)
    monkeypatch.setattr(overfit_scenes, "LEARNED", 128)
    monkeypatch.setattr(overfit_scenes, "EVALUATED", 64)
    path = run_overfit(root, steps=2, limit=2)
    assert path == paths.results() / "hgr" / "overfit.json"
    kept = json.loads(path.read_text())
    assert (kept["images"], kept["people"], kept["evaluated_side"]) == (2, 2, 64)
    assert set(kept["metrics"]) == set(kept["perfect_maps"]) == set(KEPT)
    assert kept["metrics"]["AP"] < kept["perfect_maps"]["AP"]
