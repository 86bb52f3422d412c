from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.grouping.candidates import (
    centre_candidates,
    centre_kernel,
    find_peaks,
    highest_peaks,
    keypoint_candidates,
    pooled_peaks,
)
from repro.grouping.sampling import resample

PROPERTY = settings(derandomize=True, deadline=None, max_examples=40)


def test_peaks_by_hand():
    """Of a row 1 5 2 4 3 a window of 3 finds 5 and 4, one of 5 finds 5 alone."""
    row = torch.tensor([[[1.0, 5, 2, 4, 3]]])
    assert pooled_peaks(row, 3, 0)[0, 0].tolist() == [False, True, False, True, False]
    assert pooled_peaks(row, 5, 0)[0, 0].tolist() == [False, True, False, False, False]
    assert pooled_peaks(row, 3, 4.5)[0, 0].tolist() == [False, True, False, False, False]


def test_the_first_of_equal_peaks_remains():
    flat = torch.zeros(2, 3, 4)
    flat[1, 1, 1:3] = 1.0
    assert pooled_peaks(flat, 3, 0.01).nonzero().tolist() == [[1, 1, 1]]
    assert find_peaks(flat, kernel=5, stride=4, threshold=0.01).nonzero().tolist() == [[1, 1, 1]]


def brute_force(maps: torch.Tensor, kernel: int, stride: int, threshold: float) -> set[tuple[int, int, int]]:
    """Peaks of the up-sampled maps, pixel by pixel: above the threshold and above or equal to all of the window."""
    large = resample(maps, (maps.shape[2] * stride, maps.shape[1] * stride))
    half, out = kernel // 2, set()
    for channel, y, x in (large > threshold).nonzero().tolist():
        window = large[channel, max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1]
        if large[channel, y, x] >= window.max():
            out.add((channel, y, x))
    return out


@PROPERTY
@given(seed=st.integers(0, 10**6), stride=st.sampled_from([1, 2, 4]), width=st.integers(2, 9), height=st.integers(2, 7))
def test_peaks_are_those_of_the_upsampled_maps(seed, stride, width, height):
    """Random maps without equal values, except that the last row and column are repeated: there the first remains."""
    maps = torch.rand(2, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = find_peaks(maps, kernel=5, stride=stride, threshold=0.3).nonzero().tolist()
    expected = brute_force(maps, 5, stride, 0.3)
    inner = {
        (c, y, x) for c, y, x in expected if x <= stride * (width - 1) and y <= stride * (height - 1)
    }  # others repeat the border
    assert {(c, stride * y, stride * x) for c, y, x in found} == inner


def test_interpolation_can_hide_a_diagonal_peak():
    """Half way between 1.0 and, across, 3.0 with 0.9 at the sides lies 1.45: 1.0 is no peak; with 1.1 across it is one."""
    maps = torch.tensor([[[1.0, 0.9], [0.9, 3.0]]])
    assert find_peaks(maps, kernel=5, stride=4, threshold=0).nonzero().tolist() == [[0, 1, 1]]
    maps = torch.tensor([[[1.0, 0.9], [0.9, 1.1]]])
    assert len(find_peaks(maps, kernel=5, stride=4, threshold=0).nonzero()) == 2


@PROPERTY
@given(seed=st.integers(0, 10**6), count=st.integers(1, 8))
def test_the_highest_candidates_in_order(seed, count):
    """Few levels make ties, which keep row-major order."""
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randint(0, 4, (3, 6, 7), generator=generator).float() / 3
    found = keypoint_candidates(maps, stride=2, count=count, threshold=0.4, kernel=1)
    for channel in range(3):
        pixels = [(-maps[channel, y, x].item(), y, x) for y, x in (maps[channel] > 0.4).nonzero().tolist()]
        best = sorted(pixels)[:count]
        number = int(found.valid[channel].sum())
        assert number == len(best)
        assert found.points[channel, :number].tolist() == [[2.0 * x, 2.0 * y] for _, y, x in best]
        assert found.scores[channel, :number].tolist() == [-h for h, _, _ in best]
        assert not found.scores[channel, number:].any() and not found.valid[channel, number:].any()


def test_candidates_below_the_threshold_are_dropped():
    maps = torch.zeros(1, 9, 9)
    maps[0, 2, 2], maps[0, 7, 7] = 0.5, 0.009
    found = keypoint_candidates(maps, stride=4, count=30)
    assert found.valid.sum() == 1 and found.points[0, 0].tolist() == [8, 8]


@pytest.mark.parametrize(
    "size, kernel", [((128, 128), 3), ((160, 240), 3), ((160, 242), 5), ((300, 300), 5), ((301, 300), 7)]
)
def test_the_released_rule_for_centres(size, kernel):
    assert centre_kernel(*size) == kernel


def test_centres_at_most_so_many():
    centres = torch.zeros(1, 20, 20)
    centres[0, ::4, ::4] = torch.linspace(0.1, 0.9, 25).view(5, 5)
    found = centre_candidates(centres, stride=4, count=3)
    assert found.points[0].tolist() == [[64, 64], [48, 64], [32, 64]]


def test_a_window_must_fit_the_stride():
    with pytest.raises(ReproError, match="give an odd number"):
        find_peaks(torch.zeros(1, 4, 4), kernel=4, stride=1, threshold=0)
    with pytest.raises(ReproError, match="resample the maps"):
        find_peaks(torch.zeros(1, 4, 4), kernel=7, stride=2, threshold=0)


@PROPERTY
@given(seed=st.integers(0, 10**6), stride=st.sampled_from([1, 2, 4]), count=st.integers(1, 5))
def test_a_known_number_finds_the_same_highest(seed, stride, count):
    """With ``count`` only the higher peaks are confirmed; the candidates are those of all peaks, also on noise."""
    maps = torch.rand(3, 15, 17, generator=torch.Generator().manual_seed(seed))
    peaks = find_peaks(maps, kernel=5, stride=stride, threshold=0.1)
    every = highest_peaks(maps, peaks, count=count, stride=stride)
    some = keypoint_candidates(maps, stride=stride, count=count, threshold=0.1)
    assert torch.equal(every.points, some.points) and torch.equal(every.scores, some.scores)
