from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from repro.approaches.bottom_up.measure import measure_scenes
from repro.skeletons.skeleton import CROWDPOSE14, LSPET14

from ...tiny_scenes import tiny_scenes
from .test_predict import true_poses


@pytest.fixture(scope="module")
def scenes():
    return tiny_scenes(10)


def test_poses_that_are_all_wrong_give_nothing(scenes):
    off = replace(true_poses(scenes), points=scenes.keypoints + 500.0)
    figures = measure_scenes(scenes, {"final": off})
    assert figures["AP"] == figures["AR"] == figures["diagnosis/final/found"] == 0.0
    assert np.isnan(figures["diagnosis/final/good"])


@pytest.mark.parametrize("skeleton", [LSPET14, CROWDPOSE14])
def test_each_answer_has_the_mean_oks_of_its_people(skeleton):
    scenes = tiny_scenes(4, skeleton=skeleton)  # eight people
    right = true_poses(scenes)
    half = replace(right, points=scenes.keypoints + np.where(np.arange(8) % 2, 0.0, 500.0)[:, None, None])
    figures = measure_scenes(scenes, {"final": half, "regression": right.of_image(0), "heatmap": right})
    assert [figures[n] for n in ("OKS", "OKS_regression", "OKS_heatmap")] == pytest.approx([0.5, 0.25, 1.0])
    assert {"OKS_regression", "OKS_heatmap"}.isdisjoint(measure_scenes(scenes, {"final": half}))


@pytest.mark.parametrize("oks_of", ["best", "all"])
def test_the_evidence_counts_the_people_that_the_mean_oks_does(scenes, oks_of):
    """Everybody is found twice: right, and with a higher score far off."""
    right = true_poses(scenes)
    both = replace(
        right,
        image_index=np.repeat(right.image_index, 2),
        points=np.repeat(right.points, 2, 0) + np.tile([500.0, 0.0], len(right.points))[:, None, None],
        keypoint_scores=np.repeat(right.keypoint_scores, 2, 0),
        scores=np.tile([0.9, 0.5], len(right.points)),
    )
    evidence = {}
    figures = measure_scenes(scenes, {"final": both}, evidence=evidence, oks_of=oks_of)
    assert figures["OKS"] == pytest.approx(1.0 if oks_of == "all" else 0.0, abs=1e-12)
    whole = evidence["OKS"].values(np.ones((1, len(scenes)), dtype=int))
    assert whole[0] == pytest.approx(figures["OKS"], abs=1e-12)


def test_people_named_left_for_right_are_inverted(scenes):
    turned = replace(true_poses(scenes), points=scenes.keypoints[:, list(scenes.skeleton.flip_permutation)])
    figures = measure_scenes(scenes, {"final": turned})
    paired = 12 / 14  # head and neck are their own counterparts
    assert figures["diagnosis/final/good"] == pytest.approx(1 - paired)
    assert figures["diagnosis/final/inversion"] == pytest.approx(paired)


def test_crowdpose_is_measured_by_how_crowded_an_image_is():
    scenes = tiny_scenes(4, skeleton=CROWDPOSE14)  # crowd indices 0, 0.3, 0.6 and 0.9
    poses = true_poses(scenes)
    bad = np.isin(scenes.image_index, [1, 2])
    poses.points[bad] += 500
    figures = measure_scenes(scenes, {"final": poses})
    assert (figures["AP_easy"], figures["AP_medium"], figures["AP_hard"]) == (1.0, 0.0, 1.0)
    assert "AP_easy" not in measure_scenes(tiny_scenes(2), {"final": true_poses(tiny_scenes(2))})


@pytest.mark.parametrize("skeleton", [LSPET14, CROWDPOSE14])
def test_evidence_gives_the_metrics_again(skeleton):
    scenes, rng = tiny_scenes(4, skeleton=skeleton), np.random.default_rng(0)
    right = true_poses(scenes)
    moved = replace(right, points=right.points + rng.normal(0, 4, (8, 1, 1)) * rng.normal(0, 1, right.points.shape))
    evidence = {}
    figures = measure_scenes(scenes, {"final": moved, "regression": right.of_image(0)}, evidence=evidence)
    assert set(evidence) == {"AP", "OKS", "AP_regression", "OKS_regression"}
    assert 0 < figures["AP"] < 1
    for metric, one in evidence.items():
        assert one.values(np.ones((1, 4), dtype=int))[0] == pytest.approx(figures[metric], abs=1e-12)
