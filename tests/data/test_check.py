from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import loadmat, savemat

from repro.data.catalogue import load_images
from repro.data.check import Problem, check_data, format_problems, not_looked_at
from repro.data.coco_format import read_persons
from repro.data.sets.coco import find_files
from repro.errors import ReproError

from .test_catalogue import crowdpose_root
from .tiny_data import change_json, coco_content, lspet_joints, write_image, write_json

NAN = float("nan")


def found(name: str, root: Path, split: str | None = "train", decode: bool = False) -> list[tuple[str, str, str]]:
    return [(p.item, p.field, p.severity) for p in check_data(name, root, split, decode=decode)]


# COCO. Annotation 11 is a person with 17 keypoints in image 1 (40 x 30 px), 14 one without; image 3 is empty.


def test_sound_coco_has_no_problems(coco_root):
    assert check_data("coco", coco_root, decode=True) == []


def image(position, **fields):
    return lambda content: content["images"][position].update(fields)


def annotation(position, **fields):
    return lambda content: content["annotations"][position].update(fields)


def without(position, field):
    return lambda content: content["annotations"][position].pop(field)


def keypoint(position, *values):
    """Sets the keypoint at this position of the first annotation."""
    return lambda c: c["annotations"][0]["keypoints"].__setitem__(slice(3 * position, 3 * position + 3), values)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.pop("categories"), ("the file", "categories", "error")),
        (lambda c: c["categories"][0].update(name="dog", id=1), None),
        (lambda c: c["categories"].append({"id": 2, "name": "person"}), ("the file", "categories", "error")),
        (image(2, file_name="absent.jpg"), ("image 3", "file_name", "error")),
        (image(2, file_name=None), ("image 3", "file_name", "error")),
        (image(2, file_name="1.jpg"), ("image 3", "file_name", "error")),
        (image(2, width=41), ("image 3", "width", "error")),
        (image(2, height=-1), ("image 3", "height", "error")),
        (image(2, width=30, height=40), ("image 3", "width, height", "error")),
        (image(2, id=1), ("image 1", "id", "error")),
        (image(2, id="three"), ("images[2]", "id", "error")),
        (lambda c: c["images"].append(7), ("images[3]", "images", "error")),
        (lambda c: c["annotations"].append(None), ("annotations[4]", "annotations", "error")),
        (annotation(0, id=12), ("annotation 12", "id", "error")),
        (without(0, "id"), ("annotations[0]", "id", "error")),
        (annotation(0, image_id=99), ("annotation 11", "image_id", "error")),
        (annotation(0, image_id=[1]), ("annotation 11", "image_id", "error")),
        (annotation(0, category_id=9), ("annotation 11", "category_id", "error")),
        (lambda c: c["annotations"][0]["keypoints"].pop(), ("annotation 11", "keypoints", "error")),
        (without(0, "keypoints"), ("annotation 11", "keypoints", "error")),
        (keypoint(3, 5, NAN, 2), ("annotation 11", "keypoints", "error")),
        (keypoint(3, 5, float("inf"), 2), ("annotation 11", "keypoints", "error")),
        (keypoint(3, 5, "6", 2), ("annotation 11", "keypoints", "error")),
        (keypoint(3, 5, 6, 3), ("annotation 11", "keypoints", "error")),
        (keypoint(3, 5, 6, 0.5), ("annotation 11", "keypoints", "error")),
        (keypoint(3, 0, 0, 2), ("annotation 11", "keypoints", "warning")),
        (lambda c: [keypoint(k, 0, 0, 2)(c) for k in (3, 4)], ("annotation 11", "keypoints", "error")),
        (keypoint(3, 43, 6, 2), None),  # 4 px beyond the last column: a tenth of the longer side, just allowed
        (keypoint(3, 44, 6, 2), ("annotation 11", "keypoints", "warning")),
        (keypoint(3, 6, -5, 2), ("annotation 11", "keypoints", "warning")),
        (annotation(0, num_keypoints=16), ("annotation 11", "num_keypoints", "error")),
        (annotation(3, num_keypoints=1), ("annotation 14", "num_keypoints", "error")),
        (without(0, "num_keypoints"), ("annotation 11", "num_keypoints", "warning")),
        (annotation(0, area=0), ("annotation 11", "area", "error")),
        (annotation(0, area=-3.5), ("annotation 11", "area", "error")),
        (annotation(0, area=NAN), ("annotation 11", "area", "error")),
        (annotation(0, area="200"), ("annotation 11", "area", "error")),
        (annotation(3, area=0), None),  # nothing is divided by the area of a person without keypoints
        (without(0, "area"), ("annotation 11", "area", "warning")),
        (without(0, "iscrowd"), ("annotation 11", "iscrowd", "warning")),
        (annotation(0, iscrowd=2), ("annotation 11", "iscrowd", "error")),
        (annotation(0, bbox=[4, 5, 0, 20]), ("annotation 11", "bbox", "error")),
        (annotation(3, bbox=[4, 5, 0, 20]), ("annotation 14", "bbox", "warning")),
        (annotation(0, bbox=[4, 5, 37.1, 20]), ("annotation 11", "bbox", "warning")),
        (annotation(0, bbox=[4, 5, 37, 20]), None),  # 1 px outside: rounding
        (annotation(0, bbox=[50, 5, 10, 10]), ("annotation 11", "bbox", "error")),
        (annotation(0, bbox=[4, 5, NAN, 20]), ("annotation 11", "bbox", "error")),
        (annotation(0, bbox=[4, 5, 20]), ("annotation 11", "bbox", "error")),
        (without(0, "bbox"), ("annotation 11", "bbox", "error")),
    ],
)
def test_coco_problem_is_named(coco_root, change, expected):
    path = coco_root / "annotations" / "person_keypoints_train2017.json"
    change_json(path, change)
    problems = check_data("coco", coco_root, "train")
    assert [(p.item, p.field, p.severity) for p in problems] == ([expected] if expected else [])
    assert all(p.file == str(path) for p in problems)


