from __future__ import annotations

import pytest
import torch

from repro.errors import ReproError
from repro.grouping.absorb import absorb
from repro.grouping.candidates import Candidates

HEATMAPS = torch.zeros(1, 60, 60)
HEATMAPS[0, 40, 10] = 0.25  # input (40, 160) at stride 4
HEATMAPS[0, 10, 40] = 0.9  # the transposed place


def candidates(*found: tuple[float, float, float]) -> Candidates:
    """One keypoint type: x, y and heat; two empty slots follow."""
    rows = torch.tensor([*found, (0, 0, 0), (0, 0, 0)], dtype=torch.float32)
    valid = torch.arange(len(rows))[None] < len(found)
    return Candidates(points=rows[None, :, :2], scores=rows[None, :, 2], valid=valid)


def one(x: float, y: float, found: Candidates, **more) -> tuple[list[float], float, bool]:
    points, heats, absorbed = absorb(torch.tensor([[[x, y]]]), found, HEATMAPS, stride=4, **more)
    return points[0, 0].tolist(), heats.item(), absorbed.item()


def test_the_nearest_candidate_not_the_highest():
    assert one(100, 100, candidates((140, 100, 0.9), (100, 130, 0.2))) == ([100, 130], pytest.approx(0.2), True)


def test_75_px_are_too_far():
    assert one(100, 100, candidates((174, 100, 0.5)))[2] is True
    assert one(100, 100, candidates((175, 100, 0.5)))[2] is False


def test_without_candidate_the_cue_stays_with_the_heat_there():
    """Heat is read at x = 40, y = 160, not at the exchanged place."""
    assert one(40, 160, candidates((300, 300, 0.5))) == ([40, 160], pytest.approx(0.25), False)
    assert one(40, 160, candidates()) == ([40, 160], pytest.approx(0.25), False)


def test_empty_slots_absorb_nothing():
    assert one(3, 3, candidates())[0] == [3, 3]


def test_truth_does_not_leak():
    """The nearest candidate however far, with score 0; without any the highest pixel (40, 10) of the map."""
    assert one(40, 160, candidates((300, 300, 0.5)), beyond="nearest") == ([300, 300], 0, False)
    assert one(40, 160, candidates(), beyond="nearest") == ([160, 40], 0, False)


def test_two_people_may_absorb_the_same_candidate():
    points = torch.tensor([[[10.0, 10]], [[30, 10]]])
    assert absorb(points, candidates((20, 10, 1)), HEATMAPS, stride=4)[0].tolist() == [[[20, 10]], [[20, 10]]]


def test_an_unknown_way():
    with pytest.raises(ReproError, match="cue, nearest"):
        one(0, 0, candidates(), beyond="far")
