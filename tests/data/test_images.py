from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as run_length

from repro.data.coco_format import read_images
from repro.data.drawn.load import from_scenes, load_scenes
from repro.data.sets.crowdpose import load_crowdpose
from repro.errors import ReproError
from repro.skeletons.skeleton import CROWDPOSE14

from .tiny_data import coco_content, person, write_image, write_json

SQUARE = [[10, 5, 20, 5, 20, 15, 10, 15]]  # covers the px of columns 10 to 19 and rows 5 to 14


def written(folder: Path, annotations: list[dict[str, Any]]) -> Path:
    """A file with one image of 40 x 30 px, id 7, and these annotations."""
    content = {**coco_content(1), "annotations": annotations}
    content["images"] = [{"id": 7, "file_name": "7.jpg", "width": 40, "height": 30}]
    write_json(folder / "a.json", content)
    write_image(folder / "7.jpg", 40, 30)
    return folder / "a.json"


@pytest.fixture
def tiny(coco_root) -> Path:
    """Images 2, 1, 3 in this order: 2 holds a person and a crowd, 1 two persons, 3 none."""
    return coco_root / "annotations" / "person_keypoints_train2017.json"


def test_people_are_in_the_order_of_the_images(tiny, coco_root):
    images = read_images(tiny, coco_root / "train2017")
    assert len(images) == 3
    assert images.images.ids.tolist() == [2, 1, 3]
    assert [a["id"] for a in images.annotations] == [12, 13, 11, 14]
    assert images.person_ids.tolist() == [12, 11, 14]  # the crowd, without keypoints, is no person
    assert images.image_index.tolist() == [0, 1, 1]
    assert images.starts().tolist() == [0, 1, 3, 3]
    assert (images.visibility > 0).sum(1).tolist() == [5, 17, 0]
    assert images.keypoints[1, 3].tolist() == [8.0, 9.0]
    assert images.boxes[0].tolist() == [4, 5, 20, 20]  # as annotated: HRNet's cleaning is for top-down crops
    assert images.areas.tolist() == [200.0] * 3
    assert images.crowd_indices is None
    assert not any("segmentation" in a for a in images.annotations)
    assert images.images.read(0).shape == (30, 40, 3)


def test_training_leaves_out_images_without_annotations(tiny, coco_root):
    def ids(**arguments: Any) -> list[int]:
        return read_images(tiny, coco_root / "train2017", **arguments).images.ids.tolist()

    assert ids(annotated_only=True) == [2, 1]
    assert ids(annotated_only=True, limit=1) == [2]
    limited = read_images(tiny, coco_root / "train2017", limit=1)
    assert [a["id"] for a in limited.annotations] == [12, 13]
    assert limited.person_ids.tolist() == [12]


def test_mask_is_the_union_of_crowds_and_people_without_keypoints(tmp_path):
    counts = [30 * 2 + 3, 4, 1200 - 67]  # column by column: rows 3 to 6 of column 2
    crowd = {"size": [30, 40], "counts": counts}
    file = written(
        tmp_path,
        [
            person(1, 7, labelled=0, segmentation=SQUARE),
            person(2, 7, labelled=0, iscrowd=1, segmentation=crowd),
            person(3, 7, segmentation=[[0, 20, 30, 20, 30, 30, 0, 30]]),  # labelled: the loss looks there
            person(4, 7, labelled=0, segmentation=[]),
        ],
    )
    expected = np.zeros((30, 40), dtype=bool)
    expected[5:15, 10:20] = True
    expected[3:7, 2] = True
    images = read_images(file, tmp_path)
    np.testing.assert_array_equal(images.image_mask(0), expected)
    assert images.person_ids.tolist() == [1, 3, 4]


def test_crowd_with_keypoints_is_a_person_and_masked(tmp_path):
    images = read_images(written(tmp_path, [person(1, 7, iscrowd=1, segmentation=SQUARE)]), tmp_path)
    assert images.person_ids.tolist() == [1]
    assert images.image_mask(0).sum() == 100


