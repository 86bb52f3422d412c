"""The loss of offsets from a person's centre, and the whole loss of heatmap-guided regression.

Sun et al., "Bottom-Up Human Pose Estimation by Ranking Heatmap-Guided Adaptive Keypoint Estimates", equations 4 to 6, and its
released code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Literal

import torch
from torch import Tensor

from repro.errors import choice_error
from repro.losses.redistributed import RedistributedLoss
from repro.losses.tradeoff import TradeoffLoss, check_maps, tradeoff_mse

BETA = 1 / 9  # where smooth L1 turns from square to straight, in map px (released code)


def smooth_l1(difference: Tensor, beta: float = BETA) -> Tensor:
    """d^2 / (2 beta) below beta, |d| - beta / 2 above."""
    size = difference.abs()
    return torch.where(size < beta, size.square() / (2 * beta), size - beta / 2)


def normalised_smooth_l1(predicted: Tensor, target: Tensor, weights: Tensor, beta: float = BETA) -> Tensor:
    """Weighted smooth L1 over the number of positive weights in the batch, each of x and y counted (released code).

    The paper prints a sum (equation 5).

    Args:
        predicted: (B, 2K, H, W), channels 2k for x and 2k + 1 for y, in map px.
        target: the same.
        weights: (B, K, H, W), one for x and y.
        beta: the corner, see ``smooth_l1``.

    Returns:
        A scalar; 0 without positive weights.

    Raises:
        ReproError: when shapes disagree.
    """
    check_maps(predicted, target)
    if predicted.device.type != "cpu":
        return _smooth_l1_of_all(predicted, target, weights, beta)
    image, keypoint, y, x = torch.nonzero(weights > 0, as_tuple=True)  # some thousand of millions of entries
    found, wanted = (maps.unflatten(1, (-1, 2))[image, keypoint, :, y, x] for maps in (predicted, target))
    errors = smooth_l1(found.to(target.dtype) - wanted, beta) * weights[image, keypoint, y, x, None]
    return errors.sum() / max(errors.numel(), 1)


def _smooth_l1_of_all(predicted: Tensor, target: Tensor, weights: Tensor, beta: float) -> Tensor:
    """``normalised_smooth_l1`` over whole maps: a GPU takes longer to be asked where weights are than to compute the rest."""
    difference = predicted.to(target.dtype).unflatten(1, (-1, 2)) - target.unflatten(1, (-1, 2))
    learned = weights[:, :, None] > 0
    errors = torch.where(learned, smooth_l1(difference, beta) * weights[:, :, None], 0)
    return errors.sum() / (2 * learned.sum()).clamp(min=1)


@dataclass(frozen=True, kw_only=True)
class GuidedLoss:
    """The loss of heatmap-guided regression, over whatever maps the network gives.

    Args:
        heatmaps: the loss of the keypoint maps; ``RedistributedLoss`` is that of Yu et al., who leave the centre map's loss
            as it was.
        offset_weight: the paper's lambda.
        centre: ``channel``: the centre map is one more channel beside the K keypoint maps, which share one mean (released
            code); ``paper``: it stands beside the offsets under lambda (equations 5 and 6).
        middle_weight: the weight of heatmaps between stages 3 and 4, if the network gives ``middle_heatmaps`` (Yu et al., who
            do not say how: the same targets and loss).

    Raises:
        ReproError: for another ``centre``.
    """

    heatmaps: TradeoffLoss | RedistributedLoss = TradeoffLoss()
    offset_weight: float = 0.01
    centre: Literal["channel", "paper"] = "channel"
    middle_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.centre not in ("channel", "paper"):
            raise choice_error("share of the centre map", self.centre, ("channel", "paper"))

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss`` and its parts before weighting: ``heatmap_loss``, ``centre_loss``, ``offset_loss``; where there are such
        outputs also ``middle_loss`` and ``higher_loss``.

        Args:
            outputs: ``heatmaps`` (B, K, H, W), ``centres`` (B, 1, H, W), ``offsets`` (B, 2K, H, W). If there are
                ``heatmaps_branches`` (B, R, K, H, W), each of them is compared instead of their mean (released code of
                HrHRNet); ``middle_heatmaps`` and ``heatmaps_2x`` (B, K, 2H, 2W) are optional.
            targets: the targets of ``GuidedTargets``.
        """
        wanted = targets["heatmaps"], targets["heatmap_weights"]
        branches = outputs["heatmaps_branches"].unbind(1) if "heatmaps_branches" in outputs else (outputs["heatmaps"],)
        heat = reduce(add, (self.heatmaps.maps(maps, *wanted) for maps in branches)) / len(branches)
        centre = tradeoff_mse(outputs["centres"], targets["centres"], targets["centre_weights"])
        offset = normalised_smooth_l1(outputs["offsets"], targets["offsets"], targets["offset_weights"])
        terms = {"heatmap_loss": heat, "centre_loss": centre, "offset_loss": offset}
        if self.centre == "channel":
            keypoints = targets["heatmaps"].shape[1]
            loss = (keypoints * heat + centre) / (keypoints + 1) + self.offset_weight * offset
        else:
            loss = heat + self.offset_weight * (offset + centre)
        if "middle_heatmaps" in outputs:
            terms["middle_loss"] = self.heatmaps.maps(outputs["middle_heatmaps"], *wanted)
            loss = loss + self.middle_weight * terms["middle_loss"]
        if "heatmaps_2x" in outputs:
            larger = targets["heatmaps_2x"], targets["heatmap_weights_2x"]
            terms["higher_loss"] = self.heatmaps.maps(outputs["heatmaps_2x"], *larger)
            loss = loss + terms["higher_loss"]
        return {"loss": loss, **terms}
