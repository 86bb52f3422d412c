from __future__ import annotations

import copy
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from repro.data.persons import PersonSet
from repro.data.sets.coco_wholebody import joined_keypoints
from repro.errors import ReproError
from repro.metrics.coco import STATISTICS, mean_oks, predictions_to_coco
from repro.metrics.whole_body import evaluate_whole_body, part_oks
from repro.skeletons.skeleton import COCO17, Skeleton

NAMES = tuple(name for name, *_ in STATISTICS)
NEAR = 1e-12  # COCOeval divides by 1 + np.spacing(1)

# A body of two keypoints, one for the foot and one a hand. Sigma .5 makes (2 sigma)^2 = 1: at an area of 5000 px^2, which is
# medium (32^2 to 96^2), OKS = exp(-d^2 / 10^4).
SMALL = Skeleton(
    name="small",
    keypoints=("head", "hip", "toe", "left_hand", "right_hand"),
    sigmas=(0.5,) * 5,
    links=(),
    upper_body=("head",),
    parts=(
        ("body", ("head", "hip")), ("foot", ("toe",)), ("lefthand", ("left_hand",)), ("righthand", ("right_hand",)),
    ),
)  # fmt: skip
POINTS = ((0, 0), (60, 70), (60, 140), (0, 90), (90, 90))


def pose(x: float, *labels: float) -> list[float]:
    """Keypoints of the small skeleton moved by x, with a third number each."""
    return [n for (px, py), v in zip(POINTS, labels or (2,) * 5, strict=True) for n in (px + x, py, v)]


def person(x: float, *labels: float, **more) -> dict:
    fields = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": pose(x, *labels), "area": 5000.0, "iscrowd": 0}
    return {**fields, "bbox": [x, 0, 90, 140], **more}


def found(x: float, score: float, *labels: float, **more) -> dict:
    return {"image_id": 1, "category_id": 1, "keypoints": pose(x, *labels), "score": score, **more}


def evaluated(truth: list[dict], predictions: list[dict], **more) -> dict[str, float]:
    return evaluate_whole_body(truth, [1], predictions, skeleton=SMALL, **more)


def test_truth_as_prediction_is_perfect_in_every_part():
    figures = evaluated([person(0), person(500)], [found(0, 0.9), found(500, 0.8)])
    expected = {f"{p}_{n}" for p in ("body", "foot", "lefthand", "righthand", "hand", "whole") for n in NAMES}
    assert set(figures) == expected
    large = {n for n in expected if n.endswith("_L")}
    assert all(math.isnan(figures[n]) for n in large)
    assert [figures[n] for n in expected - large] == pytest.approx([1] * len(expected - large), abs=NEAR)


def test_the_hand_is_the_mean_of_both():
    # OKS of the left hand .72: found at .5 to .7, five of the ten thresholds. The whole body: (4 + .72) / 5 = .944, nine.
    prediction = found(0, 0.9)
    prediction["keypoints"][9] += 100 * math.sqrt(-math.log(0.72))
    figures = evaluated([person(0)], [prediction])
    got = [figures[f"{part}_AP"] for part in ("body", "foot", "lefthand", "righthand", "hand", "whole")]
    assert got == pytest.approx([1, 1, 0.5, 1, 0.75, 0.9], abs=NEAR)


def test_a_person_counts_where_a_keypoint_of_the_part_is_labelled():
    # The second person has no foot; num_keypoints of the file is not read. Neither is missed there, and no foot is wrong.
    truth = [person(0, num_keypoints=0), person(500, 2, 2, 0, 2, 0.3, num_keypoints=0)]
    figures = evaluated(truth, [found(0, 0.8)])
    assert [figures[f"{p}_AR"] for p in ("body", "foot", "righthand")] == pytest.approx([0.5, 1, 0.5], abs=NEAR)
    figures = evaluated(truth, [found(0, 0.8), found(500, 0.9)])
    assert figures["foot_AP"] == pytest.approx(1, abs=NEAR)
    nobody = evaluated([person(0, 2, 2, 0, 2, 2)], [found(0, 0.8)])
    assert math.isnan(nobody["foot_AP"]) and nobody["whole_AP"] == pytest.approx(1, abs=NEAR)


