"""One value anywhere in a small valid file is changed: the numbers are right, or one sentence says file, item and field.

Right are numbers that follow from the changed value as it stands, by a reading of the test's own; what such a reading cannot make
numbers of has to be refused when the file is read.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy.io import savemat

from repro.data.catalogue import load_images, load_persons
from repro.data.check import check_data, format_problems
from repro.data.coco_format import read_boxes, read_images, read_persons
from repro.data.images import ImageSet
from repro.data.persons import PersonSet
from repro.data.sets.coco_wholebody import load_coco_wholebody
from repro.data.sets.crowdpose import load_crowdpose
from repro.data.sets.lspet import load_lspet
from repro.data.sets.mpii import load_mpii
from repro.errors import ReproError
from repro.metrics.coco import evaluate_coco
from repro.metrics.crowdpose import evaluate_crowdpose
from repro.skeletons.skeleton import CROWDPOSE14, Skeleton

from .one_wrong_value import ABSENT, VALUES, assert_names, assert_one_sentence, changed, places
from .sets.test_coco_wholebody import with_parts
from .tiny_data import coco_content, lspet_joints, mpii_entry, mpii_truth, person, write_image, write_json

FEW = settings(
    derandomize=True, deadline=None, max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LARGEST = 1e5  # px
SQUARE = [[10, 5, 20, 5, 20, 15, 10, 15]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images 1.jpg to 3.jpg of 40 x 30 px."""
    for n in (1, 2, 3):
        write_image(tmp_path / f"{n}.jpg", 40, 30, n)
    return tmp_path


def content() -> dict[str, Any]:
    """COCO's format with two labelled persons, a crowd with a run-length code and one without labels with a polygon."""
    out = coco_content(1)
    code = {"size": [30, 40], "counts": [63, 4, 1133]}
    crowd = person(13, 2, labelled=0, iscrowd=1, segmentation=code)
    hidden = person(14, 1, labelled=0, segmentation=SQUARE)
    out["annotations"] = [person(11, 1), person(12, 2, labelled=5), crowd, hidden]
    out["categories"].append({"id": 2, "name": "dog"})
    return out


def small(points: int, **fields: Any) -> dict[str, Any]:
    """The content with other keypoints and further fields of images."""
    out = content()
    out["categories"][0]["keypoints"] = list(CROWDPOSE14.keypoints)
    for annotation in out["annotations"]:
        annotation["keypoints"] = annotation["keypoints"][: 3 * points]
        annotation["num_keypoints"] = min(annotation["num_keypoints"], points - 2)
        del annotation["segmentation"], annotation["area"]
    for image in out["images"]:
        image.update(fields)
    return out


def whole_body() -> dict[str, Any]:
    out = content()
    out["annotations"] = [with_parts(a, "foot_kpts", "lefthand_kpts") for a in out["annotations"]]
    return out


ITEMS = {("images", n): f"image {i}" for n, i in enumerate((2, 1, 3))}
ITEMS |= {("annotations", n): f"annotation {11 + n}" for n in range(4)}


def truth_as_predictions(annotations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"image_id": a["image_id"], "category_id": 1, "keypoints": a["keypoints"], "score": 0.5 + n / 100}
        for n, a in enumerate(annotations)
    ]


def official(
    annotations: list[dict[str, Any]], images: list[int], found: list[dict[str, Any]], skeleton: Skeleton
) -> float:
    """AP by pycocotools on annotations whose ids count from 1."""
    if not annotations:
        return float("nan")
    truth = COCO()
    numbered = [{**a, "id": n + 1} for n, a in enumerate(annotations)]
    truth.dataset = {"images": [{"id": i} for i in images], "annotations": numbered, "categories": [{"id": 1}]}
    with redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found), "keypoints")
        evaluation.params.kpt_oks_sigmas = skeleton.sigma_array
        evaluation.evaluate()
        evaluation.accumulate()
    known = evaluation.eval["precision"][:, :, :, 0, 0]
    return float(known[known > -1].mean()) if (known > -1).any() else float("nan")


def number(value: Any, low: float = -LARGEST, high: float = LARGEST) -> bool:
    return type(value) in (int, float) and low <= value <= high


def whole(value: Any) -> bool:
    return type(value) in (int, float) and -(2**63) < value < 2**63 and float(value).is_integer()


