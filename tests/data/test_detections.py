"""Simulated detections: geometry by hand, shares by counting, and box AP by pycocotools on drawn people."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from repro.data.detections import (
    DETECTORS,
    SimulatedDetector,
    box_overlaps,
    closest_boxes,
    detect,
    miss_probability,
    shift_box,
)
from repro.data.drawn.load import load_people
from repro.data.persons import PersonSet, coco_annotations
from repro.errors import ReproError
from repro.metrics.coco import evaluate_coco, predictions_to_coco
from repro.skeletons.skeleton import COCO17
from repro.support import serial

PERFECT = SimulatedDetector(
    center=0, size=0, missed=0, hidden=0, small=0, duplicates=0, false_positives=0, score_noise=0
)


class Blank:
    """Images of 200 x 100 px that nobody reads; ids from 10."""

    def __init__(self, count: int) -> None:
        self.ids = np.arange(10, 10 + count)
        self.sizes = np.tile((200, 100), (count, 1))

    def read(self, index: int) -> np.ndarray:
        raise AssertionError("detecting needs no pixels")


def row_of_persons(images: int, each: int = 2, visible: int = 17) -> PersonSet:
    """``each`` persons of 20 x 50 px side by side in each image, ``visible`` of their keypoints seen, the rest hidden."""
    n = images * each
    left = np.tile(np.arange(each) * 40.0 + 10, images)
    boxes = np.stack([left, np.full(n, 20.0), np.full(n, 20.0), np.full(n, 50.0)], axis=1)
    persons = PersonSet(
        skeleton=COCO17,
        images=Blank(images),
        image_index=np.repeat(np.arange(images), each),
        person_ids=np.arange(1, n + 1),
        keypoints=boxes[:, None, :2] + np.linspace(0, 1, 17)[:, None] * boxes[:, None, 2:],
        visibility=np.tile(np.where(np.arange(17) < visible, 2, 1), (n, 1)).astype(np.int8),
        boxes=boxes,
        areas=np.full(n, 500.0),
        scores=np.ones(n),
        head_sizes=np.full(n, 10.0),
        annotations=(),
    )
    return replace(persons, annotations=coco_annotations(persons))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> PersonSet:
    """120 drawn people."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRO_CACHE", str(tmp_path_factory.mktemp("cache")))
        return load_people("val", "coco17", limit=120, size=(48, 64))