def test_compressed_counts_are_read(tmp_path):
    square = np.zeros((30, 40), dtype=np.uint8, order="F")
    square[1:4, 2:7] = 1
    code = run_length.encode(square)
    code["counts"] = code["counts"].decode("ascii")
    images = read_images(written(tmp_path, [person(1, 7, labelled=0, segmentation=code)]), tmp_path)
    np.testing.assert_array_equal(images.image_mask(0), square.astype(bool))


def test_image_without_regions_has_no_mask(tmp_path):
    assert read_images(written(tmp_path, [person(1, 7, segmentation=SQUARE)]), tmp_path).image_mask(0) is None


def test_missing_fields_are_filled(tmp_path):
    bare = {k: v for k, v in person(1, 7, labelled=4).items() if k not in ("iscrowd", "num_keypoints", "area")}
    (annotation,) = read_images(written(tmp_path, [bare]), tmp_path).annotations
    assert (annotation["iscrowd"], annotation["num_keypoints"], annotation["area"]) == (0, 4, 0.53 * 20 * 20)


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (person(1, 8), "image_id of annotation 1 is 8, which is the id of no image"),
        (
            person(1, 7, labelled=0, segmentation={"size": [40, 30], "counts": [1200]}),
            r"segmentation of annotation 1 is for \[40, 30\] px, its image has \[30, 40\]",
        ),
        (person(1, 7, bbox=[1, 2, 3]), "bbox of annotation 1 holds 3 values, expected 4"),
        (person(1, 7, keypoints=[1, 2, 2]), "keypoints of annotation 1 holds 3 values, expected 51"),
        (person(1, 7, area=float("nan")), "area of annotation 1 is nan, expected a number"),
    ],
)
def test_malformed_files_are_refused(tmp_path, annotation, message):
    file = written(tmp_path, [annotation])
    with pytest.raises(ReproError, match=message) as caught:
        read_images(file, tmp_path)
    assert str(file) in str(caught.value)


def test_fingerprint_follows_labels_and_not_places(tmp_path):
    hidden = person(2, 7, labelled=0, segmentation=SQUARE)

    def fingerprint(*annotations: dict[str, Any], folder: Path = tmp_path) -> str:
        return read_images(written(tmp_path, list(annotations)), folder).fingerprint()

    first = fingerprint(person(1, 7), hidden)
    write_image(tmp_path / "elsewhere" / "7.jpg", 40, 30)
    assert first == fingerprint(person(1, 7), hidden, folder=tmp_path / "elsewhere")
    moved = [[11, 5, 20, 5, 20, 15, 11, 15]]
    others = [
        fingerprint(person(1, 7)),
        fingerprint(person(1, 7, area=201.0), hidden),
        fingerprint(person(1, 7, labelled=16), hidden),
        fingerprint(person(1, 7), {**hidden, "segmentation": moved}),
        fingerprint(person(1, 7), {**hidden, "iscrowd": 1}),
    ]
    images = read_images(written(tmp_path, [person(1, 7), hidden]), tmp_path)
    others.append(replace(images, crowd_indices=np.array([0.5])).fingerprint())
    assert len({first, *others}) == 1 + len(others)


def test_drawn_scenes_keep_their_people_and_hide_the_unlabelled(places):
    scenes = load_scenes("val", limit=24, size=(96, 96))
    images = from_scenes(scenes)
    assert len(images) == 24 and images.skeleton is scenes.skeleton
    assert images.person_ids.tolist() == [a["id"] for a in scenes.annotations]
    assert images.images.ids[images.image_index].tolist() == [a["image_id"] for a in scenes.annotations]
    flat = np.array([a["keypoints"] for a in scenes.annotations]).reshape(-1, 17, 3)
    np.testing.assert_array_equal(images.keypoints, flat[..., :2])
    np.testing.assert_array_equal(images.visibility, flat[..., 2])
    np.testing.assert_array_equal(images.crowd_indices, scenes.crowd_indices)
    covered = np.zeros(24)
    for a in scenes.annotations:
        if a["num_keypoints"] == 0:
            covered[a["image_id"] - 1] += a["area"]  # masks of one picture never overlap
    found = [0 if (mask := images.image_mask(i)) is None else mask.sum() for i in range(24)]
    assert sum(covered > 0) > 0
    np.testing.assert_array_equal(found, covered)


