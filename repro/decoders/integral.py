"""The mean of each softmaxed map: the decoder of Integral Pose Regression."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from repro.losses.integral import soft_argmax


@dataclass(frozen=True, kw_only=True)
class SoftArgmax:
    """The mean pixel of each map's softmax (Sun et al., "Integral Human Pose Regression", ECCV 2018).

    The paper names no score; it is the maximum of the softmaxed map, which falls as the map spreads.
    """

    def __call__(self, outputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """points (B, K, 2), x, y in heatmap px, and scores (B, K) in (0, 1] from ``heatmaps``."""
        return soft_argmax(outputs["heatmaps"].float())