def test_exchanged_width_and_height_are_called_so(coco_root):
    change_json(coco_root / "annotations" / "person_keypoints_train2017.json", image(2, width=30, height=40))
    (problem,) = check_data("coco", coco_root, "train")
    expected = "stated as 30 x 40, the file has 40 x 30 (width x height): the two are exchanged"
    assert problem.message == expected


def test_missing_annotation_file(coco_root):
    (coco_root / "annotations" / "person_keypoints_val2017.json").unlink()
    (problem,) = check_data("coco", coco_root)
    assert (problem.item, problem.field) == ("the file", "JSON")
    assert problem.file.endswith("person_keypoints_val2017.json")


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", '"text"', "[" * 100000])
def test_text_of_any_kind_is_reported(coco_root, text):
    (coco_root / "annotations" / "person_keypoints_train2017.json").write_text(text)
    assert [item for item, _, _ in found("coco", coco_root)] == ["the file"]


def test_image_in_both_splits(coco_root):
    write_image(coco_root / "val2017" / "1.jpg", 40, 30)
    change_json(
        coco_root / "annotations" / "person_keypoints_val2017.json",
        lambda c: c["images"].append({"id": 1, "file_name": "1.jpg", "width": 40, "height": 30}),
    )
    assert found("coco", coco_root, None) == [("image 1", "id", "error")]
    assert found("coco", coco_root, "val") == []


def test_id_of_another_image_in_both_splits(coco_root):
    change_json(coco_root / "annotations" / "person_keypoints_val2017.json", image(2, id=1))
    assert found("coco", coco_root, None) == [("image 1", "id", "warning")]


@pytest.mark.parametrize("decode", [False, True])
def test_truncated_image_is_found(coco_root, decode):
    path = coco_root / "train2017" / "3.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    assert found("coco", coco_root, decode=decode) == [("image 3", "file_name", "error")]


def test_file_that_is_no_image(coco_root):
    (coco_root / "train2017" / "3.jpg").write_bytes(b"nothing")
    assert found("coco", coco_root) == [("image 3", "file_name", "error")]


def _places(value, path=()):
    """The paths of all values inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from _places(inner, (*path, key))


PLACES = sorted(_places(coco_content(1)), key=str)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just(10**40)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=2)),
    max_leaves=4,
)


@settings(
    derandomize=True, deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(PLACES), ANYTHING), min_size=1, max_size=2))
def test_nothing_in_the_file_stops_the_check(coco_root, changes):
    content = coco_content(1)
    for place, value in changes:
        _put(content, place, value)
    write_json(coco_root / "annotations" / "person_keypoints_train2017.json", content)
    problems = check_data("coco", coco_root)
    assert isinstance(format_problems(problems), str)
    try:
        read_persons(*find_files(coco_root, "train"))
    except ReproError:
        assert any(p.severity == "error" for p in problems)  # what cannot be loaded has been reported


def _put(content, place, value):
    """Put a value at a path, unless an earlier change has removed the path."""
    for key in place[:-1]:
        try:
            content = content[key]
        except (KeyError, IndexError, TypeError):
            return
    position = place[-1]
    if isinstance(content, dict) or (isinstance(content, list) and position in range(len(content))):
        content[position] = value


def test_coco_mini_is_sound(samples):
    assert check_data("coco", samples / "coco-mini", decode=True) == []


# Kinds of image files, as training reads them


def _deep(path):
    assert cv2.imwrite(str(path), cv2.imread(str(path)).astype(np.uint16) * 16)


def _tga(path):
    pixels = Image.open(path).copy()
    pixels.save(path, "TGA")


def _turned(path):
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.open(path).copy().save(path, "JPEG", exif=exif)


@pytest.mark.parametrize(
    ("spoil", "severity", "message"),
    [
        (_deep, "error", "16 bits a channel"),
        (_tga, "error", "OpenCV does not read"),
        (_turned, "warning", "EXIF orientation 3 is ignored"),
        (lambda p: p.write_bytes(b""), "error", "it is empty"),
    ],
)
@pytest.mark.parametrize("decode", [False, True])
def test_images_are_judged_as_training_reads_them(coco_root, spoil, severity, message, decode):
    path = coco_root / "train2017" / "3.png"
    assert cv2.imwrite(str(path), cv2.imread(str(coco_root / "train2017" / "3.jpg")))
    change_json(coco_root / "annotations" / "person_keypoints_train2017.json", image(2, file_name="3.png"))
    assert found("coco", coco_root) == []
    spoil(path)
    (problem,) = check_data("coco", coco_root, "train", decode=decode)
    assert (problem.item, problem.field, problem.severity) == ("image 3", "file_name", severity)
    assert message in problem.message


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda c: c.update(images=[], annotations=[]), ["images", "annotations"]),
        (lambda c: c.update(annotations=[]), ["annotations"]),
        (lambda c: [a.update(iscrowd=1) for a in c["annotations"]], ["annotations"]),
    ],
)
def test_sets_that_nothing_can_be_learned_from(coco_root, change, field):
    change_json(coco_root / "annotations" / "person_keypoints_train2017.json", change)
    assert found("coco", coco_root) == [("the file", f, "error") for f in field]


def test_regions_are_checked_where_the_loss_must_not_look(coco_root):
    path = coco_root / "annotations" / "person_keypoints_train2017.json"
    bad = {"size": [30, 40], "counts": [0, 2**31]}
    change_json(path, annotation(2, segmentation=bad))
    assert found("coco", coco_root) == [("annotation 13", "segmentation", "error")]
    change_json(path, lambda c: (annotation(2, segmentation=[])(c), annotation(0, segmentation=bad)(c)))
    assert found("coco", coco_root) == [("annotation 11", "segmentation", "warning")]  # never read


# CrowdPose


def test_crowdpose_is_checked_split_by_split(tmp_path):
    root = crowdpose_root(tmp_path, "train", "val", "test")
    for split in ("train", "val", "test"):
        path = root / "annotations" / f"crowdpose_{split}.json"
        change_json(path, lambda c: [a.update(num_keypoints=min(a["num_keypoints"], 12)) for a in c["annotations"]])
    assert found("crowdpose", root, None, decode=True) == []
    test = root / "annotations" / "crowdpose_test.json"
    change_json(test, lambda c: (image(0, crowdIndex="0.5")(c), annotation(0, num_keypoints=14)(c)))
    (image_id, identity) = (c := json.loads(test.read_text()))["images"][0]["id"], c["annotations"][0]["id"]
    expected = [(f"image {image_id}", "crowdIndex", "error"), (f"annotation {identity}", "num_keypoints", "error")]
    assert found("crowdpose", root, "test") == found("crowdpose", root, None) == expected
    assert found("crowdpose", root, "val") == []


def test_exchanged_sizes_of_crowdpose_are_told_and_mended(tmp_path):
    root = crowdpose_root(tmp_path, "train", "val", "test")
    change_json(
        root / "annotations" / "crowdpose_test.json", lambda c: [i.update(width=30, height=40) for i in c["images"]]
    )
    assert load_images("crowdpose", root, "test").images.sizes.tolist() == [[40, 30]] * 3
    told = [p for p in check_data("crowdpose", root, "test") if p.field == "width, height"]
    assert [p.severity for p in told] == ["warning"] * 3 and "exchanged" in told[0].message


def test_images_in_two_splits_of_crowdpose(tmp_path):
    root = crowdpose_root(tmp_path, "train", "val", "test")
    content = (root / "annotations" / "crowdpose_val.json").read_text()
    (root / "annotations" / "crowdpose_test.json").write_text(content)
    same = [p for p in check_data("crowdpose", root) if p.field == "id"]
    assert len(same) == 3 and all("is in val too" in p.message for p in same)


def test_the_joint_file_of_crowdpose_stands_for_two(tmp_path):
    root = crowdpose_root(tmp_path, "trainval", "test")
    for path in (root / "annotations").iterdir():
        change_json(path, lambda c: [a.update(num_keypoints=min(a["num_keypoints"], 12)) for a in c["annotations"]])
    assert found("crowdpose", root, None) == []
    change_json(root / "annotations" / "crowdpose_trainval.json", image(0, width=0))
    assert [p.field for p in check_data("crowdpose", root) if p.severity == "error"] == ["width"]


def test_real_crowdpose_has_no_errors_but_for_absent_images(samples, tmp_path):
    (tmp_path / "annotations").symlink_to(samples / "crowdpose" / "annotations")
    (tmp_path / "images").mkdir()
    problems = check_data("crowdpose", tmp_path, "val")
    errors = [p for p in problems if p.severity == "error"]
    assert len(errors) == 2000 and {p.field for p in errors} == {"file_name"}


@pytest.mark.parametrize(
    ("name", "split", "decode", "words"),
    [
        ("coco", None, False, ["pixels", "--decode"]),
        ("coco", "train", True, ["the split val", "several splits"]),
        ("crowdpose", "val", True, ["train and test"]),
        ("people", None, False, ["no files"]),
    ],
)
def test_what_was_not_looked_at_is_told(name, split, decode, words):
    text = not_looked_at(name, split, decode=decode)
    assert all(word in text for word in words) and "\n" not in text
    assert ("--decode" in text) == (not decode and name != "people")


# MPII. Entry 2 of train lacks joints 0 and 9.


def test_sound_mpii_has_no_problems(mpii_root):
    assert check_data("mpii", mpii_root, decode=True) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"image": "absent.jpg"}, ("entry 2", "image", "error")),
        ({"image": 5}, ("entry 2", "image", "error")),
        ({"scale": 0}, ("entry 2", "scale", "error")),
        ({"scale": NAN}, ("entry 2", "scale", "error")),
        ({"center": [1, NAN]}, ("entry 2", "center", "error")),
        ({"center": None}, ("entry 2", "center", "error")),
        ({"joints": [[1, 2]] * 15}, ("entry 2", "joints", "error")),
        ({"joints": [[1, 2]] * 15 + [[1, "2"]]}, ("entry 2", "joints", "error")),
        ({"joints": 3}, ("entry 2", "joints", "error")),
        ({"joints": [[30, 30]] * 15 + [[95, 30]]}, ("entry 2", "joints", "warning")),
        ({"joints_vis": [1] * 15}, ("entry 2", "joints_vis", "error")),
        ({"joints_vis": [2] + [0] * 15}, ("entry 2", "joints_vis", "error")),
    ],
)
def test_mpii_problem_is_named(mpii_root, fields, expected):
    change_json(mpii_root / "annot" / "train.json", lambda c: c[1].update(fields))
    problems = check_data("mpii", mpii_root, "train")
    assert [(p.item, p.field, p.severity) for p in problems] == [expected]
    assert problems[0].file == str(mpii_root / "annot" / "train.json")


def test_mpii_entry_that_is_no_object(mpii_root):
    change_json(mpii_root / "annot" / "train.json", lambda c: c.append([]))
    assert found("mpii", mpii_root) == [("entry 4", "entry", "error")]


def test_mpii_file_that_is_no_list(mpii_root):
    write_json(mpii_root / "annot" / "train.json", {"images": []})
    assert found("mpii", mpii_root) == [("the file", "JSON", "error")]


def test_mpii_head_boxes_of_another_number(mpii_root):
    change_json(mpii_root / "annot" / "valid.json", lambda c: c.pop())
    assert found("mpii", mpii_root, "val") == [("the file", "gt_valid.mat", "error")]


def test_mpii_truth_without_labels(mpii_root):
    path = mpii_root / "annot" / "gt_valid.mat"
    truth = {k: v for k, v in loadmat(path).items() if not k.startswith("_")}
    savemat(path, truth | {"jnt_missing": np.ones((16, 2))})
    assert found("mpii", mpii_root, "val") == [("the file", "jnt_missing", "error")]


def test_mpii_truth_of_another_order(mpii_root):
    path = mpii_root / "annot" / "gt_valid.mat"
    truth = {k: v for k, v in loadmat(path).items() if not k.startswith("_")}
    truth["pos_gt_src"][0, 0, 1] += 5
    truth["headboxes_src"][1, :, 0] = truth["headboxes_src"][0, :, 0]
    savemat(path, truth)
    expected = [("entry 1", "headboxes_src", "warning"), ("entry 2", "joints", "warning")]
    assert found("mpii", mpii_root, "val") == expected


def test_mpii_image_in_both_splits(mpii_root):
    change_json(mpii_root / "annot" / "train.json", lambda c: c[1].update(image="c.jpg"))
    assert found("mpii", mpii_root, None) == [("image c.jpg", "image", "warning")]


def test_mpii_samples_are_sound(samples, tmp_path):
    (tmp_path / "annot").mkdir()
    content = (samples / "samples" / "mpii" / "test_mpii.json").read_text()
    (tmp_path / "annot" / "train.json").write_text(content)
    (tmp_path / "images").symlink_to(samples / "samples" / "mpii")
    assert check_data("mpii", tmp_path, "train", decode=True) == []


# LSPET


def test_sound_lspet_has_no_problems(make_lspet):
    root = make_lspet(lspet_joints(3), 3)
    assert check_data("lspet", root, "train", decode=True) == []
    assert found("lspet", root, None) == [("the split val", "loading", "error")]


@pytest.mark.parametrize(
    ("rows", "values", "expected"),
    [
        (3, (20, 30, 2), ("image 2", "joints", "error")),
        (3, (NAN, 30, 1), ("image 2", "joints", "error")),
        (3, (NAN, 30, 0), None),
        (3, (56, 30, 1), ("image 2", "joints", "warning")),  # 7 px beyond the last column of 50, more than 6
        (13, (22, 36, 1), ("image 2", "joints", "warning")),  # head top on the neck
        (slice(None), (20, 30, 0), ("image 2", "joints", "warning")),  # no joint labelled
    ],
)
def test_lspet_problem_is_named(make_lspet, rows, values, expected):
    joints = lspet_joints(3)
    joints[rows, :, 1] = values
    root = make_lspet(joints, 3)
    problems = check_data("lspet", root, "train")
    assert [(p.item, p.field, p.severity) for p in problems] == ([expected] if expected else [])
    assert all(p.file == str(root / "joints.mat") for p in problems)


def test_lspet_gap_and_end(make_lspet):
    root = make_lspet(lspet_joints(6), 5)
    (root / "images" / "im00002.jpg").unlink()
    assert found("lspet", root, None) == [("the folder", "images", "warning"), ("image 2", "images", "error")]
    assert found("lspet", root, "val") == [("the folder", "images", "warning"), ("the file", "joints", "error")]


def test_lspet_without_images(make_lspet):
    root = make_lspet(lspet_joints(1), 1)
    (root / "images" / "im00001.jpg").unlink()
    assert found("lspet", root) == [("the folder", "images", "error")]


def test_lspet_joints_of_another_shape(make_lspet):
    root = make_lspet(lspet_joints(1), 1)
    savemat(root / "joints.mat", {"joints": np.zeros((3, 14, 1))})
    assert found("lspet", root) == [("the file", "joints", "error")]


def test_real_lspet_has_no_errors(samples):
    problems = check_data("lspet", samples / "lspet")
    assert [p.item for p in problems] == ["the folder", "image 198", "image 3173"]
    assert {p.severity for p in problems} == {"warning"}


# The report


def test_report_lists_ten_of_a_kind_and_counts():
    problems = [Problem("a.json", f"annotation {i}", "area", "is 0") for i in range(12)]
    problems = [Problem("a.json", "annotation 1", "bbox", "is wide", "warning"), *problems]
    lines = format_problems(problems).splitlines()
    assert lines[0] == "error: area in a.json (12)"
    assert lines[1:11] == [f"  annotation {i}: is 0" for i in range(10)]
    assert lines[11:] == [
        "  and 2 more",
        "warning: bbox in a.json (1)",
        "  annotation 1: is wide",
        "12 errors, 1 warnings.",
    ]


def test_report_of_nothing():
    assert format_problems([]) == "No problems found."


@pytest.mark.parametrize(("name", "split"), [("nothing", None), ("coco", "test")])
def test_unknown_names_are_refused(tmp_path, name, split):
    with pytest.raises(ReproError, match="choose one of"):
        check_data(name, tmp_path, split)


def test_missing_folder_is_refused():
    with pytest.raises(ReproError, match="does not exist"):
        check_data("coco", Path(os.sep, "nowhere", "at", "all"))
