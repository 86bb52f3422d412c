from __future__ import annotations

import io
import json
import shutil
from contextlib import redirect_stdout

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from repro.data.coco_format import read_persons
from repro.data.coco_format.persons import clean_boxes
from repro.data.sets.coco import find_files
from repro.errors import ReproError
from repro.geometry import box_to_center_scale
from repro.skeletons.skeleton import CROWDPOSE14

from ..tiny_data import change_json, person, write_json


def test_boxes_are_cleaned_as_by_hrnet():
    boxes = np.array([[10, 20, 101, 301], [-5, -3, 20, 10], [630, 470, 20, 20], [700, 10, 5, 5], [3, 4, 0.5, 9]])
    expected = [[10, 20, 100, 300], [0, 0, 19, 9], [630, 470, 9, 9], [700, 10, -61, 4], [3, 4, 0, 8]]
    assert clean_boxes(boxes, np.full((5, 2), (640, 480))).tolist() == expected


def test_cleaned_box_gives_hrnets_crop():
    # The box 10, 20, 100, 300 at 192 x 256: 300 px high, so 225 wide; times 1.25 / 200.
    centers, scales = box_to_center_scale(clean_boxes(np.array([[10, 20, 101, 301]]), np.array([[640, 480]])), 0.75)
    assert centers.tolist() == [[60, 170]]
    assert scales.tolist() == [[1.40625, 1.875]]


@settings(derandomize=True, deadline=None)
@given(st.lists(st.floats(-50, 150), min_size=4, max_size=4))
def test_cleaned_box_lies_in_the_image(box):
    x, y, w, h = clean_boxes(np.array([box]), np.array([[100, 80]]))[0]
    assert x >= 0 and y >= 0
    if w >= 0 and h >= 0:
        assert x + w <= 99 and y + h <= 79


def test_persons_follow_the_images_of_the_file(coco_root):
    persons = read_persons(*find_files(coco_root, "train"))
    assert persons.images.ids.tolist() == [2, 1, 3]
    assert persons.images.sizes.tolist() == [[40, 30]] * 3
    assert persons.person_ids.tolist() == [12, 11]  # image 2 comes first; the crowd and the unlabelled are no samples
    assert persons.image_ids.tolist() == [2, 1]
    assert persons.boxes.tolist() == [[4, 5, 19, 19]] * 2
    assert persons.areas.tolist() == [200, 200]
    assert persons.scores.tolist() == [1, 1]
    assert np.isnan(persons.head_sizes).all()
    assert persons.keypoints[1, 3].tolist() == [8, 9]
    assert persons.visibility.tolist() == [[2] * 5 + [0] * 12, [2] * 17]
    assert persons.images.read(0).shape == (30, 40, 3)


def test_crowds_and_unlabelled_persons_stay_in_the_annotations(coco_root):
    annotations = read_persons(*find_files(coco_root, "train")).annotations
    assert [a["id"] for a in annotations] == [11, 12, 13, 14]
    assert not any("segmentation" in a for a in annotations)


@pytest.mark.parametrize(("v", "expected"), [(0, 0), (0.3, 1), (1, 1), (1.9, 1), (2, 2), (2.5, 2), (-1, 0)])
def test_visibility_is_0_1_or_2(coco_root, v, expected):
    change_json(coco_root / "annotations/person_keypoints_train2017.json", lambda c: _set_v(c, v))
    assert read_persons(*find_files(coco_root, "train")).visibility[1, 0] == expected


def _set_v(content, v):
    content["annotations"][0]["keypoints"][2] = v


@pytest.mark.parametrize(
    ("limit", "images", "ids"), [(0, [], []), (1, [2], [12]), (2, [2, 1], [12, 11]), (9, [2, 1, 3], [12, 11])]
)
def test_limit_keeps_whole_images(coco_root, limit, images, ids):
    persons = read_persons(*find_files(coco_root, "train"), limit=limit)
    assert persons.images.ids.tolist() == images
    assert len(persons.images.paths) == len(images)
    assert persons.person_ids.tolist() == ids
    assert {a["image_id"] for a in persons.annotations} <= set(images)


