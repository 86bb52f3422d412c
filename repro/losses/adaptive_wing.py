"""Adaptive Wing: an error whose gradient stays large for small errors on the foreground of a heatmap.

Wang, Bo, Fuxin, "Adaptive Wing Loss for Robust Face Alignment via Heatmap Regression", ICCV 2019; Eq. 2 of Keypoint-wise
Adaptive Loss for Whole-Body Human Pose Estimation, which takes its parameters from there. That paper's map of further
weights on the foreground is not part of Eq. 2 and not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from repro.errors import ReproError


def adaptive_wing(
    predicted: Tensor, target: Tensor, *, omega: float, theta: float, epsilon: float, alpha: float
) -> Tensor:
    """Eq. 2, pixel by pixel. With d = |p - p^| and the exponent x = alpha - p:

    omega ln(1 + (d / epsilon)^x) where d < theta, else A d - C, with A and C such that value and slope are continuous.
    On foreground (p = 1) the exponent is 1.1 and small errors cost much, on background it is 2.1.

    Args:
        predicted: any shape, the p^ of the equation; gradients flow to it alone.
        target: the same shape, p, at most alpha - 1.
        omega: height of the curved part.
        theta: error from which the loss is linear.
        epsilon: scale of errors in the curved part.
        alpha: exponent on background; above 2.

    Returns:
        The loss of each value, in the shape given.
    """
    exponent = alpha - target.detach()
    distance = (target - predicted).abs()
    # The exponent is above 1, so the power and its gradient are 0 at a distance of 0. Beyond theta the curved branch is
    # not used: it is held at theta, so that a large error cannot overflow there and spoil the gradient.
    curved = omega * torch.log1p((distance.clamp(max=theta) / epsilon) ** exponent)
    if distance.device.type != "cpu":  # that it is few pixels would have to be waited for
        return torch.where(distance < theta, curved, _straight(distance, exponent, omega, theta, epsilon))
    far = (distance >= theta).flatten().nonzero()[:, 0]  # few: the straight branch is computed for them alone
    if not len(far):
        return curved
    beyond = _straight(distance.flatten()[far], exponent.flatten()[far], omega, theta, epsilon)
    return curved.flatten().index_copy(0, far, beyond).view(curved.shape)


def _straight(distance: Tensor, exponent: Tensor, omega: float, theta: float, epsilon: float) -> Tensor:
    """A d - C, the branch of large errors."""
    at_theta = (theta / epsilon) ** exponent
    slope = omega / theta * exponent * at_theta / (1 + at_theta)
    return slope * distance - (theta * slope - omega * torch.log1p(at_theta))


def adaptive_wing_and_slope(
    predicted: Tensor, target: Tensor, *, omega: float, theta: float, epsilon: float, alpha: float
) -> tuple[Tensor, Tensor]:
    """``adaptive_wing``, and its derivative by the prediction, for those who do without autograd: a third of the time.

    With c = min(d, theta) and u = (c / epsilon)^x the slope of both branches is s = omega x u / (c (1 + u)), constant from theta
    on, so that both are omega ln(1 + u) + s (d - c).

    Returns:
        The loss and its slope, in the shape given; the slope is 0 where the prediction is right.
    """
    error = predicted - target
    beyond, exponent = error.abs(), alpha - target
    near = beyond.clamp(max=theta)
    power = (near / epsilon).log2_().mul_(exponent - 1).exp2_()  # u epsilon / c; 0 at an error of 0
    slope = exponent.mul_(power).mul_(omega / epsilon)
    power = power.mul_(near).div_(epsilon)
    slope.div_(power + 1)
    loss = power.log1p_().mul_(omega).addcmul_(slope, beyond.sub_(near))
    return loss, slope.mul_(error.sign_())


@dataclass(frozen=True, kw_only=True)
class AdaptiveWing:
    """The parameters of Adaptive Wing, by default those of its paper, which FoWKAL follows.

    Args:
        omega: the parameter of ``adaptive_wing``, like the others.
        theta: the parameter of that name.
        epsilon: the parameter of that name.
        alpha: the parameter of that name.

    Raises:
        ReproError: when a parameter is not positive, or alpha is not above 2 (the exponent alpha - p has to be above 1 up to
            the peak, where p is 1, for the gradient to vanish with the error).
    """

    omega: float = 14.0
    theta: float = 0.5
    epsilon: float = 1.0
    alpha: float = 2.1

    def __post_init__(self) -> None:
        for name in ("omega", "theta", "epsilon"):
            if not getattr(self, name) > 0:
                raise ReproError(f"AdaptiveWing {name} is {getattr(self, name)}: give a positive number.")
        if not self.alpha > 2:
            raise ReproError(f"AdaptiveWing alpha is {self.alpha}: give a number above 2, as 2.1.")

    def __call__(self, predicted: Tensor, target: Tensor) -> Tensor:
        """The loss of each pixel, in the shape of ``predicted`` and ``target``."""
        return adaptive_wing(
            predicted, target, omega=self.omega, theta=self.theta, epsilon=self.epsilon, alpha=self.alpha
        )

    def with_slope(self, predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of each pixel and its derivative by ``predicted``."""
        return adaptive_wing_and_slope(
            predicted, target, omega=self.omega, theta=self.theta, epsilon=self.epsilon, alpha=self.alpha
        )
