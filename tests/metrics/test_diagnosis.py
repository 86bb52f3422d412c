from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.metrics.diagnosis import CLASSES, classify, diagnose, keypoint_similarities, match
from repro.skeletons.skeleton import COCO17

PROPERTY = settings(derandomize=True, deadline=None, max_examples=30)
AREA = 10_000.0
LEFT, RIGHT = COCO17.index("left_wrist"), COCO17.index("right_wrist")


def away(similarity: float, joint: int = LEFT) -> float:
    """The distance in px at which a joint of a person of 10^4 px^2 has this similarity."""
    return math.sqrt(-2 * AREA * (2 * COCO17.sigmas[joint]) ** 2 * math.log(similarity))


def pose(x: float = 0.0) -> np.ndarray:
    """17 joints 200 px apart from each other, farther than any similarity of .5 reaches."""
    return np.stack([x + 200.0 * np.arange(17), 300.0 * (np.arange(17) % 5)], 1)


def annotation(points: np.ndarray, ident: int = 1, image: int = 1, visible=None, **more) -> dict:
    visible = np.full(17, 2) if visible is None else visible
    flat = np.concatenate([points, np.asarray(visible)[:, None]], 1).ravel().tolist()
    return {
        "id": ident,
        "image_id": image,
        "keypoints": flat,
        "area": AREA,
        "num_keypoints": int((visible > 0).sum()),
        **more,
    }


def prediction(points: np.ndarray, image: int = 1, score: float = 0.9) -> dict:
    return {
        "image_id": image,
        "keypoints": np.concatenate([points, np.ones((17, 1))], 1).ravel().tolist(),
        "score": score,
    }


def counts(truth: list[np.ndarray], detected: np.ndarray, **more) -> dict[str, int]:
    """Of one detection of the first person; the others are there but not found."""
    people = [annotation(t, i + 1) for i, t in enumerate(truth)]
    return {k: v for k, v in diagnose(people, [prediction(detected)], COCO17, **more).counts.items() if v}


def test_the_truth_is_good():
    assert counts([pose()], pose()) == {"good": 17}


@pytest.mark.parametrize("similarity, kind", [(0.86, "good"), (0.84, "jitter"), (0.51, "jitter"), (0.49, "miss")])
def test_distances(similarity, kind):
    detected = pose()
    detected[LEFT, 1] += away(similarity)
    expected = {"good": 16, kind: 1} if kind != "good" else {"good": 17}
    assert counts([pose()], detected) == expected


def test_an_inversion_is_the_other_side_of_the_same_person():
    detected = pose()
    detected[LEFT] = pose()[RIGHT]
    assert counts([pose()], detected) == {"good": 16, "inversion": 1}


@pytest.mark.parametrize("joint", [LEFT, RIGHT])
def test_a_swap_is_either_side_of_another_person(joint):
    detected = pose()
    detected[LEFT] = pose(7777)[joint]
    assert counts([pose(), pose(7777)], detected) == {"good": 16, "swap": 1}
    assert counts([pose()], detected) == {"good": 16, "miss": 1}


def test_another_joint_of_another_person_is_a_miss():
    detected = pose()
    detected[LEFT] = pose(7777)[COCO17.index("nose")]
    assert counts([pose(), pose(7777)], detected) == {"good": 16, "miss": 1}


def test_a_central_joint_cannot_be_inverted():
    detected = pose()
    nose = COCO17.index("nose")
    detected[nose, 1] += away(0.6, nose)
    assert counts([pose()], detected) == {"good": 16, "jitter": 1}


def test_unlabelled_joints_do_not_count_nor_attract():
    """Without label the right wrist attracts no inversion: the left one, put there, is a miss."""
    visible = np.full(17, 2)
    visible[RIGHT] = 0
    detected = pose()
    detected[LEFT] = pose()[RIGHT]
    result = diagnose([annotation(pose(), visible=visible)], [prediction(detected)], COCO17)
    assert result.counts == {"good": 15, "jitter": 0, "inversion": 0, "swap": 0, "miss": 1}


