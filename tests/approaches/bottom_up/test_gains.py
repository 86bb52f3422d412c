from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from repro.approaches.bottom_up.gains import scene_gains
from repro.approaches.bottom_up.measure import measure_scenes
from repro.approaches.top_down.approach import TOP_DOWN
from repro.metrics.error_gains import ERRORS

from ...tiny_scenes import tiny_scenes
from .test_predict import true_poses


def test_the_first_images_alone_take_part():
    """Of four images with two people each, the first two are found exactly and the others not at all."""
    scenes = tiny_scenes(4)
    poses = true_poses(scenes)
    half = replace(poses, points=poses.points + np.where(poses.image_index < 2, 0.0, 500.0)[:, None, None])
    first = scene_gains(scenes, half, most=2)
    assert first["of"] == {"images": 2.0} and first["alone"]["AP"] == pytest.approx(1.0)
    everything = scene_gains(scenes, half)
    assert everything["of"] == {"images": 4.0}
    assert everything["alone"]["AP"] == pytest.approx(measure_scenes(scenes, {"final": half})["AP"])
    assert list(everything["cumulative"]) == ["AP", *ERRORS] and everything["cumulative"]["missed"] == 1.0


def test_people_named_left_for_right_gain_by_inversions_alone():
    scenes = tiny_scenes(2)
    turned = replace(true_poses(scenes), points=scenes.keypoints[:, list(scenes.skeleton.flip_permutation)])
    alone = scene_gains(scenes, turned)["alone"]
    assert alone["inversion"] == pytest.approx(1.0) and alone["AP"] < 0.5
    assert alone["miss"] == alone["swap"] == alone["AP"]


def test_errors_of_top_down_runs_are_not_told_apart(tiny_samples):
    assert TOP_DOWN.error_gains(tiny_samples, None) == {}
