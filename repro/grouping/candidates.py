"""Non-maximum suppression by max-pooling, and the highest peaks of each map (hgr, section 3.2).

The released code of hgr searches keypoint candidates on maps that are up-sampled bilinearly to the size of the input, with a
5x5 window. Bilinear interpolation has its maxima at the pixels of the original map, so that the same peaks are found there
without up-sampling; plateaus, where peaks are not defined by the values, are the one exception.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from repro.errors import ReproError


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The highest peaks of K maps, by falling height.

    Args:
        points: (K, N, 2) x, y in input px; (0, 0) in slots that no peak fills.
        scores: (K, N) heights; 0 in slots that no peak fills.
        valid: (K, N) bool: slots with a peak.
    """

    points: Tensor
    scores: Tensor
    valid: Tensor


def window_maxima(maps: Tensor, kernel: int, threshold: float) -> Tensor:
    """(K, H, W) bool: pixels above the threshold that no other exceeds in the kernel x kernel window around them."""
    return (maps == F.max_pool2d(maps[None], kernel, 1, kernel // 2)[0]) & (maps > threshold)


def first_of_equals(peaks: Tensor, kernel: int) -> Tensor:
    """Of maxima (K, H, W) in one window, which are equal, only the first in row-major order; released codes keep all."""
    channel, y, x = peaks.nonzero().unbind(1)
    half = kernel // 2
    before = [(dy, dx) for dy in range(-half, 1) for dx in range(-half, half + 1) if (dy, dx) < (0, 0)]
    padded = F.pad(peaks, (half,) * 4)
    alone = torch.ones_like(y, dtype=torch.bool)
    for dy, dx in before:
        alone &= ~padded[channel, y + half + dy, x + half + dx]
    out = torch.zeros_like(peaks)
    out[channel, y, x] = alone
    return out


def pooled_peaks(maps: Tensor, kernel: int, threshold: float) -> Tensor:
    """Pixels that are the maximum of the kernel x kernel window around them and higher than the threshold.

    Of equal maxima within one window the first in row-major order remains.

    Args:
        maps: (K, H, W).
        kernel: odd window size in px of the maps.

    Returns:
        (K, H, W) bool.
    """
    return first_of_equals(window_maxima(maps, kernel, threshold), kernel)


def axis_maxima(maps: Tensor, threshold: float) -> Tensor:
    """(K, H, W) bool: pixels above the threshold that exceed their neighbours above and left and equal or exceed the others."""
    peaks = maps > threshold
    right, down = maps[..., 1:] > maps[..., :-1], maps[..., 1:, :] > maps[..., :-1, :]
    peaks[..., :-1] &= ~right
    peaks[..., 1:] &= right
    peaks[..., :-1, :] &= ~down
    peaks[..., 1:, :] &= down
    return peaks


def highest_between(maps: Tensor, peaks: Tensor, reach: float) -> Tensor:
    """Those of ``axis_maxima`` that exceed every bilinear value within ``reach`` < 1 px along both axes.

    With a, b, c, d the pixel, its neighbours along x and y and the one across, the interpolation at (u, v) stays below a
    when b <= a, c <= a and d u v <= a (u + v - u v) - b u (1 - v) - c v (1 - u), which binds where u = v = reach. Against
    earlier pixels in row-major order the comparison is strict, so that one of several equal pixels remains.

    Args:
        maps: (K, H, W).
        peaks: (K, H, W) bool.
        reach: the reach in px of the maps; 1/2 for a 5x5 window on maps that are up-sampled by 4.

    Returns:
        (K, H, W) bool.
    """
    channel, y, x = peaks.nonzero().unbind(1)
    height, width = maps.shape[-2:]

    def at(dy: int, dx: int) -> Tensor:
        return maps[channel, (y + dy).clamp(0, height - 1), (x + dx).clamp(0, width - 1)]

    own, keep = at(0, 0), torch.ones_like(y, dtype=torch.bool)
    sides = {(dy, dx): at(dy, dx) for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1))}
    edge, inner = reach * (1 - reach), 1 - (1 - reach) ** 2
    for dy in (-1, 1):
        for dx in (-1, 1):
            across = reach**2 * at(dy, dx) + edge * (sides[dy, 0] + sides[0, dx])
            beyond = (y + dy < 0) | (y + dy >= height) | (x + dx < 0) | (x + dx >= width)
            keep &= beyond | (across < inner * own if dy < 0 else across <= inner * own)
    out = torch.zeros_like(peaks)
    out[channel, y, x] = keep
    return out


