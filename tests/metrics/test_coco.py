from __future__ import annotations

import copy
import json
import math
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from repro.data.persons import PersonSet, coco_annotations
from repro.errors import ReproError
from repro.metrics.coco import evaluate_coco, matched_oks, mean_oks, predictions_to_coco
from repro.skeletons.skeleton import COCO17, CROWDPOSE14

NAMES = ("AP", "AP50", "AP75", "AP_M", "AP_L", "AR", "AR50", "AR75", "AR_M", "AR_L")

# Most tests use one keypoint of sigma .5, so that (2 sigma)^2 = 1, and an area of 5000 px^2, which is medium (32^2 to
# 96^2): OKS = exp(-d^2 / 10^4).
DOT = [0.5]


NEAR = 1e-12  # COCOeval divides by 1 + np.spacing(1), so that a precision of 1 is 1 to the last digit


def person(x: float, image: int = 1, ident: int = 7, **more) -> dict:
    """The annotation of a person whose only keypoint is at (x, 50)."""
    fields = {"id": ident, "image_id": image, "category_id": 1, "keypoints": [x, 50, 2], "area": 5000.0}
    return {**fields, "bbox": [x - 25, 0, 50, 100], "iscrowd": 0, "num_keypoints": 1, **more}


def found(x: float, score: float, image: int = 1, **more) -> dict:
    """A prediction at (x, 50)."""
    return {"image_id": image, "category_id": 1, "keypoints": [x, 50, 1], "score": score, **more}


def test_truth_as_prediction_is_perfect():
    stats = evaluate_coco([person(0), person(500, ident=8, area=2e4)], [1], [found(0, 0.9), found(500, 0.8)], DOT)
    assert tuple(stats) == NAMES
    assert stats == pytest.approx(dict.fromkeys(NAMES, 1.0), abs=NEAR)


def test_a_missed_person_halves_recall():
    # Precision is 1 up to recall .5, which are 51 of the 101 recalls.
    stats = evaluate_coco([person(0), person(500, ident=8)], [1], [found(0, 0.9)], DOT)
    assert stats["AP"] == pytest.approx(51 / 101, abs=NEAR)
    assert stats["AR"] == stats["AR50"] == 0.5


def test_a_false_alarm_costs_only_when_it_scores_higher():
    assert evaluate_coco([person(0)], [1], [found(900, 0.9), found(0, 0.8)], DOT)["AP"] == pytest.approx(0.5, abs=NEAR)
    assert evaluate_coco([person(0)], [1], [found(900, 0.7), found(0, 0.8)], DOT)["AP"] == pytest.approx(1, abs=NEAR)


def test_a_false_alarm_in_an_image_without_persons_counts():
    truth, predictions = [person(0)], [found(0, 0.8), found(0, 0.9, image=2)]
    assert evaluate_coco(truth, [1, 2], predictions, DOT)["AP"] == pytest.approx(0.5, abs=NEAR)


def test_the_ten_thresholds():
    # d = 100 sqrt(-ln .72) makes OKS .72: found at .5, .55, .6, .65, .7, and not at .75 to .95.
    stats = evaluate_coco([person(0)], [1], [found(100 * math.sqrt(-math.log(0.72)), 0.9)], DOT)
    assert [stats["AP"], stats["AR"]] == pytest.approx([0.5, 0.5], abs=NEAR)
    assert [stats[k] for k in ("AP50", "AP75", "AR50", "AR75")] == pytest.approx([1, 0, 1, 0], abs=NEAR)


def test_the_sigmas_are_those_given():
    # With sigma .25, OKS is exp(-4 d^2 / 10^4): .72^4 = .27 at the distance of the test above.
    predictions = [found(100 * math.sqrt(-math.log(0.72)), 0.9)]
    assert evaluate_coco([person(0)], [1], predictions, [0.25])["AP"] == 0


