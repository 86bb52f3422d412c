"""What perfect heatmaps reach: exact where keypoints lie on heatmap pixels, worse the smaller the input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from repro.data.people.load import load_people
from repro.decoders.dark import Dark
from repro.decoders.peaks import Argmax
from repro.papers.fowkal.rows import TABLES as FOWKAL
from repro.papers.skeletal.rows import TABLES
from repro.reporting.ceiling import WHOLE_BODY_PARTS, decode_truth, pckh_ceiling, whole_body_ceiling
from repro.wholebody import WHOLEBODY133

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


def _only(flat: list[float], kept: list[int]) -> list[float]:
    """The keypoints x, y, v of a whole body with those that are not kept unlabelled."""
    rows = np.zeros((len(WHOLEBODY133), 3))
    rows[kept] = np.reshape(flat, (-1, 3))[kept]
    return rows.ravel().tolist()
