from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.decoders.peaks import heatmap_peaks
from repro.encoders.gaussian import GaussianHeatmap, gaussian_heatmaps, round_to_pixel, weights_in_view
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17
from repro.support import serial

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60)
SIZE = (48, 64)


def encode(
    encoder: GaussianHeatmap, points: torch.Tensor, labelled: torch.Tensor | None = None
) -> dict[str, torch.Tensor]:
    labelled = torch.ones(points.shape[:2]) if labelled is None else labelled
    return encoder(points, labelled, size=SIZE, skeleton=COCO17)


def at(*points: tuple[float, float]) -> torch.Tensor:
    """(1, K, 2)."""
    return torch.tensor([points])


def hrnet_target(x: float, y: float, size: tuple[int, int], sigma: int) -> tuple[list[list[float]], int]:
    """What HRNet draws for a labelled keypoint, pixel by pixel: the map and its weight."""
    width, height = size
    mu_x, mu_y = int(x + 0.5), int(y + 0.5)
    left, top, right, bottom = mu_x - 3 * sigma, mu_y - 3 * sigma, mu_x + 3 * sigma + 1, mu_y + 3 * sigma + 1
    drawn = not (left >= width or top >= height or right < 0 or bottom < 0)
    rows = [
        [
            math.exp(-((i - mu_x) ** 2 + (j - mu_y) ** 2) / (2 * sigma**2))
            if drawn and left <= i < right and top <= j < bottom
            else 0.0
            for i in range(width)
        ]
        for j in range(height)
    ]
    return rows, int(drawn)


@pytest.mark.parametrize(("sigma", "side"), [(1.0, 7), (2.0, 13), (3.0, 19)])
def test_the_window_is_six_sigma_and_a_pixel_wide(sigma, side):
    heatmap = gaussian_heatmaps(at((20.0, 30.0)), SIZE, sigma, truncated=True)[0, 0]
    rows, columns = torch.nonzero(heatmap, as_tuple=True)
    half = side // 2
    assert len(rows) == side**2
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (20 - half, 20 + half, 30 - half, 30 + half)
    assert heatmap[30, 20] == 1
    assert heatmap[30, 20 + half].item() == pytest.approx(math.exp(-4.5), rel=1e-5)  # 3 sigma away
    assert heatmap[30 - half, 20 - half].item() == pytest.approx(math.exp(-9), rel=1e-5)


@pytest.mark.parametrize(
    ("x", "pixel"),
    # int(x + 0.5) drops the fraction: -0.7 and 0.9 become 0, -1.1 becomes -1.
    [(20.4, 20), (20.5, 21), (20.6, 21), (0.4, 0), (-0.4, 0), (-1.2, 0), (-1.5, -1), (-1.6, -1), (-2.5, -2), (-3, -2)],
)
def test_rounding_is_to_the_nearest_pixel_but_toward_zero_below_it(x, pixel):
    assert round_to_pixel(torch.tensor(x)).item() == pixel == int(x + 0.5)


def test_a_point_left_of_the_map_is_drawn_at_its_rounded_pixel():
    """-1.2 rounds to 0, so the peak itself is in column 0; -2.5 rounds to -2, so column 0 is two pixels off it."""
    first, second = encode(GaussianHeatmap(), at((-1.2, 5.0), (-2.5, 5.0)))["heatmaps"][0]
    assert first[5, 0] == 1
    assert second[5, 0].item() == pytest.approx(math.exp(-(2**2) / 8))


def test_a_gaussian_is_cut_at_the_border():
    heatmap = encode(GaussianHeatmap(), at((0.0, 63.0)))["heatmaps"][0, 0]
    rows, columns = torch.nonzero(heatmap, as_tuple=True)
    assert len(rows) == 49 and columns.max() == 6 and rows.min() == 57


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    ("offset", "weight"),
    [
        # Sigma 2: a keypoint is dropped where its pixel is W + 6 or more; W + 5.49 rounds to W + 5.
        (5.49, 1),
        (5.5, 0),
        (100.0, 0),
        # Below: pixel + 6 + 1 < 0, so -7 stays and -8 goes. -8.49 + 0.5 is cut to -7, -8.5 + 0.5 is -8.
        (-8.49, 1),
        (-8.5, 0),
        (-100.0, 0),
    ],
)
def test_weights_end_where_hrnets_window_leaves_the_map(axis, offset, weight):
    point = [10.0, 10.0]
    point[axis] = offset if offset < 0 else SIZE[axis] + offset
    assert weights_in_view(at(tuple(point)), SIZE, 2.0).tolist() == [[weight]]


def test_a_window_that_ends_just_before_the_map_still_counts():
    """HRNet drops a keypoint if the end of its window, which is not part of it, is below 0: at pixel -7 it is 0."""
    targets = encode(GaussianHeatmap(), at((-7.9, 10.0), (-6.9, 10.0)))
    assert targets["weights"].tolist() == [[1, 1]]
    assert not targets["heatmaps"][0, 0].any() and targets["heatmaps"][0, 1].any()


def test_unlabelled_keypoints_have_no_weight():
    targets = encode(GaussianHeatmap(), at((5.0, 5.0), (5.0, 5.0), (90.0, 5.0)), torch.tensor([[1.0, 0.0, 1.0]]))
    assert targets["weights"].tolist() == [[1, 0, 0]]


