"""The evaluated persons that a result folder keeps: which, in which coordinates, and where their photographs go."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from repro.approaches.examples import similarities
from repro.approaches.top_down.examples import choose_persons, draw_examples
from repro.approaches.top_down.predict import Poses
from repro.metrics.oks import oks
from repro.reporting.examples import read_examples, write_examples
from repro.skeletons.skeleton import LSPET14

ALL = np.ones(8, dtype=bool)


def close(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two images are the same but for what JPEG loses: less than 5 of 255 on average."""
    return float(np.abs(one.astype(float) - other).mean()) < 5


@pytest.fixture
def examples(val_persons) -> list:
    """All persons at aspect 3 : 4, with the truth and with poses that are 2 px off to the right."""
    poses = {
        "right": Poses(val_persons.keypoints, np.ones((8, 14))),
        "off": Poses(val_persons.keypoints + [2.0, 0.0], np.ones((8, 14))),
    }
    return draw_examples(val_persons, poses, 0.75)


def test_persons_are_spread_evenly_over_those_with_half_their_keypoints(val_persons) -> None:
    assert choose_persons(val_persons, ALL, 3).tolist() == [0, 4, 7]  # 0, 3.5 (to even) and 7 of 0 ... 7
    visibility = val_persons.visibility.copy()
    visibility[:6, :8] = 0  # six of fourteen are left
    visibility[6, :7] = 0  # half of them
    assert choose_persons(replace(val_persons, visibility=visibility), ALL, 3).tolist() == [6, 7]
    visibility[:] = 0
    assert choose_persons(replace(val_persons, visibility=visibility), ALL, 3).tolist() == [0, 4, 7]


def test_persons_without_a_pose_are_passed_over(val_persons) -> None:
    found = ALL.copy()
    found[[0, 7]] = False
    assert choose_persons(val_persons, found, 2).tolist() == [1, 6]


def test_fewer_persons_than_wanted_are_taken_once(val_persons) -> None:
    assert choose_persons(val_persons.take(np.arange(2)), ALL[:2], 6).tolist() == [0, 1]


def test_poses_lie_in_the_crop_of_their_person(examples, val_persons) -> None:
    assert len(examples) == 6
    for example, person in zip(examples, choose_persons(val_persons, ALL), strict=True):
        assert example.size == (144, 192) and example.image.shape == (192, 144, 3)
        np.testing.assert_allclose(example.poses["right"], example.truth)
        # The box, widened to 3 : 4 and padded by 1.25, spans the 143 intervals between the crop's pixels.
        _, _, width, height = val_persons.boxes[person]
        factor = 143 / (1.25 * max(width, 0.75 * height))
        np.testing.assert_allclose(example.poses["off"] - example.truth, np.tile([2 * factor, 0], (14, 1)), atol=1e-9)
        middle = (example.truth.min(0) + example.truth.max(0)) / 2
        np.testing.assert_allclose(middle, [71.5, 95.5], atol=1e-9)


def test_photographs_that_may_be_passed_on_lie_beside_their_poses(examples, tmp_path: Path) -> None:
    write_examples(examples, tmp_path, images=True)
    assert not (tmp_path / "private").exists()
    for kept, example in zip(read_examples(tmp_path), examples, strict=True):
        assert close(kept.image, example.image) and not close(kept.image[..., ::-1], example.image)  # red is red
        np.testing.assert_array_equal(kept.visibility, example.visibility)
        np.testing.assert_allclose(kept.truth, example.truth, atol=0.0051)
        np.testing.assert_allclose(kept.poses["off"], example.poses["off"], atol=0.0051)
        assert kept.size == example.size and list(kept.poses) == ["right", "off"]


def test_photographs_that_may_not_be_passed_on_are_kept_apart(examples, tmp_path: Path) -> None:
    write_examples(examples, tmp_path, images=False)
    assert {p.name for p in tmp_path.iterdir()} == {"examples.json", "private"}
    assert [example.image for example in read_examples(tmp_path)] == 6 * [None]
    for kept, example in zip(read_examples(tmp_path, private=True), examples, strict=True):
        assert close(kept.image, example.image)
    kept = {"size", "truth", "visibility", "poses", "areas"}
    assert set(json.loads((tmp_path / "examples.json").read_text())[0]) == kept


def test_the_area_of_a_person_is_that_in_its_crop_and_is_kept(examples, val_persons, tmp_path) -> None:
    for example, person in zip(examples, choose_persons(val_persons, ALL), strict=True):
        spans, own = (np.ptp(points, axis=0) for points in (example.truth, val_persons.keypoints[person]))
        assert example.areas == pytest.approx(val_persons.areas[person] * np.prod(spans / own))
    write_examples(examples, tmp_path, images=True)
    again = read_examples(tmp_path)
    assert [float(one.areas) for one in again] == pytest.approx([one.areas for one in examples], abs=0.05)


def test_a_pose_is_scored_by_its_similarity(examples) -> None:
    for example in examples:
        assert similarities(example, "right", LSPET14) == pytest.approx(1.0)
        by_hand = oks(example.poses["off"], example.truth, example.visibility, example.areas, LSPET14.sigma_array)
        assert similarities(example, "off", LSPET14) == pytest.approx(by_hand) and 0 < by_hand < 1


def test_an_area_that_was_not_kept_is_half_of_the_box_around_the_labelled_joints(examples) -> None:
    truth = np.zeros((14, 2))
    truth[:3] = [[0, 0], [10, 20], [500, 500]]
    visibility = np.zeros(14)
    visibility[:2] = 2
    example = replace(examples[0], truth=truth, visibility=visibility, areas=None, poses={"off": truth + 3.0})
    by_hand = oks(truth + 3.0, truth, visibility, np.array(0.53 * 200.0), LSPET14.sigma_array)
    assert similarities(example, "off", LSPET14) == pytest.approx(by_hand)