def test_area_ranges():
    # 5000 is medium, 20000 large; the large person is missed.
    stats = evaluate_coco([person(0), person(500, ident=8, area=2e4)], [1], [found(0, 0.9)], DOT)
    assert [stats[k] for k in ("AP_M", "AP_L", "AR_M", "AR_L")] == pytest.approx([1, 0, 1, 0], abs=NEAR)
    alone = evaluate_coco([person(0)], [1], [found(0, 0.9)], DOT)
    assert alone["AR_M"] == 1 and math.isnan(alone["AP_L"]) and math.isnan(alone["AR_L"])


def test_area_of_a_false_alarm_is_its_extent_unless_given():
    # Two keypoints; the false alarm spans 200 x 200 px, which is large, so AP_M does not see it. Of 50 x 50 px it is
    # medium and halves the precision.
    truth = person(0, keypoints=[0, 0, 2, 50, 50, 2], num_keypoints=2)
    alarm = found(0, 0.9, keypoints=[900, 900, 1, 1100, 1100, 1])
    right = found(0, 0.8, keypoints=[0, 0, 1, 50, 50, 1])
    assert evaluate_coco([truth], [1], [alarm, right], [0.5, 0.5])["AP_M"] == pytest.approx(1, abs=NEAR)
    given = evaluate_coco([truth], [1], [alarm, right], [0.5, 0.5], areas=[2500, 2500])
    assert [given["AP_M"], given["AP"]] == pytest.approx([0.5, 0.5], abs=NEAR)
    alarm["keypoints"] = [900, 900, 1, 950, 950, 1]
    assert evaluate_coco([truth], [1], [alarm, right], [0.5, 0.5])["AP_M"] == pytest.approx(0.5, abs=NEAR)


def test_only_the_best_predictions_of_an_image_count():
    predictions = [found(800, 0.9), found(900, 0.8), found(0, 0.7)]
    assert evaluate_coco([person(0)], [1], predictions, DOT, max_detections=2)["AP"] == 0
    assert evaluate_coco([person(0)], [1], predictions, DOT, max_detections=3)["AP"] == pytest.approx(1 / 3, abs=NEAR)
    crowd = [found(900 + i, 0.9) for i in range(20)] + [found(0, 0.7)]
    assert evaluate_coco([person(0)], [1], crowd, DOT)["AP"] == 0  # the 21st


@pytest.mark.parametrize("change", [{"iscrowd": 1}, {"num_keypoints": 0}])
def test_crowds_and_persons_without_keypoints_are_ignored(change):
    # The better-scored prediction lies on the ignored person and is neither right nor wrong; one far away is wrong.
    truth, predictions = [person(0), person(500, ident=8, **change)], [found(500, 0.9), found(0, 0.8)]
    stats = evaluate_coco(truth, [1], predictions, DOT)
    assert [stats["AP"], stats["AR"]] == pytest.approx([1, 1], abs=NEAR)
    assert evaluate_coco(truth, [1], [*predictions, found(900, 0.95)], DOT)["AP"] == pytest.approx(0.5, abs=NEAR)
    assert evaluate_coco(truth, [1], predictions[1:], DOT)["AR"] == 1  # nor is the ignored person missed


def test_fields_with_a_default():
    # No iscrowd: not one. No num_keypoints: the labelled ones are counted, none for the second person.
    truth = [person(0), person(500, ident=8, keypoints=[0, 0, 0])]
    for annotation in truth:
        del annotation["iscrowd"], annotation["num_keypoints"]
    assert evaluate_coco(truth, [1], [found(0, 0.8)], DOT)["AR"] == 1


def test_ids_of_annotations_may_start_at_zero():
    # pycocotools marks "no match" by id 0 and would take this match for a false alarm.
    assert evaluate_coco([person(0, ident=0)], [1], [found(0, 0.9)], DOT)["AR"] == 1


def test_annotations_of_other_images_are_left_out():
    truth = [person(0), person(0, image=2, ident=8)]
    assert evaluate_coco(truth, [1], [found(0, 0.9)], DOT)["AR"] == 1
    assert evaluate_coco(truth, np.array([1, 2]), [found(0, 0.9)], DOT)["AR"] == 0.5


