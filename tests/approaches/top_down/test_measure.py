from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from repro.approaches.top_down.measure import measure, person_scores, similarities
from repro.approaches.top_down.predict import Poses
from repro.data.drawn.load import load_people
from repro.data.drawn.settings import WHOLE_BODY
from repro.data.persons import coco_annotations
from repro.recipe import Evaluation

from ...tiny_runs import tiny_recipe

BOTH = frozenset({"oks", "pckh"})


def true_poses(persons) -> Poses:
    """The truth as a prediction."""
    return Poses(persons.keypoints.copy(), np.ones(persons.visibility.shape))


def test_perfect_predictions_give_everything(data, val_persons):
    figures = measure(val_persons, true_poses(val_persons), tiny_recipe(data), BOTH)
    whole = ("AP", "AP50", "AP75", "AR", "OKS", "pckh@0.5", "pckh@0.1", "pckh@0.10", "pck@0.2")
    assert {name: figures[name] for name in whole} == {name: 1.0 for name in whole}
    parts = {f"OKS/{name}" for name in val_persons.skeleton.keypoints}
    assert parts <= set(figures) and all(figures[name] == 1.0 for name in parts)


def test_poses_that_are_all_wrong_give_nothing(data, val_persons):
    poses = Poses(val_persons.keypoints + 1000.0, np.ones(val_persons.visibility.shape))
    figures = measure(val_persons, poses, tiny_recipe(data), BOTH)
    for name in ("AP", "AR", "pckh@0.5", "pck@0.2"):
        assert figures[name] == 0.0
    assert figures["OKS"] == pytest.approx(0.0, abs=1e-12)


def test_what_a_data_set_cannot_measure_is_left_out(data, val_persons):
    figures = measure(val_persons, true_poses(val_persons), tiny_recipe(data), frozenset({"oks"}))
    assert not any(name.startswith("pckh") for name in figures)
    assert figures["pck@0.2"] == 1.0


def test_detected_boxes_are_measured_by_average_precision_alone(data, val_persons):
    recipe = tiny_recipe(data).but(evaluation=Evaluation(boxes="detector"))
    assert set(measure(val_persons, true_poses(val_persons), recipe, BOTH)) == {
        *("AP", "AP50", "AP75", "AP_M", "AP_L", "AR", "AR50", "AR75", "AR_M", "AR_L")
    }


def test_similarities_by_hand(val_persons):
    # One person of area 100 whose head (sigma .079) is off by 3 px and all else right: exp(-9 / (2 * 100 * 4 * .079^2)).
    one = replace(val_persons.take(np.array([0])), areas=np.array([100.0]))
    points = one.keypoints.copy()
    points[0, 13, 0] += 3
    expected = np.exp(-9 / (800 * 0.079**2))
    figures = similarities(one, Poses(points, np.ones((1, 14))))
    assert figures["OKS/head"] == pytest.approx(expected, abs=1e-12)
    assert figures["OKS"] == pytest.approx((13 + expected) / 14, abs=1e-12)
    assert figures["OKS/neck"] == 1.0


def test_whole_bodies_are_measured_by_part(data, places):
    persons = load_people("val", "wholebody133", limit=8, size=(48, 64), settings=WHOLE_BODY)
    face = [persons.skeleton.index(name) for name in dict(persons.skeleton.parts)["face"]]
    poses = true_poses(persons)
    poses.points[:, face] += 1000.0
    figures = measure(persons, poses, tiny_recipe(data), frozenset({"oks"}))
    right = ("body", "foot", "lefthand", "righthand", "hand")
    assert [figures[f"{part}_OKS"] for part in right] == pytest.approx([1.0] * 5, abs=1e-9)
    assert figures["face_OKS"] == pytest.approx(0.0, abs=1e-9) and 0 < figures["whole_OKS"] < 1
    assert figures["whole_OKS"] == figures["OKS"]
    detected = tiny_recipe(data).but(evaluation=Evaluation(boxes="detector"))
    assert not any(name.endswith("OKS") for name in measure(persons, poses, detected, frozenset({"oks"})))


