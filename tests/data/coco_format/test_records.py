"""What annotation files may leave open, and what they say about themselves."""

from __future__ import annotations

import numpy as np
import pytest

from repro.data.check import check_data
from repro.data.coco_format import read_images, read_persons
from repro.data.sets.coco import find_files
from repro.errors import ReproError
from repro.metrics.coco import evaluate_coco, predictions_to_coco
from repro.skeletons.skeleton import COCO17

from ..tiny_data import change_json

TRAIN = "annotations/person_keypoints_train2017.json"
SHUFFLED = sorted(range(17), key=COCO17.keypoints.__getitem__)  # alphabetical


def shuffle(content):
    """Keypoints, and the category's names of them, in alphabetical order."""
    content["categories"][0]["keypoints"] = [COCO17.keypoints[k] for k in SHUFFLED]
    for annotation in content["annotations"]:
        old = annotation["keypoints"]
        annotation["keypoints"] = [v for k in SHUFFLED for v in old[3 * k : 3 * k + 3]]


def loaded(root):
    files = find_files(root, "train")
    return read_persons(*files), read_images(*files)


def test_keypoints_in_another_order_are_put_into_the_skeletons(coco_root):
    before = loaded(coco_root)
    change_json(coco_root / TRAIN, shuffle)
    for old, new in zip(before, loaded(coco_root), strict=True):
        np.testing.assert_array_equal(new.keypoints, old.keypoints)
        np.testing.assert_array_equal(new.visibility, old.visibility)
        assert [a["keypoints"] for a in new.annotations] == [a["keypoints"] for a in old.annotations]
        assert new.fingerprint() == old.fingerprint()
    problems = check_data("coco", coco_root, "train")
    assert [(p.item, p.field, p.severity) for p in problems] == [("category 1", "keypoints", "warning")]
    assert "another order" in problems[0].message


@pytest.mark.parametrize(
    ("names", "right"),
    [
        (None, True),
        ([], True),
        ([n.replace("_", " ").title() for n in COCO17.keypoints], True),
        ([n.upper().replace("_", "-") for n in COCO17.keypoints], True),
        (["tail", *COCO17.keypoints[1:]], False),
        (list(COCO17.keypoints[:16]), False),
        ([*COCO17.keypoints, "tail"], False),
        ([*COCO17.keypoints[:16], "nose"], False),
        ("nose", False),
        ([1] * 17, False),
        ({"nose": 1}, False),
    ],
)
def test_other_keypoints_are_refused(coco_root, names, right):
    change_json(coco_root / TRAIN, lambda c: c["categories"][0].update(keypoints=names))
    errors = [p for p in check_data("coco", coco_root, "train") if p.severity == "error"]
    if right:
        assert not errors and len(loaded(coco_root)[0]) == 2
        return
    with pytest.raises(ReproError, match="train2017.json: keypoints of category 1 "):
        loaded(coco_root)
    assert [(p.item, p.field) for p in errors] == [("category 1", "keypoints")]


def test_persons_of_any_category_are_evaluated(coco_root):
    def renumber(content):
        content["categories"] = [{"id": 2, "name": "dog"}, {**content["categories"][0], "id": 7}]
        for annotation in content["annotations"]:
            annotation["category_id"] = 7

    change_json(coco_root / TRAIN, renumber)
    for found in loaded(coco_root):
        own = found.images.ids[found.image_index]
        shape = found.visibility.shape
        predictions = predictions_to_coco(own, found.keypoints, np.ones(shape), np.ones(shape[0]))
        ap = evaluate_coco(found.annotations, found.images.ids, predictions, found.skeleton.sigma_array)["AP"]
        assert ap == pytest.approx(1)


