"""Flip test: the mean of the maps of an image and of the mirrored-back maps of its mirror image."""

from __future__ import annotations

import torch
from torch import Tensor

from repro.skeletons.skeleton import Skeleton


def mirror_back(heatmaps: Tensor, permutation: tuple[int, ...], *, shift: bool) -> Tensor:
    """Mirror the maps of a mirrored image back and exchange left and right keypoints.

    Args:
        heatmaps: (B, K, ..., W) of the mirrored image.
        permutation: for each keypoint the one that takes its place in the mirror.
        shift: whether to move the result one pixel to the right, column 0 keeping its value. In the biased convention the
            mirrored-back maps lie 3/4 px too far left at stride 4, and HRNet shifts them (SHIFT_HEATMAP); in the unbiased
            convention they fit.

    Returns:
        The same shape.
    """
    back = heatmaps.flip(-1)[:, list(permutation)]
    if shift:
        back = torch.cat([back[..., :1], back[..., :-1]], -1)
    return back


def mirror_back_offsets(offsets: Tensor, permutation: tuple[int, ...], *, shift: bool) -> Tensor:
    """Mirror the offset fields of a mirrored image back: as ``mirror_back``, and what led right leads left (UDP's official code).

    Args:
        offsets: (B, K, 2, H, W) of the mirrored image, x first.
        permutation: for each keypoint the one that takes its place in the mirror.
        shift: see ``mirror_back``; the vectors move with their pixels and stay as long as they are.

    Returns:
        (B, K, 2, H, W).
    """
    back = mirror_back(offsets, permutation, shift=shift)
    return torch.stack([-back[:, :, 0], back[:, :, 1]], 2)


def average_with_mirror(
    outputs: dict[str, Tensor], mirrored: dict[str, Tensor], skeleton: Skeleton, *, shift: bool
) -> dict[str, Tensor]:
    """The outputs with ``heatmaps``, and ``offsets`` where there are any, averaged over an image and its mirror image.

    Args:
        outputs: of the image; ``heatmaps`` (B, K, H, W), ``offsets`` (B, K, 2, H, W) with x first. Others stay those of the
            image.
        mirrored: of the mirror image.
        skeleton: whose left and right keypoints are exchanged.
        shift: see ``mirror_back``.
    """
    back = mirror_back(mirrored["heatmaps"], skeleton.flip_permutation, shift=shift)
    averaged = {"heatmaps": (outputs["heatmaps"] + back) / 2}
    if "offsets" in outputs:
        back = mirror_back_offsets(mirrored["offsets"], skeleton.flip_permutation, shift=shift)
        averaged["offsets"] = (outputs["offsets"] + back) / 2
    return {**outputs, **averaged}