def box_ap(truth: PersonSet, found: PersonSet) -> float:
    """COCO's box AP, by pycocotools."""
    fields = ("id", "image_id", "category_id", "iscrowd", "bbox", "area")
    coco = COCO()
    coco.dataset = {
        "images": [{"id": int(i)} for i in truth.images.ids],
        "categories": [{"id": 1}],
        "annotations": [{f: a[f] for f in fields} for a in truth.annotations],
    }
    columns = zip(found.image_ids.tolist(), found.boxes.tolist(), found.scores.tolist(), strict=True)
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        results = coco.loadRes([{"image_id": i, "category_id": 1, "bbox": b, "score": s} for i, b, s in columns])
        evaluation = COCOeval(coco, results, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


def test_a_perfect_detector_finds_the_ground_truth():
    persons = row_of_persons(3)
    found = detect(persons, PERFECT)
    np.testing.assert_allclose(found.boxes, persons.boxes, atol=1e-12)
    assert found.image_ids.tolist() == persons.image_ids.tolist()
    assert found.scores.tolist() == [0.999] * 6  # an intersection over union of 1, below the highest score
    assert box_ap(persons, found) == pytest.approx(1.0)


def test_detections_have_the_form_of_those_of_a_file():
    persons = row_of_persons(5)
    found = detect(persons, replace(PERFECT, false_positives=3.0, duplicates=0.5, center=0.1, score_noise=0.1))
    n = len(found)
    assert n > 10
    assert found.person_ids.tolist() == list(range(1, n + 1))
    assert not found.visibility.any() and not found.keypoints.any() and np.isnan(found.head_sizes).all()
    np.testing.assert_allclose(found.areas, found.boxes[:, 2] * found.boxes[:, 3])
    assert (np.diff(found.image_index) >= 0).all()
    same = np.diff(found.image_index) == 0
    assert (np.diff(found.scores)[same] <= 0).all()
    assert found.annotations is persons.annotations and found.images is persons.images


@pytest.mark.parametrize("order", [slice(None, None, -1), [3, 0, 5, 1, 2, 4]])
def test_the_order_of_the_persons_does_not_matter(order):
    persons, settings = row_of_persons(3), SimulatedDetector(missed=0.2, false_positives=2.0, duplicates=0.5)
    assert detect(persons.take(np.arange(6)[order]), settings).fingerprint() == detect(persons, settings).fingerprint()


def test_the_boxes_of_a_person_do_not_depend_on_the_others():
    persons, settings = row_of_persons(4, each=1), SimulatedDetector(missed=0.2)
    together = {tuple(b) for b in detect(persons, settings).boxes.tolist()}
    assert all(
        tuple(b) in together for n in range(4) for b in detect(persons.take(np.array([n])), settings).boxes.tolist()
    )


def test_the_same_settings_give_the_same_boxes_and_others_give_others():
    persons, one = row_of_persons(6), SimulatedDetector()
    assert detect(persons, one).fingerprint() == one(persons).fingerprint()
    assert detect(persons, one).fingerprint() != detect(persons, replace(one, seed=1)).fingerprint()
    assert detect(persons, one).fingerprint() != detect(persons, replace(one, size=0.05)).fingerprint()


def test_deviations_are_those_of_the_settings():
    persons = row_of_persons(1500)
    truth = replace(persons, boxes=persons.boxes * [1, 1, 0.2, 0.2] + [10, 10, 0, 0])  # far from the borders
    found = detect(
        truth, replace(PERFECT, center=0.1, size=0.2, spread=0.0)
    ).boxes  # ordered by score, not as the truth
    near = truth.boxes[:2]  # two places, the same in all images
    place = (found[:, 0] + found[:, 2] / 2 > 40).astype(int)
    size = near[place, 2:]
    shift = (found[:, :2] + found[:, 2:] / 2 - near[place, :2] - size / 2) / size
    assert len(found) == 3000
    np.testing.assert_allclose(shift.std(axis=0), 0.1, rtol=0.06)
    np.testing.assert_allclose(np.log(found[:, 2:] / size).std(axis=0), 0.2, rtol=0.06)
    np.testing.assert_allclose([shift.mean(), np.log(found[:, 2:] / size).mean()], 0, atol=0.015)


@pytest.mark.parametrize(("visible", "probability"), [(17, 0.1), (0, 0.4)])
def test_more_persons_are_missed_when_hidden(visible, probability):
    found = detect(row_of_persons(1000, visible=visible), replace(PERFECT, missed=0.1, hidden=0.3))
    assert 1 - len(found) / 2000 == pytest.approx(probability, abs=4 * np.sqrt(probability * (1 - probability) / 2000))


def test_the_probability_to_be_missed():
    settings = SimulatedDetector(missed=0.03, hidden=0.2, small=0.5, small_below=0.1)
    assert miss_probability(settings, visible=1.0, relative_size=0.1) == pytest.approx(0.03)
    assert miss_probability(settings, visible=0.5, relative_size=0.3) == pytest.approx(0.03 + 0.1)
    assert miss_probability(settings, visible=1.0, relative_size=0.02) == pytest.approx(0.03 + 0.5 * 0.8)
    assert miss_probability(replace(settings, missed=1.0), visible=0.0, relative_size=0.0) == 1.0
    assert miss_probability(replace(settings, small_below=0.0), visible=1.0, relative_size=0.0) == pytest.approx(0.03)


def test_duplicates_and_false_boxes_come_as_often_as_told():
    persons = row_of_persons(1000)
    doubled = detect(persons, replace(PERFECT, duplicates=0.3))
    assert len(doubled) / 2000 == pytest.approx(1.3, abs=4 * np.sqrt(0.3 * 0.7 / 2000))
    assert set(doubled.scores.tolist()) == {0.999, 0.5}
    false = detect(persons, replace(PERFECT, false_positives=0.5))
    assert len(false) / 1000 - 2 == pytest.approx(0.5, abs=4 * np.sqrt(0.5 / 1000))


def test_false_boxes_lie_on_nobody():
    persons = row_of_persons(100)
    found = detect(persons, replace(PERFECT, missed=1.0, false_positives=3.0, most_overlap=0.1))
    assert len(found) > 200
    for index in range(100):
        own = found.boxes[found.image_index == index]
        assert box_overlaps(own, persons.boxes[persons.image_index == index]).max(initial=0) <= 0.1
    assert found.scores.tolist() == [0.4] * len(found)


def test_false_boxes_avoid_persons_who_are_annotated_but_not_in_the_set():
    persons = row_of_persons(100)
    found = detect(persons.take(np.arange(0)), replace(PERFECT, false_positives=3.0, most_overlap=0.0))
    assert len(found) > 200
    assert not box_overlaps(found.boxes, persons.boxes[:2]).any()  # the same two places in all images


def test_images_without_annotations_get_false_boxes_too():
    persons = replace(row_of_persons(50), annotations=())
    found = detect(persons.take(np.arange(0)), replace(PERFECT, false_positives=2.0))
    assert len(found) > 50
    assert (found.boxes[:, 2] < 0.5 * 200 * 1.5).all()


def test_scores_tell_good_boxes_from_bad_ones():
    persons = row_of_persons(400, each=1)
    found = detect(persons, replace(SimulatedDetector(), missed=0, duplicates=0, false_positives=0))
    overlaps = box_overlaps(found.boxes, persons.boxes[:1])[:, 0]
    assert 0.3 < np.corrcoef(overlaps, found.scores)[0, 1] < 0.9


def test_missed_persons_lower_recall_in_the_evaluation_of_keypoints():
    persons = row_of_persons(200, each=1)
    found = detect(persons, replace(PERFECT, missed=0.3))
    truth = np.tile(persons.keypoints[0], (len(found), 1, 1))
    results = predictions_to_coco(found.image_ids, truth, np.ones((len(found), 17)), found.scores)
    figures = evaluate_coco(found.annotations, found.images.ids, results, COCO17.sigma_array)
    assert figures["AR"] == pytest.approx(len(found) / 200) and figures["AR"] < 0.8


@pytest.mark.parametrize(("name", "printed"), [("detector-56", 0.564), ("detector-65", 0.651)])
def test_box_ap_on_drawn_people_is_about_that_of_the_papers_detectors(drawn, name, printed):
    several = [box_ap(drawn, detect(drawn, replace(DETECTORS[name], seed=seed))) for seed in range(4)]
    assert np.mean(several) == pytest.approx(printed, abs=0.035)


def test_settings_are_identified_by_their_fields():
    assert serial.to_plain(SimulatedDetector()) == {"type": "SimulatedDetector"}
    settings = DETECTORS["detector-65"]
    assert serial.from_plain(SimulatedDetector, serial.to_plain(settings)) == settings
    assert serial.digest(settings) != serial.digest(replace(settings, seed=1))


@pytest.mark.parametrize(
    ("field", "value"),
    [("center", -0.1), ("missed", 1.2), ("duplicates", -1), ("false_score", 1.1), ("size", float("nan"))],
)
def test_impossible_settings_are_refused(field, value):
    with pytest.raises(ReproError, match=f"SimulatedDetector.{field} is {value}"):
        SimulatedDetector(**{field: value})


def test_shift_by_hand():
    box, image = np.array([10.0, 20.0, 20.0, 40.0]), np.array([100, 70])
    # The centre (20, 40) moves by (0.5 * 20, -0.25 * 40) to (30, 30); twice the width, half the height.
    np.testing.assert_allclose(shift_box(box, np.array([0.5, -0.25, np.log(2), np.log(0.5)]), image), [10, 20, 40, 20])
    # Half a height lower the box would end at 80, below the image.
    np.testing.assert_allclose(shift_box(box, np.array([0, 0.5, 0, 0]), image), [10, 40, 20, 30])


coordinate = st.floats(-50, 50, allow_nan=False)
length = st.floats(0.5, 60, allow_nan=False)
boxes_of_two = st.lists(st.tuples(coordinate, coordinate, length, length), min_size=2, max_size=2)


@given(boxes_of_two)
def test_overlaps_are_those_of_pycocotools(pair):
    a, b = np.array(pair[:1]), np.array(pair[1:])
    np.testing.assert_allclose(box_overlaps(a, b), mask.iou(a, b, [0]), atol=1e-9)


@given(boxes_of_two, st.lists(st.floats(-1, 1), min_size=4, max_size=4))
def test_shifted_boxes_stay_in_the_image(pair, by):
    box = shift_box(np.array(pair[0]), np.array(by), np.array([40.0, 30.0]))
    assert (box >= 0).all() and (box[:2] + box[2:] <= np.array([40, 30]) + 1e-9).all()


def test_overlap_of_empty_boxes_is_none():
    assert box_overlaps(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [[0.0]]


def test_the_closest_box_of_each_person_is_found_in_its_own_image() -> None:
    persons = row_of_persons(images=3)  # boxes of 20 x 50 px at x = 10 and 50
    found = persons.take(
        np.array([1, 0, 2, 1])
    )  # of image 0 the second, the first; the first of image 1; the second again
    boxes = found.boxes.copy()
    boxes[0, 0] += 10  # half as wide an overlap: 10 of 30 px, a third
    boxes[2, 0] += 14  # 6 of 34 px, less than 0.3
    found = replace(found, boxes=boxes)
    assert closest_boxes(persons, found).tolist() == [1, 3, -1, -1, -1, -1]
    assert closest_boxes(persons, found.take(np.array([0, 1, 2]))).tolist() == [1, 0, -1, -1, -1, -1]
    assert closest_boxes(persons, found.take(np.zeros(0, dtype=int))).tolist() == 6 * [-1]