def test_crowds_are_ignored_in_every_part():
    figures = evaluated([person(0), person(500, iscrowd=1)], [found(0, 0.8), found(500, 0.9)])
    assert [figures[f"{p}_AP"] for p in ("body", "hand", "whole")] == pytest.approx([1, 1, 1], abs=NEAR)


def test_predictions_without_the_part_are_left_out():
    # A foot far off that scores higher halves the precision, unless its third number says that there is none.
    truth, right = [person(0)], found(0, 0.8)
    for label, dropped, kept in ((0, 1.0, 0.5), (-0.1, 1.0, 0.5), (0.01, 0.5, 0.5)):
        predictions = [right, found(900, 0.9, 1, 1, label, 1, 1)]
        assert evaluated(truth, predictions)["foot_AP"] == pytest.approx(dropped, abs=NEAR)
        assert evaluated(truth, predictions, drop_unseen=False)["foot_AP"] == pytest.approx(kept, abs=NEAR)
        assert evaluated(truth, predictions)["body_AP"] == pytest.approx(0.5, abs=NEAR)


def test_one_keypoint_above_zero_makes_the_part_seen():
    figures = evaluated([person(0)], [found(0, 0.8, 0, 1, 1, 1, 1), found(900, 0.9, 1, 0, 1, 1, 1)])
    assert [figures["body_AP"], figures["whole_AP"]] == pytest.approx([0.5, 0.5], abs=NEAR)


def test_parts_rank_by_their_own_score_and_the_body_by_the_persons():
    own = {"body_score": 0.1, "foot_score": 0.95, "whole_score": 0.1}
    figures = evaluated([person(0)], [found(0, 0.8, **own), found(900, 0.9)])  # the second has no score of the foot
    got = [figures[f"{p}_AP"] for p in ("foot", "lefthand", "body", "whole")]
    assert got == pytest.approx([1, 0.5, 0.5, 0.5], abs=NEAR)
    own["body_score"] = 0.95
    assert evaluated([person(0)], [found(0, 0.8, **own), found(900, 0.9)])["body_AP"] == pytest.approx(0.5, abs=NEAR)


def test_the_area_of_a_false_alarm_is_the_extent_of_its_body():
    # Its body spans 60 x 70 px, which is medium, though a foot spans nothing: it halves AP_M of the foot. With the hip at
    # (200, 200) it is large and AP_M does not see it.
    alarm = found(900, 0.9)
    assert evaluated([person(0)], [found(0, 0.8), alarm])["foot_AP_M"] == pytest.approx(0.5, abs=NEAR)
    alarm["keypoints"][3:5] = [1100, 200]
    assert evaluated([person(0)], [found(0, 0.8), alarm])["foot_AP_M"] == pytest.approx(1, abs=NEAR)


def test_without_predictions():
    figures = evaluated([person(0)], [])
    assert [figures[f"{p}_AP"] for p in ("body", "hand", "whole")] == [0, 0, 0]


def test_the_sigmas_are_those_of_the_part():
    """A shift of d px: OKS exp(-d^2 / (2 (2 sigma)^2 area)) = .72 for the nose (.026), far less for a finger tip (.021)."""
    points = np.random.default_rng(0).uniform(0, 100, (1, 133, 2))
    truth = {"id": 1, "image_id": 1, "category_id": 1, "area": 5000.0, "bbox": [0, 0, 100, 100]}
    truth["keypoints"] = np.concatenate([points, np.full((1, 133, 1), 2)], 2).ravel().tolist()
    for index, part, sigma in (
        (0, "body", 0.026),
        (111, "lefthand", 0.031),
        (132, "righthand", 0.031),
        (22, "foot", 0.094),
    ):
        labelled = np.zeros((133, 1))
        labelled[index] = 2
        alone = {**truth, "keypoints": np.concatenate([points[0], labelled], 1).ravel().tolist()}
        moved = points.copy()
        moved[0, index, 0] += math.sqrt(-math.log(0.72) * 2 * 4 * sigma**2 * 5000)
        predictions = predictions_to_coco(np.array([1]), moved, np.ones((1, 133)), np.ones(1))
        figures = evaluate_whole_body([alone], [1], predictions)
        assert [figures[f"{part}_AP"], figures["whole_AP"]] == pytest.approx([0.5, 0.5], abs=NEAR)


