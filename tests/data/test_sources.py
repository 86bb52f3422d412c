from __future__ import annotations

import pytest

from repro.data.sources import DATA_SETS, data_set, load_persons
from repro.errors import ReproError

from .tiny_data import lspet_joints, write_json


def test_each_data_set_is_loaded_by_name(coco_root, mpii_root, make_lspet):
    roots = {"coco": coco_root, "mpii": mpii_root, "lspet": make_lspet(lspet_joints(4), 4)}
    for name, count in (("coco", 2), ("mpii", 3), ("lspet", 4)):
        persons = load_persons(name, roots[name], "train")
        assert len(persons) == count
        assert persons.skeleton is DATA_SETS[name].skeleton
        assert len(load_persons(name, roots[name], "train", limit=0)) == 0
        assert persons.fingerprint() == load_persons(name, roots[name], "train").fingerprint()


def test_pckh_needs_head_sizes():
    assert {n for n, d in DATA_SETS.items() if "pckh" in d.measures and d.needs_root} == {"mpii", "lspet"}
    assert all("oks" in d.measures for d in DATA_SETS.values())


def test_boxes_reach_the_loader(coco_root, tmp_path):
    write_json(tmp_path / "b.json", [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}])
    assert load_persons("coco", coco_root, "train", boxes=tmp_path / "b.json").scores.tolist() == [0.5]


def test_boxes_elsewhere_are_refused(mpii_root, tmp_path):
    with pytest.raises(ReproError, match="cannot be used with MPII"):
        load_persons("mpii", mpii_root, "train", boxes=tmp_path / "b.json")


def test_unknown_names_are_refused(coco_root):
    with pytest.raises(ReproError, match="Unknown data set 'cocoa': choose one of .*coco, mpii, lspet"):
        data_set("cocoa")
    with pytest.raises(ReproError, match="Unknown split 'test'"):
        load_persons("coco", coco_root, "test")


def test_negative_limit_is_refused(coco_root):
    with pytest.raises(ReproError, match="limit of persons is -1"):
        load_persons("coco", coco_root, "train", limit=-1)


@pytest.mark.parametrize("name", ["coco", "mpii", "lspet"])
def test_missing_root_says_what_is_expected(name, tmp_path):
    for root in (None, tmp_path / "nowhere"):
        with pytest.raises(ReproError, match=f"DATA_ROOT=/path/to/{name}") as caught:
            load_persons(name, root, "train")
        assert DATA_SETS[name].layout in str(caught.value)


@pytest.mark.parametrize(
    ("name", "path"),
    [("coco", "annotations/person_keypoints_train2017.json"), ("mpii", "annot/train.json"), ("lspet", "joints.mat")],
)
def test_missing_file_is_named(name, path, tmp_path):
    with pytest.raises(ReproError) as caught:
        load_persons(name, tmp_path, "train")
    assert str(tmp_path / path) in str(caught.value)
    assert DATA_SETS[name].layout in str(caught.value)


def test_missing_image_folder_is_named(coco_root):
    (coco_root / "train2017").rename(coco_root / "other")
    with pytest.raises(ReproError, match="neither .*train2017 nor .*images/train2017"):
        load_persons("coco", coco_root, "train")
