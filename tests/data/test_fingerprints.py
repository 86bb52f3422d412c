"""Fingerprints name everything that training and evaluation read, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
from scipy.io import savemat

from repro.data.cached import cache_images, image_key
from repro.data.catalogue import load_images, load_persons
from repro.data.drawn.load import load_people

from .tiny_data import change_json, lspet_joints, person

TRAIN = "annotations/person_keypoints_train2017.json"
CODE = {"size": [30, 40], "counts": [63, 4, 1133]}


@pytest.fixture
def prints(coco_root: Path) -> Callable[[], tuple[str, str]]:
    """The fingerprints of the tiny set as top-down and as bottom-up methods read it."""
    return lambda: (
        load_persons("coco", coco_root, "train").fingerprint(),
        load_images("coco", coco_root, "train").fingerprint(),
    )


def annotation(position: int, **fields: Any) -> Callable[[Any], None]:
    return lambda content: content["annotations"][position].update(fields)


def keypoint(position: int, place: int, value: float) -> Callable[[Any], None]:
    return lambda content: content["annotations"][position]["keypoints"].__setitem__(place, value)


# Annotation 0 is a labelled person of image 1, 1 one of image 2, 2 a crowd in image 2, 3 a person without labels in image 1.
@pytest.mark.parametrize(
    "change",
    [
        keypoint(0, 0, 5.0001),
        keypoint(0, 2, 1),
        annotation(0, area=200.001),
        annotation(0, bbox=[4, 5, 20, 20.001]),
        annotation(0, id=15),
        annotation(0, image_id=2),
        annotation(0, num_keypoints=0),
        annotation(2, area=201.0),
        annotation(2, bbox=[4, 5, 21, 20]),
        annotation(2, iscrowd=0),
        annotation(2, id=15),
        annotation(2, image_id=1),
        keypoint(2, 0, 7),  # unlabelled keypoints of crowds
        annotation(3, area=201.0),
        annotation(3, num_keypoints=3),
        lambda c: c["annotations"].pop(2),
        lambda c: c["annotations"].pop(3),
        lambda c: c["annotations"].append(person(15, 3, labelled=0, iscrowd=1)),
        lambda c: (c["images"][0].update(id=4), [a.update(image_id=4) for a in c["annotations"] if a["image_id"] == 2]),
    ],
)
def test_everything_that_is_read_is_named(coco_root, prints, change):
    before = prints()
    change_json(coco_root / TRAIN, change)
    assert all(old != new for old, new in zip(before, prints(), strict=True))


def test_regions_are_named_where_the_loss_does_not_look(coco_root, prints):
    before = prints()
    change_json(coco_root / TRAIN, annotation(2, segmentation=CODE))
    assert [old == new for old, new in zip(before, prints(), strict=True)] == [True, False]


def _blur(path: Path) -> None:
    assert cv2.imwrite(str(path), cv2.blur(cv2.imread(str(path)), (3, 3)))


def _mirror(path: Path) -> None:
    assert cv2.imwrite(str(path), cv2.imread(str(path))[:, ::-1])


@pytest.mark.parametrize("change", [_blur, _mirror])
@pytest.mark.parametrize("name", ["1.jpg", "2.jpg"])
def test_pixels_are_named(coco_root, prints, change, name):
    before = prints()
    change(coco_root / "train2017" / name)
    assert all(old != new for old, new in zip(before, prints(), strict=True))


def test_places_names_and_times_are_not_named(coco_root, prints):
    before = prints()
    (coco_root / "train2017" / "1.jpg").rename(coco_root / "train2017" / "one.jpg")
    change_json(coco_root / TRAIN, lambda c: c["images"][1].update(file_name="one.jpg", license=3))
    (coco_root / "images").mkdir()
    (coco_root / "train2017").rename(coco_root / "images" / "train2017")
    (coco_root / "images" / "train2017" / "2.jpg").touch()
    assert prints() == before


def test_limits_name_what_is_taken(coco_root):
    for load in (load_persons, load_images):
        first = load("coco", coco_root, "train", limit=1).fingerprint()
        assert first != load("coco", coco_root, "train").fingerprint()
        change_json(coco_root / TRAIN, annotation(0, area=300.0))  # in the second image of the file
        assert first == load("coco", coco_root, "train", limit=1).fingerprint()


def test_decoded_images_keep_the_fingerprint_and_are_named_by_content(coco_root):
    persons = load_persons("coco", coco_root, "train")
    decoded = replace(persons, images=cache_images(persons.images))
    assert decoded.fingerprint() == persons.fingerprint()
    key = image_key(persons.images)
    (coco_root / "train2017" / "1.jpg").touch()
    assert image_key(load_persons("coco", coco_root, "train").images) == key
    _blur(coco_root / "train2017" / "1.jpg")
    assert image_key(load_persons("coco", coco_root, "train").images) != key


def test_pixels_of_mpii_and_lspet_are_named(mpii_root, make_lspet):
    joints = lspet_joints(3)
    lspet = make_lspet(joints, 3)
    before = [load_persons(*args, "train").fingerprint() for args in (("mpii", mpii_root), ("lspet", lspet))]
    _mirror(mpii_root / "images" / "a.jpg")
    _blur(lspet / "images" / "im00001.jpg")
    after = [load_persons(*args, "train").fingerprint() for args in (("mpii", mpii_root), ("lspet", lspet))]
    assert all(old != new for old, new in zip(before, after, strict=True))
    joints[2, 0, 1] += 1
    savemat(lspet / "joints.mat", {"joints": joints})
    assert load_persons("lspet", lspet, "train").fingerprint() != after[1]


def test_drawn_people_are_named_by_labels_alone():
    """Their content follows from settings and revision; committed results are named by these fingerprints."""
    persons = load_people("val", limit=4, size=(48, 64))
    images = load_images("people", None, "val", limit=3, size=(64, 64))
    moved = tuple({**a, "bbox": [0, 0, 1, 1]} for a in images.annotations)
    assert replace(persons, annotations=()).fingerprint() == persons.fingerprint()
    assert replace(images, annotations=moved).fingerprint() == images.fingerprint()
    assert not hasattr(persons.images, "digests") and not hasattr(images.images, "digests")
