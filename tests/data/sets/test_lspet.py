from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.io import savemat

from repro.data.sets.lspet import count_images, load_lspet, read_joints
from repro.errors import ReproError
from repro.skeletons.skeleton import LSPET14

from ..tiny_data import lspet_joints

HEAD, NECK = LSPET14.index("head"), LSPET14.index("neck")


def test_persons(make_lspet):
    joints = lspet_joints(3)
    joints[0, :, 1] = (-40, 0, 0)  # right ankle of person 2 is not labelled
    persons = load_lspet(make_lspet(joints, 3), "train")
    assert persons.person_ids.tolist() == persons.images.ids.tolist() == [1, 2, 3]
    assert persons.images.sizes.tolist() == [[50, 60]] * 3
    assert persons.keypoints[0, 4].tolist() == [14, 20]  # (10 + 4, 12 + 8): nothing is subtracted
    assert persons.visibility[1].tolist() == [0] + [2] * 13
    assert persons.keypoints[1, 0].tolist() == [0, 0]
    assert persons.boxes.tolist() == [[10, 12, 13, 26], [11, 14, 12, 24], [10, 12, 13, 26]]
    assert persons.areas.tolist() == pytest.approx([0.53 * 13 * 26, 0.53 * 12 * 24, 0.53 * 13 * 26])
    assert persons.annotations[1]["num_keypoints"] == 13
    assert persons.annotations[1]["bbox"] == [11, 14, 12, 24]


def test_head_size_is_the_head_segment(make_lspet):
    joints = lspet_joints(4)
    joints[HEAD, 2, 1] = 0  # not labelled
    joints[HEAD, :, 2] = joints[NECK, :, 2]  # the same point
    joints[NECK, :2, 3], joints[HEAD, :2, 3] = (10, 10), (13, 14)
    heads = load_lspet(make_lspet(joints, 4), "train").head_sizes
    assert heads[0] == math.sqrt(5)  # (1, 2) apart
    assert np.isnan(heads[1:3]).all()
    assert heads[3] == 5


def test_persons_without_extent_are_no_samples(make_lspet):
    joints = lspet_joints(4)
    joints[:, 2, 0] = 0
    joints[1:, 2, 1] = 0
    joints[:, 0, 2] = 7  # all on one vertical line
    persons = load_lspet(make_lspet(joints, 4), "train")
    assert persons.person_ids.tolist() == [4]
    assert persons.image_index.tolist() == [3]
    assert len(persons.images.paths) == 4


def test_joints_outside_the_image_stay_labelled(make_lspet):
    joints = lspet_joints(1)
    joints[3, :2, 0] = (-1.2, 61)
    persons = load_lspet(make_lspet(joints, 1), "train")
    assert persons.visibility[0, 3] == 2
    assert persons.keypoints[0, 3].tolist() == [-1.2, 61]


@pytest.mark.parametrize(("limit", "ids"), [(0, []), (1, [1, 2]), (2, [1, 2, 3]), (9, [1, 2, 3, 4])])
def test_limit_counts_persons(make_lspet, limit, ids):
    joints = lspet_joints(4)
    joints[:, 2, 0] = 0  # person 1 is no sample
    persons = load_lspet(make_lspet(joints, 4), "train", limit=limit)
    assert persons.images.ids.tolist() == ids
    assert persons.person_ids.tolist() == ids[1:]


def test_images_4001_to_5000_validate_whatever_is_present(make_lspet):
    root = make_lspet(lspet_joints(5003), 5002)
    val, train = load_lspet(root, "val"), load_lspet(root, "train")
    assert val.person_ids.tolist() == list(range(4001, 5001))
    assert train.person_ids.tolist() == [*range(1, 4001), 5001, 5002]
    assert load_lspet(root, "val", limit=2).person_ids.tolist() == [4001, 4002]


def test_the_end_of_the_numbering_may_be_left_out(make_lspet):
    root = make_lspet(lspet_joints(10), 4)
    assert count_images(root, 10) == 4
    assert len(load_lspet(root, "train")) == 4


def test_an_incomplete_validation_split_is_refused(make_lspet):
    root = make_lspet(lspet_joints(10), 4)
    with pytest.raises(ReproError, match="images 4001 to .* found 1 to 4"):
        load_lspet(root, "val")


def test_a_gap_is_named(make_lspet):
    root = make_lspet(lspet_joints(10), 5)
    (root / "images" / "im00003.jpg").unlink()
    with pytest.raises(ReproError, match="im00003.jpg is missing although images up to im00005.jpg exist"):
        load_lspet(root, "train")


def test_missing_files_are_named(make_lspet, tmp_path):
    with pytest.raises(ReproError, match="no .*joints.mat"):
        load_lspet(tmp_path, "train")
    root = make_lspet(lspet_joints(2), 1)
    (root / "images" / "im00001.jpg").unlink()
    with pytest.raises(ReproError, match="no .*im00001.jpg"):
        load_lspet(root, "train")


def test_unusable_joints_are_refused(make_lspet):
    root = make_lspet(lspet_joints(2), 2)
    savemat(root / "joints.mat", {"joints": np.zeros((3, 14, 2))})
    with pytest.raises(ReproError, match=r"shape \(3, 14, 2\), expected \(14, 3, N\)"):
        read_joints(root)
    (root / "joints.mat").write_bytes(b"nothing")
    with pytest.raises(ReproError, match="cannot be read as a MATLAB file"):
        read_joints(root)


def test_a_file_that_is_no_image_is_named(make_lspet):
    root = make_lspet(lspet_joints(2), 1)
    (root / "images" / "im00002.jpg").write_bytes(b"nothing")
    with pytest.raises(ReproError, match="im00002.jpg, which cannot be decoded"):
        load_lspet(root, "train")


def test_unknown_split(make_lspet):
    with pytest.raises(ReproError, match="choose one of train, val"):
        load_lspet(make_lspet(lspet_joints(2), 2), "test")


def test_real_lspet(samples):
    persons = load_lspet(samples / "lspet", "val", limit=100)
    assert persons.person_ids.tolist() == list(range(4001, 4101))
    assert persons.images.read(0).shape[1::-1] == tuple(persons.images.sizes[0])
    beyond = np.maximum(-persons.keypoints, persons.keypoints - persons.images.sizes[persons.image_index][:, None] + 1)
    assert beyond[persons.visibility > 0].max() < 2
    assert np.nanmedian(persons.head_sizes) == pytest.approx(21, abs=2)
