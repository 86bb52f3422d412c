from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from repro.grouping.sampling import resample, values_between

PROPERTY = settings(derandomize=True, deadline=None, max_examples=40)


@PROPERTY
@given(x=st.floats(-2, 9), y=st.floats(-2, 6))
def test_a_plane_is_its_own_interpolation(x, y):
    """Bilinear values of 2 x - 3 y + 1 are the plane itself; outside the map they are 0."""
    width, height = 8, 5
    grid_y, grid_x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    maps = torch.stack([torch.full_like(grid_x, 7.0), 2 * grid_x - 3 * grid_y + 1])
    value, inside = values_between(maps, torch.tensor([1]), torch.tensor([[x, y]], dtype=torch.float64))
    expected_inside = 0 <= x <= width - 1 and 0 <= y <= height - 1
    assert bool(inside) == expected_inside
    assert abs(value.item() - (2 * x - 3 * y + 1 if expected_inside else 0)) < 1e-9


def test_maps_of_a_single_row_or_column():
    value, inside = values_between(torch.tensor([[[1.0, 3.0]]]), torch.tensor([0]), torch.tensor([[0.5, 0.0]]))
    assert value.item() == 2 and inside.all()
    assert values_between(torch.tensor([[[4.0]]]), torch.tensor([0]), torch.zeros(1, 2))[0].item() == 4


def test_resampling_by_hand():
    """Twice as wide: pixels 0, 1, 2, 3 show 0, .5, 1 and, beyond the last pixel, 1 of (10, 20)."""
    assert resample(torch.tensor([[[10.0, 20.0]]]), (4, 1)).tolist() == [[[10, 15, 20, 20]]]
    assert resample(torch.tensor([[[0.0, 1, 2, 3]]]), (2, 1)).tolist() == [[[0, 2]]]


def test_upsampling_is_that_of_the_released_code():
    """Bilinear with align_corners to (w - 1) s + 1 px, then the last row and column repeated s - 1 times."""
    maps = torch.rand(3, 6, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = F.interpolate(maps[None], size=(5 * 4 + 1, 8 * 4 + 1), mode="bilinear", align_corners=True)
    expected = F.pad(expected, (0, 3, 0, 3), mode="replicate")[0]
    torch.testing.assert_close(resample(maps, (36, 24)), expected, rtol=0, atol=1e-12)
