"""Gaussian heatmaps of several people in one map, and the mask that weighs keypoint regions against the background.

Sun et al., "Bottom-Up Human Pose Estimation by Ranking Heatmap-Guided Adaptive Keypoint Estimates", Section 3.1; Yu et al.,
"Scale-aware heatmap representation for human pose estimation", Section 3.1, calls the same the improved standard generator.
Gaussians have peak 1 (Yu et al.'s equation 1 prints a normalised one; the released code of Sun et al., on which they
build, draws peak 1, and only with it do their thresholds make sense) and lie at the real coordinate, not a rounded one.
Only a Gaussian's window is computed, and scattered into the map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from repro.encoders.gaussian import WINDOW
from repro.encoders.people_batch import PeopleBatch, inside
from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import Skeleton

Window = Literal["released", "square", "full"]
Overlap = Literal["max", "sum"]
Background = Literal["shared", "per_keypoint"]


def window_patches(
    points: Tensor, sigmas: Tensor, window: Literal["released", "square", "disc"], radii: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Gaussians of peak 1 within their windows.

    Args:
        points: (N, 2), x, y in map px.
        sigmas: (N,) standard deviations in map px.
        window: ``released``: pixels floor(c - 3 sigma - 1) to ceil(c + 3 sigma + 2) - 1 on each axis, the released code's;
            ``square``: Chebyshev distance <= R (equation 3 of Yu et al.); ``disc``: distance <= R.
        radii: (N,) R in map px, for ``square`` and ``disc``; 3 sigma by default.

    Returns:
        (N, 2) whole numbers, the first pixel (x, y) of each patch, and (N, S, S) its values, rows first, 0 outside the window.
    """
    half = WINDOW * sigmas if radii is None else radii
    if window == "released":
        start, beyond = torch.floor(points - half[:, None] - 1), torch.ceil(points + half[:, None] + 2)
        side = math.ceil(2 * float(half.max()) + 3) + 1 if len(points) else 0
    else:
        start, beyond = torch.ceil(points - half[:, None]), torch.floor(points + half[:, None]) + 1
        side = math.floor(2 * float(half.max())) + 1 if len(points) else 0
    pixels = start[..., None] + torch.arange(side, device=points.device, dtype=points.dtype)  # (N, 2, S)
    squares = (pixels - points[..., None]).square()
    profiles = torch.exp(-squares / (2 * sigmas.square())[:, None, None])
    profiles = torch.where(pixels < beyond[..., None], profiles, 0)
    values = profiles[:, 1, :, None] * profiles[:, 0, None, :]
    if window == "disc":
        distant = squares[:, 1, :, None] + squares[:, 0, None, :] > half.square()[:, None, None]
        values = values.masked_fill_(distant, 0)
    return start, values


def lay_patches(maps: Tensor, patches: tuple[Tensor, Tensor], places: Tensor, overlap: Overlap) -> Tensor:
    """Lay non-negative patches into maps, in place; what reaches beyond a map is cut.

    Args:
        maps: (M, H, W), contiguous.
        patches: first pixels (N, 2) and values (N, S, S), as from ``window_patches``.
        places: (N,) int64, the map that each patch belongs to.
        overlap: the larger value stays (``max``), or values add up (``sum``).

    Returns:
        ``maps``.
    """
    start, values = patches
    height, width = maps.shape[1:]
    pixels = start[..., None] + torch.arange(values.shape[-1], device=start.device, dtype=start.dtype)  # (N, 2, S)
    last = start.new_tensor((width - 1, height - 1))[:, None]
    kept = (pixels >= 0) & (pixels <= last)
    x, y = torch.minimum(pixels.clamp(min=0), last).long().unbind(1)
    values = torch.where(kept[:, 1, :, None] & kept[:, 0, None, :], values, 0)  # a 0 changes neither maximum nor sum
    index = (((places[:, None] * height + y) * width)[:, :, None] + x[:, None, :]).flatten()
    flat = maps.view(-1)
    if overlap == "max":
        flat.scatter_reduce_(0, index, values.flatten(), "amax")
    else:
        flat.scatter_add_(0, index, values.flatten())
    return maps