def expected_persons(raw: dict[str, Any], skeleton_size: int) -> list[dict[str, Any]] | None:
    """The persons' annotations by the test's own reading, in the file's order; None where something is not what it has to be."""
    names = [c for c in raw["categories"] if isinstance(c.get("name"), str) and c["name"] == "person"]
    category = (names or raw["categories"])[0]["id"]
    ids = [i["id"] for i in raw["images"]]
    out = []
    for a in raw["annotations"]:
        if a["category_id"] != category:
            continue
        points = a["keypoints"]
        if points and all(isinstance(p, list) for p in points):
            points = [v for p in points for v in p]
        box, crowd, count, area = a["bbox"], a.get("iscrowd"), a.get("num_keypoints"), a.get("area")
        right = (
            all(whole(a[field]) for field in ("id", "image_id"))
            and a["image_id"] in ids
            and len(points) == 3 * skeleton_size
            and all(map(number, points))
            and len(box) == 4
            and all(map(number, box))
            and min(box[2:]) >= 0
            and (crowd is None or crowd in (0, 1))
            and (count is None or (whole(count) and count >= 0))
            and (area is None or number(area, 0, LARGEST**2))
        )
        if not right:
            return None
        labelled = sum(v > 0 for v in points[2::3])
        out.append(
            {
                "id": a["id"],
                "image_id": a["image_id"],
                "category_id": 1,
                "iscrowd": int(crowd or 0),
                "num_keypoints": labelled if count is None else count,
                "area": 0.53 * box[2] * box[3] if area is None else area,
                "bbox": box,
                "keypoints": points,
            }
        )
    return out


def assert_right(found: PersonSet | ImageSet, raw: dict[str, Any], skeleton: Skeleton, place: tuple) -> None:
    """Annotations are those of the file, and AP is pycocotools'."""
    expected = expected_persons(raw, len(skeleton))
    assert expected is not None, (place, "was read although it cannot be")
    assert [i["file_name"] for i in raw["images"]] == [p.name for p in found.images.paths]
    own = {a["id"]: a for a in found.annotations}
    assert own == {a["id"]: a for a in expected}, place
    truth = [own[a["id"]] for a in expected]
    images = found.images.ids.tolist()
    ap = evaluate_coco(found.annotations, images, truth_as_predictions(truth), skeleton.sigma_array)["AP"]
    assert ap == pytest.approx(official(expected, images, truth_as_predictions(expected), skeleton), nan_ok=True), place
    assert np.isfinite(found.keypoints).all() and np.isfinite(found.boxes).all() and np.isfinite(found.areas).all()
    assert len(found.fingerprint()) == 16


def read_or_refuse(read: Callable[[], Any], file: Path, field: str = "", item: str = "") -> Any:
    """What is read; None where it is refused, in one sentence that names the file and, where they are given, field and item."""
    try:
        return read()
    except ReproError as error:
        assert_one_sentence(error, file)
        if field:
            assert_names(error, field, item)
        return None


def named(place: tuple) -> tuple[str, str]:
    """Field and item of a place in an annotation file; empty where a whole list or entry is changed."""
    return (place[2], ITEMS[place[:2]]) if place[:2] in ITEMS and len(place) > 2 else ("", "")


COCO_PLACES = sorted(places(content()), key=str)


@FEW
@given(st.sampled_from(COCO_PLACES), VALUES)
def test_coco(folder: Path, place: tuple, change: Any) -> None:
    raw, file = changed(content(), place, change), folder / "coco.json"
    write_json(file, raw)
    persons = read_or_refuse(lambda: read_persons(file, folder), file, *named(place))
    images = read_or_refuse(lambda: read_images(file, folder), file, *named(place))
    for found in (persons, images):
        if found is not None:
            assert_right(found, json.loads(file.read_text()), found.skeleton, place)
    if persons is not None and images is None:
        assert "segmentation" in place  # what top-down methods do not read
    if images is not None:
        masks = [images.image_mask(i) for i in range(len(images))]
        assert all(m is None or m.shape == (30, 40) for m in masks)


@FEW
@given(st.sampled_from(sorted(places(small(14, crowdIndex=0.5)), key=str)), VALUES)
def test_crowdpose(folder: Path, place: tuple, change: Any) -> None:
    raw, file = changed(small(14, crowdIndex=0.5), place, change), folder / "crowd.json"
    write_json(file, raw)
    found = read_or_refuse(lambda: load_crowdpose([file], folder), file, *named(place))
    if found is None:
        return
    raw = json.loads(file.read_text())
    assert_right(found, raw, CROWDPOSE14, place)
    crowd = dict(zip(found.images.ids.tolist(), found.crowd_indices.tolist(), strict=True))
    assert crowd == {i["id"]: i["crowdIndex"] for i in raw["images"]}
    figures = evaluate_crowdpose(
        found.annotations, crowd, truth_as_predictions(found.annotations), found.skeleton.sigma_array
    )
    assert set(figures) >= {"AP", "AP_easy", "AP_hard"}