def test_training_and_validation_of_crowdpose_are_joined(tmp_path):
    for name, first, crowd in (("train", 1, 0.2), ("val", 11, 0.9)):
        content = coco_content(first)
        for annotation in content["annotations"]:
            annotation["keypoints"] = annotation["keypoints"][: 3 * 14]
            del annotation["area"], annotation["segmentation"]
        content["categories"][0]["keypoints"] = list(CROWDPOSE14.keypoints)
        for image in content["images"]:
            image["crowdIndex"] = crowd
            write_image(tmp_path / image["file_name"], 40, 30)
        write_json(tmp_path / f"{name}.json", content)
    images = load_crowdpose([tmp_path / "train.json", tmp_path / "val.json"], tmp_path)
    assert images.images.ids.tolist() == [2, 1, 3, 12, 11, 13]
    assert images.person_ids.tolist() == [12, 11, 14, 112, 111, 114]
    assert images.crowd_indices.tolist() == [0.2] * 3 + [0.9] * 3
    assert images.areas.tolist() == pytest.approx([212.0] * 6)
    with pytest.raises(ReproError, match="holds an image id more than once"):
        load_crowdpose([tmp_path / "train.json"] * 2, tmp_path)


@pytest.mark.parametrize(("split", "images_count", "labelled"), [("train", 36, 86), ("val", 39, 68)])
def test_real_coco(samples, split, images_count, labelled):
    """Counts of the sample's own description; COCO states the area of each segment, which its mask must have. For crowds
    the stated area is up to 12 % off, their px are the odd entries of the run-length code."""
    root = samples / "coco-mini"
    file = root / "annotations" / f"person_keypoints_{split}2017.json"
    images = read_images(file, root / f"{split}2017", annotated_only=True)
    assert len(images) == images_count
    assert (images.visibility > 0).any(1).sum() == labelled
    truth = json.loads(file.read_text())["annotations"]
    checked = 0
    for index, image_id in enumerate(images.images.ids.tolist()):
        hidden = [a for a in truth if a["image_id"] == image_id and (a["iscrowd"] or not a["num_keypoints"])]
        mask = images.image_mask(index)
        assert (mask is None) == (not hidden)
        if len(hidden) == 1:
            segment, area = hidden[0]["segmentation"], hidden[0]["area"]
            expected = sum(segment["counts"][1::2]) if hidden[0]["iscrowd"] else pytest.approx(area, rel=0.03, abs=10)
            assert mask.sum() == expected
            checked += 1
    assert checked >= 5
    assert images.images.read(0).shape[:2] == tuple(images.images.sizes[0][::-1])


def test_real_crowdpose(samples):
    """Numbers of the official validation file: 8527 persons, 106 crowds, easy, medium and hard 411, 1240 and 349. Of its
    51,590 hidden keypoints 117 are heads and necks of crowds, which are no persons here."""
    images = load_crowdpose([samples / "crowdpose" / "annotations" / "crowdpose_val.json"], Path("nowhere"), look=False)
    assert (len(images), len(images.annotations), len(images.person_ids)) == (2000, 8527, 8527 - 106)
    crowd = images.crowd_indices
    assert [(crowd < 0.2).sum(), ((crowd >= 0.2) & (crowd < 0.8)).sum(), (crowd >= 0.8).sum()] == [411, 1240, 349]
    assert [(images.visibility == v).sum() for v in (1, 2)] == [51590 - 117, 27041]
    assert sum(a["num_keypoints"] == 0 for a in images.annotations) == 1453
    np.testing.assert_allclose(images.areas, 0.53 * images.boxes[:, 2] * images.boxes[:, 3])
    assert not images.ignored
    assert np.diff(images.starts()).max() <= 14
