"""Skeletons of own keypoints: names, links, pairs and sigmas from a category or a TOML."""

from __future__ import annotations

import pytest

from repro.data.coco_format.skeletons import SIGMA, own_skeleton, sided_pairs
from repro.errors import ReproError

from ..own_data import ANIMAL, ANIMAL_LINKS, HAND, HAND_LINKS
from ..tiny_data import write_json


@pytest.fixture
def file(tmp_path):
    """Writes an annotation file with categories."""

    def write(*categories):
        path = tmp_path / "train.json"
        write_json(path, {"images": [], "annotations": [], "categories": list(categories)})
        return path

    return write


def category(names=HAND, links=HAND_LINKS, **fields):
    return {"id": 1, "name": "hand", "keypoints": list(names), "skeleton": links, **fields}


def test_a_hand_is_told_by_its_category(file):
    hand = own_skeleton(file(category()))
    assert (hand.name, len(hand), hand.keypoints) == ("hand21", 21, HAND)
    assert hand.links[:2] == (("wrist", "thumb_1"), ("thumb_1", "thumb_2")) and len(hand.links) == 20
    assert hand.flip_pairs == () and hand.flip_permutation == tuple(range(21))  # a mirror makes the other hand of it
    assert set(hand.sigmas) == {SIGMA} == {0.05} and hand.upper_body == ()


def test_left_and_right_are_told_by_the_names_of_an_animal(file):
    animal = own_skeleton(
        file(category(ANIMAL, ANIMAL_LINKS, name="dog"), category(ANIMAL, ANIMAL_LINKS, id=2, name="cat"))
    )
    assert animal.name == "own20" and len(animal.flip_pairs) == 8
    index = {name: n for n, name in enumerate(ANIMAL)}
    assert (index["L_Eye"], index["R_Eye"]) in animal.flip_pairs
    assert (index["L_BPaw"], index["R_BPaw"]) in animal.flip_pairs
    order = animal.flip_permutation
    assert order[index["Nose"]] == index["Nose"] and order[index["R_FKnee"]] == index["L_FKnee"]


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["left_eye", "right_eye", "nose"], [("left_eye", "right_eye")]),
        (["eyeRight", "eyeLeft"], [("eyeLeft", "eyeRight")]),
        (["Left Ear", "right ear"], [("Left Ear", "right ear")]),
        (["front-l-paw", "front-r-paw", "back-l-paw"], [("front-l-paw", "front-r-paw")]),
        (["lip", "rip", "l1", "r1"], [("l1", "r1")]),
        (["left_eye", "left_ear", "right"], []),
    ],
)
def test_pairs_differ_in_the_side_alone(names, pairs):
    assert sided_pairs(names) == pairs


def test_a_toml_says_what_the_category_does_not(file, tmp_path):
    toml = tmp_path / "face.toml"
    toml.write_text(
        'name = "face3"\nkeypoints = ["a", "b", "c"]\nlinks = [["a", "b"]]\npairs = [["a", "c"]]\n'
        'upper_body = ["a"]\nsigmas = { b = 0.02 }\n',
        encoding="utf-8",
    )
    face = own_skeleton(file({"id": 1, "name": "face"}), toml)
    assert (face.name, face.keypoints, face.links) == ("face3", ("a", "b", "c"), (("a", "b"),))
    assert face.flip_pairs == ((0, 2),) and face.flip_permutation == (2, 1, 0)
    assert face.sigmas == (SIGMA, 0.02, SIGMA) and face.upper_body == ("a",)
    toml.write_text("sigmas = 0.1\npairs = []", encoding="utf-8")
    face = own_skeleton(file(category(["left_a", "right_a"], [[1, 2]], name="face")), toml)
    assert face.sigmas == (0.1, 0.1) and face.links == (("left_a", "right_a"),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("colour = 1", "Unknown entry of .*own.toml 'colour'"),
        ("sigmas = [0.1]", "one for each of the 21 keypoints"),
        ("sigmas = -1", "expected a number above 0"),
        ("sigmas = { foot = 0.1 }", "Unknown keypoint in sigmas"),
        ('links = [["wrist", "foot"]]', "Unknown keypoint in links of .* 'foot'"),
        ('links = ["wrist"]', "expected a list of two names each"),
        ('keypoints = ["a", "a"]', "has 'a' more than once"),
        ("keypoints = 21", "expected a list of names"),
        ('pairs = [["wrist", "thumb_1"], ["wrist", "thumb_2"]]', "'wrist' more than once"),
        ("name = 3", "name is 3, expected a short text"),
        ("= 1", "no readable TOML"),
    ],
)
def test_what_a_toml_says_wrong_is_told(file, tmp_path, text, why):
    toml = tmp_path / "own.toml"
    toml.write_text(text, encoding="utf-8")
    with pytest.raises(ReproError, match=why):
        own_skeleton(file(category()), toml)


def test_a_left_keypoint_without_a_right_one_is_told(file, tmp_path):
    names = category(["left_horn", "horn_on_the_right"], [])
    with pytest.raises(ReproError, match="'left_horn' and none called 'right_horn'"):
        own_skeleton(file(names))
    toml = tmp_path / "own.toml"
    toml.write_text('pairs = [["left_horn", "horn_on_the_right"]]', encoding="utf-8")
    assert own_skeleton(file(names), toml).flip_pairs == ((0, 1),)


def test_keypoints_without_names_and_links_beyond_are_told(file, tmp_path):
    with pytest.raises(ReproError, match="does not name its keypoints"):
        own_skeleton(file({"id": 1, "name": "hand"}))
    with pytest.raises(ReproError, match="expected pairs of positions from 1 to 21"):
        own_skeleton(file(category(links=[[1, 22]])))
    with pytest.raises(ReproError, match="does not exist"):
        own_skeleton(file(category()), tmp_path / "none.toml")