@FEW
@given(st.sampled_from(sorted(places(whole_body()), key=str)), VALUES)
def test_whole_body(folder: Path, place: tuple, change: Any) -> None:
    raw, file = changed(whole_body(), place, change), folder / "whole.json"
    write_json(file, raw)
    found = read_or_refuse(lambda: load_coco_wholebody(file, folder), file, *named(place))
    if found is None:
        return
    raw = json.loads(file.read_text())
    own = {a["id"]: a["keypoints"] for a in found.annotations}
    for annotation in raw["annotations"]:
        if annotation["id"] in own:
            lists = [annotation[f] for f in ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")]
            assert own[annotation["id"]] == [v for values in lists for v in values]
            assert all(map(number, own[annotation["id"]]))
    assert np.isfinite(found.keypoints).all() and np.isfinite(found.areas).all()


ENTRIES = [mpii_entry("1.jpg"), mpii_entry("2.jpg", missing=(0, 9)), mpii_entry("1.jpg")]


@FEW
@given(st.sampled_from(sorted(places(ENTRIES), key=str)), VALUES)
def test_mpii(tmp_path: Path, place: tuple, change: Any) -> None:
    for n in (1, 2):
        if not (tmp_path / f"images/{n}.jpg").exists():
            write_image(tmp_path / f"images/{n}.jpg", 80, 60, n)
    file = tmp_path / "annot" / "train.json"
    write_json(file, changed(ENTRIES, place, change))
    what = (place[1], "image" if place[1] == "image" else f"entry {place[0] + 1}") if len(place) > 1 else ("", "")
    found = read_or_refuse(lambda: load_mpii(tmp_path, "train"), file, *what)
    if found is None:
        return
    raw = json.loads(file.read_text())
    assert len(found) == len(raw)
    for n, entry in enumerate(raw):
        assert found.images.paths[found.image_index[n]].name == entry["image"]
        flags = np.array(entry["joints_vis"])
        assert set(entry["joints_vis"]) <= {0, 1} and number(entry["scale"], 1e-9) and all(map(number, entry["center"]))
        joints = np.array(entry["joints"], dtype=float).reshape(16, 2) - 1
        np.testing.assert_array_equal(found.visibility[n] > 0, flags > 0)
        np.testing.assert_array_equal(found.keypoints[n][flags > 0], joints[flags > 0])
    assert np.isfinite(found.boxes).all() and np.isfinite(found.areas).all()
    assert np.isfinite([a["keypoints"] for a in found.annotations]).all()


def test_a_refusal_of_mpii_names_entry_and_field(tmp_path: Path) -> None:
    write_image(tmp_path / "images/1.jpg", 80, 60)
    for field, value in (("scale", "1"), ("center", [1, None]), ("joints", [[1, 2]]), ("joints_vis", [2] * 16)):
        write_json(tmp_path / "annot/train.json", [mpii_entry("1.jpg"), {**mpii_entry("1.jpg"), field: value}])
        with pytest.raises(ReproError, match=f"train.json: {field} of entry 2 "):
            load_mpii(tmp_path, "train")


NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, 41.0, 1e6, 1e300, np.inf, -np.inf, np.nan])


@FEW
@given(st.tuples(st.integers(0, 13), st.integers(0, 2), st.integers(0, 2)), NUMBERS)
def test_lspet(tmp_path: Path, place: tuple[int, int, int], value: float) -> None:
    for n in (1, 2, 3):
        if not (tmp_path / f"images/im{n:05d}.jpg").exists():
            write_image(tmp_path / f"images/im{n:05d}.jpg", 50, 60, n)
    joints = lspet_joints(3)
    joints[place] = value
    savemat(tmp_path / "joints.mat", {"joints": joints})
    right = value in (0, 1) if place[1] == 2 else abs(value) <= LARGEST
    try:
        found = load_lspet(tmp_path, "train")
    except ReproError as error:
        assert not right
        assert f"joints.mat: joints of image {place[2] + 1} holds" in str(error) and "\n" not in str(error)
        return
    assert right
    labelled = joints[:, 2].T > 0
    np.testing.assert_array_equal(found.visibility > 0, labelled)
    np.testing.assert_array_equal(found.keypoints[labelled], joints[:, :2].transpose(2, 0, 1)[labelled])