def test_without_predictions_and_without_persons():
    assert evaluate_coco([person(0, area=2e4)], [1], [], DOT)["AP"] == 0
    for truth, predictions in (([], []), ([], [found(0, 0.9)]), ([person(0, iscrowd=1)], [found(0, 0.9)])):
        stats = evaluate_coco(truth, [1], predictions, DOT)
        assert tuple(stats) == NAMES
        assert all(math.isnan(v) for v in stats.values())
    assert math.isnan(evaluate_coco([], [], [], DOT)["AP"])


def test_the_input_is_not_changed_and_nothing_is_printed(capsys):
    truth, predictions = [person(0), person(500, ident=8)], [found(0, 0.9)]
    before = copy.deepcopy((truth, predictions))
    first = evaluate_coco(truth, [1], predictions, DOT)
    assert (truth, predictions) == before
    assert evaluate_coco(truth, [1], predictions, DOT) == pytest.approx(first, nan_ok=True)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def without(record: dict, field: str) -> dict:
    return {k: v for k, v in record.items() if k != field}


GOOD = (person(0), found(0, 0.9))


@pytest.mark.parametrize(
    ("annotation", "prediction", "message"),
    [
        (person(0, keypoints=[1, 2]), GOOD[1], "Annotation 7 has keypoints of shape \\(2,\\), expected 3 numbers"),
        (person(np.nan), GOOD[1], "Annotation 7 has number 0 of its keypoints at \\(nan, 50.0\\)"),
        (person(0, area=np.nan), GOOD[1], "Annotation 7 has area nan"),
        (without(GOOD[0], "area"), GOOD[1], "Annotation 7 has no area: add the field \\(CrowdPose: 0.53"),
        (without(GOOD[0], "bbox"), GOOD[1], "Annotation 7 has no bbox"),
        (GOOD[0], found(0, 0.9, keypoints=[0] * 51), "Prediction 0 \\(image 1\\) has keypoints of shape \\(51,\\)"),
        (GOOD[0], found(np.inf, 0.9), "Prediction 0 \\(image 1\\) has number 0 of its keypoints at \\(inf, 50.0\\)"),
        (GOOD[0], found(0, np.nan), "Prediction 0 \\(image 1\\) has score nan"),
        (GOOD[0], found(0, 0.9, image=3), "Prediction 0 \\(image 3\\) has an unknown image_id"),
        (GOOD[0], found(0, 0.9, category_id=2), "Prediction 0 \\(image 1\\) has category_id 2, but .* only have 1"),
        (GOOD[0], without(GOOD[1], "score"), "Prediction 0 \\(image 1\\) has no score"),
    ],
)
def test_errors_name_record_and_field(annotation, prediction, message):
    with pytest.raises(ReproError, match=message):
        evaluate_coco([annotation], [1], [prediction], DOT)


def test_areas_must_be_one_a_prediction():
    with pytest.raises(ReproError, match="Got 2 areas for 1 predictions"):
        evaluate_coco([person(0)], [1], [found(0, 0.9)], DOT, areas=[1.0, 2.0])
    with pytest.raises(ReproError, match="has area nan"):
        evaluate_coco([person(0)], [1], [found(0, 0.9)], DOT, areas=[np.nan])


def two_persons() -> PersonSet:
    """Two persons of COCO's skeleton in two images, all keypoints labelled; their areas are 10,000 px^2."""
    xy = np.random.default_rng(0).uniform(0, 100, (2, 17, 2))
    columns = {
        "images": SimpleNamespace(ids=np.array([10, 20])),
        "image_index": np.array([0, 1]),
        "person_ids": np.array([0, 1]),
        "keypoints": xy,
        "visibility": np.full((2, 17), 2, dtype=np.int8),
        "boxes": np.array([[0.0, 0.0, 100.0, 100.0]] * 2),
        "areas": np.full(2, 1e4),
        "scores": np.ones(2),
        "head_sizes": np.full(2, np.nan),
    }
    return PersonSet(skeleton=COCO17, annotations=(), **columns)


