"""Body-part labels as a target: what the warm start is trained on, because no paper's method uses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from repro.errors import ReproError
from repro.geometry import Convention, heatmap_factor
from repro.skeletons.skeleton import Skeleton


def shrink_parts(parts: Tensor, size: tuple[int, int], convention: Convention) -> Tensor:
    """The part at the centre of each heatmap pixel.

    Args:
        parts: (B, H, W) part numbers at input size.
        size: (width, height) of the heatmap.
        convention: the convention that says which input pixel lies at a heatmap pixel, see ``geometry.heatmap_factor``.

    Returns:
        (B, height, width) int64.
    """
    height, width = parts.shape[-2:]
    factor = heatmap_factor((width, height), size, convention)
    x, y = (
        torch.as_tensor((torch.arange(n) / f).round().long().clamp(max=limit - 1), device=parts.device)
        for n, f, limit in zip(size, factor, (width, height), strict=True)
    )
    return parts[:, y[:, None], x].long()


@dataclass(frozen=True, kw_only=True)
class PartMap:
    """Targets ``parts`` (B, H, W) int64.

    Args:
        convention: the convention of the crops.
    """

    takes_parts: ClassVar[bool] = True

    convention: Convention = "biased"

    def __call__(
        self,
        points: Tensor,
        labelled: Tensor,
        *,
        size: tuple[int, int],
        skeleton: Skeleton,
        parts: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Part numbers at heatmap size, from ``parts`` (B, H, W) at input size; the keypoints are not used.

        Raises:
            ReproError: when the data set has no parts.
        """
        if parts is None:
            raise ReproError(
                "Body parts are learned from drawn people only: this data set has no part maps, take people."
            )
        return {"parts": shrink_parts(parts, size, self.convention)}