@pytest.mark.parametrize(
    "values",
    [
        np.full((14, 3, 2), "x", dtype=object),
        np.full((14, 3, 2), 1j),
        np.array(["text"]),
        np.zeros((14, 3)),
        np.array([(1, 2)], dtype=[("a", "f8"), ("b", "f8")]),
    ],
    ids=["cells", "complex", "text", "flat", "structure"],
)
def test_arrays_of_matlab_that_are_no_numbers_are_refused(tmp_path: Path, values: np.ndarray) -> None:
    savemat(tmp_path / "joints.mat", {"joints": values})
    with pytest.raises(ReproError, match="joints.mat") as caught:
        load_lspet(tmp_path, "train")
    assert "\n" not in str(caught.value)
    root = tmp_path / "mpii"
    write_json(root / "annot/valid.json", [mpii_entry("1.jpg")])
    write_image(root / "images/1.jpg", 80, 60)
    for field in ("pos_gt_src", "jnt_missing", "headboxes_src"):
        savemat(root / "annot/gt_valid.mat", {**mpii_truth([mpii_entry("1.jpg")]), field: values})
        with pytest.raises(ReproError, match="gt_valid.mat") as caught:
            load_mpii(root, "val")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "place", "value"),
    [
        ("pos_gt_src", (3, 0, 1), np.inf),
        ("pos_gt_src", (3, 1, 1), 1e300),
        ("jnt_missing", (3, 1), 0.5),
        ("headboxes_src", (0, 1, 1), np.inf),
        ("headboxes_src", (0, 1, 1), -1e200),
    ],
)
def test_truth_of_mpii_has_numbers_of_a_usable_size(tmp_path: Path, field: str, place: tuple, value: float) -> None:
    entries = [mpii_entry("1.jpg"), mpii_entry("1.jpg")]
    write_json(tmp_path / "annot/valid.json", entries)
    write_image(tmp_path / "images/1.jpg", 80, 60)
    truth = {name: values.astype(float) for name, values in mpii_truth(entries).items()}
    truth[field][place] = value
    savemat(tmp_path / "annot/gt_valid.mat", truth)
    with pytest.raises(ReproError, match=f"gt_valid.mat: {field} of entry 2 holds"):
        load_mpii(tmp_path, "val")


BOXES = [{"image_id": i, "category_id": c, "bbox": [1.5, 2, 10, 20], "score": 0.5} for i, c in ((1, 1), (2, 1), (2, 2))]


@FEW
@given(st.sampled_from(sorted(places(BOXES), key=str)), VALUES)
def test_detections(folder: Path, place: tuple, change: Any) -> None:
    write_json(folder / "coco.json", content())
    file = folder / "boxes.json"
    write_json(file, changed(BOXES, place, change))
    try:
        boxes, found = read_boxes(file), read_persons(folder / "coco.json", folder, boxes=file)
    except ReproError as error:
        assert_one_sentence(error, file)
        field = place[1] if len(place) > 1 else ""
        assert field in str(error) or field in ("image_id", "category_id")
        return
    raw = json.loads(file.read_text())
    persons = [entry for entry in raw if entry["category_id"] == 1]
    assert boxes.image_ids.tolist() == [entry["image_id"] for entry in persons]
    kept = [entry for entry in persons if min(entry["bbox"][2:]) > 0]
    assert sorted(found.boxes.tolist()) == sorted(entry["bbox"] for entry in kept)
    assert sorted(found.scores.tolist()) == sorted(entry["score"] for entry in kept)
    assert all(number(v) for entry in raw for v in (*entry["bbox"], entry["score"]))


CHECKED = {
    "coco": (content(), "annotations/person_keypoints_{}2017.json", "{}2017"),
    "coco-wholebody": (whole_body(), "annotations/coco_wholebody_{}_v1.0.json", "{}2017"),
    "crowdpose": (small(14, crowdIndex=0.5), "annotations/crowdpose_{}.json", "images"),
    "mpii": (ENTRIES, "annot/{}.json", "images"),
}


@pytest.mark.parametrize("name", CHECKED)
@settings(FEW, max_examples=100)
@given(st.data())
def test_the_check_tells_what_reading_refuses(tmp_path: Path, name: str, data: st.DataObject) -> None:
    """Nothing in a file stops the check; what cannot be read is an error of it; a sound file has none."""
    sound, file, images = CHECKED[name]
    place = data.draw(st.sampled_from(sorted(places(sound), key=str)))
    file = tmp_path / file.format("train")
    for n in (1, 2, 3):
        if not (picture := tmp_path / images.format("train") / f"{n}.jpg").exists():
            write_image(picture, 40, 30, n)
    write_json(file, sound)
    assert not [p for p in check_data(name, tmp_path, "train") if p.severity == "error"]
    write_json(file, changed(sound, place, data.draw(VALUES)))
    problems = check_data(name, tmp_path, "train")
    assert isinstance(format_problems(problems), str)
    try:
        load = load_images if name == "crowdpose" else load_persons
        load(name, tmp_path, "train")
    except ReproError:
        assert any(p.severity == "error" for p in problems), place


def test_changes_reach_the_file() -> None:
    assert changed([{"a": 3}], (0, "a"), "text") == [{"a": "3"}]
    assert changed([{"a": 3}], (0, "a"), "negative") == [{"a": -3}]
    assert changed([{"a": 3}], (0, "a"), ABSENT) == [{}]
