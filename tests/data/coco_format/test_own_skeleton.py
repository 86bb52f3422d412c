"""A keypoint file of one's own in COCO's format: a hand of 21 keypoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from repro.data.coco_format import Rules, check_file, read_images, read_json, read_persons
from repro.errors import ReproError
from repro.skeletons.skeleton import Skeleton

from ..tiny_data import change_json, write_image, write_json

NAMES = tuple(f"finger_{i}" for i in range(21))
HAND = Skeleton(name="hand21", keypoints=NAMES, sigmas=(0.05,) * 21, links=((NAMES[0], NAMES[1]),), upper_body=())
RULES = Rules(NAMES)


@pytest.fixture
def hands(tmp_path: Path) -> Path:
    """Two images; the first holds a hand whose keypoint k lies at (3 + k, 4 + k), the second none."""
    images = [{"id": i, "file_name": f"{i}.png", "width": 40, "height": 30} for i in (1, 2)]
    for image in images:
        write_image(tmp_path / image["file_name"], 40, 30, image["id"])
    hand = {
        "id": 5,
        "image_id": 1,
        "category_id": 9,
        "iscrowd": 0,
        "num_keypoints": 21,
        "area": 300.0,
        "bbox": [2, 3, 25, 25],
        "keypoints": [n for k in range(21) for n in (3 + k, 4 + k, 2)],
    }
    category = {"id": 9, "name": "hand", "keypoints": list(NAMES)}
    write_json(tmp_path / "hands.json", {"images": images, "annotations": [hand], "categories": [category]})
    return tmp_path / "hands.json"


def test_it_is_read_as_persons_and_as_images(hands):
    persons, images = read_persons(hands, hands.parent, HAND), read_images(hands, hands.parent, HAND)
    expected = np.stack([3 + np.arange(21.0), 4 + np.arange(21.0)], axis=1)
    for found in (persons, images):
        assert found.skeleton is HAND and len(found.annotations) == 1
        np.testing.assert_array_equal(found.keypoints[0], expected)
    assert (len(persons), len(images)) == (1, 2)
    assert len(read_images(hands, hands.parent, HAND, annotated_only=True)) == 1
    assert persons.boxes.tolist() == [[2, 3, 24, 24]]  # cleaned as HRNet does: a pixel less


def test_it_is_checked_by_its_own_names(hands):
    assert list(check_file(read_json(hands), hands.parent, RULES, decode=True)) == []
    change_json(hands, lambda content: content["annotations"][0].update(num_keypoints=20))
    (problem,) = check_file(read_json(hands), hands.parent, RULES, decode=False)
    assert problem == ("annotation 5", "num_keypoints", "is 20, but 21 keypoints have v > 0", "error")


def test_another_skeleton_is_refused(hands):
    other = Skeleton(name="foot", keypoints=NAMES[:20], sigmas=(0.05,) * 20, links=(), upper_body=())
    for read in (read_persons, read_images):
        with pytest.raises(ReproError, match="keypoints of category 9 names other keypoints"):
            read(hands, hands.parent, other)
