from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.cocoeval import COCOeval

from repro.errors import ReproError
from repro.metrics.oks import oks, oks_nms, rescore
from repro.skeletons.skeleton import COCO17

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60)


def test_oks_of_two_keypoints_by_hand():
    # sigma .1: (2 sigma)^2 = .04; area 100: 2 * 100 * .04 = 8. First keypoint: d^2 = 2^2 + 2^2 = 8, so exp(-1).
    # Second: sigma .05, (2 sigma)^2 = .01, 2 * 100 * .01 = 2, d^2 = 1, so exp(-1/2).
    value = oks([[12.0, 22.0], [5.0, 6.0]], [[10.0, 20.0], [5.0, 5.0]], [2, 1], 100.0, [0.1, 0.05])
    assert value == pytest.approx((math.exp(-1) + math.exp(-0.5)) / 2, abs=1e-12)


def test_oks_ignores_unlabelled_keypoints_whatever_they_hold():
    predicted = [[12.0, 22.0], [5.0, 6.0], [0.0, 0.0]]
    truth = [[10.0, 20.0], [np.nan, np.nan], [900.0, 900.0]]
    assert oks(predicted, truth, [1, 0, 0], 100.0, [0.1, 0.1, 0.1]) == pytest.approx(math.exp(-1), abs=1e-12)


def test_oks_is_nan_where_nothing_is_labelled():
    values = oks(np.zeros((2, 1, 2)), np.zeros((2, 1, 2)), [[0], [2]], [100.0, 100.0], [0.1])
    np.testing.assert_array_equal(values, [np.nan, 1.0])


def test_oks_survives_an_area_of_zero():
    values = oks([[[1.0, 1.0]], [[1.0, 2.0]]], [[1.0, 1.0]], [2], [0.0, 0.0], [0.1])
    np.testing.assert_array_equal(values, [1.0, 0.0])  # COCOeval's np.spacing(1): exact is 1, all else 0


def test_oks_of_all_pairs_equals_cocoeval():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 100, (3, 17, 2))
    predicted = truth[rng.integers(0, 3, 4)] + rng.normal(0, 5, (4, 17, 2))
    visibility = rng.integers(0, 3, (3, 17))
    areas = rng.uniform(500, 5000, 3)
    reference = COCOeval(iouType="keypoints")
    flat = np.concatenate([truth, visibility[..., None]], axis=2).reshape(3, -1)
    reference._gts[1, 1] = [
        {"keypoints": f.tolist(), "area": a, "bbox": [0, 0, 1, 1]} for f, a in zip(flat, areas, strict=True)
    ]
    flat = np.concatenate([predicted, np.ones((4, 17, 1))], axis=2).reshape(4, -1)
    reference._dts[1, 1] = [{"keypoints": f.tolist(), "score": 1 - i / 10} for i, f in enumerate(flat)]
    ours = oks(predicted[:, None], truth, visibility, areas, COCO17.sigma_array)
    assert ours.shape == (4, 3)
    np.testing.assert_allclose(ours, reference.computeOks(1, 1), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("predicted", "truth", "visibility", "message"),
    [
        (np.zeros((3, 2)), np.zeros((2, 2)), np.ones(2), "Predicted keypoints have shape \\(3, 2\\)"),
        (np.zeros((2, 2)), np.zeros((2, 3)), np.ones(2), "True keypoints have shape \\(2, 3\\)"),
        (np.zeros((2, 2)), np.zeros((2, 2)), np.ones(1), "Visibility has shape \\(1,\\)"),
    ],
)
def test_oks_names_the_array_that_does_not_fit(predicted, truth, visibility, message):
    with pytest.raises(ReproError, match=message):
        oks(predicted, truth, visibility, 1.0, [0.1, 0.1])


coordinates = st.lists(st.tuples(st.integers(-500, 500), st.integers(-500, 500)), min_size=3, max_size=3)
SIGMAS = np.array([0.025, 0.079, 0.107])


@PROPERTY
@given(coordinates, coordinates, st.integers(1, 10_000), st.integers(-1000, 1000))
def test_oks_is_a_similarity(a, b, area, shift):
    # Whole pixels and areas up to 10^4: one pixel costs at least 1 - exp(-1 / 916) of one keypoint.
    a, b = np.array(a, dtype=float), np.array(b, dtype=float)
    value = oks(a, b, np.ones(3), area, SIGMAS)
    assert 0 <= value <= 1
    assert (value == 1) == np.array_equal(a, b)
    assert oks(a + shift, b + shift, np.ones(3), area, SIGMAS) == value
    assert oks(b, a, np.ones(3), area, SIGMAS) == value


def test_rescore_by_hand():
    # Above .2 are .8 and .6 (not .2 itself): .9 * (.8 + .6) / 2 = .63. Nothing above .2: 0.
    scores = rescore([0.9, 0.9, 0.5], [[0.8, 0.2, 0.6, 0.1], [0.2, 0.1, 0.0, -0.1], [1.0, 1.0, 1.0, 1.0]])
    np.testing.assert_allclose(scores, [0.63, 0.0, 0.5], atol=1e-15)


