from __future__ import annotations

import copy
import math

import numpy as np
import pytest

from repro.errors import ReproError
from repro.metrics.coco import evaluate_coco
from repro.metrics.diagnosis import diagnose
from repro.metrics.error_gains import ERRORS, corrected, error_gains, rescored
from repro.skeletons.skeleton import COCO17

AREA = 10_000.0
NOSE, LEFT, RIGHT = (COCO17.index(name) for name in ("nose", "left_wrist", "right_wrist"))


def pose(x: float = 0.0) -> np.ndarray:
    """17 joints 200 px apart from each other, farther than any similarity of .5 reaches."""
    return np.stack([x + 200.0 * np.arange(17), 300.0 * (np.arange(17) % 5)], 1)


def person(points: np.ndarray, ident: int, image: int = 1) -> dict:
    flat = np.concatenate([points, np.full((17, 1), 2.0)], 1).ravel().tolist()
    box = [*points.min(0).tolist(), *np.ptp(points, axis=0).tolist()]
    return {"id": ident, "image_id": image, "category_id": 1, "keypoints": flat, "area": AREA, "bbox": box}


def found(points: np.ndarray, score: float, image: int = 1) -> dict:
    flat = np.concatenate([points, np.ones((17, 1))], 1).ravel().tolist()
    return {"image_id": image, "category_id": 1, "keypoints": flat, "score": score}


def away(similarity: float, joint: int) -> float:
    return math.sqrt(-2 * AREA * (2 * COCO17.sigmas[joint]) ** 2 * math.log(similarity))


def moved(points: np.ndarray, joint: int, similarity: float) -> np.ndarray:
    out = points.copy()
    out[joint, 1] += away(similarity, joint)
    return out


def keypoint(one: dict, joint: int) -> np.ndarray:
    return np.array(one["keypoints"]).reshape(-1, 3)[joint, :2]


@pytest.mark.parametrize(("error", "similarity", "wanted"), [("jitter", 0.6, 0.85), ("miss", 0.2, 0.5)])
def test_a_keypoint_goes_to_the_right_of_the_true_one(error, similarity, wanted):
    people, ones = [person(pose(), 1)], [found(moved(pose(), NOSE, similarity), 0.9)]
    before = copy.deepcopy(ones)
    (exact,) = corrected(people, ones, COCO17, [error], exact=True)
    assert keypoint(exact, NOSE) == pytest.approx(pose()[NOSE] + [away(wanted, NOSE), 0])
    (code,) = corrected(people, ones, COCO17, [error])  # half as far: the fourth root of the similarity
    assert keypoint(code, NOSE) == pytest.approx(pose()[NOSE] + [away(wanted**0.25, NOSE), 0])
    others = set(range(17)) - {NOSE}
    assert all((keypoint(code, joint) == keypoint(ones[0], joint)).all() for joint in others)
    assert ones == before
    for other in {"jitter", "miss", "swap", "inversion"} - {error}:
        assert corrected(people, ones, COCO17, [other]) == ones


def test_exchanged_wrists_go_home():
    """Each lies on its counterpart, with a similarity of 1, so it goes all the way."""
    exchanged = pose()
    exchanged[[LEFT, RIGHT]] = exchanged[[RIGHT, LEFT]]
    people, ones = [person(pose(), 1)], [found(exchanged, 0.9)]
    assert diagnose(people, ones, COCO17).counts["inversion"] == 2
    (better,) = corrected(people, ones, COCO17, ["inversion"])
    assert np.array(better["keypoints"]).reshape(-1, 3)[:, :2] == pytest.approx(pose(), abs=1e-6)


def test_a_keypoint_of_another_person_goes_home():
    other = pose(5000.0)
    swapped = pose()
    swapped[NOSE] = other[NOSE]
    people = [person(pose(), 1), person(other, 2)]
    (better,) = corrected(people, [found(swapped, 0.9)], COCO17, ["swap"])
    assert keypoint(better, NOSE) == pytest.approx(pose()[NOSE], abs=1e-6)


def test_a_prediction_that_is_nobodys_stays():
    far = [found(pose(90_000.0), 0.9)]
    assert corrected([person(pose(), 1)], far, COCO17, ["miss", "jitter"]) == far


def test_scores_become_oks_and_doubles_lose():
    """The second prediction is the first again: OKS 1 with it, so its score of 1 falls to exp(-2)."""
    people = [person(pose(), 1)]
    far = found(pose(90_000.0), 0.99)
    first, again, nobody = rescored(people, [found(pose(), 0.1), found(pose(), 0.2), far], COCO17)
    assert sorted((first["score"], again["score"])) == pytest.approx([math.exp(-2), 1.0])
    assert nobody["score"] == 0.0


def gains(people: list[dict], ones: list[dict], images=(1, 2), **more) -> dict[str, dict[str, float]]:
    return error_gains(people, images, ones, COCO17, **more)


def test_gains_of_one_error_by_hand():
    """Two people, one each image: one found exactly, one with every joint at a similarity of .6, an OKS of .6.

    AP: at thresholds .5 to .6 both are found, 1; above, one of two: 51 of 101 recalls, the better-scored one being right.
    """
    shifted = pose() + [[0.0, away(0.6001, joint)] for joint in range(17)]
    people = [person(pose(), 1), person(pose(), 2, image=2)]
    ones = [found(pose(), 0.9), found(shifted, 0.8, image=2)]
    plain = (3 + 7 * 51 / 101) / 10
    assert evaluate_coco(people, [1, 2], ones, COCO17.sigma_array)["AP"] == pytest.approx(plain)
    code, paper = gains(people, ones), gains(people, ones, correction="paper")
    for one in (code, paper):
        assert one["alone"]["AP"] == one["cumulative"]["AP"] == pytest.approx(plain)
        assert one["alone"]["swap"] == one["alone"]["miss"] == one["alone"]["score"] == pytest.approx(plain)
        assert one["cumulative"]["missed"] == one["alone"]["missed"] == 1.0
    assert code["alone"]["jitter"] == pytest.approx(1.0)  # .85 to the power of 1/4 is above .95
    below = [pytest.approx((n + (10 - n) * 51 / 101) / 10) for n in (7, 8)]  # .85 is below .9 and .95, and may round below .85
    assert paper["alone"]["jitter"] in below


def test_a_false_alarm_before_the_right_one_is_the_background():
    people = [person(pose(), 1)]
    ones = [found(pose(90_000.0), 0.9), found(pose(), 0.5)]
    made = gains(people, ones, images=(1,))
    assert made["alone"]["AP"] == pytest.approx(0.5) and made["alone"]["background"] == 1.0
    assert made["alone"]["score"] == pytest.approx(1.0)  # its score falls to 0, behind the right one


def test_cumulative_gains_never_fall_and_end_at_1():
    rng = np.random.default_rng(0)
    people = [person(pose(3000.0 * i), i + 1, image=i % 2 + 1) for i in range(6)]
    noise = [rng.normal(0, 25.0, (17, 2)) for _ in range(6)]
    ones = [found(pose(3000.0 * i) + noise[i], float(rng.random()), image=i % 2 + 1) for i in range(6)]
    made = gains(people, ones)["cumulative"]
    values = [made[name] for name in ("AP", *ERRORS)]
    assert values == sorted(values) and values[-1] == 1.0 and values[0] < 0.9


def test_without_people_there_is_no_ap():
    assert math.isnan(gains([], [], images=(1,))["alone"]["AP"])


def test_another_correction_is_refused():
    with pytest.raises(ReproError, match="The correction is 'exact', expected code or paper."):
        gains([person(pose(), 1)], [], correction="exact")
