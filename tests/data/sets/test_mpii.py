from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from repro.data.sets.mpii import load_mpii, person_boxes
from repro.errors import ReproError
from repro.geometry import box_to_center_scale

from ..tiny_data import change_json, mpii_entry, write_json


@settings(derandomize=True, deadline=None)
@given(st.one_of(st.just(-1.0), st.floats(0, 2000)), st.floats(0, 2000), st.floats(0.1, 10))
def test_box_gives_the_official_crop(x, y, scale):
    # HRNet: if c[0] != -1: c[1] += 15 * s, s *= 1.25; then c -= 1.
    expected = (x - 1, y + 15 * scale - 1, 1.25 * scale) if x != -1 else (x - 1, y - 1, scale)
    centers, scales = box_to_center_scale(person_boxes(np.array([[x, y]]), np.array([scale])), aspect=1, padding=1.25)
    assert [*centers[0], *scales[0]] == pytest.approx([*expected, expected[2]], abs=1e-9)


def test_box_by_hand():
    # Centre (966, 340), scale 4: lowered by 60, less 1; 800 px wide before the crop widens it to 1000 = 5 x 200.
    assert person_boxes(np.array([[966.0, 340.0]]), np.array([4.0])).tolist() == [[565, -1, 800, 800]]


def test_train_split(mpii_root):
    persons = load_mpii(mpii_root, "train")
    assert persons.person_ids.tolist() == [1, 2, 3]
    assert persons.image_ids.tolist() == [1, 2, 1]
    assert [p.name for p in persons.images.paths] == ["a.jpg", "b.jpg"]
    assert persons.images.sizes.tolist() == [[80, 60]] * 2
    assert persons.keypoints[0, 5].tolist() == [19, 24]  # (10 + 10, 20 + 5), less 1
    assert persons.visibility[0].tolist() == [2] * 16
    assert persons.areas[0] == pytest.approx(0.53 * 30 * 15)  # joints 0 and 15 are (30, 15) apart
    assert np.isnan(persons.head_sizes).all()
    assert len(persons.annotations) == 3


def test_missing_joints_are_not_labelled(mpii_root):
    persons = load_mpii(mpii_root, "train")
    assert np.flatnonzero(persons.visibility[1] == 0).tolist() == [0, 9]
    assert persons.keypoints[1, [0, 9]].tolist() == [[0, 0], [0, 0]]
    assert persons.areas[1] == pytest.approx(0.53 * 28 * 14)  # without joint 0
    assert persons.annotations[1]["num_keypoints"] == 14


def test_unlabelled_person_keeps_an_area(mpii_root):
    write_json(mpii_root / "annot" / "train.json", [mpii_entry("a.jpg", missing=tuple(range(1, 16)))])
    persons = load_mpii(mpii_root, "train")
    assert persons.areas[0] == pytest.approx(0.53 * 40 * 40)  # scale 0.2 x 200 px


def test_val_split_has_head_sizes(mpii_root):
    persons = load_mpii(mpii_root, "val")
    assert persons.head_sizes.tolist() == [3.0, 3.0]  # 0.6 x the diagonal 5 of a box of 3 x 4
    assert np.flatnonzero(persons.visibility[0] == 0).tolist() == [3]
    assert persons.keypoints[0, 4].tolist() == [17, 23]


def test_val_joints_are_those_of_the_official_evaluation(mpii_root):
    path = mpii_root / "annot" / "gt_valid.mat"
    truth = {k: v for k, v in loadmat(path).items() if not k.startswith("_")}
    truth["jnt_missing"][6, 1] = 1
    truth["pos_gt_src"][7, :, 1] = (31, 41)
    savemat(path, truth)
    persons = load_mpii(mpii_root, "val")
    assert persons.visibility[1, 6] == 0
    assert persons.keypoints[1, 7].tolist() == [30, 40]


def test_limit_keeps_whole_images(mpii_root):
    persons = load_mpii(mpii_root, "train", limit=1)
    assert persons.person_ids.tolist() == [1, 3]
    assert len(persons.images.paths) == 1
    assert [a["id"] for a in persons.annotations] == [1, 3]


