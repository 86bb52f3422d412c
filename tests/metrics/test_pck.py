from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.metrics.pck import pck, pck_torso, pckh
from repro.skeletons.skeleton import COCO17, CROWDPOSE14, LSPET14, MPII16


def mpii(labelled: dict[str, list[float]], persons: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions, truth and visibility: for each named keypoint the distance to the truth of the first persons."""
    truth = np.full((persons, 16, 2), np.nan)
    predicted, visibility = np.zeros((persons, 16, 2)), np.zeros((persons, 16), dtype=np.int8)
    for name, distances in labelled.items():
        for person, distance in enumerate(distances):
            k = MPII16.index(name)
            truth[person, k], predicted[person, k], visibility[person, k] = (100, 50), (100 + distance, 50), 1
    return predicted, truth, visibility


def test_pck_by_hand():
    # Lengths 10 and 20. Keypoint 0: distances 5 (3, 4) and 5, relative .5 and .25. Keypoint 1: 2 and unlabelled.
    truth = np.zeros((2, 2, 2))
    predicted = np.array([[[3.0, 4.0], [0.0, 2.0]], [[3.0, -4.0], [99.0, 0.0]]])
    rates, counts = pck(predicted, truth, [[1, 2], [2, 0]], [10.0, 20.0], [0.1, 0.2, 0.3, 0.5])
    assert counts.tolist() == [2, 1]
    np.testing.assert_array_equal(rates, [[0, 0], [0, 1], [0.5, 1], [1, 1]])


def test_pck_is_nan_for_a_keypoint_that_nobody_has():
    rates, counts = pck(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)), [[1, 0]], [1.0], [0.5])
    np.testing.assert_array_equal(rates, [[1.0, np.nan]])
    assert counts.tolist() == [1, 0]


@pytest.mark.parametrize("length", [np.nan, 0.0, -1.0, np.inf])
def test_pck_leaves_out_persons_without_a_length(length):
    # The second person would be right at once with an infinite length.
    predicted = np.array([[[9.0, 0.0]], [[0.0, 0.0]]])
    rates, counts = pck(predicted, np.zeros((2, 1, 2)), np.ones((2, 1)), [10.0, length], [0.5])
    assert counts.tolist() == [1]
    assert rates.tolist() == [[0.0]]


def test_pck_names_the_shapes_that_disagree():
    with pytest.raises(ReproError, match="shapes \\(2, 3, 2\\), \\(2, 3, 2\\), \\(2, 3\\) and \\(1,\\)"):
        pck(np.zeros((2, 3, 2)), np.zeros((2, 3, 2)), np.ones((2, 3)), [1.0], [0.5])
    with pytest.raises(ReproError, match="Predicted keypoints"):
        pck(np.zeros((2, 4, 2)), np.zeros((2, 3, 2)), np.ones((2, 3)), [1.0, 1.0], [0.5])


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 50), min_size=1, max_size=8))
def test_pck_grows_with_the_threshold(distances):
    predicted = np.array([[[d, 0.0]] for d in distances])
    n = len(distances)
    rates, _ = pck(predicted, np.zeros((n, 1, 2)), np.ones((n, 1)), np.full(n, 10.0), np.linspace(0, 5, 11))
    assert (np.diff(rates[:, 0]) >= 0).all()
    assert rates[-1, 0] == 1


def test_pckh_counts_a_distance_of_exactly_half_a_head():
    # Head 10: 5 is in, 5.01 is out.
    scores = pckh(*mpii({"head": [5.0, 5.01]}, 2), [10.0, 10.0], MPII16)
    assert scores["pckh@0.5"] == 0.5
    assert scores["pckh@0.5/head"] == 0.5


def test_pckh_at_one_tenth_has_two_readings():
    # Head 100: 10 is within both, 10.5 and 11 only within HRNet's 0.11, 11.5 within neither.
    scores = pckh(*mpii({"left_wrist": [10.0, 10.5, 11.0, 11.5]}, 4), [100.0] * 4, MPII16)
    assert scores["pckh@0.10"] == 0.25
    assert scores["pckh@0.1"] == 0.75
    assert scores["pckh@0.5"] == 1.0


def test_hrnets_index_eleven_is_the_threshold_of_the_first_reading():
    assert np.arange(0, 0.5 + 0.01, 0.01)[11] == 0.11


def test_pckh_mean_weighs_by_labels_and_leaves_out_pelvis_and_thorax():
    # Ankle: 1 of 3 correct; head: 1 of 1. By labels (1 + 1) / (3 + 1) = 1/2; the mean of the rates would be 2/3, and
    # with the five wrong labels of pelvis and thorax it would be 2/9.
    arrays = mpii({"right_ankle": [0, 9, 9], "head": [0], "pelvis": [9, 9, 9], "thorax": [9, 9]}, 3)
    scores = pckh(*arrays, [10.0] * 3, MPII16)
    assert scores["pckh@0.5"] == pytest.approx(1 / 2, abs=1e-15)
    assert scores["pckh@0.5/right_ankle"] == pytest.approx(1 / 3, abs=1e-15)
    assert scores["pckh@0.5/pelvis"] == 0
    assert np.isnan(scores["pckh@0.5/neck"])


def test_pckh_counts_every_keypoint_of_a_skeleton_without_pelvis_and_thorax():
    truth = np.zeros((1, 14, 2))
    predicted = truth.copy()
    predicted[0, :7] = 9
    assert pckh(predicted, truth, np.ones((1, 14)), [10.0], CROWDPOSE14)["pckh@0.5"] == pytest.approx(0.5, abs=1e-15)


def test_pckh_reports_who_is_left_out():
    scores = pckh(*mpii({"head": [0.0, 9.0, 9.0]}, 3), [10.0, np.nan, np.nan], MPII16)
    assert scores["pckh/left_out"] == 2
    assert scores["pckh@0.5"] == 1.0
    nobody = pckh(*mpii({"head": [0.0]}, 1), [np.nan], MPII16)
    assert nobody["pckh/left_out"] == 1
    assert np.isnan(nobody["pckh@0.5"])


def test_pckh_has_one_value_a_keypoint():
    scores = pckh(*mpii({"head": [0.0]}, 1), [10.0], MPII16)
    assert set(scores) == {"pckh@0.5", "pckh@0.1", "pckh@0.10", "pckh/left_out"} | {
        f"pckh@0.5/{name}" for name in MPII16.keypoints
    }


def test_pckh_wants_the_keypoints_of_its_skeleton():
    with pytest.raises(ReproError, match="expected \\(N, 17\\) for skeleton coco17"):
        pckh(*mpii({"head": [0.0]}, 1), [10.0], COCO17)


def test_pck_torso_by_hand():
    # Left shoulder (0, 0), right hip (30, 40): torso 50, limit 10. Of 14 keypoints two miss: the left wrist by 10.1 and
    # the head by 11; the right wrist is exactly 10 away and counts: 12/14.
    truth = np.full((1, 14, 2), 7.0)
    truth[0, LSPET14.index("left_shoulder")] = (0, 0)
    truth[0, LSPET14.index("right_hip")] = (30, 40)
    predicted = truth.copy()
    predicted[0, LSPET14.index("left_wrist"), 0] += 10.1
    predicted[0, LSPET14.index("head"), 1] -= 11
    predicted[0, LSPET14.index("right_wrist")] += (6, 8)
    scores = pck_torso(predicted, truth, np.ones((1, 14)), LSPET14)
    assert scores["pck@0.2"] == pytest.approx(12 / 14, abs=1e-15)
    assert scores["pck@0.2/left_wrist"] == 0
    assert scores["pck@0.2/right_wrist"] == 1
    assert scores["pck/left_out"] == 0


def test_pck_torso_needs_both_ends_labelled():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 100, (3, 14, 2))
    predicted = truth.copy()
    predicted[1:] += 1000
    visibility = np.ones((3, 14))
    visibility[1, LSPET14.index("left_shoulder")] = 0
    visibility[2, LSPET14.index("right_hip")] = 0
    scores = pck_torso(predicted, truth, visibility, LSPET14)
    assert scores["pck/left_out"] == 2
    assert scores["pck@0.2"] == 1
