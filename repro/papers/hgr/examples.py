"""Small worlds that the method notebook shows hgr's parts on: people side by side, transforms made by hand, poses mixed up."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from repro.data.drawn.formats import point_indices
from repro.data.drawn.people import sample_figure
from repro.data.drawn.settings import MILD
from repro.encoders.people_batch import PeopleBatch
from repro.grouping.people import People
from repro.skeletons.skeleton import Skeleton


def people_of(poses: Tensor, areas: Tensor, size: tuple[int, int]) -> PeopleBatch:
    """One image whose people have all keypoints labelled and nothing that the loss must not look at.

    Args:
        poses: (P, K, 2) x, y in map px.
        areas: (P,) of the people, taken for both the box's and the segment's.
        size: (width, height) of the map.
    """
    low, high = poses.amin(1), poses.amax(1)
    return PeopleBatch(
        points=poses[None],
        labelled=poses.new_ones(1, *poses.shape[:2]),
        areas=areas[None],
        segment_areas=areas[None],
        boxes=torch.cat([low, high - low], -1)[None],
        present=torch.ones(1, len(poses), dtype=torch.bool),
        mask=poses.new_ones(1, size[1], size[0]),
    )


def owners(offsets: Tensor, weights: Tensor, keypoints: Tensor) -> Tensor:
    """Whose keypoint the offsets of each pixel lead to.

    Args:
        offsets: (2, h, w) of one keypoint, pixel - keypoint in map px.
        weights: (h, w), 0 where there is no offset.
        keypoints: (P, 2) that keypoint of each person, x, y in map px.

    Returns:
        (h, w) int64: 0 for no offset, else the person counted from 1.
    """
    height, width = weights.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    led = torch.stack([x, y], -1) - offsets.permute(1, 2, 0)
    nearest = (led[:, :, None] - keypoints).square().sum(-1).argmin(-1)
    return torch.where(weights > 0, nearest + 1, 0)


def turned(degrees: float, x: float = 1.0, y: float = 1.0) -> Tensor:
    """(4,) T that stretches the kernel by ``x`` and ``y`` and turns it clockwise as an image shows it.

    Channels are T_yy, T_yx, T_xy, T_xx.
    """
    angle = torch.deg2rad(torch.tensor(degrees))
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos * y, sin * x, -sin * y, cos * x])


def body_transforms(points: Tensor, labelled: Tensor, reach: float = 1.5) -> Tensor:
    """(P, 4) T that lay the kernel over each person: what Fig. 3 says the network learns, here made of the truth.

    The kernel's vertical axis follows the principal axis of the keypoints, and its outer positions lie ``reach`` standard
    deviations from the middle along both axes.

    Args:
        points: (P, K, 2) x, y in px of the features.
        labelled: (P, K) bool.
        reach: the reach in standard deviations.
    """
    known = labelled[..., None]
    count = known.sum(1).clamp(min=1)
    middle = torch.where(known, points, 0).sum(1) / count
    apart = torch.where(known, points - middle[:, None], 0)
    covariance = apart.mT @ apart / count[..., None]
    values, vectors = torch.linalg.eigh(covariance)  # the larger one last, each up to its sign
    across, along = vectors.unbind(-1)
    along = along * torch.where(along[:, 1:] < 0, -1, 1)  # downwards
    across = torch.stack([along[:, 1], -along[:, 0]], -1)  # to the right of it
    lengths = reach * values.clamp(min=0).sqrt()
    x, y = across * lengths[:, :1], along * lengths[:, 1:]
    return torch.stack([y[:, 1], x[:, 1], y[:, 0], x[:, 0]], -1)


def without_peak(heatmaps: Tensor, keypoint: int, point: Tensor, radius: float) -> Tensor:
    """Heatmaps (K, h, w) in which one keypoint's peak at ``point`` (2,), map px, is gone, as of a hidden joint."""
    height, width = heatmaps.shape[1:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    near = (torch.stack([x, y], -1) - point).square().sum(-1) <= radius**2
    out = heatmaps.clone()
    out[keypoint, near] = 0
    return out


def sampled_poses(count: int, skeleton: Skeleton, seed: int = 0) -> Tensor:
    """(N, K, 2) x, y of drawn people's keypoints in heights of the person, y down; nothing is drawn."""
    rng, order = np.random.default_rng(seed), point_indices(skeleton)
    return torch.from_numpy(np.stack([sample_figure(rng, MILD, 100.0).points[order] for _ in range(count)])).float()


def mixed_poses(
    poses: Tensor, generator: torch.Generator, *, most: int = 6, noise: float = 2.0, tall: float = 100.0
) -> tuple[People, Tensor, Tensor]:
    """Poses as a grouper finds them in perfect heatmaps: half of them right, the others with keypoints of a neighbour.

    Args:
        poses: (N, K, 2) in heights of the people, as of ``sampled_poses``; each becomes one pose. Its neighbour is the one
            before it in the list, as tall and up to 60 % of the height to the side.
        generator: the generator of random numbers.
        most: keypoints that are exchanged at most.
        noise: standard deviation of all keypoints in px.
        tall: height that all people are given, px.

    Returns:
        the N people with heats and naive scores that tell nothing of the exchange; their true poses (N, K, 2); and which
        keypoints (N, K) are the neighbour's.
    """
    people, keypoints = poses.shape[:2]
    own = (poses - poses.mean(1, keepdim=True)) * tall
    beside = (torch.rand(people, 1, 2, generator=generator) - 0.5) * torch.tensor([1.2, 0.4]) * tall
    order = torch.rand(people, keypoints, generator=generator).argsort(1)
    counts = torch.randint(1, most + 1, (people, 1), generator=generator)
    exchanged = (order < counts) & (torch.rand(people, 1, generator=generator) < 0.5)
    points = torch.where(exchanged[..., None], own.roll(1, 0) + beside, own)
    points = points + noise * torch.randn(points.shape, generator=generator)
    heats = 0.8 + 0.1 * torch.randn(people, keypoints, generator=generator)
    return People(points=points, keypoint_scores=heats, scores=heats.mean(1)), own, exchanged
