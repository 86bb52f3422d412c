from __future__ import annotations

from pathlib import Path

import pytest

from repro.data.image_sources import IMAGE_SETS, load_images
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17, CROWDPOSE14

from .tiny_data import coco_content, write_image, write_json


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


def test_unknown_names_and_splits_are_refused(coco_root):
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
def test_missing_root_says_what_is_expected(name, tmp_path):
    for root in (None, tmp_path / "nowhere"):
        with pytest.raises(ReproError, match=f"DATA_ROOT=/path/to/{name}") as caught:
            load_images(name, root, "train")
        assert IMAGE_SETS[name].layout in str(caught.value)


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
