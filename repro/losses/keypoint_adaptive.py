"""Losses of Keypoint-wise Adaptive Loss for Whole-Body Human Pose Estimation (Seong, Lee, Lee; Eq. 1 to 11).

Three losses make the rows of its tables: one error for all keypoints (Eq. 1 and 3), an error chosen by part (Eq. 4 and 5), and
a mixture of both that the network chooses by keypoint (Eq. 6 to 8). Each takes foreground weights (Eq. 9 to 11) or none.

Readings. Errors are summed over the pixels of a map, as printed, then averaged over the batch; MMPose and HRNet take the
mean over pixels, which Adam would not tell from the sum were it not for the regulariser of Eq. 7. The 1/K of Eq. 1 and 3 is
left out where Eq. 6 calls them for one keypoint. Predictions and targets of keypoints without a label are multiplied by
0, as in MMPose: they cost nothing but stay in the denominators, which are the constant sizes of the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from repro.errors import ReproError
from repro.losses.adaptive_wing import AdaptiveWing
from repro.losses.foreground import FWAHR, WAHR
from repro.losses.weighted_errors import WithSlope, squared_error_and_slope, weighted_sums
from repro.skeletons.wholebody import BODY_PARTS

Foreground = WAHR | FWAHR
COARSE = ("body", "foot")  # the parts of Eq. 4 with squared errors; the others have Adaptive Wing


def part_means(values: Tensor, parts: Tensor) -> Tensor:
    """Means over the keypoints of each part.

    Args:
        values: (B, K).
        parts: (K,) positions in ``BODY_PARTS``.

    Returns:
        (B, 4) in the order of ``BODY_PARTS``; 0 for a part without keypoints.
    """
    members = parts == torch.arange(len(BODY_PARTS), device=parts.device)[:, None]  # (4, K)
    counts = members.sum(1).clamp(min=1)
    return torch.where(members, values[:, None], 0).sum(-1) / counts


def factor_variance(factors: Tensor, parts: Tensor) -> Tensor:
    """Eq. 7: the variances of the adaptive factors (B, K) within each part, summed over parts; (B,).

    The variance divides by the number of keypoints, and keypoints without a label count too.
    """
    return part_means((factors - part_means(factors, parts)[:, parts]).square(), parts).sum(1)


def adaptive_error(squares: Tensor, wings: Tensor, factors: Tensor) -> Tensor:
    """Eq. 6 and 10: lambda AWing + (1 - lambda) MSE, of each keypoint; all (B, K)."""
    return factors * wings + (1 - factors) * squares


def heuristic_loss(squares: Tensor, wings: Tensor, parts: Tensor, *, swap: bool) -> tuple[Tensor, Tensor]:
    """The two terms of Eq. 5, whose sum is the loss.

    Eq. 5 multiplies the mean of Eq. 4 over body and feet by N_fh / N and that over face and hands by N_bf / N: the factors
    are exchanged against what would weigh all keypoints alike. Sums of Adaptive Wing are 11 to 36 times those of squared
    errors, so the exchange about levels the two terms and is taken for intended.

    Args:
        squares: (B, K) squared errors of the keypoints.
        wings: (B, K) their Adaptive Wing.
        parts: (K,) positions in ``BODY_PARTS``.
        swap: whether the factors are exchanged, as printed.

    Returns:
        The terms of body and feet, and of face and hands; scalars.
    """
    coarse = torch.stack([parts == BODY_PARTS.index(p) for p in COARSE]).any(0)
    n, n_coarse = len(parts), coarse.sum()
    mean_coarse = torch.where(coarse, squares, 0).sum(1).mean() / n_coarse
    mean_dense = torch.where(coarse, 0, wings).sum(1).mean() / (n - n_coarse)
    share = n_coarse / n
    return ((1 - share) * mean_coarse, share * mean_dense) if swap else (share * mean_coarse, (1 - share) * mean_dense)


@dataclass(frozen=True, kw_only=True)
class _KeypointLoss:
    """What the three losses share.

    Args:
        foreground: weights of the pixels; None for none.
        wing: the parameters of Adaptive Wing.
        pixels: whether the errors of a map are summed, as printed, or averaged.
    """

    foreground: Foreground | None = None
    wing: AdaptiveWing = AdaptiveWing()
    pixels: Literal["sum", "mean"] = "sum"

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss`` and its terms, computed in float32 or wider.

        Args:
            outputs: ``heatmaps`` (B, K, H, W); ``factors`` (B, K) for factors that are learned.
            targets: ``heatmaps`` (B, K, H, W), ``weights`` (B, K), ``keypoint_parts`` (K,).

        Raises:
            ReproError: when the shapes disagree.
        """
        with torch.autocast(outputs["heatmaps"].device.type, enabled=False):
            return self._terms(outputs, targets)

    def _terms(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        raise NotImplementedError

    def _sums(self, outputs: dict[str, Tensor], targets: dict[str, Tensor], *errors: WithSlope) -> list[Tensor]:
        """(B, K) for each of the pixel errors, weighted and summed over the maps; 0 for keypoints without a label.

        The maps of those, two fifths of drawn close-ups, are left out of what is computed: all errors of 0 against 0 are 0. A
        GPU computes all maps, because looking for those with a label would make the host wait for it.
        """
        labelled = targets["weights"] > 0
        predicted, target = _labelled_maps(outputs["heatmaps"], targets["heatmaps"], targets["weights"], labelled)
        weigh = None if self.foreground is None else self.foreground.with_slope
        sums: Sequence[Tensor] = weighted_sums(predicted, target, weigh, errors)
        if self.pixels == "mean":
            sums = [one / (predicted.shape[1] * predicted.shape[2]) for one in sums]
        if not _selects(labelled):
            return [one.view(labelled.shape) for one in sums]
        return [one.new_zeros(labelled.shape).masked_scatter(labelled, one) for one in sums]


def _selects(labelled: Tensor) -> bool:
    """Whether the labelled maps are selected from the others: on a CPU."""
    return labelled.device.type == "cpu"


def _labelled_maps(predicted: Tensor, target: Tensor, weights: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """Predictions and targets of the maps that ``labelled`` (B, K) marks, times the keypoints' weights (B, K).

    Returns:
        Both (N, H, W), in float32 or wider; those of all maps where none are selected.
    """
    if predicted.shape != target.shape or predicted.shape[:2] != weights.shape:
        raise ReproError(
            f"Predicted heatmaps have shape {tuple(predicted.shape)}, targets {tuple(target.shape)} and weights "
            f"{tuple(weights.shape)}: encoder and network must agree on the number of maps and their size."
        )
    wide = torch.promote_types(torch.promote_types(predicted.dtype, target.dtype), torch.float32)
    if not _selects(labelled):
        factors = weights.flatten()[:, None, None].to(wide)
        return predicted.flatten(0, 1).to(wide) * factors, target.flatten(0, 1).to(wide) * factors
    rows = labelled.flatten().nonzero()[:, 0]  # maps are copied whole: by a mask they would be pixel by pixel
    predicted, target = (maps.flatten(0, 1).index_select(0, rows).to(wide) for maps in (predicted, target))
    factors = weights.flatten()[rows][:, None, None].to(wide)
    return (predicted, target) if bool((factors == 1).all()) else (predicted * factors, target * factors)


@dataclass(frozen=True, kw_only=True)
class UniformHeatmapLoss(_KeypointLoss):
    """The same error for all keypoints: Eq. 1 or Eq. 3, methods (a) and (b) of Table 2.

    Args:
        error: ``squared`` for Eq. 1, ``wing`` for Eq. 3.
    """

    error: Literal["squared", "wing"] = "squared"

    def _terms(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        (sums,) = self._sums(
            outputs, targets, squared_error_and_slope if self.error == "squared" else self.wing.with_slope
        )
        return {"loss": sums.mean()}


@dataclass(frozen=True, kw_only=True)
class HeuristicPartLoss(_KeypointLoss):
    """Squared errors for body and feet, Adaptive Wing for face and hands: Eq. 5, methods (c) and (e) of Table 2.

    Args:
        swap: whether the factors of the two terms are exchanged, as printed; see ``heuristic_loss``.
    """

    swap: bool = True

    def _terms(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss`` and its two terms ``coarse_loss`` (body, feet) and ``dense_loss`` (face, hands)."""
        squares, wings = self._sums(outputs, targets, squared_error_and_slope, self.wing.with_slope)
        coarse, dense = heuristic_loss(squares, wings, targets["keypoint_parts"], swap=self.swap)
        return {"loss": coarse + dense, "coarse_loss": coarse, "dense_loss": dense}


@dataclass(frozen=True, kw_only=True)
class KeypointAdaptiveLoss(_KeypointLoss):
    """Keypoint-wise adaptive loss: Eq. 8, or Eq. 11 with foreground weights; methods (d) and (f) of Table 2.

    The derivative by a factor is (AWing - MSE) / N_part. Adaptive Wing is above the squared error for all errors
    above 14^-10, and the regulariser is 0 when the factors of a part agree, so nothing holds the factors up: the
    printed objective drives them to 0, where it is a squared error averaged part by part. ``fixed_factor=0`` is that
    limit and the control. The mean factor of each part is among the terms, to be seen in the log.

    Args:
        fixed_factor: a factor for all keypoints in place of the network's, which then need not give any.
        regularisation: factor on Eq. 7; 1 as printed.
        detached: whether the factors weigh the errors without learning from them, so that Eq. 7 alone moves them.

    Raises:
        ReproError: when ``fixed_factor`` is not in [0, 1].
    """

    fixed_factor: float | None = None
    regularisation: float = 1.0
    detached: bool = False

    def __post_init__(self) -> None:
        if self.fixed_factor is not None and not 0 <= self.fixed_factor <= 1:
            raise ReproError(f"KeypointAdaptiveLoss fixed_factor is {self.fixed_factor}: give a number from 0 to 1.")

    def _terms(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss``, ``heatmap_loss``, ``factor_variance`` and ``factor_<part>`` for each of ``BODY_PARTS``."""
        squares, wings = self._sums(outputs, targets, squared_error_and_slope, self.wing.with_slope)
        parts, factors = targets["keypoint_parts"], self._factors(outputs, squares)
        weighing = factors.detach() if self.detached else factors
        heatmap = part_means(adaptive_error(squares, wings, weighing), parts).sum(1).mean()
        variance = factor_variance(factors, parts).mean()
        means = part_means(factors.detach(), parts).mean(0)
        return {
            "loss": heatmap + self.regularisation * variance,
            "heatmap_loss": heatmap,
            "factor_variance": variance,
            **{f"factor_{part}": mean for part, mean in zip(BODY_PARTS, means, strict=True)},
        }

    def _factors(self, outputs: dict[str, Tensor], like: Tensor) -> Tensor:
        """(B, K) factors in the dtype of ``like`` (B, K). Raises ReproError for factors of another shape."""
        if self.fixed_factor is not None:
            return torch.full_like(like, self.fixed_factor)
        factors = outputs["factors"].to(like.dtype)
        if factors.shape != like.shape:
            raise ReproError(
                f"Factors have shape {tuple(factors.shape)}, expected {tuple(like.shape)}: give one for each heatmap."
            )
        return factors
