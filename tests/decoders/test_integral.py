from __future__ import annotations

import math

import pytest
import torch

from repro.decoders.integral import SoftArgmax


def test_the_mean_and_the_largest_share_are_read_from_the_heatmaps():
    """One pixel is 9 times as likely as each of the 11 others of a 4x3 map: 9/20, and 1/20 for the others.

    The others' x sum to 18 - 3 = 15 and y to 12 - 2 = 10, so x = (9 * 3 + 15) / 20 = 2.1 and y = (9 * 2 + 10) / 20 = 1.4.
    """
    maps = torch.zeros(1, 1, 3, 4)
    maps[0, 0, 2, 3] = math.log(9)
    points, scores = SoftArgmax()({"heatmaps": maps})
    assert points[0, 0].tolist() == pytest.approx([2.1, 1.4], abs=1e-6)
    assert scores.tolist() == [[pytest.approx(0.45)]]


def test_maps_of_lower_precision_are_read_in_float32():
    points, scores = SoftArgmax()({"heatmaps": torch.zeros(2, 17, 64, 48, dtype=torch.bfloat16)})
    assert points.dtype == scores.dtype == torch.float32
    assert points[1, 5].tolist() == pytest.approx([23.5, 31.5], rel=1e-5)


def test_every_channel_is_read_by_itself():
    maps = torch.full((1, 2, 4, 4), -100.0)
    maps[0, 0, 1, 2] = maps[0, 1, 3, 0] = 100.0
    points, _ = SoftArgmax()({"heatmaps": maps})
    assert points.tolist() == [[[2.0, 1.0], [0.0, 3.0]]]
