"""The mean OKS of people found in whole images, by hand."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.metrics.people_oks import assigned_oks, people_oks, reached_oks
from repro.skeletons.skeleton import COCO17, CROWDPOSE14, Skeleton

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60)
SIGMAS = np.array([0.1, 0.1])  # (2 sigma)^2 = 0.04


def person(*points: tuple[float, float, int], image: int = 1, area: float = 100.0, crowd: int = 0) -> dict:
    """A true person; at area 100 a keypoint that is d px off has the similarity exp(-d^2 / 8)."""
    return {
        "image_id": image,
        "keypoints": [number for point in points for number in point],
        "area": area,
        "iscrowd": crowd,
    }


def found(*points: tuple[float, float], image: int = 1, score: float = 0.5) -> dict:
    return {"image_id": image, "keypoints": [number for x, y in points for number in (x, y, 0.5)], "score": score}


def test_one_person_by_hand():
    # 2 px and 4 px off: exp(-4 / 8) and exp(-16 / 8).
    truth, poses = [person((10, 10, 2), (30, 10, 1))], [found((12, 10), (30, 14))]
    assert people_oks(truth, poses, SIGMAS) == pytest.approx((math.exp(-0.5) + math.exp(-2)) / 2, abs=1e-12)
    # Four times the area: exp(-d^2 / 32).
    truth[0]["area"] = 400.0
    assert people_oks(truth, poses, SIGMAS) == pytest.approx((math.exp(-1 / 8) + math.exp(-0.5)) / 2, abs=1e-12)


def test_unlabelled_keypoints_are_left_out():
    truth = [person((10, 10, 2), (0, 0, 0))]
    assert people_oks(truth, [found((12, 10), (900, 900))], SIGMAS) == pytest.approx(math.exp(-0.5), abs=1e-12)


def test_people_who_are_not_found_count_nothing():
    truth = [person((10, 10, 2), (30, 10, 2)), person((50, 50, 2), (70, 50, 2)), person((9, 9, 2), (5, 5, 2), image=2)]
    assert people_oks(truth, [found((10, 10), (30, 10))], SIGMAS) == pytest.approx(1 / 3, abs=1e-12)
    assert people_oks(truth, [], SIGMAS) == 0.0


def test_a_found_person_is_used_once():
    twins = [person((10, 10, 2), (30, 10, 2)), person((10, 10, 2), (30, 10, 2))]
    assert people_oks(twins, [found((10, 10), (30, 10))], SIGMAS) == 0.5
    assert people_oks(twins, [found((10, 10), (30, 10))] * 3, SIGMAS) == 1.0


def test_only_the_best_scored_count_as_many_as_are_labelled():
    """One person: a pose 2 px off (exp(-1/2)) scored above one that is right; and of equal scores the earlier one."""
    truth = [person((10, 10, 2), (30, 10, 2))]
    off, right = found((12, 10), (32, 10), score=0.9), found((10, 10), (30, 10), score=0.8)
    assert people_oks(truth, [right, off], SIGMAS) == pytest.approx(math.exp(-0.5), abs=1e-12)
    assert people_oks(truth, [right, off], SIGMAS, "all") == 1.0
    assert people_oks(truth, [off, {**right, "score": 0.9}], SIGMAS) == pytest.approx(math.exp(-0.5), abs=1e-12)
    assert people_oks(truth, [{**right, "score": 0.9}, off], SIGMAS) == 1.0


def test_crowds_and_unlabelled_people_give_no_place():
    truth = [person((10, 10, 2), (30, 10, 2)), person((50, 50, 2), (70, 50, 2), crowd=1), person((0, 0, 0), (0, 0, 0))]
    poses = [found((900, 900), (900, 900), score=0.9), found((10, 10), (30, 10), score=0.8)]
    assert people_oks(truth, poses, SIGMAS) < 1e-12 and people_oks(truth, poses, SIGMAS, "all") == 1.0


@PROPERTY
@given(st.integers(1, 3), st.integers(0, 4), st.integers(1, 5), st.integers(0, 1000))
def test_people_of_lower_scores_change_nothing(people, fewer, noise, seed):
    """Noise in addition, scored below the others: where as many are found as there are people, not even where it hits them."""
    rng = np.random.default_rng(seed)
    truth = [person(*((*point, 2) for point in rng.uniform(0, 40, (2, 2)).tolist())) for _ in range(people)]
    poses = [found(*rng.uniform(0, 40, (2, 2)).tolist(), score=0.5 + rng.random()) for _ in range(people + fewer)]
    more = [found(*rng.uniform(0, 40, (2, 2)).tolist(), score=0.4 * rng.random()) for _ in range(noise)]
    own, with_noise = (reached_oks(truth, some, SIGMAS)[1] for some in (poses, more + poses))
    np.testing.assert_array_equal(own, with_noise)
    assert people_oks(truth, more + poses, SIGMAS, "all") >= people_oks(truth, poses, SIGMAS, "all") - 1e-12


def test_a_person_of_another_image_is_no_match():
    truth = [person((10, 10, 2), (30, 10, 2)), person((50, 50, 2), (70, 50, 2), image=2)]
    assert people_oks(truth, [found((10, 10), (30, 10), image=2), found((50, 50), (70, 50))], SIGMAS) < 1e-12


def test_crowds_and_people_without_labels_take_no_part():
    truth = [
        person((10, 10, 2), (30, 10, 2)),
        person((50, 50, 2), (70, 50, 2), crowd=1),
        person((0, 0, 0), (0, 0, 0)),
        person((0, 0, 0), (0, 0, 0), image=2),
    ]
    assert people_oks(truth, [found((10, 10), (30, 10))], SIGMAS) == 1.0
    assert math.isnan(people_oks(truth[1:], [found((50, 50), (70, 50))], SIGMAS))


def test_the_sum_is_the_greatest_not_the_first_best():
    # A greedy choice takes 0.9 first and leaves 0.1: 0.5 on average. The other pairs give 0.8 each.
    np.testing.assert_allclose(assigned_oks(np.array([[0.9, 0.8], [0.8, 0.1]])), [0.8, 0.8])
    np.testing.assert_allclose(assigned_oks(np.array([[0.2, 0.7, 0.1]])), [0.0, 0.7, 0.0])


@PROPERTY
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 1000))
def test_the_sum_is_that_of_the_best_permutation(detections, people, seed):
    similarity = np.random.default_rng(seed).uniform(0, 1, (detections, people))
    square = np.zeros((4, 4))
    square[:detections, :people] = similarity
    best = max(sum(square[row, column] for row, column in enumerate(order)) for order in permutations(range(4)))
    assert assigned_oks(similarity).sum() == pytest.approx(best)


@pytest.mark.parametrize("skeleton", [COCO17, CROWDPOSE14])
def test_the_skeletons_own_sigmas(skeleton: Skeleton):
    """Every keypoint off by 2 sigma sqrt(2 area): each similarity is exp(-1), whatever the sigma."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 200, (len(skeleton), 2))
    area = 2500.0
    moved = points + np.stack([2 * skeleton.sigma_array * math.sqrt(2 * area), np.zeros(len(skeleton))], 1)
    truth = [person(*((x, y, 2) for x, y in points), area=area)]
    assert people_oks(truth, [found(*moved.tolist())], skeleton.sigma_array) == pytest.approx(math.exp(-1), abs=1e-12)


def test_keypoints_must_fit_the_sigmas():
    with pytest.raises(ReproError, match="keypoints"):
        people_oks([person((10, 10, 2))], [found((10, 10))], SIGMAS)
