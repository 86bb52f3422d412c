"""The decoder of UDP's Gaussian heatmaps (Huang et al., "The Devil is in the Details", 2020; official ``get_final_preds``).

DARK's Newton step on the logarithm of the smoothed map, with other details than DARK's own: the map is filtered as
``cv2.GaussianBlur`` does, scaled from its minimum and maximum to 0 and its former maximum, clipped to [0.001, 50], continued by
its outermost pixels, and differentiated over three points. Every peak takes the step, at the border too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from repro.decoders.dark import to_extremum
from repro.decoders.offset import gaussian_blur
from repro.decoders.peaks import heatmap_peaks, values_at
from repro.errors import ReproError

LEAST, MOST = 0.001, 50.0  # that the logarithm is taken of


def rescaled(maps: Tensor, highest: Tensor) -> Tensor:
    """Maps (..., H, W) brought from [min, max] to [0, ``highest``] (...); flat maps become 0."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    spread = (high - low).clamp(min=torch.finfo(maps.dtype).tiny)
    return (maps - low) / spread * highest[..., None, None]


def three_point_step(logarithm: Tensor, points: Tensor) -> Tensor:
    """One Newton step toward the peak, with differences over three points.

    dx = (I+ - I-) / 2, dxx = I+ - 2 I + I-, dxy = (I++ - I+0 - I0+ + 2 I - I-0 - I0- + I--) / 2; beyond the map its outermost
    pixels count.

    Args:
        logarithm: (B, K, H, W).
        points: (B, K, 2) whole-number peaks, x, y; those whose Hessian is singular stay where they are.

    Returns:
        (B, K, 2) moved points.
    """
    x, y = points.unbind(-1)

    def at(dx: int, dy: int) -> Tensor:
        return values_at(logarithm, x + dx, y + dy)

    middle = at(0, 0)
    dx, dy = 0.5 * (at(1, 0) - at(-1, 0)), 0.5 * (at(0, 1) - at(0, -1))
    dxx, dyy = at(1, 0) - 2 * middle + at(-1, 0), at(0, 1) - 2 * middle + at(0, -1)
    dxy = 0.5 * (at(1, 1) - at(1, 0) - at(0, 1) + 2 * middle - at(-1, 0) - at(0, -1) + at(-1, -1))
    return to_extremum(points, dx, dy, dxx, dyy, dxy)


@dataclass(frozen=True, kw_only=True)
class UdpDark:
    """UDP's decoder of Gaussian heatmaps.

    Args:
        kernel: odd size of the smoothing kernel in heatmap px; 7 in the official code at 256x192. 1 does not smooth.

    Raises:
        ReproError: when ``kernel`` is not odd.
    """

    kernel: int = 7

    def __post_init__(self) -> None:
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ReproError(f"UdpDark kernel is {self.kernel}: give an odd number, as 7, or 1 for no smoothing.")

    def __call__(self, outputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """points (B, K, 2) in heatmap px and scores (B, K) from ``heatmaps``; peaks and scores are of the unsmoothed maps."""
        heatmaps = outputs["heatmaps"].float()
        points, scores = heatmap_peaks(heatmaps)
        wide = heatmaps.double()
        smoothed = rescaled(gaussian_blur(wide, self.kernel), wide.amax((-2, -1)))
        moved = three_point_step(smoothed.clamp(LEAST, MOST).log(), points.double())
        return moved.to(points.dtype), scores
