"""What perfect heatmaps reach: exact where keypoints lie on heatmap pixels, worse the smaller the input."""

from __future__ import annotations

import numpy as np
import pytest

from repro.decoders.peaks import Argmax
from repro.papers.skeletal.rows import TABLES
from repro.reporting.ceiling import decode_truth, pckh_ceiling

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