def test_shares_are_of_matched_people():
    """Two people, one found with a jitter and a miss: 15, 1 and 1 of 17. A false alarm changes nothing."""
    detected = pose()
    detected[LEFT, 1] += away(0.7)
    detected[RIGHT, 1] += 100
    people = [annotation(pose(), 1), annotation(pose(7777), 2), annotation(pose(), 3, image=2)]
    result = diagnose(people, [prediction(detected), prediction(pose(50_000), score=0.99)], COCO17)
    assert (result.people, result.matched) == (3, 1)
    assert result.shares == pytest.approx(
        {"good": 15 / 17, "jitter": 1 / 17, "inversion": 0, "swap": 0, "miss": 1 / 17}
    )
    assert all(math.isnan(s) for s in diagnose(people, [], COCO17).shares.values())


@pytest.mark.parametrize("change", [{"iscrowd": 1}, {"area": 1000.0}, {"num_keypoints": 0}])
def test_people_that_take_no_part(change):
    result = diagnose([annotation(pose(), **change)], [prediction(pose())], COCO17)
    assert (result.people, result.matched, sum(result.counts.values())) == (0, 0, 0)


def test_matching_is_greedy_by_score():
    """The first detection takes its best person, the second what is left, below .1 nothing; ignored people come last."""
    similarity = np.array([[0.6, 0.7, 0.9], [0.5, 0.8, 0.95], [0.05, 0.2, 0.2]])
    assert match(similarity, np.array([True, True, False])).tolist() == [1, 0, 2]
    assert match(np.array([[0.09, 0.05]]), np.ones(2, bool)).tolist() == [-1]
    assert match(np.array([[0.5, 0.5]]), np.ones(2, bool)).tolist() == [1]


def test_only_the_best_predictions_take_part():
    many = [prediction(pose(90_000), score=0.9)] * 20 + [prediction(pose(), score=0.1)]
    assert diagnose([annotation(pose())], many, COCO17).matched == 0
    assert diagnose([annotation(pose())], many, COCO17, max_detections=21).matched == 1


def test_the_persons_own_area_decides():
    """The neighbour is four times as large: at the same distance its similarity is the fourth root, and wins."""
    own, other = pose(), pose()
    step = away(0.6)
    other[LEFT, 1] += 2 * step
    other[[i for i in range(17) if i != LEFT]] += 50_000
    detected = pose()
    detected[LEFT, 1] += step
    people = [annotation(own, 1), annotation(other, 2, area=4 * AREA)]
    assert diagnose(people, [prediction(detected)], COCO17).counts["swap"] == 1
    people[1]["area"] = AREA
    assert diagnose(people, [prediction(detected)], COCO17).counts["jitter"] == 1


@PROPERTY
@given(seed=st.integers(0, 10**6), people=st.integers(1, 4))
def test_classes_by_the_definition(seed, people):
    """Written out joint by joint for random poses close together."""
    rng = np.random.default_rng(seed)
    truth, areas = rng.uniform(0, 60, (people, 17, 2)), rng.uniform(1100, 9000, people)
    labelled, detected = rng.random((people, 17)) < 0.8, rng.uniform(0, 60, (17, 2))
    own = int(rng.integers(people))
    kinds = classify(keypoint_similarities(detected, own, truth, labelled, areas, COCO17))
    for joint in range(17):
        best, kind = -1.0, None
        for rank, person in enumerate([own, *(p for p in range(people) if p != own)]):
            for other in (joint, COCO17.flip_permutation[joint]):
                if not labelled[person, other]:
                    continue
                square = ((detected[joint] - truth[person, other]) ** 2).sum()
                value = math.exp(-square / (2 * areas[person] * (2 * COCO17.sigmas[joint]) ** 2))
                if value > best:
                    best, kind = value, ("own" if other == joint else "inversion") if rank == 0 else "swap"
        if best < 0.5:
            expected = "miss"
        elif kind == "own":
            expected = "good" if best > 0.85 else "jitter"
        else:
            expected = kind
        assert CLASSES[kinds[joint]] == expected