def test_mmpose_layout(mpii_root):
    (mpii_root / "annotations").mkdir()
    moves = {"train.json": "mpii_train.json", "valid.json": "mpii_val.json", "gt_valid.mat": "mpii_gt_val.mat"}
    for old, new in moves.items():
        (mpii_root / "annot" / old).rename(mpii_root / "annotations" / new)
    assert len(load_mpii(mpii_root, "train")) == 3
    assert len(load_mpii(mpii_root, "val")) == 2


def test_trainval_is_read(mpii_root):
    write_json(mpii_root / "annot" / "trainval.json", [mpii_entry("a.jpg"), mpii_entry("c.jpg")])
    assert len(load_mpii(mpii_root, "trainval")) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c[0].pop("joints"), "joints of entry 1 is None, expected a list of 32 numbers"),
        (lambda c: c[0]["joints"].pop(), "joints of entry 1 holds 30 values, expected 32"),
        (lambda c: c[0].update(scale=0), "scale of entry 1 is 0, expected more than 0"),
        (lambda c: c[0].update(image=3), "image of entry 1 is 3, expected the name of an image"),
        (lambda c: c[0].update(image="z.jpg"), "image of image 1 leads to .*z.jpg, which does not exist"),
        (
            lambda c: c[0]["joints"].__setitem__(0, [float("nan"), 0]),
            "joints of entry 1 holds nan, expected finite numbers",
        ),
    ],
)
def test_malformed_files_are_refused(mpii_root, change, message):
    change_json(mpii_root / "annot" / "train.json", change)
    with pytest.raises(ReproError, match=message):
        load_mpii(mpii_root, "train")


def test_truth_of_another_number_of_persons_is_refused(mpii_root):
    change_json(mpii_root / "annot" / "valid.json", lambda c: c.pop())
    with pytest.raises(ReproError, match="expected 1 persons"):
        load_mpii(mpii_root, "val")


def test_truth_without_any_head_box_is_refused(mpii_root):
    path = mpii_root / "annot" / "gt_valid.mat"
    truth = {k: v for k, v in loadmat(path).items() if not k.startswith("_")}
    savemat(path, truth | {"headboxes_src": np.zeros((2, 2, 2))})
    with pytest.raises(ReproError, match="gt_valid.mat: headboxes_src of all persons has no size"):
        load_mpii(mpii_root, "val")
    truth["headboxes_src"][..., 0] = 0
    savemat(path, truth)
    assert np.isnan(load_mpii(mpii_root, "val").head_sizes).tolist() == [True, False]


def test_missing_truth_is_named(mpii_root):
    (mpii_root / "annot" / "gt_valid.mat").unlink()
    with pytest.raises(ReproError, match="gt_valid.mat nor"):
        load_mpii(mpii_root, "val")


def test_damaged_truth_is_refused(mpii_root):
    (mpii_root / "annot" / "gt_valid.mat").write_bytes(b"nothing")
    with pytest.raises(ReproError, match="is not MPII's ground truth"):
        load_mpii(mpii_root, "val")


def test_mpii_samples(samples, tmp_path):
    folder = samples / "samples" / "mpii"
    (tmp_path / "annot").mkdir()
    (tmp_path / "annot" / "train.json").write_text((folder / "test_mpii.json").read_text())
    (tmp_path / "images").symlink_to(folder)
    persons = load_mpii(tmp_path, "train")
    assert len(persons) == 5 and len(persons.images.paths) == 5
    assert persons.keypoints[0, 0].tolist() == [803, 710]
    centers, scales = box_to_center_scale(persons.boxes[:1], 1.0)
    assert centers[0] == pytest.approx([965, 340 + 15 * 4.718488 - 1])
    assert scales[0] == pytest.approx([1.25 * 4.718488] * 2)
    assert (persons.keypoints[persons.visibility > 0] >= 0).all()
