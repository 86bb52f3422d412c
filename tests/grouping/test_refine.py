from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from repro.grouping.refine import fit_gaussians, least_squares, windows
from repro.grouping.sampling import resample

from .rendered import gaussians

PROPERTY = settings(derandomize=True, deadline=None, max_examples=40)


def fit(heatmaps, start, stride=1, **more):
    """One keypoint on the first map."""
    starts = torch.tensor([start], dtype=torch.float64)
    points, heights, usable = fit_gaussians(
        heatmaps, torch.zeros(1, dtype=torch.int64), starts, torch.ones(1).double(), stride=stride, **more
    )
    return points[0].tolist(), heights.item(), usable.item()


def test_an_interior_peak_is_exact():
    heatmaps = 0.8 * gaussians(torch.tensor([[301.3, 204.8]], dtype=torch.float64), (512, 400), 2.0)
    point, height, usable = fit(heatmaps, (301, 205))
    assert usable and point == pytest.approx([301.3, 204.8], abs=1e-6) and height == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("x, y", [(1.4, 30.2), (30.2, 1.4), (58.7, 20.1), (20.1, 38.6), (0.3, 0.4), (-0.3, 20.0)])
def test_peaks_near_a_border_are_exact(x, y):
    heatmaps = gaussians(torch.tensor([[x, y]], dtype=torch.float64), (60, 40), 2.0)
    point, _, usable = fit(heatmaps, (max(round(x), 0), round(y)))
    assert usable and point == pytest.approx([x, y], abs=1e-5)


@PROPERTY
@given(x=st.floats(0, 39), y=st.floats(0, 29), sigma=st.floats(1.5, 5), height=st.floats(0.05, 1))
def test_any_gaussian_is_found(x, y, sigma, height):
    heatmaps = height * gaussians(torch.tensor([[x, y]], dtype=torch.float64), (40, 30), sigma)
    point, found, usable = fit(heatmaps, (round(x), round(y)))
    assert usable and point == pytest.approx([x, y], abs=1e-4) and found == pytest.approx(height, rel=1e-4)


@settings(PROPERTY, max_examples=15)
@given(x=st.floats(6, 20), y=st.floats(6, 20), seed=st.integers(0, 1000))
def test_it_is_the_least_squares_fit_of_the_window(x, y, seed):
    """A noisy, up-sampled peak against SciPy's curve_fit on the 13x13 window of the up-sampled map."""
    noise = 0.03 * np.random.default_rng(seed).standard_normal((28, 28))
    heatmaps = gaussians(torch.tensor([[x, y]], dtype=torch.float64), (28, 28), 2.0) + torch.from_numpy(noise)
    start = (4 * round(x), 4 * round(y))
    large = resample(heatmaps, (112, 112))[0].numpy()
    line = np.arange(-6, 7)
    window = large[np.ix_(start[1] + line, start[0] + line)]
    grid_y, grid_x = (g.ravel() for g in np.meshgrid(line, line, indexing="ij"))

    def model(_, a, x0, y0, s):
        return a * np.exp(-((grid_x - x0) ** 2 + (grid_y - y0) ** 2) / (2 * s**2))

    expected, _ = curve_fit(model, None, window.ravel(), p0=(1, 0, 0, 8))
    point, height, usable = fit(heatmaps, start, stride=4, steps=30)
    if np.abs(expected[1:3]).max() < 5.9:
        assert usable
        assert point == pytest.approx([start[0] + expected[1], start[1] + expected[2]], abs=2e-3)
        assert height == pytest.approx(expected[0], abs=1e-3)
        quick, _, _ = fit(heatmaps, start, stride=4)
        assert quick == pytest.approx(point, abs=0.05)  # four steps are enough


def test_upsampled_maps_give_nearly_the_place():
    """Linear interpolation flattens a Gaussian of sigma 2 a little; the place is right within a tenth of an input px."""
    for x, y in ((20.0, 12.0), (20.3, 12.45), (19.71, 12.5)):
        heatmaps = gaussians(torch.tensor([[x, y]], dtype=torch.float64), (64, 48), 2.0)
        point, height, usable = fit(heatmaps, (4 * round(x), 4 * round(y)), stride=4)
        assert usable and point == pytest.approx([4 * x, 4 * y], abs=0.15) and 0.9 < height < 1


def test_what_is_no_peak_stays():
    flat = torch.full((1, 30, 30), 0.3, dtype=torch.float64)
    assert fit(flat, (10, 12)) == ([10, 12], 1, False)
    far = gaussians(torch.tensor([[19.0, 12.0]], dtype=torch.float64), (30, 30), 2.0)
    assert fit(far, (10, 12)) == ([10, 12], 1, False)  # 9 px away, out of the window


def test_a_window_shows_the_interpolated_map_and_its_inside():
    heatmaps = torch.rand(1, 12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, values, columns, rows = windows(heatmaps, torch.tensor([0]), torch.tensor([[4.0, 20.0]]), half=6, stride=4)
    large = resample(heatmaps, (48, 48))[0]
    torch.testing.assert_close(values[0, :, 2:], large[14:27, 0:11])
    assert columns[0].tolist() == [0, 0, *[1] * 11] and rows.all()


def test_steps_lower_the_squares_from_a_bad_start():
    heatmaps = gaussians(torch.tensor([[15.4, 14.2]], dtype=torch.float64), (30, 30), 2.0)
    window = windows(heatmaps, torch.tensor([0]), torch.tensor([[15.0, 15.0]]), half=6, stride=1)
    start = torch.tensor([[0.5, 1.5, 1.0, 4.0]], dtype=torch.float64)
    torch.testing.assert_close(
        least_squares(*window, start, 30)[0], torch.tensor([1, 0.4, -0.8, 2.0]).double(), rtol=0, atol=1e-5
    )
