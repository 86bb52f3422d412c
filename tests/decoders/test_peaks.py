from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.decoders.peaks import Argmax, QuarterOffset, heatmap_peaks, highest_pixel, inside, quarter_offset, values_at
from repro.encoders.gaussian import gaussian_heatmaps

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60)
SIZE = (48, 64)


def gaussians(*points: tuple[float, float], sigma: float = 2.0) -> dict[str, torch.Tensor]:
    """Continuous Gaussians on 48 x 64 px, as a network's output."""
    return {"heatmaps": gaussian_heatmaps(torch.tensor([points]), SIZE, sigma, truncated=False)}


def one_map(values: list[list[float]]) -> torch.Tensor:
    return torch.tensor(values)[None, None]


def official_predictions(heatmaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """HRNet's get_max_preds and the shift by a quarter, map by map: points and maxima."""
    batch, keypoints, height, width = heatmaps.shape
    points, scores = np.zeros((batch, keypoints, 2)), np.zeros((batch, keypoints))
    for b in range(batch):
        for k in range(keypoints):
            heatmap = heatmaps[b, k]
            place, scores[b, k] = int(np.argmax(heatmap)), heatmap.max()
            if scores[b, k] <= 0:
                continue
            x, y = place % width, place // width
            points[b, k] = x, y
            if 1 < x < width - 1 and 1 < y < height - 1:
                points[b, k, 0] += 0.25 * np.sign(heatmap[y, x + 1] - heatmap[y, x - 1])
                points[b, k, 1] += 0.25 * np.sign(heatmap[y + 1, x] - heatmap[y - 1, x])
    return points, scores


def test_the_highest_pixel_and_its_height():
    points, scores = Argmax()({"heatmaps": one_map([[0.0, 0.1, 0.0], [0.2, 0.0, 0.9]])})
    assert points.tolist() == [[[2, 1]]] and scores.tolist() == [[pytest.approx(0.9)]]


def test_the_first_of_equal_pixels_in_row_major_order_wins():
    points, _ = heatmap_peaks(one_map([[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5]]))
    assert points.tolist() == [[[1, 1]]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64])
def test_the_highest_pixel_of_any_type_of_number(dtype):
    """Ties go to the first; gradients that are asked for do not matter."""
    maps = torch.tensor([[[[0, 3], [3, 1]], [[0, 0], [0, 2]]]], dtype=dtype)
    assert highest_pixel(maps).tolist() == [[1, 3]]
    if dtype.is_floating_point:
        assert highest_pixel(maps.requires_grad_()).tolist() == [[1, 3]]