def tallest(maps: Tensor, peaks: Tensor, count: int) -> Tensor:
    """The ``count`` highest peaks of each map and those equal to the last of them, (K, H, W) bool."""
    heights = torch.where(peaks, maps, -torch.inf).flatten(1)
    least = heights.topk(min(count, heights.shape[1]), dim=1).values[:, -1]
    return peaks & (maps >= least[:, None, None])


def find_peaks(maps: Tensor, *, kernel: int, stride: int, threshold: float, count: int | None = None) -> Tensor:
    """(K, H, W) bool: the peaks that a kernel x kernel window finds on the maps up-sampled by ``stride``.

    Args:
        maps: (K, H, W).
        kernel: odd, in px of the up-sampled maps.
        count: only the so many highest of each map are needed, and lower ones may be missing; saves time on noisy maps.

    Raises:
        ReproError: when the kernel is even or reaches beyond the next pixel by a fraction.
    """
    half = kernel // 2
    if kernel % 2 == 0:
        raise ReproError(f"The window of non-maximum suppression is {kernel} px: give an odd number.")
    if half % stride and half > stride:
        raise ReproError(
            f"A window of {kernel} px does not end on pixels of maps of stride {stride}: resample the maps to the input."
        )
    own = 2 * (half // stride) + 1
    between = half % stride != 0
    rough = axis_maxima(maps, threshold) if between else window_maxima(maps, own, threshold)

    def sure(some: Tensor) -> Tensor:
        return highest_between(maps, some, half / stride) if between else first_of_equals(some, own)

    if count is None:
        return sure(rough)
    some = tallest(maps, rough, 4 * count)
    peaks = sure(some)
    enough = (peaks.sum((1, 2)) >= count) | (some.sum((1, 2)) == rough.sum((1, 2)))
    return peaks if enough.all() else sure(rough)


def highest_peaks(maps: Tensor, peaks: Tensor, *, count: int, stride: int) -> Candidates:
    """The ``count`` highest of the given peaks of each map; of equal ones the first in row-major order goes first.

    Args:
        maps: (K, H, W).
        peaks: (K, H, W) bool.
        count: N.
        stride: input px a map px.
    """
    channels, width = len(maps), maps.shape[-1]
    peaks = tallest(maps, peaks, count)
    channel, position = peaks.flatten(1).nonzero().unbind(1)
    heights = maps.flatten(1)[channel, position]
    order = torch.argsort(heights, descending=True, stable=True)
    order = order[torch.argsort(channel[order], stable=True)]
    channel, position, heights = channel[order], position[order], heights[order]
    number = torch.bincount(channel, minlength=channels)
    rank = torch.arange(len(channel), device=maps.device) - (number.cumsum(0) - number)[channel]
    keep = rank < count
    channel, position, heights, rank = channel[keep], position[keep], heights[keep], rank[keep]
    points, scores = maps.new_zeros(channels, count, 2), maps.new_zeros(channels, count)
    valid = torch.zeros(channels, count, dtype=torch.bool, device=maps.device)
    pixels = torch.stack([position % width, torch.div(position, width, rounding_mode="floor")], -1)
    points[channel, rank], scores[channel, rank], valid[channel, rank] = pixels.to(maps) * stride, heights, True
    return Candidates(points=points, scores=scores, valid=valid)


def keypoint_candidates(
    heatmaps: Tensor, *, stride: int, count: int = 30, threshold: float = 0.01, kernel: int = 5
) -> Candidates:
    """The candidates of each keypoint type: at most ``count`` peaks with heat above the threshold.

    The released code keeps the positions of candidates below the threshold, with score 0, so that keypoints are drawn to
    them, and fills up with pixels of value 0 where a map has fewer peaks. The paper removes them (section 3.2), and so does
    this.

    Args:
        heatmaps: (K, H, W).
        stride: input px a map px.
        count: candidates a type; the paper's is 30.
        threshold: the paper's is 0.01.
        kernel: window in input px, odd; the released code's is 5.
    """
    peaks = find_peaks(heatmaps, kernel=kernel, stride=stride, threshold=threshold, count=count)
    return highest_peaks(heatmaps, peaks, count=count, stride=stride)


def centre_kernel(height: int, width: int) -> int:
    """The window of the released code for centre maps, by their mean side: 7 above 300, 5 above 200, else 3 px."""
    side = (height + width) / 2
    return 7 if side > 300 else 5 if side > 200 else 3


def centre_candidates(
    centres: Tensor, *, stride: int, count: int = 30, threshold: float = 0.01, kernel: int | None = None
) -> Candidates:
    """The peaks of the centre map (1, H, W), one row of candidates; the window is in px of the map, see ``centre_kernel``."""
    kernel = kernel or centre_kernel(*centres.shape[-2:])
    return highest_peaks(centres, pooled_peaks(centres, kernel, threshold), count=count, stride=stride)
