"""The highest pixel plus the offset that the network predicts there (Algorithm 2 of "Low-resolution Human Pose Estimation")."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from repro.decoders.dark import gaussian_kernel
from repro.decoders.peaks import heatmap_peaks
from repro.errors import ReproError


def reflected(length: int, margin: int, device: torch.device | None = None) -> Tensor:
    """(length + 2 margin,) int64: positions -margin, ... with what lies outside mirrored at the outermost pixels.

    OpenCV's BORDER_REFLECT_101, as 2 1 0 1 2 1 0 for length 3 and margin 2; also where the margin exceeds the length.
    """
    period = max(2 * (length - 1), 1)
    position = torch.arange(-margin, length + margin, device=device).abs() % period
    return torch.minimum(position, period - position) if length > 1 else torch.zeros_like(position)


def gaussian_blur(maps: Tensor, size: int) -> Tensor:
    """Filter (..., H, W) as ``cv2.GaussianBlur`` does with kernel ``size`` and sigma 0, mirrored at the border."""
    height, width = maps.shape[-2:]
    kernel = gaussian_kernel(size, device=maps.device, dtype=maps.dtype)
    rows, columns = (reflected(n, size // 2, maps.device) for n in (height, width))
    flat = maps.reshape(-1, 1, height, width)
    flat = F.conv2d(flat[:, :, rows], kernel[None, None, :, None])
    return F.conv2d(flat[..., columns], kernel[None, None, None, :]).reshape(maps.shape)


def offset_points(pixels: Tensor, offsets: Tensor, radius: float) -> Tensor:
    """Pixels moved by the offsets predicted there: c + R o(c) (Eq. 9).

    Args:
        pixels: (B, K, 2) whole numbers inside the map, x, y in heatmap px.
        offsets: (B, K, 2, H, W) in units of R, x first.
        radius: R in heatmap px.

    Returns:
        (B, K, 2) in heatmap px.
    """
    x, y = pixels.long().unbind(-1)
    index = (y * offsets.shape[-1] + x)[..., None, None].expand(-1, -1, 2, 1)
    return pixels + radius * offsets.flatten(3).gather(3, index)[..., 0]


@dataclass(frozen=True, kw_only=True)
class OffsetDecoder:
    """Decoder of offset-based methods.

    Algorithm 2 smooths nothing. UDP's official code blurs heatmaps with a kernel of 15 and offsets with one of 7; on a map of
    12x16 that leaves little of either, and near borders the mirrored offsets lead astray, so the default is none.

    Args:
        radius: R in heatmap px, the unit of the offsets: that of the encoder.
        heatmap_blur: odd size of the heatmaps' smoothing kernel in heatmap px; 0 does not smooth.
        offset_blur: the same for the offsets.
        logits: whether heatmaps are logits; scores are then their sigmoid.

    Raises:
        ReproError: for a radius that is not positive or a kernel that is neither 0 nor odd.
    """

    radius: float = 4.0
    heatmap_blur: int = 0
    offset_blur: int = 0
    logits: bool = False

    def __post_init__(self) -> None:
        if not self.radius > 0:
            raise ReproError(f"OffsetDecoder radius is {self.radius}: give the encoder's, as 4.")
        for name in ("heatmap_blur", "offset_blur"):
            size = getattr(self, name)
            if size < 0 or (size and size % 2 == 0):
                raise ReproError(f"OffsetDecoder {name} is {size}: give an odd number, as 7, or 0 for no smoothing.")

    def __call__(self, outputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """points (B, K, 2) in heatmap px and scores (B, K) from ``heatmaps`` and ``offsets``.

        The score is the maximum of the map that was searched, smoothed or not, as in UDP's code. Where no value is above zero
        the pixel is (0, 0), except for logits, whose sign means nothing here.
        """
        heatmaps, offsets = outputs["heatmaps"].float(), outputs["offsets"].float()
        if self.heatmap_blur:
            heatmaps = gaussian_blur(heatmaps, self.heatmap_blur)
        if self.offset_blur:
            offsets = gaussian_blur(offsets, self.offset_blur)
        if self.logits:
            # Searched for as ranks above zero: a sigmoid would make equal what is merely large.
            scores = heatmaps.amax((-2, -1))
            pixels, _ = heatmap_peaks((heatmaps == scores[..., None, None]).float())
            return offset_points(pixels, offsets, self.radius), scores.sigmoid()
        pixels, scores = heatmap_peaks(heatmaps)
        return offset_points(pixels, offsets, self.radius), scores
