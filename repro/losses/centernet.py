"""The loss of CenterNet for poses: focal loss on heatmaps, L1 on vectors read at whole pixels.

Zhou, Wang, Kraehenbuehl, "Objects as Points", 2019, and its released code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from repro.losses.tradeoff import check_maps

NAMES = ("centres", "heatmaps", "sizes", "offsets", "centre_offsets", "keypoint_offsets")
LOWEST = 1e-4  # predictions are kept this far from 0 and 1 (released code)


def focal_loss(logits: Tensor, target: Tensor, weights: Tensor, alpha: float = 2.0, beta: float = 4.0) -> Tensor:
    """CornerNet's variant of the focal loss.

    -(1 - p)^alpha ln p where the target is 1, -(1 - t)^beta p^alpha ln(1 - p) elsewhere, summed over the batch and divided
    by the number of ones that count; not divided if there are none.

    Args:
        logits: (B, C, H, W), before the sigmoid.
        target: (B, C, H, W) in [0, 1].
        weights: (B, 1 or C, H, W), 0 where the loss must not look.
        alpha, beta: exponents.

    Returns:
        A scalar.

    Raises:
        ReproError: when shapes disagree.
    """
    check_maps(logits, target)
    heat = logits.to(target.dtype).sigmoid().clamp(LOWEST, 1 - LOWEST)
    positive = target == 1
    at_peaks = (1 - heat).pow(alpha) * heat.log()
    elsewhere = (1 - target).pow(beta) * heat.pow(alpha) * (1 - heat).log()
    count = (positive & (weights > 0)).sum().clamp(min=1)
    return -(torch.where(positive, at_peaks, elsewhere) * weights).sum() / count


def read_vectors(maps: Tensor, places: Tensor) -> Tensor:
    """Values (B, N, C) of maps (B, C, H, W) at places y * W + x (B, N)."""
    flat = maps.flatten(2).transpose(1, 2)
    return flat.gather(1, places[..., None].expand(-1, -1, maps.shape[1]))


def weighted_l1(found: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute error of the entries that count; 0 if none do.

    The released code adds 1e-4 to the number, which changes nothing else.

    Args:
        found: (..., 2).
        wanted: (..., 2).
        weights: (...), 0 or 1.
    """
    errors = F.l1_loss(found.to(wanted.dtype), wanted, reduction="none") * weights[..., None]
    return errors.sum() / (2 * weights.sum()).clamp(min=1)


@dataclass(frozen=True, kw_only=True)
class CenterNetLoss:
    """The loss of CenterNet for poses; weights as released.

    Args:
        heatmap_weight: the weight of keypoint heatmaps; that of the centres is 1.
        size_weight: the weight of box sizes.
        offset_weight: the weight of keypoints as offsets from the centre pixel.
        pixel_weight: the weight of the fractions of pixels, both of centres and keypoints.
    """

    logits: ClassVar[tuple[str, ...]] = ("centres", "heatmaps")  # outputs that come before the sigmoid

    heatmap_weight: float = 1.0
    size_weight: float = 0.1
    offset_weight: float = 1.0
    pixel_weight: float = 1.0

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss``, and before weighting ``centre_loss``, ``heatmap_loss``, ``size_loss``, ``offset_loss``,
        ``centre_offset_loss`` and ``keypoint_offset_loss``, each the mean over the stacks of the network.

        Args:
            outputs: ``centres`` (B, 1, H, W) and ``heatmaps`` (B, K, H, W), logits (the released heads ``hm`` and
                ``hm_hp``); ``sizes`` (B, 2, H, W) (``wh``), ``offsets`` (B, 2K, H, W) (``hps``), ``centre_offsets``
                (B, 2, H, W) (``reg``), ``keypoint_offsets`` (B, 2, H, W) (``hp_offset``), in map px, x first. Those of
                earlier stacks are named ``stack1.centres`` and so on.
            targets: the targets of ``CenterNetTargets``.
        """
        prefixes = ["", *(name.removesuffix("centres") for name in outputs if name.endswith(".centres"))]
        stacks = [self.terms({name: outputs[prefix + name] for name in NAMES}, targets) for prefix in prefixes]
        terms = {name: reduce(add, (stack[name] for stack in stacks)) / len(stacks) for name in stacks[0]}
        loss = (
            terms["centre_loss"]
            + self.heatmap_weight * terms["heatmap_loss"]
            + self.size_weight * terms["size_loss"]
            + self.offset_weight * terms["offset_loss"]
            + self.pixel_weight * (terms["centre_offset_loss"] + terms["keypoint_offset_loss"])
        )
        return {"loss": loss, **terms}

    def terms(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """The terms of one stack."""
        mask, centres = targets["heatmap_weights"], targets["centre_indices"]
        offsets = read_vectors(outputs["offsets"], centres).unflatten(-1, (-1, 2))
        fractions = read_vectors(outputs["keypoint_offsets"], targets["keypoint_indices"].flatten(1))
        people, points = targets["centre_weights"], targets["offset_weights"]
        return {
            "centre_loss": focal_loss(outputs["centres"], targets["centres"], mask),
            "heatmap_loss": focal_loss(outputs["heatmaps"], targets["heatmaps"], mask),
            "size_loss": weighted_l1(read_vectors(outputs["sizes"], centres), targets["sizes"], people),
            "offset_loss": weighted_l1(offsets, targets["offsets"], points),
            "centre_offset_loss": weighted_l1(
                read_vectors(outputs["centre_offsets"], centres), targets["centre_offsets"], people
            ),
            "keypoint_offset_loss": weighted_l1(
                fractions, targets["keypoint_offsets"].flatten(1, 2), points.flatten(1)
            ),
        }