def test_keypoints_that_nobody_has_have_no_similarity(val_persons):
    visibility = val_persons.visibility.copy()
    visibility[:, 0] = 0
    figures = similarities(replace(val_persons, visibility=visibility), true_poses(val_persons))
    assert "OKS/right_ankle" not in figures and figures["OKS"] == 1.0


def test_person_scores_are_rescored_by_the_recipes_threshold(data, val_persons):
    persons = replace(val_persons, scores=np.full(8, 0.5))
    poses = true_poses(persons)
    poses.scores[:] = 0.1
    poses.scores[:, 0], poses.scores[:, 1] = 0.9, 0.3
    expected = {0.2: 0.5 * (0.9 + 0.3) / 2, 0.5: 0.5 * 0.9, 0.95: 0.0}
    for threshold, score in expected.items():
        recipe = tiny_recipe(data).but(evaluation=Evaluation(rescoring=threshold))
        np.testing.assert_allclose(person_scores(persons, poses, recipe)[0], score, atol=1e-12)


def test_a_pose_that_repeats_a_better_one_of_its_image_is_dropped(data, val_persons):
    two = val_persons.take(np.array([0, 0, 1]))
    scores = np.ones((3, 14))
    scores[0] = 0.6
    poses = Poses(two.keypoints.copy(), scores)
    _, kept = person_scores(two, poses, tiny_recipe(data))
    assert kept.tolist() == [1, 2]  # the second has the higher score
    apart = Poses(two.keypoints + np.array([0.0, 200.0, 0.0])[:, None, None], scores)
    assert sorted(person_scores(two, apart, tiny_recipe(data))[1]) == [0, 1, 2]
    assert sorted(person_scores(two, poses, tiny_recipe(data).but(evaluation=Evaluation(nms=1.0)))[1]) == [0, 1, 2]


def test_images_without_persons_count_nothing_against_the_result(data, val_persons):
    some = val_persons.take(np.arange(4))
    some = replace(some, annotations=coco_annotations(some))
    assert measure(some, true_poses(some), tiny_recipe(data), BOTH)["AP"] == 1.0


def displaced(persons, spread: float = 6.0) -> Poses:
    """True poses displaced by normal noise in px, scores falling with the person's number."""
    rng = np.random.default_rng(0)
    points = persons.keypoints + rng.normal(0, spread, (len(persons), 1, 1)) * rng.normal(0, 1, persons.keypoints.shape)
    return Poses(points, np.linspace(1, 0.5, len(persons))[:, None] * np.ones(persons.visibility.shape))


def test_evidence_gives_the_metrics_again(data, val_persons):
    evidence = {}
    figures = measure(val_persons, displaced(val_persons), tiny_recipe(data), BOTH, evidence=evidence)
    assert set(evidence) == {"AP", "OKS", "pckh@0.5", "pckh@0.1", "pckh@0.10"}
    for metric, one in evidence.items():
        assert 0 < figures[metric] < 1
        assert one.values(np.ones((1, 8), dtype=int))[0] == pytest.approx(figures[metric], abs=1e-12)


def test_evidence_of_some_images_is_that_of_their_persons(data, val_persons):
    evidence, poses = {}, displaced(val_persons)
    measure(val_persons, poses, tiny_recipe(data), BOTH, evidence=evidence)
    index = np.array([0, 3, 5])  # image ids rise with the persons
    some = Poses(poses.points[index], poses.scores[index])
    expected = measure(val_persons.take(index), some, tiny_recipe(data), BOTH, val_persons.images.ids[index])
    weights = np.bincount(index, minlength=8)[None]
    for metric, one in evidence.items():
        assert one.values(weights)[0] == pytest.approx(expected[metric], abs=1e-12)


def test_evidence_of_the_parts_of_whole_bodies(data, places):
    persons = load_people("val", "wholebody133", limit=8, size=(48, 64), settings=WHOLE_BODY)
    evidence = {}
    figures = measure(persons, displaced(persons, 2.0), tiny_recipe(data), frozenset({"oks"}), evidence=evidence)
    assert {"body_AP", "face_AP", "lefthand_AP", "whole_AP", "face_OKS", "righthand_OKS"} <= set(evidence)
    for metric, one in evidence.items():
        assert one.values(np.ones((1, 8), dtype=int))[0] == pytest.approx(figures[metric], abs=1e-12, nan_ok=True)
