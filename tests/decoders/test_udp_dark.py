from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from repro.decoders.udp_dark import UdpDark, rescaled, three_point_step
from repro.errors import ReproError
from repro.papers.recipes import table_rows
from repro.recipe import Recipe


def gaussian(x: float, y: float, sigma: float = 2.0, size: tuple[int, int] = (24, 32)) -> torch.Tensor:
    """(1, 1, H, W): a Gaussian around (x, y)."""
    columns, rows = torch.arange(size[0], dtype=torch.float64), torch.arange(size[1], dtype=torch.float64)
    return torch.exp(-((columns - x) ** 2 + (rows[:, None] - y) ** 2) / (2 * sigma**2))[None, None]


def reference(heatmap: np.ndarray, kernel: int) -> np.ndarray:
    """The steps of the file's docstring, one map at a time, with OpenCV's filter and NumPy's inverse."""
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
    soft = cv2.GaussianBlur(heatmap, (kernel, kernel), 0)
    soft = (soft - soft.min()) / (soft.max() - soft.min()) * heatmap.max()
    log = np.pad(np.log(np.clip(soft, 0.001, 50)), 1, mode="edge")
    p = log[y : y + 3, x : x + 3]
    first = np.array([p[1, 2] - p[1, 0], p[2, 1] - p[0, 1]]) / 2
    mixed = (p[2, 2] - p[1, 2] - p[2, 1] + 2 * p[1, 1] - p[1, 0] - p[0, 1] + p[0, 0]) / 2
    second = np.array([[p[1, 2] - 2 * p[1, 1] + p[1, 0], mixed], [mixed, p[2, 1] - 2 * p[1, 1] + p[0, 1]]])
    return np.array([x, y]) - np.linalg.inv(second) @ first


@given(st.floats(6, 17), st.floats(6, 25))
def test_the_centre_of_a_gaussian_is_found(x, y):
    points, scores = UdpDark()({"heatmaps": gaussian(x, y)})
    assert points[0, 0].tolist() == pytest.approx([x, y], abs=0.02)
    assert 0 < scores.item() <= 1


def test_an_unsmoothed_gaussian_is_found_exactly():
    """Its logarithm is a parabola, whose differences over three points are exact where no value is below the floor."""
    moved = three_point_step(gaussian(10.3, 12.8).log(), torch.tensor([[[10.0, 13.0]]], dtype=torch.float64))
    assert moved[0, 0].tolist() == pytest.approx([10.3, 12.8], abs=1e-9)


@pytest.mark.parametrize("kernel", [3, 7])
@pytest.mark.parametrize("place", [(10.3, 12.8), (0.4, 12.0), (23.0, 31.0), (0.0, 0.0)])
def test_every_map_is_decoded_as_by_opencv_and_numpy_at_borders_too(kernel, place):
    noise = torch.rand(1, 1, 32, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    maps = (gaussian(*place) + 0.05 * noise).float()
    points, _ = UdpDark(kernel=kernel)({"heatmaps": maps})
    expected = reference(maps[0, 0].double().numpy(), kernel)
    assert points[0, 0].tolist() == pytest.approx(expected.tolist(), abs=1e-4)


def test_maps_are_rescaled_and_flat_ones_are_zero():
    maps = torch.tensor([[[1.0, 3.0], [2.0, 1.0]], [[4.0, 4.0], [4.0, 4.0]]])
    assert rescaled(maps, torch.tensor([8.0, 4.0])).tolist() == [[[0.0, 8.0], [4.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]
    points, scores = UdpDark()({"heatmaps": torch.full((1, 1, 8, 8), 4.0)})
    assert points.tolist() == [[[0.0, 0.0]]] and scores.item() == 4.0


@pytest.mark.parametrize("kernel", [0, 4, -1])
def test_an_even_kernel_is_refused(kernel):
    with pytest.raises(ReproError, match=f"UdpDark kernel is {kernel}: give an odd number"):
        UdpDark(kernel=kernel)


def test_it_can_be_part_of_a_recipe():
    dark = table_rows("cal", 8).rows["dark-w32-64x48"].recipe
    own = dark.but(method=dark.method.but(decoder=UdpDark(kernel=5)))
    assert Recipe.from_plain(own.to_plain()) == own and own.key != dark.key
