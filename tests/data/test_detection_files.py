"""A detector's files: what is wrong with them is said in a sentence, and their boxes stay with their images."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.data.catalogue import load_persons
from repro.data.coco_format import read_boxes
from repro.data.detection_files import (
    boxes_name,
    file_of_boxes,
    in_images_of,
    load_detected,
    takes_detections,
)
from repro.data.persons import ImageFiles, PersonSet
from repro.errors import ReproError
from repro.skeletons.skeleton import LSPET14

from .tiny_data import write_json


def box(image_id: int, **fields: Any) -> dict[str, Any]:
    """An entry of a detector's file."""
    return {"image_id": image_id, "category_id": 1, "bbox": [1.5, 2, 10, 20], "score": 0.5, **fields}


def detections(index: list[int], ids: list[int], scores: list[float] | None = None) -> PersonSet:
    """Boxes in the images ``index`` of those with these ids; their person ids count from 1."""
    n = len(index)
    return PersonSet(
        skeleton=LSPET14,
        images=ImageFiles(tuple(Path(f"{i}.jpg") for i in ids), np.array(ids), np.full((len(ids), 2), 100)),
        image_index=np.array(index, dtype=np.int64),
        person_ids=np.arange(1, n + 1),
        keypoints=np.zeros((n, 14, 2)),
        visibility=np.zeros((n, 14), np.int8),
        boxes=np.tile([1.0, 2.0, 3.0, 4.0], (n, 1)),
        areas=np.full(n, 12.0),
        scores=np.ones(n) if scores is None else np.array(scores),
        head_sizes=np.full(n, np.nan),
        annotations=tuple({"id": i, "image_id": i} for i in ids),
    )


def test_a_file_is_named_by_its_content(tmp_path: Path) -> None:
    first, copy, other = (tmp_path / name for name in ("a.json", "b.json", "c.json"))
    for path, found in ((first, [box(1)]), (copy, [box(1)]), (other, [box(1, score=0.6)])):
        write_json(path, found)
    assert re.fullmatch("detections-[0-9a-f]{12}", boxes_name(first))
    assert boxes_name(first) == boxes_name(copy) != boxes_name(other)


def test_a_file_that_is_not_there_is_told_with_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(
        ReproError, match="none.json cannot be read .No such file.*as in BOXES=/path/to/detections.json"
    ):
        boxes_name(tmp_path / "none.json")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_and_not_waited_for(make: Any, tmp_path: Path) -> None:
    make(tmp_path / "boxes.json")
    for read in (boxes_name, read_boxes):
        with pytest.raises(ReproError, match="boxes.json is no file: give the path of an existing JSON file"):
            read(tmp_path / "boxes.json")


def test_the_file_of_recipes_is_found_among_them() -> None:
    plain = [{}, {"evaluation": {"boxes": "simulated-abc"}}]
    assert file_of_boxes(plain) is None
    assert file_of_boxes([*plain, {"evaluation": {"boxes": "detections-0123"}}]) == "detections-0123"


def test_detected_boxes_fit_cocos_data_sets_alone() -> None:
    names = ("coco", "coco-wholebody", "people", "mpii", "lspet", "crowdpose")
    assert [takes_detections(name) for name in names] == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"image_id": 1', "is not a readable JSON file"),
        ('{"annotations": []}', "holds no list of boxes but a dict"),
        ("[]", "has no box of category 1, a person"),
        ('[{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 1}]', "has no box of category 1"),
        ("[7]", "Entry 0 of .* has no fields, it is 7"),
        ('[{"category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]', "Entry 0 of .* has no image_id"),
        ('[{"image_id": "1.jpg", "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]', "image_id '1.jpg', no whole"),
        ('[{"image_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]', "has no category_id"),
        ('[{"image_id": 1, "category_id": 1, "score": 1}]', "has no bbox"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3], "score": 1}]', r"bbox \[1, 2, 3\], no four numbers"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, "4"], "score": 1}]', "no four numbers"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, NaN], "score": 1}]', "no four numbers"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]', "has no score"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": null}]', "score None, no number"),
    ],
)
def test_a_malformed_file_is_told_in_a_sentence(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(content)
    with pytest.raises(ReproError, match=message) as caught:
        read_boxes(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_the_images_of_persons_are_read(tmp_path: Path) -> None:
    write_json(tmp_path / "boxes.json", [box(3), box(8, category_id=2), box(-5, score=1)])
    assert read_boxes(tmp_path / "boxes.json").image_ids.tolist() == [3, -5]


def test_boxes_are_taken_in_the_images_of_the_persons(coco_root: Path, tmp_path: Path) -> None:
    # The file lists image 12 first, which holds one person; the limit of one leaves out images 11 and 13.
    persons = load_persons("coco", coco_root, "val", limit=1)
    found = [box(11), box(12, score=0.25), box(13), box(12, score=0.75, bbox=[0, 0, 5, 6])]
    write_json(tmp_path / "boxes.json", found)
    taken = load_detected("coco", coco_root, tmp_path / "boxes.json", persons)
    assert taken.images is persons.images and taken.annotations is persons.annotations
    assert taken.image_ids.tolist() == [12, 12] and taken.scores.tolist() == [0.25, 0.75]
    assert taken.boxes.tolist() == [[1.5, 2, 10, 20], [0, 0, 5, 6]]
    everybody = load_persons("coco", coco_root, "val")
    assert load_detected("coco", coco_root, tmp_path / "boxes.json", everybody).image_ids.tolist() == [12, 12, 11, 13]


def test_boxes_in_images_of_another_split_are_refused_with_the_first(coco_root: Path, tmp_path: Path) -> None:
    persons = load_persons("coco", coco_root, "val")
    write_json(tmp_path / "boxes.json", [box(11), box(2), box(777), box(1, category_id=9)])
    with pytest.raises(ReproError) as caught:
        load_detected("coco", coco_root, tmp_path / "boxes.json", persons)
    file = coco_root / "annotations" / "person_keypoints_val2017.json"
    assert str(caught.value) == (
        f"2 of the 3 boxes in {tmp_path / 'boxes.json'} are in images that {file} has not, the first in image 2: give the "
        "detections of this split alone."
    )
    write_json(tmp_path / "boxes.json", [box(1)])
    with pytest.raises(ReproError, match="no detection of category 1 in the images of"):
        load_detected("coco", coco_root, tmp_path / "boxes.json", persons)


@settings(derandomize=True, deadline=None)
@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=12), st.integers(0, 6))
def test_every_box_of_a_kept_image_is_kept_with_it(order: list[int], index: list[int], kept: int) -> None:
    detected = detections(index, ids=list(range(10, 16)), scores=[0.01 * n for n in range(len(index))])
    persons = detections([], ids=[10 + i for i in order[:kept]])
    taken = in_images_of(detected, persons)
    expected = sorted((order.index(i), n + 1) for n, i in enumerate(index) if i in order[:kept])
    assert list(zip(taken.image_index.tolist(), taken.person_ids.tolist(), strict=True)) == expected
    assert taken.scores.tolist() == [0.01 * (n - 1) for _, n in expected]
    assert (np.diff(taken.image_index) >= 0).all()
    assert taken.images is persons.images and replace(taken).annotations == persons.annotations
