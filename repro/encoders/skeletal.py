"""Skeletal heatmaps: one map a link between two keypoints (Jun, Lee, Kim: Human Pose Estimation Using Skeletal Heatmaps).

Section II.A of the paper: a binary image whose pixels on the line between keypoints i and j are 1, filtered with a
Gaussian of standard deviation 1 and clipped at 1. The paper leaves open the kernel's normalisation; a kernel that sums to
one would give lines of height 0.399, which the clipping would never touch, so the kernel here has peak 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from repro.encoders.gaussian import WINDOW, GaussianHeatmap, round_to_pixel
from repro.encoders.skeletal_links import link_indices
from repro.skeletons.skeleton import Skeleton


def rasterise_lines(ends: Tensor, size: tuple[int, int]) -> Tensor:
    """Draw lines one pixel wide, each in a binary image of its own.

    Args:
        ends: (B, L, 2, 2) both end points of each line, whole numbers, x, y in px; they may lie outside the image.
        size: (width, height).

    Returns:
        (B, L, H, W) of 0 and 1, in the dtype of ``ends``. A line has max(\\|dx\\|, \\|dy\\|) + 1 pixels, both ends included.
    """
    width, height = size
    start, delta = ends[:, :, 0], ends[:, :, 1] - ends[:, :, 0]
    steps = delta.abs().amax(-1, keepdim=True)  # (B, L, 1)
    longest = int(steps.max()) if steps.numel() else 0
    t = torch.arange(longest + 1, device=ends.device, dtype=ends.dtype)  # (S,)
    t = torch.minimum(t, steps)  # (B, L, S): beyond its end a line repeats its last pixel
    # Whole numbers are multiplied before they are divided, so that halves come out exact and round up.
    x, y = (torch.floor(start[..., i, None] + t * delta[..., i, None] / steps.clamp(min=1) + 0.5) for i in (0, 1))
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    pixel = torch.where(inside, y * width + x, width * height).long()  # the last place collects what lies outside
    flat = ends.new_zeros(*ends.shape[:2], width * height + 1).scatter_(2, pixel, 1.0)
    return flat[..., :-1].unflatten(-1, (height, width))


def filter_peak_one(images: Tensor, sigma: float) -> Tensor:
    """Filter (B, L, H, W) with a Gaussian of peak 1, cut off at 3 sigma, with zeros beyond the border."""
    radius = math.ceil(WINDOW * sigma)
    distance = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-distance.square() / (2 * sigma**2))
    flat = images.flatten(0, 1)[:, None]
    flat = F.conv2d(flat, kernel[None, None, :, None], padding=(radius, 0))
    return F.conv2d(flat, kernel[None, None, None, :], padding=(0, radius))[:, 0].unflatten(0, images.shape[:2])


def skeletal_heatmaps(ends: Tensor, size: tuple[int, int], sigma: float = 1.0) -> Tensor:
    """Skeletal heatmaps of links.

    Args:
        ends: (B, L, 2, 2), both keypoints of each link, x, y in heatmap px.
        size: (width, height) of the heatmap.
        sigma: standard deviation of the filter in heatmap px; the paper's is 1.

    Returns:
        (B, L, H, W) in [0, 1]. Across a long straight line: .028, .339, 1, 1, 1, .339, .028.
    """
    return filter_peak_one(rasterise_lines(round_to_pixel(ends), size), sigma).clamp(max=1)


@dataclass(frozen=True, kw_only=True)
class SkeletalHeatmap:
    """Keypoint heatmaps and the sixteen skeletal heatmaps of the paper.

    Args:
        keypoints: encoder of the keypoint heatmaps.
        sigma: standard deviation of the skeletal maps' filter, in heatmap px.
    """

    keypoints: GaussianHeatmap = GaussianHeatmap()
    sigma: float = 1.0

    def __call__(
        self, points: Tensor, labelled: Tensor, *, size: tuple[int, int], skeleton: Skeleton
    ) -> dict[str, Tensor]:
        """Targets of the keypoint encoder, and ``skeletal`` (B, 16, H, W) with ``skeletal_weights`` (B, 16).

        A skeletal map is learned from only where both its keypoints are (Section III.C): labelled, and in view.
        """
        targets = self.keypoints(points, labelled, size=size, skeleton=skeleton)
        links = torch.as_tensor(link_indices(skeleton), device=points.device)  # (16, 2)
        known = targets["weights"][:, links]  # (B, 16, 2)
        both = known.prod(-1)
        ends = points[:, links] * both[..., None, None]  # an unlabelled end may lie anywhere: keep the lines short
        maps = skeletal_heatmaps(ends, size, self.sigma) * both[..., None, None]
        return {**targets, "skeletal": maps, "skeletal_weights": both}