def test_several_values_of_a_map_are_read_at_once():
    heatmaps = torch.arange(6.0).view(1, 1, 2, 3)
    x, y = torch.tensor([[[2.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
    assert values_at(heatmaps, x, y).tolist() == [[[2, 3]]]


@pytest.mark.parametrize("decoder", [Argmax(), QuarterOffset()])
@pytest.mark.parametrize("top", [0.0, -0.5])
def test_a_map_without_a_positive_value_gives_the_origin(decoder, top):
    heatmap = torch.full((1, 2, 64, 48), -1.0)
    heatmap[0, 0, 30, 20] = top
    heatmap[0, 1, 30, 20] = 1e-6
    points, scores = decoder({"heatmaps": heatmap})
    assert points.tolist() == [[[0, 0], [20, 30]]]
    assert scores[0, 0] == top


def test_values_are_read_by_x_and_y_and_from_the_border_when_outside():
    heatmaps = torch.arange(6.0).view(1, 1, 2, 3).repeat(1, 5, 1, 1)
    x, y = torch.tensor([[2.0, 0.0, 5.0, -1.0, 1.0]]), torch.tensor([[0.0, 1.0, 1.0, 0.0, 9.0]])
    assert values_at(heatmaps, x, y).tolist() == [[2, 3, 5, 0, 4]]


def test_inside_leaves_out_two_pixels_before_and_as_many_as_asked_behind():
    """1 < x < W - margin, the official comparison: with W = 8, columns 2 to 6 for margin 1 and 2 to 5 for margin 2."""
    row = torch.tensor([[[float(x), 4.0] for x in range(8)]])
    column = row.flip(-1)
    heatmaps = torch.zeros(1, 8, 8, 8)
    for points in (row, column):
        assert inside(points, heatmaps, 1).nonzero()[:, 1].tolist() == [2, 3, 4, 5, 6]
        assert inside(points, heatmaps, 2).nonzero()[:, 1].tolist() == [2, 3, 4, 5]


def test_a_quarter_toward_the_higher_neighbour_on_each_axis():
    values = torch.zeros(1, 1, 6, 6)
    values[0, 0, 3, 2] = 1
    values[0, 0, 3, 1], values[0, 0, 3, 3] = 0.3, 0.2  # left is higher
    values[0, 0, 2, 2], values[0, 0, 4, 2] = 0.1, 0.4  # below is higher
    assert QuarterOffset()({"heatmaps": values})[0].tolist() == [[[1.75, 3.25]]]


def test_equal_neighbours_leave_the_peak_where_it_is():
    points, _ = QuarterOffset()(gaussians((20.0, 30.0)))
    assert points.tolist() == [[[20, 30]]]


@pytest.mark.parametrize(
    ("peak", "moved"),
    [((1, 30), False), ((2, 30), True), ((46, 30), True), ((47, 30), False)]
    + [((20, 1), False), ((20, 2), True), ((20, 62), True), ((20, 63), False), ((0, 0), False)],
)
def test_peaks_near_the_border_stay_on_both_axes(peak, moved):
    """The Gaussian's centre is .3 px right of and below the pixel, wherever that is."""
    points, _ = QuarterOffset()(gaussians((peak[0] + 0.3, peak[1] + 0.3)))
    step = 0.25 if moved else 0
    assert points.tolist() == [[[peak[0] + step, peak[1] + step]]]


def test_decoding_five_gaussians():
    """Peaks 20.3, 30.7 | 5.5 (the first of 5 and 6), 7.2 | 46.9, 62.8 | 0.2, 33.3 | 24.5, 32.5."""
    outputs = gaussians((20.3, 30.7), (5.5, 7.2), (46.9, 62.8), (0.2, 33.3), (24.5, 32.5))
    plain, _ = Argmax()(outputs)
    assert plain[0].tolist() == [[20, 31], [5, 7], [47, 63], [0, 33], [24, 32]]
    shifted, scores = QuarterOffset()(outputs)
    assert shifted[0].tolist() == [[20.25, 30.75], [5.25, 7.25], [47, 63], [0, 33], [24.25, 32.25]]
    # The score is the height of the pixel, not of the Gaussian: .3 and -.3 px away, exp(-.18 / 8).
    assert scores[0, 0].item() == pytest.approx(math.exp(-0.18 / 8), rel=1e-5)


@PROPERTY
@given(seed=st.integers(0, 10**6), width=st.integers(1, 9), height=st.integers(1, 9), levels=st.sampled_from([2, 1000]))
def test_decoders_agree_with_the_official_algorithm(seed, width, height, levels):
    """Few levels make ties; subtracting their mean makes maps without a positive value."""
    values = np.random.default_rng(seed).integers(0, levels, (2, 3, height, width)).astype(np.float32) - levels // 2
    points, scores = official_predictions(values)
    got, heights = QuarterOffset()({"heatmaps": torch.from_numpy(values)})
    np.testing.assert_array_equal(got.numpy(), points)
    np.testing.assert_array_equal(heights.numpy(), scores)
    np.testing.assert_array_equal(Argmax()({"heatmaps": torch.from_numpy(values)})[0].numpy(), np.round(points))


def random_points(count: int) -> torch.Tensor:
    """Uniform over all sub-pixel positions, well inside a map of 30 x 30 px."""
    return 10 + 10 * torch.rand(1, count, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("decoder", "exact", "printed"),
    [
        # The mean distance of the unit square's points from its centre is (sqrt 2 + ln(1 + sqrt 2)) / 6.
        (Argmax(), (math.sqrt(2) + math.log(1 + math.sqrt(2))) / 6, 0.386),
        # |u| is uniform in [0, .5], so |u| - .25 is uniform in [-.25, .25]: a square of half the side.
        (QuarterOffset(), (math.sqrt(2) + math.log(1 + math.sqrt(2))) / 12, 0.191),
    ],
)
def test_mean_errors_on_ideal_gaussians(decoder, exact, printed):
    points = random_points(2000)
    decoded, _ = decoder({"heatmaps": gaussian_heatmaps(points, (30, 30), 2.0, truncated=False)})
    errors = (decoded - points).norm(dim=-1)
    standard_error = errors.std().item() / math.sqrt(2000)
    assert errors.mean().item() == pytest.approx(exact, abs=3 * standard_error)
    assert printed == pytest.approx(exact, abs=3 * standard_error + 5e-4)


@PROPERTY
@given(x=st.floats(1.5, 46.25, width=32), y=st.floats(1.5, 62.25, width=32))
def test_a_decoded_gaussian_is_within_half_and_with_the_offset_within_a_quarter_of_a_pixel(x, y):
    outputs = gaussians((x, y))
    truth = torch.tensor([[[x, y]]])
    assert (Argmax()(outputs)[0] - truth).abs().max() <= 0.5 + 1e-4
    peak = Argmax()(outputs)[0]
    away = (truth - peak).abs() > 1e-4  # closer to the pixel's centre than that, neighbours are equal to rounding
    moved = QuarterOffset()(outputs)[0]
    if inside(peak, outputs["heatmaps"], 1).all():
        assert ((moved - truth).abs() <= torch.where(away, 0.25, 0.26) + 1e-4).all()


@pytest.mark.parametrize("decoder", [Argmax(), QuarterOffset()])
def test_maps_in_bfloat16_give_points_in_float32(decoder):
    """bfloat16 has eight bits: 70.25 would become 70 and 257 would become 256."""
    heatmaps = torch.zeros(1, 1, 80, 300, dtype=torch.bfloat16)
    heatmaps[0, 0, 70, 257], heatmaps[0, 0, 70, 258], heatmaps[0, 0, 71, 257] = 1, 0.5, 0.5
    points, scores = decoder({"heatmaps": heatmaps})
    step = 0.25 if isinstance(decoder, QuarterOffset) else 0
    assert points.dtype == scores.dtype == torch.float32
    assert points.tolist() == [[[257 + step, 70 + step]]]


def test_moving_peaks_leaves_the_given_points_as_they_are():
    heatmaps = gaussians((20.3, 30.3))["heatmaps"]
    points = torch.tensor([[[20.0, 30.0]]])
    assert quarter_offset(heatmaps, points).tolist() == [[[20.25, 30.25]]]
    assert points.tolist() == [[[20, 30]]]