def test_matched_oks_by_hand():
    # The first is exact. The second's nose is off by d with d^2 = 2 * 10^4 * (2 * .026)^2, so its similarity is 1/e.
    persons = two_persons()
    predicted = persons.keypoints.copy()
    predicted[1, 0, 0] += math.sqrt(2e4 * 0.052**2)
    expected = [1.0, (16 + math.exp(-1)) / 17]
    np.testing.assert_allclose(matched_oks(persons, predicted), expected, rtol=1e-12)
    assert mean_oks(persons, predicted) == pytest.approx(sum(expected) / 2, abs=NEAR)


def test_mean_oks_leaves_out_persons_without_labels():
    persons = two_persons()
    predicted = persons.keypoints.copy()
    predicted[1] += 1000
    persons.visibility[1] = 0
    np.testing.assert_array_equal(matched_oks(persons, predicted), [1.0, np.nan])
    assert mean_oks(persons, predicted) == 1.0
    persons.visibility[:] = 0
    assert math.isnan(mean_oks(persons, predicted))


def test_matched_oks_wants_one_prediction_a_person():
    with pytest.raises(ReproError, match="shape \\(1, 17, 2\\), the persons' keypoints \\(2, 17, 2\\)"):
        matched_oks(two_persons(), np.zeros((1, 17, 2)))


def test_predictions_survive_json_and_evaluate():
    persons = two_persons()
    predictions = predictions_to_coco(
        persons.image_ids, persons.keypoints.astype(np.float32), np.full((2, 17), 0.5, dtype=np.float32), np.ones(2)
    )
    assert json.loads(json.dumps(predictions)) == predictions
    assert predictions[1]["image_id"] == 20 and predictions[1]["category_id"] == 1
    assert predictions[0]["keypoints"][:3] == [*persons.keypoints[0, 0].astype(np.float32).tolist(), 0.5]
    stats = evaluate_coco(coco_annotations(persons), [10, 20], predictions, COCO17.sigma_array)
    assert [stats["AP"], stats["AP_L"]] == pytest.approx([1, 1], abs=NEAR)  # 10,000 px^2 is above 96^2


@pytest.mark.parametrize("change", [{"image_ids": [1]}, {"scores": [1.0]}, {"keypoint_scores": np.ones((2, 4))}])
def test_predictions_of_unequal_lengths_are_refused(change):
    arrays = {
        "image_ids": [1, 2],
        "keypoints": np.zeros((2, 3, 2)),
        "keypoint_scores": np.ones((2, 3)),
        "scores": [1, 1],
    }
    with pytest.raises(ReproError, match="expected N, N, \\(N, K, 2\\) and \\(N, K\\)"):
        predictions_to_coco(**{**arrays, **change})


def samples(path: str) -> object:
    """A JSON file of the real samples."""
    root = os.environ.get("REPRO_SAMPLES")
    if not root:
        pytest.skip("REPRO_SAMPLES is not set: it names the folder of real samples.")
    file = Path(root) / path
    if not file.exists():
        pytest.skip(f"{path} is not in the folder that REPRO_SAMPLES names.")
    return json.loads(file.read_text())


def extent(keypoints: list[float]) -> float:
    points = np.array(keypoints).reshape(-1, 3)
    return float(np.prod(np.ptp(points[:, :2], axis=0)))


def test_official_whole_body_example_body():
    # Expected: the official COCO-WholeBody evaluation of its own example, body row. It sorts by `score` here, by the
    # part's own score for the parts.
    truth, predictions = (samples(f"samples/wholebody_eval/example_{kind}.json") for kind in ("gt", "pred"))
    stats = evaluate_coco(truth["annotations"], [i["id"] for i in truth["images"]], predictions, COCO17.sigma_array)
    expected = (0.853922, 1.0, 0.935231, 0.776544, 0.922774, 0.895833, 1.0, 0.958333, 0.827273, 0.953846)
    assert tuple(stats.values()) == pytest.approx(expected, abs=6e-7)