@PROPERTY
@given(x=st.floats(-15, 60, width=32), y=st.floats(-15, 80, width=32), sigma=st.sampled_from([1, 2, 3]))
def test_rounded_truncated_targets_are_hrnets(x, y, sigma):
    targets = encode(GaussianHeatmap(sigma=sigma), at((x, y)))
    heatmap, weight = hrnet_target(x, y, SIZE, sigma)
    assert targets["weights"].tolist() == [[weight]]
    torch.testing.assert_close(targets["heatmaps"][0, 0], torch.tensor(heatmap), atol=1e-6, rtol=0)


def test_unrounded_full_targets_are_the_gaussian_at_every_pixel():
    x, y = 20.3, 41.8
    encoder = GaussianHeatmap(sigma=2.5, rounded=False, truncated=False)
    heatmap = encode(encoder, torch.tensor([[[x, y]]], dtype=torch.float64), torch.ones(1, 1))["heatmaps"][0, 0]
    expected = [[math.exp(-((i - x) ** 2 + (j - y) ** 2) / (2 * 2.5**2)) for i in range(48)] for j in range(64)]
    torch.testing.assert_close(heatmap, torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=0)
    assert heatmap.min() > 0 and heatmap.max() < 1


def test_an_unrounded_truncated_window_lies_around_the_point():
    """20.3 -+ 6 holds columns 15 to 26, 30.9 -+ 6 rows 25 to 36."""
    encoder = GaussianHeatmap(rounded=False)
    rows, columns = torch.nonzero(encode(encoder, at((20.3, 30.9)))["heatmaps"][0, 0], as_tuple=True)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (15, 26, 25, 36)


def test_each_keypoint_of_each_image_has_its_own_map():
    places = torch.arange(2 * 17 * 2).view(2, 17, 2) % 40
    targets = encode(GaussianHeatmap(), places.float())
    assert targets["heatmaps"].shape == (2, 17, 64, 48) and targets["weights"].shape == (2, 17)
    assert targets["heatmaps"].dtype == torch.float32
    peaks, heights = heatmap_peaks(targets["heatmaps"])
    assert torch.equal(peaks, places.float()) and (heights == 1).all()


@PROPERTY
@given(x=st.floats(-0.5, 47.25, width=32), y=st.floats(-0.5, 63.25, width=32), rounded=st.booleans())
def test_the_highest_pixel_is_within_half_a_pixel_of_the_keypoint(x, y, rounded):
    targets = encode(GaussianHeatmap(rounded=rounded, truncated=rounded), at((x, y)))
    peak = heatmap_peaks(targets["heatmaps"])[0]
    assert (peak - at((x, y))).abs().max() <= 0.5 + 1e-5


def udp_target(x: float, y: float, size: tuple[int, int], sigma: int) -> list[list[float]]:
    """What UDP draws with ``TARGET_TYPE: gaussian``: a patch around the rounded centre, the Gaussian in it not rounded."""
    width, height = size
    mu_x, mu_y = int(x + 0.5), int(y + 0.5)
    centre = 3 * sigma
    heatmap = [[0.0] * width for _ in range(height)]
    for j in range(2 * centre + 1):
        for i in range(2 * centre + 1):
            column, row = mu_x - centre + i, mu_y - centre + j
            if 0 <= column < width and 0 <= row < height:
                u, v = i - (centre + x - mu_x), j - (centre + y - mu_y)
                heatmap[row][column] = math.exp(-(u**2 + v**2) / (2 * sigma**2))
    return heatmap


@pytest.mark.parametrize("sigma", [1, 2])
@pytest.mark.parametrize("place", [(20.3, 30.7), (20.5, 30.5), (0.2, 63.4), (-1.2, 5.9), (46.9, -3.6)])
def test_udps_gaussian_is_not_rounded_but_its_window_is(place, sigma):
    encoder = GaussianHeatmap(sigma=float(sigma), rounded=False, window="pixel")
    got = encode(encoder, at(place))["heatmaps"][0, 0]
    torch.testing.assert_close(got, torch.tensor(udp_target(*place, SIZE, sigma)), atol=1e-6, rtol=0)


def test_the_windows_differ_by_the_fraction_of_a_pixel():
    """At 20.4, sigma 2: pixels 14.4 to 26.4 are 15 to 26, the window of pixel 20 is 14 to 26."""
    drawn = [
        torch.nonzero(encode(GaussianHeatmap(rounded=False, window=w), at((20.4, 30.0)))["heatmaps"][0, 0, 30])[:, 0]
        for w in ("centre", "pixel")
    ]
    assert [(d.min().item(), d.max().item()) for d in drawn] == [(15, 26), (14, 26)]


def test_the_window_leaves_older_json_as_it_was():
    assert serial.to_plain(GaussianHeatmap()) == {"type": "GaussianHeatmap"}
    udp = GaussianHeatmap(rounded=False, window="pixel")
    assert serial.to_plain(udp) == {"type": "GaussianHeatmap", "rounded": False, "window": "pixel"}
    assert serial.from_plain(GaussianHeatmap, serial.to_plain(udp)) == udp


def test_impossible_windows_are_errors():
    with pytest.raises(ReproError, match="window is 'pixel' but truncated is False"):
        GaussianHeatmap(rounded=False, truncated=False, window="pixel")
    with pytest.raises(ReproError, match="'map': choose one of centre, pixel"):
        GaussianHeatmap(window="map")
