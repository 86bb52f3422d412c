from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.decoders.peaks import Argmax
from repro.decoders.weighted import WeightedInference, harmonic_weights, weighted_points
from repro.encoders.gaussian import GaussianHeatmap, gaussian_heatmaps
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17

PROPERTY = settings(derandomize=True, deadline=None, max_examples=50)
SIZE = (48, 64)


def gaussians(*points: tuple[float, float]) -> torch.Tensor:
    """(1, K, 64, 48): continuous Gaussians of sigma 2."""
    return gaussian_heatmaps(torch.tensor([points]), SIZE, 2.0, truncated=False)


def ranked_mean(heatmap: list[list[float]], n: int) -> tuple[float, float]:
    """Eq. 4 and 5 written out: x, y. Sorting is stable, so equal pixels keep their row-major order."""
    pixels = [(value, x, y) for y, row in enumerate(heatmap) for x, value in enumerate(row)]
    pixels.sort(key=lambda pixel: -pixel[0])
    total = sum(1 / h for h in range(1, n + 1))
    weights = [1 / rank / total for rank in range(1, n + 1)]
    return tuple(sum(w * pixel[axis] for w, pixel in zip(weights, pixels[:n], strict=True)) for axis in (1, 2))


def test_weights_are_harmonic_and_sum_to_one():
    """H_20 = 1 + 1/2 + ... + 1/20 = 3.59774."""
    weights = harmonic_weights(20, dtype=torch.float64)
    assert 1 / weights[0].item() == pytest.approx(3.59774, abs=5e-6)
    np.testing.assert_allclose(weights[:4], [0.27795, 0.13898, 0.09265, 0.06949], atol=5e-6)
    assert weights.sum().item() == pytest.approx(1, abs=1e-12) and weights.shape == (20,)
    # H_4 = 25 / 12.
    np.testing.assert_allclose(harmonic_weights(4, dtype=torch.float64), [0.48, 0.24, 0.16, 0.12], rtol=1e-12)


def test_a_mean_of_four_pixels_by_hand():
    """.9 at (3, 1), .7 at (2, 1), .5 at (3, 2), .3 at (0, 0): x = .48 x 3 + .24 x 2 + .16 x 3, y = .48 + .24 + .16 x 2."""
    heatmap = torch.zeros(1, 1, 4, 5)
    heatmap[0, 0, 1, 3], heatmap[0, 0, 1, 2], heatmap[0, 0, 2, 3], heatmap[0, 0, 0, 0] = 0.9, 0.7, 0.5, 0.3
    points, scores = WeightedInference(n=4)({"heatmaps": heatmap})
    np.testing.assert_allclose(points[0, 0], [2.4, 1.04], rtol=1e-6)
    assert scores.tolist() == [[pytest.approx(0.9)]]


@PROPERTY
@given(seed=st.integers(0, 10**6), n=st.sampled_from([1, 2, 4, 20, 48]), levels=st.sampled_from([3, 10**6]))
def test_it_is_the_ranked_mean_of_the_paper(seed, n, levels):
    """Few levels make many equal pixels, whose row-major order then counts."""
    values = np.random.default_rng(seed).integers(1, 1 + levels, (2, 3, 8, 6)).astype(np.float32)
    points, scores = WeightedInference(n=n)({"heatmaps": torch.from_numpy(values)})
    expected = [[ranked_mean(heatmap.tolist(), n) for heatmap in maps] for maps in values]
    np.testing.assert_allclose(points, expected, atol=1e-5)
    np.testing.assert_array_equal(scores, values.max((2, 3)))


@PROPERTY
@given(seed=st.integers(0, 10**6))
def test_only_the_ranking_counts(seed):
    """Whole numbers and their squares rank alike and are exact."""
    heatmaps = torch.from_numpy(np.random.default_rng(seed).permutation(80) + 1.0).float().view(1, 1, 10, 8)
    assert torch.equal(weighted_points(heatmaps)[0], weighted_points(heatmaps**2)[0])


