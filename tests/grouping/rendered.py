"""Maps of given poses, by the formulas of the paper and apart from the package's encoders."""

from __future__ import annotations

import torch
from torch import Tensor


def gaussians(points: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """(..., H, W) unit-peak Gaussians at points (..., 2), x, y in map px."""
    x, y = torch.arange(size[0]).double(), torch.arange(size[1]).double()
    across = torch.exp(-((x - points[..., :1].double()) ** 2) / (2 * sigma**2))
    down = torch.exp(-((y - points[..., 1:].double()) ** 2) / (2 * sigma**2))
    return down[..., :, None] * across[..., None, :]


def rendered(poses: Tensor, size: tuple[int, int], stride: int, sigma: float = 2.0) -> dict[str, Tensor]:
    """``heatmaps``, ``centres`` and ``offsets`` of poses (P, K, 2) in input px, as a batch of one image.

    Every pixel states the pose with the nearest centre (mean of the joints): offset = pixel - joint.
    """
    poses = poses.double() / stride
    centres = poses.mean(1)
    x, y = torch.arange(size[0]).double(), torch.arange(size[1]).double()
    pixels = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    nearest = (pixels[None] - centres[:, None, None]).square().sum(-1).argmin(0)
    offsets = (pixels[:, :, None] - poses[nearest]).permute(2, 3, 0, 1)
    return {
        "heatmaps": gaussians(poses, size, sigma).amax(0)[None].float(),
        "centres": gaussians(centres, size, 4.0).amax(0)[None, None].float(),
        "offsets": offsets.flatten(0, 1)[None].float(),
    }


def crowd(seed: int, people: int, joints: int, side: float) -> Tensor:
    """Random poses of ``joints`` joints whose centres lie on a jittered grid in an input of side x side px, far enough apart."""
    generator = torch.Generator().manual_seed(seed)
    cells = torch.randperm(9, generator=generator)[:people]
    middle = torch.stack([cells % 3, cells // 3], -1) * side / 3 + side / 6
    poses = (torch.rand(people, joints, 2, generator=generator) - 0.5) * side * 0.2
    poses = poses - poses.mean(1, keepdim=True)
    jitter = (torch.rand(people, 1, 2, generator=generator) - 0.5) * 8
    return (middle[:, None] + poses + jitter).clamp(2, side - 7)


def nearest_error(found: Tensor, poses: Tensor) -> Tensor:
    """(P,) largest joint error of the found pose that is nearest to each pose, px."""
    apart = (found.double()[None] - poses.double()[:, None]).norm(dim=-1)
    return apart.amax(-1).amin(1)
