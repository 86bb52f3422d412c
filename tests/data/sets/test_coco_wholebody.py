from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

from repro.data.catalogue import DATA_SETS, load_persons
from repro.data.check import check_data
from repro.data.sets.coco_wholebody import find_files, joined_keypoints, load_coco_wholebody
from repro.errors import ReproError
from repro.skeletons.wholebody import WHOLEBODY133

from ..tiny_data import change_json, coco_content, write_image, write_json

SIZES = {"foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}
FILE = "annotations/coco_wholebody_train_v1.0.json"


def with_parts(annotation: dict, *labelled: str) -> dict:
    """The annotation with the four other lists; keypoint k of a labelled one lies at (2 + k / 4, 3 + k / 8)."""
    lists = {
        field: [n for k in range(size) for n in ((2 + k / 4, 3 + k / 8, 1) if field in labelled else (0, 0, 0))]
        for field, size in SIZES.items()
    }
    return {**annotation, **lists}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The official layout: person 11 has a left hand and a face, 12 feet; 13 is a crowd, 14 has no body keypoint."""
    root = tmp_path / "coco-wholebody"
    for split, first in (("train", 1), ("val", 11)):
        content = coco_content(first)
        labelled = (("face_kpts", "lefthand_kpts"), ("foot_kpts",), (), ("righthand_kpts",))
        content["annotations"] = [
            with_parts(a, *fields) for a, fields in zip(content["annotations"], labelled, strict=True)
        ]
        for image in content["images"]:
            write_image(root / f"{split}2017" / image["file_name"], 40, 30, image["id"])
        write_json(root / "annotations" / f"coco_wholebody_{split}_v1.0.json", content)
    return root


def test_the_parts_follow_the_body(root):
    persons = load_coco_wholebody(*find_files(root, "train"))
    assert persons.skeleton is WHOLEBODY133
    assert persons.person_ids.tolist() == [12, 11]  # as COCO's: no crowd, and none without a labelled body
    assert persons.keypoints.shape == (2, 133, 2)
    # Person 11: body keypoint 3 at (8, 9), face landmark 4 at 17 + 6 + 4, finger 20 of the left hand at 91 + 20.
    assert persons.keypoints[1, [3, 27, 111]].tolist() == [[8, 9], [3, 3.5], [7, 5.5]]
    assert persons.keypoints[0, 22].tolist() == [3.25, 3.625]  # the last keypoint of the feet
    assert persons.visibility.tolist() == [
        [2] * 5 + [0] * 12 + [1] * 6 + [0] * 110,
        [2] * 17 + [0] * 6 + [1] * 68 + [1] * 21 + [0] * 21,
    ]
    assert persons.boxes.tolist() == [[4, 5, 19, 19]] * 2 and persons.areas.tolist() == [200, 200]


def test_annotations_are_joined_and_counted_anew(root):
    persons = load_coco_wholebody(*find_files(root, "train"))
    assert [a["id"] for a in persons.annotations] == [11, 12, 13, 14]
    assert [a["num_keypoints"] for a in persons.annotations] == [17 + 68 + 21, 5 + 6, 0, 21]
    assert all(len(a["keypoints"]) == 399 for a in persons.annotations)
    assert not any(field in a for a in persons.annotations for field in (*SIZES, "segmentation"))


@pytest.mark.parametrize(("v", "expected"), [(0, 0), (0.01, 1), (0.97, 1), (1, 1), (1.5, 1), (2, 2)])
def test_fractional_visibility_is_labelled(root, v, expected):
    change_json(root / FILE, lambda c: c["annotations"][0]["face_kpts"].__setitem__(2, v))
    assert load_coco_wholebody(*find_files(root, "train")).visibility[1, 23] == expected


def test_joining_keeps_the_rest_and_the_input():
    record = {"id": 3, "score": 0.5, "keypoints": list(range(51)), **{f: [7] * 3 * n for f, n in SIZES.items()}}
    before = copy.deepcopy(record)
    joined = joined_keypoints(record)
    assert record == before
    assert joined == {"id": 3, "score": 0.5, "keypoints": [*range(51), *[7] * 348]}


def test_detections_replace_the_persons(root, tmp_path):
    found = [{"image_id": 1, "category_id": 1, "bbox": [1.5, 2, 10, 20], "score": 0.5}]
    write_json(tmp_path / "boxes.json", found)
    persons = load_persons("coco-wholebody", root, "train", boxes=tmp_path / "boxes.json")
    assert persons.keypoints.shape == (1, 133, 2) and not persons.visibility.any()
    assert persons.boxes.tolist() == [[1.5, 2, 10, 20]] and persons.scores.tolist() == [0.5]
    assert [a["num_keypoints"] for a in persons.annotations] == [106, 11, 0, 21]


def test_it_is_a_data_set_by_name(root):
    assert DATA_SETS["coco-wholebody"].skeleton is WHOLEBODY133
    assert len(load_persons("coco-wholebody", root, "val")) == 2
    assert len(load_persons("coco-wholebody", root, "val", limit=1)) == 1
    assert len(load_persons("coco-wholebody", root, "val", limit=0)) == 0


def test_what_is_missing_is_named(root):
    (root / "train2017").rename(root / "other")
    with pytest.raises(ReproError, match="neither .*train2017 nor .*images/train2017"):
        find_files(root, "train")
    (root / FILE).unlink()
    with pytest.raises(ReproError, match=r"COCO-WholeBody has no .*coco_wholebody_train_v1.0.json"):
        find_files(root, "train")
    with pytest.raises(ReproError, match="Unknown split of COCO-WholeBody 'test'"):
        find_files(root, "test")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a: a.pop("foot_kpts"),
            "foot_kpts of annotation 11 is None, expected a list of 18 numbers",
        ),
        (lambda a: a["face_kpts"].pop(), "face_kpts of annotation 11 holds 203 values, expected 204"),
        (
            lambda a: a["lefthand_kpts"].__setitem__(0, "x"),
            "lefthand_kpts of annotation 11 holds 'x', expected finite numbers",
        ),
        (
            lambda a: a["lefthand_kpts"].__setitem__(0, float("nan")),
            "lefthand_kpts of annotation 11 holds nan, expected finite numbers",
        ),
        (lambda a: a.update(id=12), "id of annotation 12 is used more than once"),
    ],
)
def test_malformed_files_are_refused(root, change, message):
    change_json(root / FILE, lambda c: change(c["annotations"][0]))
    with pytest.raises(ReproError, match=message) as caught:
        load_coco_wholebody(*find_files(root, "train"))
    assert "repro data check" in str(caught.value)


def test_a_sound_data_set_has_no_problems(root):
    assert check_data("coco-wholebody", root, decode=True) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda a: a.pop("foot_kpts"), ("foot_kpts", "error")),
        (lambda a: a["face_kpts"].pop(), ("face_kpts", "error")),
        (lambda a: a["lefthand_kpts"].__setitem__(0, "x"), ("lefthand_kpts", "error")),
        (lambda a: a["lefthand_kpts"].__setitem__(2, 2.5), ("lefthand_kpts", "error")),
        (lambda a: a["lefthand_kpts"].__setitem__(2, 0.5), None),
        (lambda a: a["lefthand_kpts"].__setitem__(slice(0, 3), [0, 0, 1]), ("lefthand_kpts", "warning")),
        (lambda a: a["lefthand_kpts"].__setitem__(slice(0, 6), [0, 0, 1] * 2), ("lefthand_kpts", "error")),
        (lambda a: a["righthand_kpts"].__setitem__(slice(0, 3), [44, 6, 1]), ("righthand_kpts", "warning")),
        (lambda a: a["righthand_kpts"].__setitem__(slice(0, 3), [44, 6, 0]), None),
        (lambda a: a["keypoints"].__setitem__(2, 0.5), ("keypoints", "error")),  # the body's are COCO's own
        (lambda a: a.update(num_keypoints=106), ("num_keypoints", "error")),  # the file counts the body
    ],
)
def test_problems_are_named(root, change, expected):
    change_json(root / FILE, lambda c: change(c["annotations"][0]))
    found = [(p.item, p.field, p.severity) for p in check_data("coco-wholebody", root, "train")]
    assert found == ([("annotation 11", *expected)] if expected else [])


@pytest.mark.parametrize("content", [None, [], {"images": [], "annotations": 7, "categories": []}])
def test_files_of_another_form_are_reported(root, content):
    write_json(root / FILE, content)
    assert [p.severity for p in check_data("coco-wholebody", root, "train")] == ["error"]


def test_samples(samples):
    """Four photographs with 14 persons, 12 of them with keypoints; 42 keypoints of right hands have a fractional v."""
    folder = samples / "samples" / "coco"
    persons = load_coco_wholebody(folder / "test_coco_wholebody.json", folder)
    assert (len(persons), len(persons.annotations), len(persons.images.ids)) == (12, 14, 4)
    labelled = persons.visibility > 0
    at = {name: [WHOLEBODY133.index(n) for n in members] for name, members in WHOLEBODY133.parts}
    counts = {name: int(labelled[:, index].sum()) for name, index in at.items()}
    assert counts == {"body": 181, "foot": 38, "face": 272, "lefthand": 105, "righthand": 105}
    assert sum(a["num_keypoints"] for a in persons.annotations) == 181 + 38 + 272 + 210
    assert persons.images.read(0).shape[1::-1] == tuple(persons.images.sizes[0])
    # Faces, hands and feet lie near the boxes of their persons.
    low, size = persons.boxes[:, None, :2], persons.boxes[:, None, 2:]
    share = (persons.keypoints - low) / size
    assert np.abs(share[labelled] - 0.5).max() < 0.65
