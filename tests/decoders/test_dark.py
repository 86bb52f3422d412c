from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.decoders.dark import Dark, gaussian_kernel, newton_step, smooth, smooth_around
from repro.decoders.peaks import Argmax
from repro.encoders.gaussian import gaussian_heatmaps
from repro.errors import ReproError

PROPERTY = settings(derandomize=True, deadline=None, max_examples=40)
SIZE = (48, 64)
CPU = torch.device("cpu")


def gaussians(*points: tuple[float, float], sigma: float = 2.0) -> dict[str, torch.Tensor]:
    """Continuous Gaussians on 48 x 64 px, as a network's output."""
    return {"heatmaps": gaussian_heatmaps(torch.tensor([points]), SIZE, sigma, truncated=False)}


def official_smooth(heatmap: np.ndarray, kernel: int) -> np.ndarray:
    """The official filter: pad with zeros, blur by OpenCV, cut the padding off, scale to the former maximum."""
    border = (kernel - 1) // 2
    blurred = cv2.GaussianBlur(np.pad(heatmap, border), (kernel, kernel), 0)
    blurred = blurred[border : blurred.shape[0] - border, border : blurred.shape[1] - border]
    return blurred * heatmap.max() / blurred.max()


def official_dark(heatmap: np.ndarray, kernel: int) -> np.ndarray:
    """The official decoder on one (H, W) map in double precision: x, y."""
    height, width = heatmap.shape
    y, x = divmod(int(np.argmax(heatmap)), width)
    if heatmap.max() <= 0:
        return np.zeros(2)
    h = np.log(np.maximum(official_smooth(heatmap, kernel) if kernel > 1 else heatmap, 1e-10))
    place = np.array([x, y], dtype=np.float64)
    if 1 < x < width - 2 and 1 < y < height - 2:
        gradient = 0.5 * np.array([h[y, x + 1] - h[y, x - 1], h[y + 1, x] - h[y - 1, x]])
        xx = 0.25 * (h[y, x + 2] - 2 * h[y, x] + h[y, x - 2])
        yy = 0.25 * (h[y + 2, x] - 2 * h[y, x] + h[y - 2, x])
        xy = 0.25 * (h[y + 1, x + 1] - h[y - 1, x + 1] - h[y + 1, x - 1] + h[y - 1, x - 1])
        if xx * yy - xy**2 != 0:
            place -= np.linalg.solve([[xx, xy], [xy, yy]], gradient)
    return place


