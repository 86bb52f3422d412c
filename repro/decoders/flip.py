"""Flip test: the maps of an image joined with the mirrored-back maps of its mirror image, each as its network says of it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from repro.skeletons.outputs import Output
from repro.skeletons.skeleton import Skeleton


def mirror_back(heatmaps: Tensor, permutation: tuple[int, ...], *, shift: bool) -> Tensor:
    """Mirror the maps of a mirrored image back and exchange left and right keypoints.

    Args:
        heatmaps: (B, K, ..., W) of the mirrored image.
        permutation: the keypoint that takes the place of each in the mirror.
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

    Mirrored back, a place x becomes W - 1 - x, so that only the sign of x changes: the mean of this and of the image's own
    offsets is the mean of the absolute positions.

    Args:
        offsets: (B, K, 2, H, W) of the mirrored image, x first.
        permutation: the keypoint that takes the place of each in the mirror.
        shift: the shift, see ``mirror_back``; the vectors move with their pixels and stay as long as they are.

    Returns:
        (B, K, 2, H, W).
    """
    back = mirror_back(offsets, permutation, shift=shift)
    return torch.stack([-back[:, :, 0], back[:, :, 1]], 2)


def mirrored_back(maps: Tensor, output: Output, skeleton: Skeleton, *, shift: bool = False) -> Tensor:
    """What a map of a mirrored image states for the image itself.

    Args:
        maps: (B, C, H, W), or (B, K, 2, H, W) for offsets.
        output: what the network says of it.
        skeleton: the skeleton whose left and right keypoints are exchanged where there is a channel for each.
        shift: the shift of the mirrored maps, see ``mirror_back``.

    Returns:
        The same shape.
    """
    pairs = maps.unflatten(1, (-1, 2)) if output.kind == "offsets" and maps.ndim == 4 else maps
    order = skeleton.flip_permutation if output.by_keypoint else tuple(range(pairs.shape[1]))
    mirror = mirror_back_offsets if output.kind == "offsets" else mirror_back
    return mirror(pairs, order, shift=shift).reshape(maps.shape)


def joined(own: Tensor, back: Tensor, output: Output) -> Tensor:
    """An image's map and the mirrored-back one, as the flip test joins maps of their kind (``Output.flip``)."""
    if output.flip == "own":
        return own
    if output.flip == "both":
        return torch.stack([own, back], 2)
    if output.logits:
        return ((own.sigmoid() + back.sigmoid()) / 2).logit(eps=1e-6)
    return (own + back) / 2


def average_with_mirror(
    outputs: dict[str, Tensor],
    mirrored: dict[str, Tensor],
    described: Mapping[str, Output],
    skeleton: Skeleton,
    *,
    shift: bool,
) -> dict[str, Tensor]:
    """The outputs of an image, joined with those of its mirror image where the network describes them; others stay as they are.

    Args:
        outputs: the outputs of the image.
        mirrored: the outputs of the mirror image.
        described: what the network says of its maps.
        skeleton: the skeleton whose left and right keypoints are exchanged.
        shift: the shift of the mirrored maps, see ``mirror_back``.
    """
    back = {
        name: mirrored_back(mirrored[name], output, skeleton, shift=shift)
        for name, output in described.items()
        if name in outputs and output.flip != "own"
    }
    return {name: joined(own, back[name], described[name]) if name in back else own for name, own in outputs.items()}