def people_heatmaps(
    points: Tensor,
    drawn: Tensor,
    size: tuple[int, int],
    sigmas: Tensor,
    *,
    window: Literal["released", "square", "disc"] = "released",
    radii: Tensor | None = None,
    overlap: Overlap = "max",
) -> Tensor:
    """One map a keypoint with a Gaussian for every person.

    Args:
        points: (B, P, K, 2), x, y in map px.
        drawn: (B, P, K) bool. Points outside the map are not drawn, though their windows may reach into it (released code).
        size: (width, height) of the map.
        sigmas: (K,) standard deviations in map px.
        window: the window, see ``window_patches``.
        radii: (K,) in map px, see ``window_patches``.
        overlap: the larger value of two people, or their sum clipped at 1.

    Returns:
        (B, K, H, W) in [0, 1].

    Raises:
        ReproError: for an unknown window or overlap.
    """
    if window not in ("released", "square", "disc"):
        raise choice_error("window of a Gaussian", window, ("released", "square", "disc"))
    if overlap not in ("max", "sum"):
        raise choice_error("overlap of Gaussians", overlap, ("max", "sum"))
    batch, keypoints = points.shape[0], points.shape[2]
    image, person, keypoint = torch.nonzero(drawn & inside(points, size), as_tuple=True)
    radii = None if radii is None else radii[keypoint]
    patches = window_patches(points[image, person, keypoint], sigmas[keypoint], window, radii)
    maps = points.new_zeros(batch * keypoints, size[1], size[0])
    lay_patches(maps, patches, image * keypoints + keypoint, overlap)
    maps = maps.clamp_(max=1) if overlap == "sum" else maps
    return maps.unflatten(0, (batch, keypoints))


def full_heatmaps(points: Tensor, drawn: Tensor, size: tuple[int, int], sigmas: Tensor, *, overlap: Overlap) -> Tensor:
    """The plain standard generator (equation 1 of Yu et al.): Gaussians without an end. Arguments as ``people_heatmaps``."""
    drawn = drawn & inside(points, size)
    maps = points.new_zeros(points.shape[0], points.shape[2], size[1], size[0])
    for person in range(points.shape[1]):
        across, down = (
            torch.exp(
                -(torch.arange(length, device=points.device) - points[:, person, :, axis, None]).square()
                / (2 * sigmas.square()[:, None])
            )
            for axis, length in enumerate(size)
        )
        one = torch.where(drawn[:, person, :, None, None], down[..., :, None] * across[..., None, :], 0)
        maps = torch.maximum(maps, one) if overlap == "max" else maps + one
    return maps.clamp(max=1)


def background_weights(
    heatmaps: Tensor, centres: Tensor | None, mask: Tensor, weight: float, background: Background = "shared"
) -> Tensor:
    """1 inside the windows of keypoints, ``weight`` elsewhere (the M of equation 4 of Sun et al.), times a mask.

    A window is where a heatmap is above 0, so Gaussians must end somewhere.

    Args:
        heatmaps: (B, K, H, W).
        centres: (B, 1, H, W), whose windows count as well in the shared mask, or None.
        mask: (B, 1, H, W), 0 where the loss must not look, else 1.
        weight: the weight of the background; the paper's and the code's is 0.1, the code's for maps at half the input's size
            0.025.
        background: ``shared``: one mask for all channels, from the windows of all keypoints and centres (released code);
            ``per_keypoint``: each channel from its own windows (the paper's text).

    Returns:
        (B, K, H, W) with ``per_keypoint`` and a weight other than 1, else (B, 1, H, W).

    Raises:
        ReproError: for another ``background``.
    """
    if background not in ("shared", "per_keypoint"):
        raise choice_error("background mask", background, ("shared", "per_keypoint"))
    if weight == 1:
        return mask
    if background == "per_keypoint":
        foreground = heatmaps > 0
    else:
        foreground = heatmaps.amax(1, keepdim=True) > 0
        foreground = foreground if centres is None else foreground | (centres > 0)
    return torch.where(foreground, mask, weight * mask)


@dataclass(frozen=True, kw_only=True)
class PeopleGaussian:
    """Keypoint heatmaps of bottom-up methods with one standard deviation for all keypoints.

    Args:
        sigma: standard deviation in map px.
        window: ``released`` (Sun et al.'s code), ``square`` (equation 3 of Yu et al., the improved standard generator; a
            pixel narrower) or ``full`` (their equation 1, the plain one).
        overlap: the larger value of two people (released code), or their clipped ``sum`` (equation 1).

    Raises:
        ReproError: when sigma is not positive.
    """

    sigma: float = 2.0
    window: Window = "released"
    overlap: Overlap = "max"

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise ReproError(f"The standard deviation of heatmaps is {self.sigma} px, expected more than 0: raise it.")

    def maps(self, people: PeopleBatch, *, size: tuple[int, int], skeleton: Skeleton) -> Tensor:
        """(B, K, H, W) of the people's labelled keypoints; ``size`` is (width, height)."""
        sigmas = people.points.new_full((people.points.shape[2],), self.sigma)
        if self.window == "full":
            return full_heatmaps(people.points, people.known, size, sigmas, overlap=self.overlap)
        return people_heatmaps(people.points, people.known, size, sigmas, window=self.window, overlap=self.overlap)

    def __call__(self, people: PeopleBatch, *, size: tuple[int, int], skeleton: Skeleton) -> dict[str, Tensor]:
        """Targets ``heatmaps`` (B, K, H, W) and ``heatmap_weights`` (B, 1, H, W), the people's mask."""
        return {"heatmaps": self.maps(people, size=size, skeleton=skeleton), "heatmap_weights": people.mask[:, None]}