@PROPERTY
@given(seed=st.integers(0, 10**6), levels=st.sampled_from([3, 1000]))
def test_one_pixel_is_the_highest_one(seed, levels):
    heatmaps = torch.from_numpy(np.random.default_rng(seed).integers(-2, levels, (2, 3, 7, 5))).float()
    ours, plain = WeightedInference(n=1)({"heatmaps": heatmaps}), Argmax()({"heatmaps": heatmaps})
    assert torch.equal(ours[0], plain[0]) and torch.equal(ours[1], plain[1])


@PROPERTY
@given(right=st.integers(0, 20), down=st.integers(0, 20), x=st.integers(640, 704), y=st.integers(640, 704))
def test_a_moved_gaussian_is_decoded_as_much_further(right, down, x, y):
    """Centres are multiples of 1/64, so that distances, and with them ties, are exact."""
    start = torch.tensor([[[x / 64, y / 64]]], dtype=torch.float64)
    shift = torch.tensor([right, down], dtype=torch.float64)
    first, second = (
        weighted_points(gaussian_heatmaps(p, SIZE, 2.0, truncated=False))[0] for p in (start, start + shift)
    )
    torch.testing.assert_close(second, first + shift, atol=1e-9, rtol=0)


def random_points(count: int) -> torch.Tensor:
    """Uniform over all sub-pixel positions, well inside a map of 30 x 30 px."""
    return 10 + 10 * torch.rand(1, count, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("n", "printed"), [(4, 0.123), (20, 0.097)])
def test_mean_errors_on_ideal_gaussians(n, printed):
    """The figures come from a sample as well, so the standard error enters twice."""
    points = random_points(2000)
    decoded, _ = weighted_points(gaussian_heatmaps(points, (30, 30), 2.0, truncated=False), n)
    errors = (decoded - points).norm(dim=-1)
    standard_error = errors.std().item() / math.sqrt(2000)
    assert errors.mean().item() == pytest.approx(printed, abs=3 * math.sqrt(2) * standard_error + 5e-4)
    assert abs(errors.mean().item() - 0.191) > 20 * standard_error  # better than the quarter offset


@pytest.mark.parametrize(("offset", "shift"), [(0.1, 0.117), (0.25, 0.207), (0.4, 0.285)])
def test_response_to_a_shift_averaged_over_the_other_axis(offset, shift):
    """The Gaussian's centre lies ``offset`` right of a pixel, and at 400 places evenly between two rows. The figures come from
    a sample of such places, taken here to be of the same size."""
    rows = 30 + (torch.arange(400) + 0.5) / 400 - 0.5
    points = torch.stack([torch.full((400,), 20 + offset), rows], -1)[None]
    moved = weighted_points(gaussian_heatmaps(points, SIZE, 2.0, truncated=False))[0][0, :, 0] - 20
    standard_error = moved.std().item() / math.sqrt(400)
    assert standard_error < 3e-3
    assert moved.mean().item() == pytest.approx(shift, abs=3 * standard_error + 5e-4)


def test_equal_columns_count_in_their_order():
    """Half way between columns 20 and 21 the pixels come in equal pairs, the left one first: 20.5 less half of
    .48 - .24 + .16 - .12 = .28. Rows, nearest first, are 30 and 31: 30 x .72 + 31 x .28."""
    points, _ = WeightedInference(n=4)({"heatmaps": gaussians((20.5, 30.25))})
    np.testing.assert_allclose(points[0, 0], [20.36, 30.28], atol=1e-5)


def test_equal_rings_around_a_pixel_count_in_their_order():
    """Of the four neighbours of (20, 30), those above, left and right come first: x = 20 + (.12 - .16), y = 30 - .24."""
    heatmaps = gaussians((20.0, 30.0))
    np.testing.assert_allclose(WeightedInference(n=4)({"heatmaps": heatmaps})[0][0, 0], [19.96, 29.76], atol=1e-5)
    np.testing.assert_allclose(WeightedInference()({"heatmaps": heatmaps})[0][0, 0], [19.943, 29.831], atol=5e-4)


