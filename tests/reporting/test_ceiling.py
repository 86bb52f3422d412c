"""What perfect heatmaps reach: exact where keypoints lie on heatmap pixels, worse the smaller the input."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.data.drawn.load import load_people
from repro.decoders.dark import Dark
from repro.decoders.peaks import Argmax
from repro.metrics.oks import oks
from repro.papers.fowkal.rows import TABLES as FOWKAL
from repro.papers.skeletal.rows import TABLES
from repro.reporting.ceiling import (
    WHOLE_BODY_PARTS,
    allowed_error,
    decode_truth,
    part_sizes,
    pckh_ceiling,
    whole_body_ceiling,
)
from repro.skeletons.wholebody import WHOLEBODY133

from ..tiny_runs import tiny_persons

RECIPE = TABLES[3].rows["hrnet"].recipe


def test_decoding_the_truth_errs_by_half_a_heatmap_pixel_at_most(tmp_path) -> None:
    persons = tiny_persons(tmp_path)
    points = decode_truth(persons, RECIPE, (64, 64), Argmax())
    # The crop is 1.25 times the longer side of the box wide and shown on 16 heatmap pixels.
    pixel = 1.25 * persons.boxes[:, 2:].max(1) / 16
    shown = persons.visibility > 0
    error = np.abs(points - persons.keypoints).max(-1)
    assert (error <= pixel[:, None] / 2 + 1e-3)[shown].all()
    assert error[shown].max() > 0


def test_a_larger_input_shows_more(tmp_path) -> None:
    found = pckh_ceiling(tiny_persons(tmp_path), RECIPE, (32, 256), {"argmax": Argmax()})
    assert found["32x32", "argmax"]["pckh@0.1"] < found["256x256", "argmax"]["pckh@0.1"]
    assert found["256x256", "argmax"]["pckh@0.5"] == pytest.approx(100)


def test_perfect_heatmaps_of_whole_bodies_lose_little_and_faces_bear_least(places) -> None:
    """DARK finds the centre of a whole Gaussian exactly; highest pixels are up to 2 px of the input off each way."""
    persons = load_people("val", "wholebody133", limit=24, size=(96, 128))
    recipe = FOWKAL[2].rows["mse"].recipe
    exact = recipe.but(method=recipe.method.but(decoder=Dark(kernel=1)))
    found = whole_body_ceiling({"people": persons}, exact, (96, 128), jitter=(0.0, 1.0))
    assert list(found) == [("people", 0.0), ("people", 1.0)]
    for part in WHOLE_BODY_PARTS:
        assert found["people", 0.0][part] > 97
    worse = found["people", 1.0]
    assert (
        worse["foot"] > worse["hand"] > worse["face"] + 10
    )  # as their sigmas: 0.066 and more, about 0.025, about 0.01
    coarse = recipe.but(method=recipe.method.but(decoder=Argmax()))
    assert whole_body_ceiling({"people": persons}, coarse, (96, 128))["people", 0.0]["face"] < 50


def test_parts_that_nobody_has_have_no_ceiling(places) -> None:
    persons = load_people("val", "wholebody133", limit=4, size=(96, 128))
    body = [WHOLEBODY133.index(name) for name in dict(WHOLEBODY133.parts)["body"]]
    bare = tuple({**a, "keypoints": _only(a["keypoints"], body)} for a in persons.annotations)
    found = whole_body_ceiling({"people": replace(persons, annotations=bare)}, FOWKAL[2].rows["mse"].recipe, (96, 128))
    assert np.isnan([found["people", 0.0][part] for part in ("foot", "face", "hand")]).all()
    assert found["people", 0.0]["body"] > 97


def test_the_allowed_error_by_hand() -> None:
    # s = exp(-d^2 / (2 a (2 sigma)^2)): with (2 sigma)^2 = 0.01, a = 5000 and s = 1 / e, d^2 = 100.
    assert allowed_error(math.exp(-1), 5000.0, 0.05) == pytest.approx(10.0)
    assert allowed_error(1.0, 5000.0, 0.05) == 0.0


@given(st.floats(0.01, 0.99), st.floats(100, 1e5), st.floats(0.005, 0.1))
def test_a_keypoint_that_is_off_by_the_allowed_error_has_the_similarity(similarity, area, sigma) -> None:
    away = np.array([[allowed_error(similarity, area, sigma), 0.0]])
    found = oks(away, np.zeros((1, 2)), np.ones(1), np.array(area), np.array([sigma]))
    assert float(found) == pytest.approx(similarity, rel=1e-6)


def test_sizes_of_parts_are_measured_in_the_crop(places) -> None:
    """Two persons: a box of 60 x 80 px becomes, padded by 1.25, 75 x 100 px, shown at 96 x 128: 1.28 px of the crop each."""
    face, hand = (
        [WHOLEBODY133.index(name) for name in dict(WHOLEBODY133.parts)[part]] for part in ("face", "lefthand")
    )
    two = load_people("val", "wholebody133", limit=2, size=(96, 128))
    points, visibility = np.full(two.keypoints.shape, 1e3), np.zeros_like(two.visibility)
    for person, height in ((0, 10.0), (1, 20.0)):
        points[person, face[:2]] = ((5.0, 5.0), (9.0, 5.0 + height))
        visibility[person, face[:2]] = 1
    points[0, hand[3]], visibility[0, hand[3]] = (7.0, 7.0), 2
    boxes = np.tile([10.0, 10.0, 60.0, 80.0], (2, 1))
    persons = replace(two, keypoints=points, visibility=visibility, boxes=boxes, areas=np.array([900.0, 2500.0]))
    first, second = part_sizes(persons, (96, 128), parts=("face", "lefthand"))
    assert (first["part"], first["persons"], second["persons"]) == ("face", 2, 1)
    assert [first["height"], first["width"]] == pytest.approx([15 * 1.28, 4 * 1.28])
    assert first["root area"] == pytest.approx(math.sqrt((900 + 2500) / 2) * 1.28)
    assert (second["height"], second["root area"]) == (0, pytest.approx(30 * 1.28))
    assert (first["sigma"], second["sigma"]) == (0.011, 0.024)  # the middle ones of 68 and of 21
    expected = 2 * 0.024 * 30 * 1.28 * math.sqrt(2 * math.log(2))
    assert second["error at 0.5"] == pytest.approx(expected)
    assert second["error at 0.75"] == pytest.approx(expected * math.sqrt(math.log(4 / 3) / math.log(2)))


def _only(flat: list[float], kept: list[int]) -> list[float]:
    """The keypoints x, y, v of a whole body with those that are not kept unlabelled."""
    rows = np.zeros((len(WHOLEBODY133), 3))
    rows[kept] = np.reshape(flat, (-1, 3))[kept]
    return rows.ravel().tolist()
