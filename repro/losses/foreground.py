"""Weights of heatmap pixels that favour the foreground: WAHR of SWAHR, and FWAHR of FoWKAL.

WAHR is of Luo et al., "Rethinking the Heatmap Regression for Bottom-Up Human Pose Estimation", CVPR 2021. FWAHR is Eq. 9 of
Keypoint-wise Adaptive Loss for Whole-Body Human Pose Estimation:

    W(p, p^) = p^gamma |1 - p^| + |p^| (1 - p^gamma)   if p^ >= 2^(-1 / gamma),   else tau p

where the condition is printed with the prediction p^ and the last term with the ground truth p. SWAHR's soft boundary
between positive and negative samples is p^gamma = 1/2, which is a condition on the ground truth, so one of the two hats may
be an error of print. The readings:

- as printed (the default): predictions above zero get WAHR's weight (the threshold is 2^-100 at gamma = 0.01), the others
  0.01 p, next to nothing: negative values on the background cost nothing.
- ``condition="target"``: WAHR's weight where p^gamma >= 1/2, elsewhere ``tau p`` or, with ``background="prediction"``,
  tau |p^|, which is WAHR's own |p^| of an empty background, damped. With Gaussians that end at 3 sigma the first of these
  leaves the background without any supervision.

With Gaussians that fill the map, as DARK's do, 2^-100 is reached 23.5 px from the centre at sigma = 2, so that most of the map is
foreground. Why the printed reading is the default: ``docs/decisions/foreground-weights.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from repro.errors import ReproError

_SHIFT = 24  # the smallest number of float32 that is not 0, times 2 to this, is above 2^-126
LEAST_GAMMA = 1 / 126  # 2^-126 is the smallest normal number of float32: below, the threshold would vanish


def wahr_weights(predicted: Tensor, target: Tensor, *, gamma: float) -> Tensor:
    """SWAHR's weights: p^gamma |1 - p^| + |p^| (1 - p^gamma).

    Far from zero where a target is high and the prediction is not, or the other way round. As in SWAHR's code the weights
    are functions of the prediction that gradients flow through, and 0^gamma is 0.

    Args:
        predicted: any shape, the p^ of the formula.
        target: the same shape, p, not negative.
        gamma: softness of the boundary between foreground and background; 0.01 in both papers.

    Returns:
        Weights of at least 0, in the shape given.
    """
    soft = target.detach() ** gamma
    return torch.lerp(predicted.abs(), (1 - predicted).abs(), soft.to(predicted.dtype))


def wahr_weights_and_slope(predicted: Tensor, target: Tensor, *, gamma: float) -> tuple[Tensor, Tensor]:
    """``wahr_weights``, and their derivative by the prediction, for those who do without autograd."""
    # p^gamma by logarithms, which are slow for numbers near 0 and for 0 itself: a Gaussian's tail is held away from them.
    soft = (target * 2**_SHIFT).clamp_(min=2**-126).log2_().sub_(_SHIFT).mul_(gamma).exp2_().mul_(target.sign())
    past = predicted - 1
    slope = torch.lerp(predicted.sign(), past.sign(), soft)
    return torch.lerp(predicted.abs(), past.abs_(), soft), slope


def fwahr_weights(
    predicted: Tensor,
    target: Tensor,
    *,
    gamma: float,
    tau: float,
    condition: Literal["prediction", "target"],
    background: Literal["target", "prediction"],
) -> Tensor:
    """FoWKAL's weights, Eq. 9: WAHR's on the foreground, tau times a small value elsewhere.

    Args:
        predicted: any shape, the p^ of the equation, in float32 or wider.
        target: the same shape, p.
        gamma: the softness, see ``wahr_weights``.
        tau: factor on the background.
        condition: the one of the two that is compared with 2^(-1 / gamma) to tell the foreground.
        background: the one of the two that tau multiplies; of the prediction its absolute value, so that no weight is
            negative.

    Returns:
        Weights of at least 0, in the shape given.
    """
    foreground = (predicted if condition == "prediction" else target) >= 2 ** (-1 / gamma)
    elsewhere = tau * (target if background == "target" else predicted.abs())
    # As torch.where, which takes ten times as long on a CPU where foreground and background alternate.
    return torch.lerp(elsewhere, wahr_weights(predicted, target, gamma=gamma), foreground.to(elsewhere.dtype))


def fwahr_weights_and_slope(
    predicted: Tensor,
    target: Tensor,
    *,
    gamma: float,
    tau: float,
    condition: Literal["prediction", "target"],
    background: Literal["target", "prediction"],
) -> tuple[Tensor, Tensor]:
    """``fwahr_weights``, and their derivative by the prediction, for those who do without autograd."""
    weights, slope = wahr_weights_and_slope(predicted, target, gamma=gamma)
    foreground = (predicted if condition == "prediction" else target).clone().ge_(2 ** (-1 / gamma))
    if background == "target":
        return torch.lerp(tau * target, weights, foreground), slope.mul_(foreground)
    return torch.lerp(tau * predicted.abs(), weights, foreground), torch.lerp(tau * predicted.sign(), slope, foreground)


def _check_gamma(name: str, gamma: float) -> None:
    """Raise ReproError for an exponent that float32 cannot serve."""
    if not gamma >= LEAST_GAMMA:
        raise ReproError(f"{name} gamma is {gamma}: give at least 1/126, as 0.01, for 2^(-1 / gamma) to be in float32.")


@dataclass(frozen=True, kw_only=True)
class WAHR:
    """Weight-adaptive heatmap regression, without SWAHR's scaled Gaussians.

    Args:
        gamma: the softness, see ``wahr_weights``.
        detach: whether the weights count as constants for gradients. SWAHR's do not.

    Raises:
        ReproError: when gamma is below 1/126.
    """

    gamma: float = 0.01
    detach: bool = False

    def __post_init__(self) -> None:
        _check_gamma("WAHR", self.gamma)

    def __call__(self, predicted: Tensor, target: Tensor) -> Tensor:
        """The weight of each pixel, in the shape of ``predicted`` and ``target``."""
        weights = wahr_weights(predicted, target, gamma=self.gamma)
        return weights.detach() if self.detach else weights

    def with_slope(self, predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """The weight of each pixel and its derivative by ``predicted``; None where it counts as a constant."""
        weights, slope = wahr_weights_and_slope(predicted, target, gamma=self.gamma)
        return weights, None if self.detach else slope


@dataclass(frozen=True, kw_only=True)
class FWAHR:
    """Foreground-weight adaptive heatmap regression, by default as printed.

    Args:
        gamma: the softness, see ``wahr_weights``.
        tau: factor on the background.
        condition: ``prediction`` as printed, or ``target``; see the module.
        background: ``target`` as printed, or ``prediction``; see the module.
        detach: whether the weights count as constants for gradients; the paper does not say, WAHR's do not.

    Raises:
        ReproError: when gamma is below 1/126 or tau is negative.
    """

    gamma: float = 0.01
    tau: float = 0.01
    condition: Literal["prediction", "target"] = "prediction"
    background: Literal["target", "prediction"] = "target"
    detach: bool = False

    def __post_init__(self) -> None:
        _check_gamma("FWAHR", self.gamma)
        if not self.tau >= 0:
            raise ReproError(f"FWAHR tau is {self.tau}: give 0 or more, as 0.01.")

    def __call__(self, predicted: Tensor, target: Tensor) -> Tensor:
        """The weight of each pixel, in the shape of ``predicted`` and ``target``."""
        weights = fwahr_weights(
            predicted, target, gamma=self.gamma, tau=self.tau, condition=self.condition, background=self.background
        )
        return weights.detach() if self.detach else weights

    def with_slope(self, predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """The weight of each pixel and its derivative by ``predicted``; None where it counts as a constant."""
        weights, slope = fwahr_weights_and_slope(
            predicted, target, gamma=self.gamma, tau=self.tau, condition=self.condition, background=self.background
        )
        return weights, None if self.detach else slope