def test_the_input_is_not_changed():
    truth, predictions = [person(0)], [found(0, 0.8, foot_score=0.3)]
    before = copy.deepcopy((truth, predictions))
    evaluated(truth, predictions)
    assert (truth, predictions) == before


def test_what_does_not_fit_is_refused():
    with pytest.raises(ReproError, match="coco17 has no part 'body'"):
        evaluate_whole_body([], [1], [], skeleton=COCO17)
    with pytest.raises(ReproError, match=r"Annotation 0 \(image 1\) has keypoints of shape \(15,\), expected the 399"):
        evaluate_whole_body([person(0)], [1], [])
    with pytest.raises(ReproError, match=r"Prediction 0 \(image 1\) has keypoints of shape \(0,\)"):
        evaluate_whole_body([], [1], [{"image_id": 1}])
    with pytest.raises(ReproError, match="has no score"):
        evaluated([person(0)], [{k: v for k, v in found(0, 1).items() if k != "score"}])


def person_set(labels: list[tuple[int, ...]], areas: list[float]) -> PersonSet:
    """Persons of the small skeleton, all at the same place, with their visibilities."""
    n = len(labels)
    return PersonSet(
        skeleton=SMALL,
        images=None,
        image_index=np.zeros(n, dtype=np.int64),
        person_ids=np.arange(n),
        keypoints=np.tile(np.array(POINTS, dtype=float), (n, 1, 1)),
        visibility=np.array(labels, dtype=np.int8),
        boxes=np.zeros((n, 4)),
        areas=np.array(areas),
        scores=np.ones(n),
        head_sizes=np.full(n, np.nan),
        annotations=(),
    )


def test_the_oks_of_a_part_is_the_mean_over_the_persons_who_have_it():
    # (2 sigma)^2 = 1, so a keypoint d px off has the similarity exp(-d^2 / (2 a)), a of the person: with an area of 5000
    # that is .5 at d^2 = 10^4 ln 2, with one of 1250 at a quarter of it. Unlabelled keypoints lie anywhere.
    half = 100 * math.sqrt(math.log(2))
    persons = person_set([(2, 1, 2, 2, 0), (2, 2, 0, 0, 0), (0, 0, 2, 0, 2)], [5000.0, 1250.0, 1250.0])
    predicted = persons.keypoints.copy()
    predicted[0, 0] += (half, 0)  # the first head: .5; hip, toe and hand are right
    predicted[1, 1] += (0, half / 2)  # the second hip: .5
    predicted[2, 2] += (0, half / 2)  # the third toe: .5
    predicted[1, 2:] += 1e4
    figures = part_oks(persons, predicted)
    assert figures == pytest.approx(
        {
            "body_OKS": (0.75 + 0.75) / 2,
            "foot_OKS": (1 + 0.5) / 2,
            "lefthand_OKS": 1.0,
            "righthand_OKS": 1.0,
            "hand_OKS": 1.0,
            "whole_OKS": ((0.5 + 1 + 1 + 1) / 4 + (1 + 0.5) / 2 + (0.5 + 1) / 2) / 3,
        },
        abs=NEAR,
    )
    predicted[2, 4] += (0, half / 2)  # the only right hand, while the left one stays right
    figures = part_oks(persons, predicted)
    assert [figures["righthand_OKS"], figures["hand_OKS"]] == pytest.approx([0.5, 0.75], abs=NEAR)


