"""Losses on heatmaps and offset fields: UDP's, that of G-RMI, and the weighted ones of "Low-resolution Human Pose Estimation".

Offsets are in units of R. The papers write sums over keypoints and say nothing of pixels; all terms here are means over batch,
keypoints and pixels, as in UDP's official code, with the x and y parts of an offset added and unlabelled keypoints counted as
zero error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from repro.errors import ReproError, choice_error
from repro.losses.mixture_mask import MixtureMask
from repro.losses.mse import weighted_mse

Distance = Literal["l1", "smooth_l1", "l2"]
DISTANCES = ("l1", "smooth_l1", "l2")
MASKS = ("heatmap", "disc", "mixture")


def offset_error(
    predicted: Tensor, target: Tensor, mask: Tensor, distance: Distance, corner: float = 1.0
) -> Tensor:
    """Mean over batch, keypoints and pixels of the mask times the distance, x and y added.

    Args:
        predicted: (B, K, 2, H, W) in units of R.
        target: the same shape and unit.
        mask: (B, K, H, W).
        distance: the distance of one coordinate: \\|d\\|, d^2, or smooth L1 with its corner at c (d^2 / 2c below, \\|d\\| - c/2
            above).
        corner: c of smooth L1, in units of R.

    Returns:
        A scalar in float32 or wider.

    Raises:
        ReproError: when the shapes of predictions and targets disagree.
    """
    if predicted.shape != target.shape:
        raise ReproError(
            f"Predicted offsets have shape {tuple(predicted.shape)} but targets {tuple(target.shape)}: encoder and network "
            "must agree on the number of fields and their size."
        )
    difference = predicted.to(target.dtype) - target
    if distance == "l1":
        error = difference.abs()
    elif distance == "l2":
        error = difference.square()
    else:
        nothing = difference.new_zeros(()).expand_as(difference)
        error = F.huber_loss(difference, nothing, reduction="none", delta=corner)
        error = error if corner == 1 else error / corner
    return (mask * error.sum(2)).mean()


def labelled_discs(targets: dict[str, Tensor]) -> Tensor:
    """(B, K, H, W): the discs of labelled keypoints."""
    return targets["discs"] * targets["weights"][..., None, None]


def normalised_mask(mask: Tensor, heatmaps: Tensor) -> Tensor:
    """A mask (B, K, H, W) scaled so that each map's sum is that of the target heatmap (B, K, H, W); sums of 0 stay 0."""
    sums, wanted = (maps.sum((-2, -1), keepdim=True) for maps in (mask, heatmaps))
    return mask * torch.where(sums > 0, wanted / sums.clamp(min=torch.finfo(mask.dtype).tiny), 0)


def _terms(heatmap: Tensor, offset: Tensor, alpha: float) -> dict[str, Tensor]:
    return {"loss": heatmap + alpha * offset, "heatmap_loss": heatmap, "offset_loss": offset}


