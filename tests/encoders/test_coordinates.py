from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.encoders.coordinates import Coordinates, weights_in_map
from repro.encoders.gaussian import round_to_pixel
from repro.skeletons.skeleton import COCO17


@pytest.mark.parametrize(
    ("point", "weight"),
    [
        ((0.0, 0.0), 1), ((-0.5, 0.0), 1), ((-0.51, 0.0), 0), ((0.0, -0.5), 1), ((0.0, -0.51), 0),
        ((11.49, 15.0), 1), ((11.5, 15.0), 0), ((11.0, 15.49), 1), ((11.0, 15.5), 0), ((15.0, 11.0), 0),
    ],
)  # fmt: skip
def test_points_outside_a_map_12_wide_and_16_high_have_no_weight(point, weight):
    assert weights_in_map(torch.tensor([[point]]), (12, 16)).tolist() == [[weight]]


@settings(derandomize=True, deadline=None, max_examples=50)
@given(x=st.floats(-0.5, 30, width=32), y=st.floats(-0.5, 30, width=32))
def test_a_point_counts_where_the_pixel_it_is_rounded_to_lies_in_the_map(x, y):
    column, row = round_to_pixel(torch.tensor([x, y])).tolist()
    expected = 0 <= column < 20 and 0 <= row < 10
    assert weights_in_map(torch.tensor([[[x, y]]]), (20, 10)).item() == expected


def test_targets_are_the_points_and_only_labelled_ones_count():
    points = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [99.0, 4.0]]])
    targets = Coordinates()(points, torch.tensor([[1.0, 0.0, 1.0]]), size=(12, 16), skeleton=COCO17)
    assert set(targets) == {"points", "weights"}
    assert torch.equal(targets["points"], points)
    assert targets["weights"].tolist() == [[1.0, 0.0, 0.0]]
