"""Learning photographs by heart: the OKS of parts by hand, the recipe, and a short training on real samples."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from repro.data.drawn.load import load_people
from repro.experiments.overfit_photographs import load_photographs, overfit, overfit_recipe, part_similarities
from repro.losses.keypoint_adaptive import UniformHeatmapLoss
from repro.skeletons.wholebody import WHOLEBODY133


@pytest.fixture
def photographs(places) -> Path:
    """The folder of the four photographs; their decoded images go to a folder of the test's own."""
    root = os.environ.get("REPRO_SAMPLES")
    if not root:
        pytest.skip("REPRO_SAMPLES is not set: it names the folder of real samples.")
    folder = Path(root) / "samples" / "coco"
    if not (folder / "test_coco_wholebody.json").is_file():
        pytest.skip("samples/coco/test_coco_wholebody.json is not in the folder that REPRO_SAMPLES names.")
    return folder


def test_each_part_is_judged_by_its_own_keypoints(places):
    """One keypoint of the face is off by the distance at which its similarity is exp(-1/2), the others are exact."""
    persons = load_people("val", "wholebody133", limit=2, size=(48, 64))
    visibility = np.zeros_like(persons.visibility)
    face, wrist = WHOLEBODY133.index("right_face_0"), WHOLEBODY133.index("left_wrist")
    visibility[:, [face, wrist]] = 2
    visibility[1, face] = 0  # the second person has no face
    persons = replace(persons, visibility=visibility)
    points = persons.keypoints.copy()
    points[0, face, 0] += 2 * WHOLEBODY133.sigmas[face] * math.sqrt(persons.areas[0])
    similarity, counts = part_similarities(persons, points)
    assert counts == {"body": 2, "foot": 0, "face": 1, "hand": 0, "whole": 2}
    assert (similarity["body"], similarity["face"]) == (pytest.approx(1), pytest.approx(math.exp(-0.5)))
    assert similarity["whole"] == pytest.approx(((1 + math.exp(-0.5)) / 2 + 1) / 2)


def test_the_recipe_is_the_baseline_without_augmentation(places):
    recipe = overfit_recipe(load_people("val", "wholebody133", limit=3, size=(48, 64)), 30)
    assert recipe.input.size == (96, 128) and recipe.method.loss == UniformHeatmapLoss()
    assert (recipe.optimisation.batch, recipe.optimisation.epochs) == (3, 2)
    assert not recipe.evaluation.flip and recipe.initialisation is not None
    a = recipe.augmentation
    assert (a.scale, a.rotation, a.mirror, a.half_body) == (0, 0, 0, 0)


def test_photographs_are_learned(photographs):
    """After 40 steps, a twelfth of the committed run; the untrained head gives a body an OKS below 0.1."""
    torch.set_num_threads(1)
    persons = load_photographs(photographs)
    assert len(persons) == 12
    found = overfit(persons, overfit_recipe(persons, 40))
    assert found["persons"] == {"body": 12, "foot": 10, "face": 4, "hand": 7, "whole": 12}
    assert found["OKS"]["body"] > 0.4
