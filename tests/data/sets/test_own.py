"""Own keypoints in COCO's format: found, read with their own skeleton, checked."""

from __future__ import annotations

import shutil

import pytest

from repro.data.catalogue import load_images, load_persons, skeleton_given
from repro.data.check import check_data
from repro.data.sets.own import annotation_path, find_files, read_skeleton
from repro.errors import ReproError

from ..own_data import ANIMAL, ANIMAL_LINKS, HAND, HAND_LINKS, write_own
from ..tiny_data import change_json


@pytest.fixture
def hands(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    return write_own(tmp_path / "hands", HAND, HAND_LINKS)


def test_hands_are_read_as_persons_and_as_images(hands):
    persons, images = (load(("coco-format"), hands, "train") for load in (load_persons, load_images))
    assert (len(persons), len(images), len(persons.skeleton)) == (12, 12, 21)
    assert persons.skeleton == images.skeleton == read_skeleton(hands)
    assert len(load_persons("coco-format", hands, "val", limit=3)) == 3
    assert check_data("coco-format", hands, decode=True) == []


def test_animals_of_two_categories_are_pooled(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    root = write_own(tmp_path / "animals", ANIMAL, ANIMAL_LINKS, ("dog", "cat"))
    persons = load_persons("coco-format", root, "train")
    assert len(persons) == 12 and len(persons.skeleton) == 20
    assert {a["category_id"] for a in persons.annotations} == {1}
    assert check_data("coco-format", root) == []
    change_json(root / "annotations" / "train.json", lambda c: c["categories"][1]["keypoints"].reverse())
    with pytest.raises(ReproError, match="or several of the same keypoints"):
        load_persons("coco-format", root, "train")
    assert any("could be the persons" in problem.message for problem in check_data("coco-format", root))


def test_wrong_labels_are_listed(hands):
    change_json(hands / "annotations" / "val.json", lambda c: c["annotations"][0].update(num_keypoints=3))
    (problem,) = check_data("coco-format", hands)
    assert (problem.field, problem.message) == ("num_keypoints", "is 3, but 21 keypoints have v > 0")


def test_layouts(hands, tmp_path):
    assert find_files(hands, "val") == (hands / "annotations" / "val.json", hands / "images")
    other = tmp_path / "other"
    (other / "train2017").mkdir(parents=True)
    shutil.copy(hands / "annotations" / "train.json", other / "hand_train2017.json")
    shutil.copy(hands / "images" / "1.png", other / "train2017" / "1.png")
    assert find_files(other, "train") == (other / "hand_train2017.json", other / "train2017")
    with pytest.raises(ReproError, match="no annotation file of the split val"):
        annotation_path(other, "val")
    shutil.copy(other / "hand_train2017.json", other / "face_train.json")
    with pytest.raises(ReproError, match="could both be the annotations of train"):
        annotation_path(other, "train")
    shutil.copy(other / "hand_train2017.json", other / "train.json")
    assert annotation_path(other, "train") == other / "train.json"
    with pytest.raises(ReproError, match="Unknown split"):
        annotation_path(other, "test")


def test_a_toml_goes_with_own_keypoints_alone(hands, tmp_path):
    toml = tmp_path / "hand.toml"
    toml.write_text("sigmas = 0.03", encoding="utf-8")
    assert skeleton_given("coco-format", hands, toml).sigmas == (0.03,) * 21
    assert skeleton_given("coco", None, None) is None
    with pytest.raises(ReproError, match="no effect on COCO 2017 keypoints"):
        skeleton_given("coco", hands, toml)
    for root in (None, tmp_path / "none"):
        with pytest.raises(ReproError, match="give it as DATA_ROOT"):
            skeleton_given("coco-format", root, None)
