"""Weight-redistributed loss: squared errors weighed by a function of the heatmap's own value.

Yu, Du, Yu, "Scale-aware heatmap representation for human pose estimation", Section 3.3. As printed the weight is a function
of the estimate, and it is negative for estimates below ln 2 - 0.7 = -0.0069 and above 0.5 + ln 1.75 = 1.0596. The network's
outputs are not bounded, so the printed loss has no minimum and cannot be trained: the squared error grows where its weight
is negative. The default therefore keeps the estimate within [0, 1] and does not learn through the weight; nothing else
changes. A weight from the target is the other reading that can be trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from repro.errors import choice_error
from repro.losses.tradeoff import check_maps

WeightFrom = Literal["estimate", "target"]
Form = Literal["detached", "printed"]


def redistribution_weights(
    heat: Tensor,
    threshold: float = 0.01,
    alpha_1: float = 0.7,
    beta_1: float = -2.0,
    alpha_2: float = -0.5,
    beta_2: float = 1.75,
) -> Tensor:
    """Equation 9: exp(h + alpha_1) + beta_1 up to the threshold, -exp(h + alpha_2) + beta_2 above it.

    With the paper's constants the weight is .0138 at 0, .0340 at the threshold, 1.137 just above it and .101 at 1.

    Args:
        heat: values h, of any shape.
        threshold: theta, the just noticeable value; it belongs to the lower branch.
        alpha_1, beta_1, alpha_2, beta_2: the paper's compensation factors.

    Returns:
        The shape of ``heat``.
    """
    return torch.where(heat <= threshold, (heat + alpha_1).exp() + beta_1, beta_2 - (heat + alpha_2).exp())


@dataclass(frozen=True, kw_only=True)
class RedistributedLoss:
    """The weight-redistributed loss (equations 9 and 10).

    Args:
        threshold: theta, the same as the encoder's.
        weight_from: the ``estimate`` (the paper) or the ``target`` heatmap makes the weight.
        form: ``detached``: the heat is clamped to [0, 1] and not learned through; ``printed``: neither, which is unbounded
            below.

    Raises:
        ReproError: for an unknown choice.
    """

    threshold: float = 0.01
    weight_from: WeightFrom = "estimate"
    form: Form = "detached"

    def __post_init__(self) -> None:
        if self.weight_from not in ("estimate", "target"):
            raise choice_error("source of redistributed weights", self.weight_from, ("estimate", "target"))
        if self.form not in ("detached", "printed"):
            raise choice_error("form of redistributed weights", self.form, ("detached", "printed"))

    def maps(self, predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Mean over images, channels and pixels of w(h) (p - t)^2 times the mask.

        Args:
            predicted: (B, K, H, W).
            target: (B, K, H, W).
            weights: (B, 1 or K, H, W), 0 where the loss must not look, else 1.

        Returns:
            A scalar in the dtype of ``target``.

        Raises:
            ReproError: when shapes disagree.
        """
        check_maps(predicted, target)
        predicted = predicted.to(target.dtype)
        heat = predicted if self.weight_from == "estimate" else target
        heat = heat.detach().clamp(0, 1) if self.form == "detached" else heat
        return (redistribution_weights(heat, self.threshold) * (predicted - target).square() * weights).mean()

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss``, from outputs ``heatmaps`` and targets ``heatmaps`` and ``heatmap_weights``."""
        return {"loss": self.maps(outputs["heatmaps"], targets["heatmaps"], targets["heatmap_weights"])}