def noisy_gaussians(seed: int, count: int = 8) -> torch.Tensor:
    """(1, count, 24, 20) blobs of all widths and heights anywhere on the map, on a positive noisy ground."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(20), np.arange(24))
    maps = []
    for _ in range(count):
        cx, cy, s = rng.uniform(-0.5, 19.5), rng.uniform(-0.5, 23.5), rng.uniform(1, 3)
        blob = rng.uniform(0.2, 1) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * s**2))
        maps.append(blob + 0.02 + 0.01 * rng.random(x.shape))
    return torch.from_numpy(np.stack(maps)[None].astype(np.float32))


@pytest.mark.parametrize(("size", "sigma"), [(11, 2.0), (15, 2.6), (17, 2.9)])
def test_large_kernels_have_opencvs_sigma(size, sigma):
    """0.3 ((size - 1) / 2 - 1) + 0.8, and neighbours of a Gaussian's centre are exp(-1 / (2 sigma^2)) of it."""
    kernel = gaussian_kernel(size, device=CPU, dtype=torch.float64)
    assert kernel.shape == (size,) and kernel.sum().item() == pytest.approx(1, abs=1e-12)
    expected = [math.exp(-((i - size // 2) ** 2) / (2 * sigma**2)) for i in range(size)]
    np.testing.assert_allclose(kernel / kernel.max(), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("size", "kernel"),
    [
        (3, [0.25, 0.5, 0.25]),
        (5, [0.0625, 0.25, 0.375, 0.25, 0.0625]),
        (7, [0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125]),
    ],
)
def test_small_kernels_are_opencvs_tables(size, kernel):
    """cv2.GaussianBlur with sigma 0, which the official code calls, does not compute these sizes from a sigma."""
    assert gaussian_kernel(size, device=CPU, dtype=torch.float32).tolist() == kernel
    impulse = np.zeros((21, 21))
    impulse[10, 10] = 1
    half = size // 2
    row = cv2.GaussianBlur(impulse, (size, size), 0)[10, 10 - half : 11 + half]
    np.testing.assert_allclose(row, np.array(kernel) * max(kernel), rtol=1e-12)


@pytest.mark.parametrize("kernel", [3, 7, 11, 17])
def test_smoothing_is_the_official_one(kernel):
    heatmaps = noisy_gaussians(seed=1)
    got = smooth(heatmaps, kernel)
    for ours, heatmap in zip(got[0].numpy(), heatmaps[0].numpy().astype(np.float64), strict=True):
        np.testing.assert_allclose(ours, official_smooth(heatmap, kernel), rtol=1e-4)
    torch.testing.assert_close(got.amax((-2, -1)), heatmaps.amax((-2, -1)))


def test_smoothing_sees_zeros_beyond_the_border():
    """On a map of ones the corner loses 1/4 on each axis to 1/4, 1/2, 1/4: 9/16, edges 3/4; the inside stays 1."""
    got = smooth(torch.ones(1, 1, 4, 5), 3)[0, 0]
    np.testing.assert_allclose(got[0], [9 / 16, 3 / 4, 3 / 4, 3 / 4, 9 / 16], rtol=1e-6)
    np.testing.assert_allclose(got[1], [3 / 4, 1, 1, 1, 3 / 4], rtol=1e-6)


@PROPERTY
@given(
    x=st.floats(-0.5, 0.5),
    y=st.floats(-0.5, 0.5),
    a=st.floats(0.1, 2),
    c=st.floats(0.1, 2),
    correlation=st.floats(-0.8, 0.8),
)
def test_one_step_reaches_the_top_of_any_paraboloid(x, y, a, c, correlation):
    """The logarithm of a Gaussian of any shape: -(a u^2 + 2 b u v + c v^2) / 2 with u, v from the centre (10 + x, 12 + y)."""
    b = correlation * math.sqrt(a * c)
    v, u = torch.meshgrid(torch.arange(24).double() - 12 - y, torch.arange(20).double() - 10 - x, indexing="ij")
    surface = -(a * u**2 + 2 * b * u * v + c * v**2) / 2 - 3
    got = newton_step(surface[None, None], torch.tensor([[[10.0, 12.0]]], dtype=torch.float64))
    np.testing.assert_allclose(got[0, 0], [10 + x, 12 + y], atol=1e-9)


def test_second_derivatives_span_four_pixels():
    """h = x^4 along x and -y^2 along y, at (4, 4) of a map centred there: with x in {-2..2} the second difference over four
    pixels is (16 + 16) / 4 = 8, over two it would be 2. The first derivative gets a slope of 8: step -8 / 8 = -1."""
    offset = torch.arange(9).double() - 4
    surface = offset**4 + 8 * offset - (offset**2)[:, None]
    got = newton_step(surface[None, None], torch.tensor([[[4.0, 4.0]]], dtype=torch.float64))
    assert got.tolist() == [[[3.0, 4.0]]]


@pytest.mark.parametrize(
    ("peak", "moved"),
    [((1, 30), False), ((2, 30), True), ((45, 30), True), ((46, 30), False)]
    + [((20, 1), False), ((20, 2), True), ((20, 61), True), ((20, 62), False)],
)
def test_peaks_within_two_pixels_of_the_border_stay(peak, moved):
    points, _ = Dark(kernel=1)(gaussians((peak[0] + 0.3, peak[1] - 0.2)))
    expected = (peak[0] + 0.3, peak[1] - 0.2) if moved else peak
    np.testing.assert_allclose(points[0, 0], expected, atol=1e-4)


def test_a_ridge_without_curvature_along_it_leaves_the_peak_where_it_is():
    """h = x - x^2 does not change along y, so the determinant of the Hessian is 0, in whole numbers exactly."""
    offset = torch.arange(20.0) - 10
    surface = (offset - offset**2).expand(1, 1, 24, 20)
    points = torch.tensor([[[10.0, 12.0]]])
    assert torch.equal(newton_step(surface, points), points)


def test_decoding_five_gaussians():
    """Without smoothing exact, but for the two whose peaks lie at the border, which stay on their pixel."""
    places = ((20.3, 30.7), (5.5, 7.2), (46.9, 62.8), (0.2, 33.3), (24.5, 32.5))
    points, scores = Dark(kernel=1)(gaussians(*places))
    expected = [places[0], places[1], (47, 63), (0, 33), places[4]]
    np.testing.assert_allclose(points[0], expected, atol=1e-4)
    # Scores are the highest pixels: .3 and -.3 px from the first centre.
    assert scores[0, 0].item() == pytest.approx(math.exp(-0.18 / 8), rel=1e-5)
    smoothed, same = Dark()(gaussians(*places))  # the kernel is cut off at five pixels: not quite a Gaussian any more
    np.testing.assert_allclose(smoothed[0], expected, atol=1e-3)
    assert torch.equal(same, scores)


@pytest.mark.parametrize("kernel", [1, 3, 7, 11])
def test_it_agrees_with_the_official_algorithm(kernel):
    heatmaps = noisy_gaussians(seed=2, count=60)
    points, scores = Dark(kernel=kernel)({"heatmaps": heatmaps})
    expected = [official_dark(heatmap, kernel) for heatmap in heatmaps[0].numpy().astype(np.float64)]
    np.testing.assert_allclose(points[0], expected, atol=1e-5)
    assert torch.equal(scores, heatmaps.amax((-2, -1)))
    plain = Argmax()({"heatmaps": heatmaps})[0]
    share = (points != plain).any(-1).float().mean().item()
    assert 0.5 < share < 1  # inside and at the border


@pytest.mark.parametrize("kernel", [3, 11, 17])
def test_where_smoothed_values_are_not_positive_it_agrees_too(kernel):
    """On a ground below zero the 1e-10 bites near the peak, and what the map is scaled by shows: its maximum lies elsewhere."""
    heatmaps = noisy_gaussians(seed=3, count=60) - 0.06
    heatmaps[..., 11, 9] = 1.1  # the highest pixel stands alone, the blobs are higher once they are smoothed
    points, _ = Dark(kernel=kernel)({"heatmaps": heatmaps})
    smoothed = [official_smooth(heatmap, kernel) for heatmap in heatmaps[0].numpy().astype(np.float64)]
    touched = [(one[9:14, 7:12] <= 0).any() and one.argmax() != 11 * 20 + 9 for one in smoothed]
    assert any(touched)
    expected = [official_dark(heatmap, kernel) for heatmap in heatmaps[0].numpy().astype(np.float64)]
    np.testing.assert_allclose(points[0], expected, atol=1e-5)


@pytest.mark.parametrize("point", [(5, 9), (0, 0), (19, 23)])
def test_pixels_around_a_point_are_those_of_the_whole_map(point):
    x, y = point
    heatmaps = noisy_gaussians(seed=4, count=3)
    got = smooth_around(heatmaps, torch.tensor([[[float(x), float(y)]] * 3]), 7)
    kernel = gaussian_kernel(7, device=CPU, dtype=torch.float64)
    for ours, heatmap in zip(got[0], heatmaps[0].numpy().astype(np.float64), strict=True):
        blurred = cv2.sepFilter2D(np.pad(heatmap, 5), -1, kernel.numpy(), kernel.numpy())[y + 3 : y + 8, x + 3 : x + 8]
        np.testing.assert_allclose(ours, blurred, atol=1e-12)


def test_the_mean_error_on_ideal_gaussians_is_zero_without_smoothing():
    points = 10 + 10 * torch.rand(1, 2000, 2, generator=torch.Generator().manual_seed(0))
    heatmaps = gaussian_heatmaps(points, (30, 30), 2.0, truncated=False)
    assert (Dark(kernel=1)({"heatmaps": heatmaps})[0] - points).norm(dim=-1).max() < 1e-4


@PROPERTY
@given(
    x=st.floats(10, 37, width=32),
    y=st.floats(10, 53, width=32),
    sigma=st.sampled_from([1.0, 2.0, 3.0]),
    height=st.floats(0.1, 1),
)
def test_a_decoded_gaussian_is_exact_whatever_its_height_and_nearly_so_when_smoothed(x, y, sigma, height):
    outputs = {"heatmaps": height * gaussians((x, y), sigma=sigma)["heatmaps"]}
    np.testing.assert_allclose(Dark(kernel=1)(outputs)[0][0, 0], (x, y), atol=1e-3)
    np.testing.assert_allclose(Dark(kernel=11)(outputs)[0][0, 0], (x, y), atol=0.02)


@pytest.mark.parametrize("kernel", [1, 11])
def test_a_map_without_a_positive_value_gives_the_origin(kernel):
    heatmaps = torch.stack([torch.zeros(64, 48), torch.full((64, 48), -1.0)])[None]
    points, scores = Dark(kernel=kernel)({"heatmaps": heatmaps})
    assert points.tolist() == [[[0, 0], [0, 0]]] and scores.tolist() == [[0, -1]]


def test_values_below_zero_are_clipped_before_the_logarithm():
    """Raised above 1e-10 the ground is flat, log = -23.03: for a lone pixel of height 1 the gradient is 0."""
    heatmap = torch.full((1, 1, 20, 20), -0.3)
    heatmap[0, 0, 9, 8] = 1
    assert Dark(kernel=1)({"heatmaps": heatmap})[0].tolist() == [[[8, 9]]]
    # Beside it a pixel of exp(-2): the gradient is (-2 + 23.0259) / 2, the second difference over four pixels
    # 2 (-23.0259) / 4, so the step is 10.513 / 11.513 = 0.9131.
    heatmap[0, 0, 9, 9] = math.exp(-2)
    step = (-2 + 10 * math.log(10)) / (10 * math.log(10))
    np.testing.assert_allclose(Dark(kernel=1)({"heatmaps": heatmap})[0][0, 0], [8 + step, 9], atol=1e-4)


def test_maps_in_bfloat16_are_decoded_in_float32():
    points, scores = Dark(kernel=1)({"heatmaps": gaussians((20.3, 30.7))["heatmaps"].bfloat16()})
    assert points.dtype == scores.dtype == torch.float32
    np.testing.assert_allclose(points[0, 0], (20.3, 30.7), atol=0.05)


@pytest.mark.parametrize("kernel", [0, -1, 2, 10])
def test_even_kernels_are_an_error(kernel):
    with pytest.raises(ReproError, match=f"Dark kernel is {kernel}: give an odd number"):
        Dark(kernel=kernel)