def test_limit_stops_after_the_image_that_reaches_it(coco_root):
    change_json(
        coco_root / "annotations/person_keypoints_train2017.json", lambda c: c["annotations"].append(person(19, 2))
    )
    assert read_persons(*find_files(coco_root, "train"), limit=1).person_ids.tolist() == [12, 19]


def test_missing_fields_are_filled(coco_root):
    def strip(content):
        for annotation in content["annotations"]:
            del annotation["area"], annotation["iscrowd"], annotation["num_keypoints"]

    change_json(coco_root / "annotations/person_keypoints_train2017.json", strip)
    persons = read_persons(*find_files(coco_root, "train"))
    assert persons.areas.tolist() == pytest.approx([0.53 * 400] * 2)
    assert [a["num_keypoints"] for a in persons.annotations] == [17, 5, 0, 0]
    assert [a["iscrowd"] for a in persons.annotations] == [0] * 4


def test_category_is_the_one_named_person(coco_root):
    def add(content):
        content["categories"] = [{"id": 7, "name": "dog"}, {"id": 3, "name": "person"}]
        for annotation in content["annotations"]:
            annotation["category_id"] = 3
        content["annotations"].append({"id": 99, "image_id": 1, "category_id": 7})

    change_json(coco_root / "annotations/person_keypoints_train2017.json", add)
    annotations = read_persons(*find_files(coco_root, "train")).annotations
    assert [a["category_id"] for a in annotations] == [1] * 4  # as predictions have it


def test_detections_replace_the_persons(coco_root, tmp_path):
    found = [
        {"image_id": 1, "category_id": 1, "bbox": [1.5, 2, 10, 20], "score": 0.5},
        {"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.9},
        {"image_id": 777, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.9},
        {"image_id": 2, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.25},
        {"image_id": 2, "category_id": 1, "bbox": [1, 2, 0, 4], "score": 0.25},
    ]
    write_json(tmp_path / "boxes.json", found)
    persons = read_persons(*find_files(coco_root, "train"), boxes=tmp_path / "boxes.json")
    assert persons.image_ids.tolist() == [2, 1]
    assert persons.person_ids.tolist() == [4, 1]
    assert persons.boxes.tolist() == [[1, 2, 3, 4], [1.5, 2, 10, 20]]
    assert persons.scores.tolist() == [0.25, 0.5]
    assert persons.areas.tolist() == [12, 200]
    assert not persons.visibility.any() and persons.keypoints.shape == (2, 17, 2)
    assert [a["id"] for a in persons.annotations] == [11, 12, 13, 14]
    assert read_persons(*find_files(coco_root, "train"), boxes=tmp_path / "boxes.json", limit=1).person_ids.tolist() == [4]


def test_detections_of_other_images_are_refused(coco_root, tmp_path):
    write_json(tmp_path / "boxes.json", [{"image_id": 777, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9}])
    with pytest.raises(ReproError, match="no detection of category 1"):
        read_persons(*find_files(coco_root, "train"), boxes=tmp_path / "boxes.json")


def test_hrnets_layout_is_found(coco_root):
    (coco_root / "images").mkdir()
    shutil.move(coco_root / "train2017", coco_root / "images" / "train2017")
    assert find_files(coco_root, "train")[1] == coco_root / "images" / "train2017"


def _all_of_a_dog(content):
    content["categories"].append({"id": 5, "name": "dog"})
    for annotation in content["annotations"]:
        annotation["category_id"] = 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("annotations"), "no list 'annotations'"),
        (lambda c: c["categories"].append({"id": 2, "name": "person"}), "categories person, person"),
        (lambda c: c["categories"].append({"id": 1, "name": "dog"}), "id of a category more than once"),
        (
            lambda c: c["annotations"][0].pop("keypoints"),
            "keypoints of annotation 11 is None, expected a list of 51 numbers",
        ),
        (lambda c: c["annotations"][0]["keypoints"].pop(), "keypoints of annotation 11 holds 50 values, expected 51"),
        (
            lambda c: c["annotations"][0]["bbox"].__setitem__(0, float("nan")),
            "bbox of annotation 11 holds nan, expected finite",
        ),
        (
            lambda c: c["annotations"][0].update(image_id=77),
            "image_id of annotation 11 is 77, which is the id of no image",
        ),
        (lambda c: c["images"][0].update(width="wide"), "width of image 2 is 'wide', expected a whole number"),
        (lambda c: c["images"][0].update(id=1), "image id more than once"),
        (lambda c: c["annotations"][0].update(category_id=5), "category_id of annotation 11 is 5, .* no category"),
        (_all_of_a_dog, "none of a person"),
    ],
)
def test_malformed_files_are_refused(coco_root, change, message):
    change_json(coco_root / "annotations/person_keypoints_train2017.json", change)
    with pytest.raises(ReproError, match=message) as caught:
        read_persons(*find_files(coco_root, "train"))
    assert "person_keypoints_train2017.json" in str(caught.value)