@pytest.mark.parametrize(
    ("categories", "chosen"),
    [
        ([{"id": 4, "name": "human"}], 4),
        ([{"id": 4, "name": "human", "keypoints": list(COCO17.keypoints)}, {"id": 1, "name": "car"}], 4),
        ([{"id": 4, "name": "Person"}, {"id": 1, "name": "car", "keypoints": ["wheel"]}], 4),
        ([{"id": 4, "name": "human"}, {"id": 1, "name": "car"}], None),
        ([{"id": 4, "name": "person"}, {"id": 1, "name": "person"}], None),
        ([], None),
    ],
)
def test_the_category_of_persons_is_known_by_its_name_or_its_keypoints(coco_root, categories, chosen):
    def put(content):
        content["categories"] = categories
        for annotation in content["annotations"]:
            annotation["category_id"] = 4

    change_json(coco_root / TRAIN, put)
    if chosen is None:
        with pytest.raises(ReproError, match="has the categories .*: expected one named 'person', or one only"):
            loaded(coco_root)
        assert any(p.field == "categories" for p in check_data("coco", coco_root, "train"))
    else:
        assert len(loaded(coco_root)[0]) == 2


def test_null_and_lists_of_lists_are_as_good_as_the_plain_form(coco_root):
    def loosen(content):
        for annotation in content["annotations"]:
            points = annotation["keypoints"]
            annotation["keypoints"] = [points[k : k + 3] for k in range(0, 51, 3)]
            annotation["image_id"] = float(annotation["image_id"])
            for field in ("iscrowd", "num_keypoints", "area"):
                annotation[field] = None

    def bare(content):
        for annotation in content["annotations"]:
            for field in ("iscrowd", "num_keypoints", "area"):
                del annotation[field]

    original = (coco_root / TRAIN).read_text()
    change_json(coco_root / TRAIN, bare)
    expected = loaded(coco_root)
    (coco_root / TRAIN).write_text(original)
    change_json(coco_root / TRAIN, loosen)
    for old, new in zip(expected, loaded(coco_root), strict=True):
        assert new.annotations == old.annotations and new.fingerprint() == old.fingerprint()
    assert {p.severity for p in check_data("coco", coco_root, "train")} == {"warning"}


@pytest.mark.parametrize(
    "name", ["../2.jpg", "/etc/passwd", "a/../../b.jpg", "..", "C:\\x.jpg", "\\\\host\\x", "a\0b", "", 7]
)
def test_names_lead_into_the_folder_alone(coco_root, name):
    change_json(coco_root / TRAIN, lambda c: c["images"][0].update(file_name=name))
    for read in (read_persons, read_images):
        with pytest.raises(ReproError, match="train2017.json: file_name of image 2 is ") as caught:
            read(*find_files(coco_root, "train"))
        assert "\n" not in str(caught.value)
    found = [(p.item, p.field, p.severity) for p in check_data("coco", coco_root, "train")]
    assert found == [("image 2", "file_name", "error")]


def test_names_may_lead_into_folders_below(coco_root):
    folder = coco_root / "train2017" / "batch 1"
    folder.mkdir()
    (coco_root / "train2017" / "2.jpg").rename(folder / "2..jpg")
    change_json(coco_root / TRAIN, lambda c: c["images"][0].update(file_name="batch 1/2..jpg"))
    assert loaded(coco_root)[0].images.read(0).shape == (30, 40, 3)


def test_some_images_with_a_crowd_index_and_others_without_are_refused(coco_root):
    change_json(coco_root / TRAIN, lambda c: [i.update(crowdIndex=0.5) for i in c["images"][:2]])
    with pytest.raises(ReproError, match="crowdIndex of image 3 is missing"):
        read_images(*find_files(coco_root, "train"))


def test_two_images_of_one_file_are_refused(coco_root):
    def repeat(content):
        content["images"][1]["file_name"] = content["images"][0]["file_name"]

    change_json(find_files(coco_root, "train")[0], repeat)
    with pytest.raises(ReproError, match="file_name of image .* which another image has too"):
        read_persons(*find_files(coco_root, "train"))
