"""Cross-entropy on body parts: the objective of the warm start."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class PartCrossEntropy:
    """Mean cross-entropy over pixels, background included."""

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss`` and ``pixel_accuracy``, from logits ``parts`` (B, P, H, W) and targets ``parts`` (B, H, W) int64."""
        logits, parts = outputs["parts"], targets["parts"]
        accuracy = (logits.detach().argmax(1) == parts).float().mean()
        return {"loss": F.cross_entropy(logits, parts), "pixel_accuracy": accuracy}
