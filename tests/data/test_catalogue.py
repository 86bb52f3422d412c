from __future__ import annotations

from pathlib import Path

import pytest

from repro.data.catalogue import DATA_SETS, IMAGES, PERSONS, data_set, load_images, load_persons
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17, CROWDPOSE14

from .tiny_data import coco_content, lspet_joints, write_image, write_json


def test_each_data_set_is_loaded_by_name(coco_root, mpii_root, make_lspet):
    roots = {"coco": coco_root, "mpii": mpii_root, "lspet": make_lspet(lspet_joints(4), 4)}
    for name, count in (("coco", 2), ("mpii", 3), ("lspet", 4)):
        persons = load_persons(name, roots[name], "train")
        assert len(persons) == count
        assert persons.skeleton is DATA_SETS[name].skeleton
        assert len(load_persons(name, roots[name], "train", limit=0)) == 0
        assert persons.fingerprint() == load_persons(name, roots[name], "train").fingerprint()


def test_pckh_needs_head_sizes():
    assert {name for name, form in PERSONS.items() if "pckh" in form.measures} == {"people", "mpii", "lspet"}
    assert {name for name, form in IMAGES.items() if "crowd" in form.measures} == {"people", "crowdpose"}
    assert all("oks" in form.measures for form in (*PERSONS.values(), *IMAGES.values()))


def test_every_data_set_is_read_in_some_form_and_checked_where_it_has_files():
    for name, one in DATA_SETS.items():
        assert name == one.name and (one.persons or one.images)
        assert one.needs_root == (one.check is not None or one.is_own) == (name != "people")
    assert list(IMAGES) == ["people", "coco", "crowdpose", "coco-format"]
    assert list(PERSONS) == ["people", "coco", "mpii", "lspet", "coco-wholebody", "coco-format"]


def test_boxes_reach_the_loader(coco_root, tmp_path):
    write_json(tmp_path / "b.json", [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}])
    assert load_persons("coco", coco_root, "train", boxes=tmp_path / "b.json").scores.tolist() == [0.5]


def test_boxes_elsewhere_are_refused(mpii_root, tmp_path):
    with pytest.raises(ReproError, match="cannot be used with MPII"):
        load_persons("mpii", mpii_root, "train", boxes=tmp_path / "b.json")


def test_unknown_names_are_refused(coco_root):
    with pytest.raises(ReproError, match="Unknown data set 'cocoa': choose one of .*coco, mpii, lspet"):
        data_set("cocoa")
    with pytest.raises(ReproError, match="Unknown data set of persons 'crowdpose': choose one of people, coco"):
        load_persons("crowdpose", coco_root, "train")
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


def crowdpose_root(root: Path, *splits: str, folder: str = "annotations") -> Path:
    """CrowdPose's layout with three images of 40 x 30 px a split, the third of them without people."""
    for number, split in enumerate(splits):
        content = coco_content(1 + 10 * number)
        content["categories"][0]["keypoints"] = list(CROWDPOSE14.keypoints)
        for annotation in content["annotations"]:
            annotation["keypoints"] = annotation["keypoints"][: 3 * 14]
        for image in content["images"]:
            image["crowdIndex"] = 0.5
            write_image(root / "images" / image["file_name"], 40, 30, image["id"])
        write_json(root / folder / f"crowdpose_{split}.json", content)
    return root


def test_training_splits_hold_annotated_images_and_others_all(coco_root, tmp_path):
    crowdpose = crowdpose_root(tmp_path / "crowdpose", "train", "val", "test")
    counts = {split: len(load_images("crowdpose", crowdpose, split)) for split in ("train", "val", "test", "trainval")}
    assert counts == {"train": 2, "val": 3, "test": 3, "trainval": 4}
    assert {s: len(load_images("coco", coco_root, s)) for s in ("train", "val")} == {"train": 2, "val": 3}
    assert len(load_images("coco", coco_root, "val", limit=2)) == 2


def test_skeletons_and_images_are_those_of_the_data_set(coco_root, tmp_path):
    crowdpose = load_images("crowdpose", crowdpose_root(tmp_path / "c", "val", folder="json"), "val")
    assert crowdpose.skeleton is CROWDPOSE14
    assert crowdpose.crowd_indices.tolist() == [0.5] * 3
    assert crowdpose.images.read(2).shape == (30, 40, 3)
    coco = load_images("coco", coco_root, "train")
    assert coco.skeleton is COCO17 and coco.crowd_indices is None


def test_joint_file_of_crowdpose_is_preferred(tmp_path):
    root = crowdpose_root(tmp_path, "trainval")
    assert len(load_images("crowdpose", root, "trainval")) == 2


def test_drawn_people_have_a_held_out_split(places):
    sets = [load_images("people", None, s, limit=3, size=(64, 64)) for s in ("train", "val", "test")]
    assert len({s.fingerprint() for s in sets}) == 3
    assert [len(s) for s in sets] == [3, 3, 3]
    assert sets[0].images.read(0).shape == (64, 64, 3)
    crowd = load_images("people", None, "test", limit=2, size=(64, 64), skeleton=CROWDPOSE14)
    assert crowd.skeleton is CROWDPOSE14


def test_unknown_sets_of_images_and_splits_are_refused(coco_root):
    with pytest.raises(ReproError, match="Unknown data set of images 'mpii': choose one of people, coco, crowdpose"):
        load_images("mpii", coco_root, "train")
    with pytest.raises(ReproError, match="Unknown split of COCO 2017 keypoints 'test': choose one of train, val"):
        load_images("coco", coco_root, "test")
    with pytest.raises(ReproError, match="Unknown split of drawn people 'trainval'"):
        load_images("people", None, "trainval", limit=1)


@pytest.mark.parametrize("limit", [0, -3])
def test_limit_below_one_is_refused(coco_root, limit):
    with pytest.raises(ReproError, match=f"limit of images is {limit}: give 1 or more"):
        load_images("coco", coco_root, "train", limit=limit)


@pytest.mark.parametrize("name", ["coco", "crowdpose"])
def test_missing_root_of_images_says_what_is_expected(name, tmp_path):
    for root in (None, tmp_path / "nowhere"):
        with pytest.raises(ReproError, match=f"DATA_ROOT=/path/to/{name}") as caught:
            load_images(name, root, "train")
        assert DATA_SETS[name].layout in str(caught.value)


def test_missing_files_of_crowdpose_are_named(tmp_path):
    with pytest.raises(ReproError, match=r"crowdpose_val\.json: expected annotations/"):
        load_images("crowdpose", tmp_path, "val")
    write_json(tmp_path / "annotations" / "crowdpose_val.json", {})
    with pytest.raises(ReproError, match="add the image folder"):
        load_images("crowdpose", tmp_path, "val")


def test_real_images_of_crowdpose(samples, tmp_path):
    source = samples / "samples" / "crowdpose"
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "crowdpose_test.json").symlink_to(source / "test_crowdpose.json")
    (tmp_path / "images").symlink_to(source)
    images = load_images("crowdpose", tmp_path, "test")
    assert images.crowd_indices.tolist() == [0.33, 0.39]
    for index, (width, height) in enumerate([(640, 425), (640, 480)]):
        assert images.images.read(index).shape == (height, width, 3)
