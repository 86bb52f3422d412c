from __future__ import annotations

import pytest
import torch

from repro.errors import ReproError
from repro.grouping.people import People, no_people


def three() -> People:
    points = torch.arange(12.0).view(3, 2, 2)
    return People(points=points, keypoint_scores=torch.ones(3, 2), scores=torch.tensor([0.5, 0.9, 0.5]))


def test_ranking_keeps_the_order_of_equal_scores():
    best = three().ranked(3)
    assert best.points[:, 0, 0].tolist() == [4, 0, 8]
    assert len(three().ranked(2)) == 2


def test_selection_by_mask():
    assert three().select(torch.tensor([True, False, True])).points[:, 0, 0].tolist() == [0, 8]


def test_an_affine_map_moves_the_points():
    """(0, 1) -> (2 * 0 + 3, 2 * 1 - 1) = (3, 1)."""
    moved = three().mapped(torch.tensor([[2.0, 0, 3], [0, 2, -1]]))
    assert moved.points[0, 0].tolist() == [3, 1] and moved.points[0, 1].tolist() == [7, 5]


def test_nobody():
    nobody = no_people(17, torch.zeros(1))
    assert len(nobody) == 0 and nobody.points.shape == (0, 17, 2)


def test_shapes_must_agree():
    with pytest.raises(ReproError, match="keypoint scores \\(3, 3\\)"):
        People(points=torch.zeros(3, 2, 2), keypoint_scores=torch.zeros(3, 3), scores=torch.zeros(3))