def test_official_whole_body_example_feet():
    # A part: its keypoints and sigmas, the person's area, predictions that have the part, with the extent of the body.
    truth, predictions = (samples(f"samples/wholebody_eval/example_{kind}.json") for kind in ("gt", "pred"))
    persons = [
        {**a, "keypoints": a["foot_kpts"], "num_keypoints": sum(v > 0 for v in a["foot_kpts"][2::3])}
        for a in truth["annotations"]
    ]
    kept = [p for p in predictions if any(v > 0 for v in p["foot_kpts"][2::3])]
    stats = evaluate_coco(
        persons,
        [i["id"] for i in truth["images"]],
        [{**p, "keypoints": p["foot_kpts"], "score": p["foot_score"]} for p in kept],
        [0.068, 0.066, 0.066, 0.092, 0.094, 0.094],
        areas=[extent(p["keypoints"]) for p in kept],
    )
    expected = (0.969637, 1.0, 1.0, 0.957426, 0.979134, 0.975, 1.0, 1.0, 0.957143, 0.988889)
    assert tuple(stats.values()) == pytest.approx(expected, abs=6e-7)


def test_truth_of_crowdpose_as_prediction_is_perfect():
    # The official evaluation takes .53 * width * height of the box for the area. AP_M and AP_L may fall short of 1 by
    # persons that are annotated twice: where one of the two boxes is out of the range, its prediction, which then is
    # not wrong, takes the other's place. In image 100918 it does so at OKS .986.
    data = samples("crowdpose/annotations/crowdpose_val.json")
    images = [i["id"] for i in data["images"]]
    truth = [{**a, "area": 0.53 * a["bbox"][2] * a["bbox"][3]} for a in data["annotations"]]
    counted = [a for a in truth if a["num_keypoints"] > 0 and not a["iscrowd"]]
    assert (len(truth), len(counted)) == (8527, 7074)  # 1453 have no keypoint that counts
    predictions = [{k: a[k] for k in ("image_id", "category_id", "keypoints")} | {"score": 1.0} for a in counted]
    stats = evaluate_coco(truth, images, predictions, CROWDPOSE14.sigma_array)
    assert {k: v for k, v in stats.items() if v < 1}.keys() <= {"AP_M", "AP_L"}
    assert min(stats.values()) > 0.999


@pytest.mark.parametrize(
    "change",
    [
        {"image_id": "1"},
        {"image_id": None},
        {"category_id": "1"},
        {"area": "100"},
        {"area": None},
        {"bbox": ["0", "0", "9", "9"]},
        {"bbox": [0, 0, 9]},
        {"keypoints": ["0", "0", "2"]},
        {"keypoints": [0, 0, True]},
        {"keypoints": [10**400, 0, 2]},
        {"keypoints": None},
        {"num_keypoints": "1"},
        {"iscrowd": "0"},
    ],
)
def test_what_is_no_number_is_refused_by_its_field(change):
    (field,) = change
    with pytest.raises(ReproError, match=f"Annotation .* has {field} ") as caught:
        evaluate_coco([person(0, **change)], [1], [found(0, 0.9)], DOT)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [{"num_keypoints": None}, {"iscrowd": None}])
def test_null_is_as_good_as_missing(change):
    assert evaluate_coco([person(0, **change)], [1], [found(0, 0.9)], DOT)["AP"] == pytest.approx(1, abs=NEAR)


@pytest.mark.parametrize(("field", "value"), [("image_id", "1"), ("score", "0.9"), ("keypoints", ["0", 0, 1])])
def test_predictions_are_numbers_too(field, value):
    with pytest.raises(ReproError, match=f"has {field} "):
        evaluate_coco([person(0)], [1], [{**found(0, 0.9), field: value}], DOT)