@dataclass(frozen=True, kw_only=True)
class UdpLoss:
    """What UDP's official code minimises: half the squared error of the heatmaps, and of the offsets inside the discs.

    UDP's paper describes cross-entropy and smooth L1 (``DetectionOffsetLoss``), which its code does not use.

    Args:
        alpha: weight of the offsets; 1 in the code.
    """

    alpha: float = 1.0

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss``, ``heatmap_loss`` and ``offset_loss`` from ``heatmaps`` and ``offsets`` and the targets of ``OffsetField``."""
        heatmap = weighted_mse(outputs["heatmaps"], targets["heatmaps"], targets["weights"])
        offset = 0.5 * offset_error(outputs["offsets"], targets["offsets"], labelled_discs(targets), "l2")
        return _terms(heatmap, offset, self.alpha)


@dataclass(frozen=True, kw_only=True)
class DetectionOffsetLoss:
    """Binary cross-entropy on the discs and smooth L1 on the offsets inside them (Eq. 8; G-RMI and UDP's paper).

    Outputs ``heatmaps`` are logits. No offset's target is longer than 1, the corner of smooth L1, so it acts as d^2 / 2 unless a
    prediction is far off.

    Args:
        alpha: weight of the offsets, which the paper does not print.
    """

    logits: ClassVar[tuple[str, ...]] = ("heatmaps",)  # outputs that come before the sigmoid

    alpha: float = 1.0

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss``, ``heatmap_loss`` and ``offset_loss`` from ``heatmaps`` and ``offsets`` and the targets of ``OffsetField``.

        Raises:
            ReproError: when the shapes of predictions and targets disagree.
        """
        logits, discs = outputs["heatmaps"], targets["discs"]
        if logits.shape != discs.shape:
            raise ReproError(
                f"Predicted heatmaps have shape {tuple(logits.shape)} but targets {tuple(discs.shape)}: encoder and network "
                "must agree on the number of maps and their size."
            )
        cross_entropy = F.binary_cross_entropy_with_logits(logits.to(discs.dtype), discs, reduction="none")
        heatmap = (targets["weights"][..., None, None] * cross_entropy).mean()
        offset = offset_error(outputs["offsets"], targets["offsets"], labelled_discs(targets), "smooth_l1")
        return _terms(heatmap, offset, self.alpha)


@dataclass(frozen=True, kw_only=True)
class WeightedOffsetLoss:
    """Squared error of the heatmaps and a weighted distance of the offsets: both stages of CAL (Eq. 14 and 15).

    The paper's L2 has no factor 1/2 here, and neither has its L1: with both halved only the learning rate would change.

    Args:
        distance: the distance of offsets; the paper's L1, or those of its Table 6.
        mask: weight of a pixel's offset. ``heatmap``: the target heatmap, G, or B where it is binary (Eq. 14). ``mixture``: the
            mixed Gaussian mask (Eq. 15). ``disc``: the binary one of Table 3.
        mixture: settings of the mixed Gaussian mask.
        alpha: weight of the offsets, which the paper does not print.
        corner: the corner of smooth L1, in units of R. Eq. 7 puts it at 1 and the targets of the paper are in px, of its code
            in units of R: there no target reaches 1 and smooth L1 is half of L2. 1 / R is one px.
        normalised: whether each keypoint's mask is scaled to the sum of its target heatmap. As printed the sums of a disc, of the
            target heatmap and of the mixture's mask differ by up to a factor of eight, with one alpha for all.

    Raises:
        ReproError: for an unknown distance or mask, or a corner that is not above 0.
    """

    distance: Literal["l1", "smooth_l1", "l2"] = "l1"
    mask: Literal["heatmap", "disc", "mixture"] = "heatmap"
    mixture: MixtureMask = MixtureMask()
    alpha: float = 1.0
    corner: float = 1.0
    normalised: bool = False

    def __post_init__(self) -> None:
        if not self.corner > 0:
            raise ReproError(f"WeightedOffsetLoss corner is {self.corner}: give a number above 0, in units of R.")
        if self.distance not in DISTANCES:
            raise choice_error("WeightedOffsetLoss distance", self.distance, DISTANCES)
        if self.mask not in MASKS:
            raise choice_error("WeightedOffsetLoss mask", self.mask, MASKS)

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss``, ``heatmap_loss`` and ``offset_loss``; for the mixture also ``displacements``, the number it was fitted to."""
        heatmap = 2 * weighted_mse(outputs["heatmaps"], targets["heatmaps"], targets["weights"])
        more = {}
        if self.mask == "mixture":
            mask, more["displacements"] = self.mixture(outputs["heatmaps"], targets)
        else:
            mask = targets["heatmaps" if self.mask == "heatmap" else "discs"]
        if self.normalised:
            mask = normalised_mask(mask, targets["heatmaps"])
        mask = mask * targets["weights"][..., None, None]
        offset = offset_error(outputs["offsets"], targets["offsets"], mask, self.distance, self.corner)
        return {**_terms(heatmap, offset, self.alpha), **more}