def test_another_skeleton_is_refused(coco_root):
    with pytest.raises(ReproError, match="keypoints of category 1 names other keypoints .'nose'.*left_shoulder"):
        read_persons(*find_files(coco_root, "train"), CROWDPOSE14)


@pytest.mark.parametrize("fields", [{"area": 0}, {"bbox": [500, 5, 20, 20]}, {"bbox": [4, 5, 0, 0]}])
def test_labelled_persons_that_are_left_out_are_told(coco_root, capsys, fields):
    change_json(coco_root / "annotations/person_keypoints_train2017.json", lambda c: c["annotations"][0].update(fields))
    assert read_persons(*find_files(coco_root, "train")).person_ids.tolist() == [12]
    assert "1 of 2 labelled persons have no area, or no box in their image" in capsys.readouterr().err
    read_persons(*find_files(coco_root, "val"))
    assert capsys.readouterr().err == ""


def test_text_that_is_no_json_is_refused(coco_root):
    (coco_root / "annotations/person_keypoints_train2017.json").write_text('{"images": [')
    with pytest.raises(ReproError, match="not a readable JSON file"):
        read_persons(*find_files(coco_root, "train"))


def test_ground_truth_as_its_own_prediction_has_ap_1(coco_root):
    persons = read_persons(*find_files(coco_root, "val"))
    assert _ap(persons) == 1.0


def _ap(persons):
    truth = COCO()
    truth.dataset = {
        "images": [{"id": int(i)} for i in persons.images.ids],
        "annotations": list(persons.annotations),
        "categories": [{"id": 1, "name": "person"}],
    }
    keypoints = np.concatenate([persons.keypoints, np.ones((len(persons), 17, 1))], axis=2).reshape(len(persons), -1)
    results = [
        {"image_id": int(i), "category_id": 1, "keypoints": k.tolist(), "score": 1.0}
        for i, k in zip(persons.image_ids, keypoints, strict=True)
    ]
    with redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[0]


@pytest.mark.parametrize(("split", "images", "count", "annotations"), [("train", 28, 86, 172), ("val", 32, 68, 118)])
def test_coco_mini(samples, split, images, count, annotations):
    persons = read_persons(*find_files(samples / "coco-mini", split))
    assert len(np.unique(persons.image_ids)) == images
    assert len(persons) == count
    assert len(persons.annotations) == annotations
    assert all(p.is_file() for p in persons.images.paths)
    assert persons.images.read(0).shape[1::-1] == tuple(persons.images.sizes[0])
    assert _ap(persons) == pytest.approx(1.0)


def test_coco_samples_with_detected_boxes(samples):
    folder = samples / "samples" / "coco"
    assert len(read_persons(folder / "test_coco.json", folder)) == 12
    persons = read_persons(folder / "test_coco.json", folder, boxes=folder / "test_coco_det_AP_H_56.json")
    found = json.loads((folder / "test_coco_det_AP_H_56.json").read_text())
    assert len(persons) == 118 == len(found)
    row = int(np.flatnonzero(persons.person_ids == 1)[0])
    assert persons.boxes[row].tolist() == found[0]["bbox"]
    assert persons.scores[row] == found[0]["score"]