def test_rescore_threshold_is_a_setting():
    # Without the threshold's help .1 counts too: 1 * (.8 + .1) / 2 = .45.
    np.testing.assert_allclose(rescore([1.0], [[0.8, 0.1]], threshold=0.0), [0.45], atol=1e-15)


# One keypoint of sigma .5, so that (2 sigma)^2 = 1, and areas of 50: OKS = exp(-d^2 / 100).
# d = 3: .914, above .9; d = 4: .852; d = 6: .698.
def row(*xs: float) -> np.ndarray:
    return np.array([[[x, 0.0]] for x in xs])


def test_nms_suppresses_what_is_close_to_a_better_pose():
    assert oks_nms(row(0, 3, 4), [0.9, 0.8, 0.7], [50, 50, 50], [0.5]).tolist() == [0, 2]
    assert oks_nms(row(0, 3, 4), [0.7, 0.8, 0.9], [50, 50, 50], [0.5]).tolist() == [2, 0]


def test_a_suppressed_pose_does_not_suppress():
    # 3 is close to both neighbours and falls to 0; 6 is far enough from 0 to stay.
    assert oks_nms(row(0, 3, 6), [0.9, 0.8, 0.7], [50, 50, 50], [0.5]).tolist() == [0, 2]


def test_nms_uses_the_mean_of_the_two_areas():
    # The mean of 10 and 90 is 50: .914 as above. With 10 alone it would be exp(-9 / 20) = .638 and both would stay.
    assert oks_nms(row(0, 3), [0.9, 0.8], [10, 90], [0.5]).tolist() == [0]
    assert oks_nms(row(0, 3), [0.8, 0.9], [10, 90], [0.5]).tolist() == [1]
    # The mean of 10 and 20 is 15: exp(-9 / 30) = .741.
    assert oks_nms(row(0, 3), [0.9, 0.8], [10, 20], [0.5]).tolist() == [0, 1]


def test_nms_takes_the_mean_over_all_keypoints():
    # Two keypoints of sigma .5 and area 50, one at distance 0, one at 5: (1 + exp(-.25)) / 2 = .889 <= .9, both stay;
    # at distance 4: (1 + .852) / 2 = .926.
    poses = np.array([[[0.0, 0.0], [9.0, 9.0]], [[5.0, 0.0], [9.0, 9.0]]])
    assert oks_nms(poses, [0.9, 0.8], [50, 50], [0.5, 0.5]).tolist() == [0, 1]
    poses[1, 0, 0] = 4
    assert oks_nms(poses, [0.9, 0.8], [50, 50], [0.5, 0.5]).tolist() == [0]


def test_nms_keeps_a_pose_exactly_at_the_threshold():
    limit = float(oks(row(3)[0], row(0)[0], [1], 50.0, [0.5]))
    assert oks_nms(row(0, 3), [0.9, 0.8], [50, 50], [0.5], threshold=limit).tolist() == [0, 1]
    assert oks_nms(row(0, 3), [0.9, 0.8], [50, 50], [0.5], threshold=limit - 1e-9).tolist() == [0]


def test_nms_of_equal_scores_keeps_the_first():
    assert oks_nms(row(3, 0, 100), [0.5, 0.5, 0.5], [50, 50, 50], [0.5]).tolist() == [0, 2]


def test_nms_of_nothing_keeps_nothing():
    kept = oks_nms(np.zeros((0, 17, 2)), [], [], COCO17.sigma_array)
    assert kept.shape == (0,) and kept.dtype == np.int64


def test_nms_loses_neither_a_pose_with_nan_nor_others_to_it():
    assert oks_nms(row(np.nan, 0, 3), [0.9, 0.8, 0.7], [50, 50, 50], [0.5]).tolist() == [0, 1]
    assert oks_nms(row(np.nan, 0, 3), [0.7, 0.8, 0.9], [50, 50, 50], [0.5]).tolist() == [2, 0]


@PROPERTY
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=12), st.sampled_from([0.5, 0.7, 0.9]))
def test_nms_is_idempotent_and_keeps_the_best(poses, threshold):
    keypoints = row(*(x for x, _ in poses)) if poses else np.zeros((0, 1, 2))
    scores = np.array([s / 5 for _, s in poses])
    areas = np.full(len(poses), 50.0)
    kept = oks_nms(keypoints, scores, areas, [0.5], threshold)
    again = oks_nms(keypoints[kept], scores[kept], areas[kept], [0.5], threshold)
    assert again.tolist() == list(range(len(kept)))
    assert len(set(kept.tolist())) == len(kept)
    assert (np.diff(scores[kept]) <= 0).all()
    assert not poses or scores[kept[0]] == scores.max()
    # Whatever was suppressed is close to something that was kept.
    for lost in set(range(len(poses))) - set(kept.tolist()):
        assert (oks(keypoints[lost], keypoints[kept], np.ones(1), 50.0, [0.5]) > threshold).any()