def test_the_oks_of_the_whole_body_is_the_mean_oks():
    rng = np.random.default_rng(0)
    persons = person_set([(2, 0, 1, 2, 2), (0, 0, 0, 0, 0), (1, 1, 1, 1, 1)], [5000.0, 700.0, 900.0])
    predicted = persons.keypoints + rng.normal(0, 30, persons.keypoints.shape)
    assert part_oks(persons, predicted)["whole_OKS"] == pytest.approx(mean_oks(persons, predicted), abs=NEAR)


def test_parts_that_nobody_has_have_no_oks():
    persons = person_set([(2, 2, 2, 0, 2)], [5000.0])
    figures = part_oks(persons, persons.keypoints)
    assert math.isnan(figures["lefthand_OKS"]) and math.isnan(figures["hand_OKS"])
    assert [figures[f"{part}_OKS"] for part in ("body", "foot", "righthand", "whole")] == pytest.approx(
        [1] * 4, abs=NEAR
    )


def test_poses_of_other_persons_are_refused():
    with pytest.raises(ReproError, match="Got 0 poses for 1 persons"):
        part_oks(person_set([(2, 2, 2, 2, 2)], [5000.0]), np.zeros((0, 5, 2)))


# The official evaluation of its own example: AP, AP50, AP75, AP_M, AP_L, AR, AR50, AR75, AR_M, AR_L.
OFFICIAL = {
    "body": (0.853922, 1.0, 0.935231, 0.776544, 0.922774, 0.895833, 1.0, 0.958333, 0.827273, 0.953846),
    "foot": (0.969637, 1.0, 1.0, 0.957426, 0.979134, 0.975, 1.0, 1.0, 0.957143, 0.988889),
    "face": (0.733008, 1.0, 0.841584, 0.527723, 0.750083, 0.746154, 1.0, 0.846154, 0.7, 0.76),
    "lefthand": (0.563276, 0.816382, 0.584158, 0.764356, 0.497277, 0.575, 0.833333, 0.583333, 0.8, 0.5),
    "righthand": (0.534932, 0.662376, 0.568317, 0.826733, 0.417539, 0.561538, 0.692308, 0.615385, 0.825, 0.444444),
    "whole": (0.642076, 1.0, 0.841089, 0.67645, 0.630317, 0.704167, 1.0, 0.875, 0.745455, 0.669231),
}


@pytest.fixture(scope="module")
def example() -> tuple[list[dict], list[int], list[dict]]:
    """Annotations, images and predictions of the official example: 26 persons in five images."""
    root = os.environ.get("REPRO_SAMPLES")
    if not root:
        pytest.skip("REPRO_SAMPLES is not set: it names the folder of real samples.")
    files = [Path(root) / f"samples/wholebody_eval/example_{kind}.json" for kind in ("gt", "pred")]
    if not all(f.exists() for f in files):
        pytest.skip("samples/wholebody_eval is not in the folder that REPRO_SAMPLES names.")
    truth, predictions = (json.loads(f.read_text()) for f in files)
    joined = [[joined_keypoints(r) for r in records] for records in (truth["annotations"], predictions)]
    return joined[0], [i["id"] for i in truth["images"]], joined[1]


def test_official_example(example):
    figures = evaluate_whole_body(*example)
    for part, expected in OFFICIAL.items():
        assert [figures[f"{part}_{n}"] for n in NAMES] == pytest.approx(expected, abs=6e-7), part
    assert [figures["hand_AP"], figures["hand_AR"]] == pytest.approx([0.549104, 0.568269], abs=1e-6)


def test_official_example_without_scores_of_parts(example):
    """The official figures when all parts rank by the person's score, as MMPose's predictions do."""
    truth, images, predictions = example
    plain = [{k: v for k, v in p.items() if k == "score" or not k.endswith("_score")} for p in predictions]
    figures = evaluate_whole_body(truth, images, plain)
    expected = (0.853922, 0.957105, 0.727013, 0.548743, 0.497841, 0.642076)
    assert [figures[f"{p}_AP"] for p in OFFICIAL] == pytest.approx(expected, abs=6e-7)
