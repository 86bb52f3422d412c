"""Cross-entropy on body parts: the objective of the warm start."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class PartCrossEntropy:
    """Cross-entropy over pixels, background included, averaged with a weight a class.

    Args:
        balance: a class with share f of the batch's pixels weighs f to the power of minus this: 0 leaves the mean over pixels,
            in which the background is all but alone, 1 gives all classes the same share.
    """

    balance: float = 0.0

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss`` and ``pixel_accuracy``, from logits ``parts`` (B, P, H, W) and targets ``parts`` (B, H, W) int64."""
        logits, parts = outputs["parts"], targets["parts"]
        accuracy = (logits.detach().argmax(1) == parts).float().mean()
        shares = torch.bincount(parts.flatten(), minlength=logits.shape[1]).to(logits.dtype) / parts.numel()
        weights = torch.where(shares > 0, shares, 1) ** -self.balance
        return {"loss": F.cross_entropy(logits, parts, weight=weights), "pixel_accuracy": accuracy}