def test_ideal_rounded_targets_are_off_by_the_same_everywhere_inside():
    """HRNet's target is a Gaussian at a pixel: the order of equal pixels moves it by (-.057, -.169), 0.18 px."""
    pixels = torch.cartesian_prod(torch.arange(4.0, 44.0, 5), torch.arange(4.0, 60.0, 5))[None]
    targets = GaussianHeatmap()(pixels + 0.3, torch.ones(pixels.shape[:2]), size=SIZE, skeleton=COCO17)
    moved = weighted_points(targets["heatmaps"])[0] - pixels
    np.testing.assert_allclose(moved[0], np.broadcast_to([-0.0567, -0.1692], moved[0].shape), atol=2e-4)


def test_two_peaks_are_averaged():
    """Peaks of 1 at x = 12 and .95 at x = 36: the mean lies between them, on neither."""
    heatmaps = torch.maximum(gaussians((12.0, 30.0)), 0.95 * gaussians((36.0, 30.0)))
    points, scores = WeightedInference()({"heatmaps": heatmaps})
    assert points[0, 0, 0].item() == pytest.approx(20.1, abs=0.05)
    assert points[0, 0, 1].item() == pytest.approx(30, abs=0.2)
    assert scores.item() == 1
    assert Argmax()({"heatmaps": heatmaps})[0].tolist() == [[[12, 30]]]


def test_at_the_border_the_mean_is_drawn_inside():
    """Nothing lies left of column 0, so a keypoint at x = .2 is found at .695."""
    points, _ = WeightedInference()({"heatmaps": gaussians((0.2, 30.0))})
    assert points[0, 0, 0].item() == pytest.approx(0.695, abs=5e-4)


@PROPERTY
@given(x=st.floats(4, 43, width=32), y=st.floats(4, 59, width=32))
def test_a_decoded_gaussian_is_within_four_tenths_of_a_pixel(x, y):
    """The farthest of the mean's errors, at half way between two pixels; the highest pixel is off by up to 0.71."""
    points, _ = WeightedInference()({"heatmaps": gaussians((x, y))})
    assert (points[0, 0] - torch.tensor([x, y])).norm() < 0.4


def test_a_map_without_a_positive_value_gives_the_origin():
    heatmaps = torch.stack([torch.zeros(64, 48), torch.full((64, 48), -1.0)])[None]
    heatmaps[0, 1, 30, 20] = -0.5
    points, scores = WeightedInference()({"heatmaps": heatmaps})
    assert points.tolist() == [[[0, 0], [0, 0]]] and scores.tolist() == [[0, -0.5]]


def test_maps_in_bfloat16_are_decoded_in_float32():
    """.48 x 200 + .24 x 201 + .16 x 202 + .12 x 203 = 200.92; bfloat16 knows only whole numbers there."""
    heatmap = torch.zeros(1, 1, 4, 300, dtype=torch.bfloat16)
    heatmap[0, 0, 2, 200:204] = torch.tensor([1.0, 0.75, 0.5, 0.25])
    points, scores = WeightedInference(n=4)({"heatmaps": heatmap})
    assert points.dtype == scores.dtype == torch.float32
    np.testing.assert_allclose(points[0, 0], [200.92, 2], rtol=1e-6)


def test_maps_with_too_few_pixels_are_an_error():
    with pytest.raises(ReproError, match="Weighted inference over 20 pixels needs larger maps than 4x3"):
        WeightedInference()({"heatmaps": torch.rand(1, 1, 3, 4)})
    assert WeightedInference(n=12)({"heatmaps": torch.rand(1, 1, 3, 4)})[0].shape == (1, 1, 2)


@pytest.mark.parametrize("n", [0, -3])
def test_no_pixels_are_an_error(n):
    with pytest.raises(ReproError, match=f"WeightedInference n is {n}"):
        WeightedInference(n=n)
