"""What a pixel near a person's centre must know: the way to each keypoint; and all targets of heatmap-guided regression.

Sun et al., "Bottom-Up Human Pose Estimation by Ranking Heatmap-Guided Adaptive Keypoint Estimates", Section 3.1. Text and
released code differ in most details; both are offered, the code is the default because it gave the printed numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from repro.encoders.people_batch import Centre, PeopleBatch, inside, person_centres
from repro.encoders.people_gaussian import Background, PeopleGaussian, background_weights, people_heatmaps
from repro.encoders.scale_aware import ScaleAwareGaussian
from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import Skeleton

Region = Literal["square", "disc"]
Winner = Literal["smaller", "nearest"]
Size = Literal["area", "diagonal"]
SMALLEST_AREA = 32.0**2  # px^2: below it COCO leaves a person out of its evaluation


def within(pixels: Tensor, centres: Tensor, radius: int, region: Region) -> Tensor:
    """Whether pixels lie in the region around a centre.

    Args:
        pixels: (..., 2) whole numbers, x, y in map px.
        centres: (..., 2), x, y in map px; broadcast against ``pixels``.
        radius: the radius in px.
        region: ``square``: int(c) - radius to int(c) + radius - 1 on each axis, the released code's 8 x 8 px;
            ``disc``: distance to c <= radius (the text's "with the radius 4").

    Returns:
        (...) bool.
    """
    if region == "disc":
        return (pixels - centres).square().sum(-1) <= radius**2
    distance = pixels - torch.trunc(centres)
    return ((distance >= -radius) & (distance < radius)).all(-1)


def central_pixels(centres: Tensor, radius: int, region: Region) -> tuple[Tensor, Tensor]:
    """The pixels around centres (B, P, 2): (B, P, S, 2) whole numbers, and (B, P, S) which are ``within`` the region."""
    side = torch.arange(-radius, radius if region == "square" else radius + 2, device=centres.device)
    grid = torch.stack([side.repeat(len(side)), side.repeat_interleave(len(side))], -1).to(centres.dtype)
    pixels = torch.trunc(centres)[:, :, None] + grid
    return pixels, within(pixels, centres[:, :, None], radius, region)


def lost_pixels(
    pixels: Tensor,
    centres: Tensor,
    areas: Tensor,
    known: Tensor,
    radius: int,
    region: Region,
    winner: Winner,
) -> Tensor:
    """Where regions overlap: which entries go to another person.

    With ``smaller`` (released code) each keypoint's offset goes to the person of smallest area that knows this keypoint; with
    ``nearest`` (the paper's footnote) the whole pixel goes to the person with the nearest centre. Among equals the later
    person wins, as in the released code. There the order of people matters where joints are unlabelled, too: one map of areas
    serves all keypoints, so that the larger person sometimes wins. Here the smallest who knows a keypoint has it in any order;
    where all joints are labelled both are the same.

    Args:
        pixels: (B, P, S, 2) of the regions.
        centres: (B, P, 2) in map px.
        areas: (B, P).
        known: (B, P, K) bool, which keypoints a person has offsets to; all False for one without a region.

    Returns:
        (B, P, S, 1 or K) bool.
    """
    people = centres.shape[1]
    covers = within(pixels[:, :, :, None], centres[:, None, None], radius, region)  # (B, P, S, Q)
    later = torch.ones(people, people, device=centres.device).triu(1).bool()  # (P, Q): Q after P
    if winner == "smaller":
        own, other = areas[:, :, None], areas[:, None]
        beats = ((other < own) | ((other == own) & later))[:, :, None]
        lost = (covers & beats).to(centres.dtype).flatten(1, 2) @ known.to(centres.dtype)
        return (lost > 0).unflatten(1, covers.shape[1:3])
    distance = (pixels[:, :, :, None] - centres[:, None, None]).square().sum(-1)
    own = (pixels - centres[:, :, None]).square().sum(-1)[..., None]
    beats = (distance < own) | ((distance == own) & later[None, :, None])
    return (covers & beats & known.any(-1)[:, None, None]).any(-1, keepdim=True)


def person_weights(people: PeopleBatch, size: Size) -> Tensor:
    """1 / Z of equation 5: the inverse of a person's size in px of the network input.

    Args:
        people: P people an image.
        size: ``area``: Z = sqrt(w h) (released code); ``diagonal``: Z = sqrt(w^2 + h^2) (the text), where w / h is taken
            from the boxes and w h from the areas.

    Returns:
        (B, P). Areas below 1 px^2 count as 1.
    """
    squared = people.areas.clamp(min=1)
    if size == "diagonal":
        width, height = people.boxes[..., 2:].clamp(min=1e-6).unbind(-1)
        squared = squared * (width / height + height / width)
    return squared.rsqrt()


@dataclass(frozen=True, kw_only=True)
class CentreOffsets:
    """Offsets from central pixels to keypoints, pixel - keypoint: a keypoint is decoded as pixel - offset.

    That is the released code's sign; the text prints keypoint - centre, the same but for the sign.

    Args:
        radius: the radius of the central region, in map px.
        region: its shape, see ``central_pixels``.
        winner: who gets a pixel of two regions, see ``lost_pixels``.
        size: what weighs a person, see ``person_weights``.

    Raises:
        ReproError: for an unknown choice.
    """

    radius: int = 4
    region: Region = "square"
    winner: Winner = "smaller"
    size: Size = "area"

    def __post_init__(self) -> None:
        for name, valid in (
            ("region", ("square", "disc")),
            ("winner", ("smaller", "nearest")),
            ("size", ("area", "diagonal")),
        ):
            if getattr(self, name) not in valid:
                raise choice_error(f"{name} of centre offsets", getattr(self, name), valid)

    def __call__(
        self, people: PeopleBatch, centres: Tensor, centred: Tensor, *, size: tuple[int, int]
    ) -> dict[str, Tensor]:
        """Targets ``offsets`` (B, 2K, H, W), channels 2k for x and 2k + 1 for y, and ``offset_weights`` (B, K, H, W).

        Both are 0 outside the central regions and for keypoints that are unlabelled or outside the map. The crowd mask does
        not touch them (released code).

        Args:
            people: P people an image.
            centres: (B, P, 2), x, y in map px.
            centred: (B, P) bool, who has a region.
            size: (width, height) of the map.
        """
        (width, height), (batch, _, keypoints) = size, people.known.shape
        known = people.known & inside(people.points, size) & centred[..., None]
        pixels, shape = central_pixels(centres, self.radius, self.region)
        owned = shape & inside(pixels, size)
        lost = lost_pixels(pixels, centres, people.areas, known, self.radius, self.region, self.winner)
        kept = owned[..., None] & ~lost & known[:, :, None]  # (B, P, S, K)
        area, maps = width * height, batch * keypoints
        channels = torch.arange(maps, device=pixels.device).view(batch, 1, 1, keypoints)
        places = (pixels[..., 1] * width + pixels[..., 0]).long()[..., None]
        difference = pixels[:, :, :, None] - people.points[:, :, None]
        weight = person_weights(people, self.size)[:, :, None, None].expand(kept.shape)
        # What is not kept goes to one more place at the end: picking out what is takes longer.
        offsets, weights = people.points.new_zeros(2 * maps * area + 1), people.points.new_zeros(maps * area + 1)
        for axis in (0, 1):
            index = torch.where(kept, (2 * channels + axis) * area + places, 2 * maps * area)
            offsets.scatter_(0, index.flatten(), difference[..., axis].flatten())
        weights.scatter_(0, torch.where(kept, channels * area + places, maps * area).flatten(), weight.flatten())
        return {
            "offsets": offsets[:-1].view(batch, 2 * keypoints, height, width),
            "offset_weights": weights[:-1].view(batch, keypoints, height, width),
        }


@dataclass(frozen=True, kw_only=True)
class GuidedTargets:
    """All targets of heatmap-guided regression.

    Args:
        heatmaps: the encoder of the keypoints' maps.
        offsets: the offsets from central pixels to keypoints.
        centre: ``mean`` of the labelled keypoints, or ``box``.
        centre_sigma: standard deviation of the centre map in map px. The released code draws CrowdPose with 2, by a slip.
        background_weight: the weight of pixels outside all windows in the heatmap loss; 1 switches the tradeoff loss off.
        background: one mask for all channels, or one for each, see ``background_weights``.
        smallest_area: people whose annotated area is smaller, in px^2 of the original image, have no centre and no offsets
            (released code on COCO; 0 on CrowdPose, whose code has no such rule).
        higher: whether there are heatmaps at half the input's size as well (HrHRNet), twice as large as the others.
        higher_background_weight: the background's weight in these; the released code's is 0.1 / 4.
    """

    heatmaps: PeopleGaussian | ScaleAwareGaussian = PeopleGaussian()
    offsets: CentreOffsets = CentreOffsets()
    centre: Centre = "mean"
    centre_sigma: float = 4.0
    background_weight: float = 0.1
    background: Background = "shared"
    smallest_area: float = SMALLEST_AREA
    higher: bool = False
    higher_background_weight: float = 0.025

    def __post_init__(self) -> None:
        if self.heatmaps.window == "full" and min(self.background_weight, self.higher_background_weight) != 1:
            raise ReproError(
                "Heatmaps with full Gaussians have no background to weigh, but its weight is "
                f"{self.background_weight}: take background_weight=1 and higher_background_weight=1, or another window."
            )

    def with_areas(self, ratio: float) -> GuidedTargets:
        """The encoder for images of ``ratio`` times the area: its least area of a person is multiplied."""
        return replace(self, smallest_area=self.smallest_area * ratio)

    def __call__(self, people: PeopleBatch, *, size: tuple[int, int], skeleton: Skeleton) -> dict[str, Tensor]:
        """Targets by name.

        ``heatmaps`` (B, K, H, W) and ``heatmap_weights`` (B, 1 or K, H, W), background mask times crowd mask; ``centres``
        (B, 1, H, W) and ``centre_weights`` (B, 1, H, W), the same mask where it is shared, else the crowd mask alone
        (equation 5 has no mask); ``offsets`` and ``offset_weights``, see ``CentreOffsets``. With ``higher`` also
        ``heatmaps_2x`` (B, K, 2H, 2W) and ``heatmap_weights_2x``, without centres.
        """
        middles = person_centres(people, self.centre)
        centred = people.present & (people.segment_areas >= self.smallest_area)
        sigma = middles.new_full((1,), self.centre_sigma)
        centres = people_heatmaps(middles[:, :, None], centred[..., None], size, sigma)
        maps = self.heatmaps.maps(people, size=size, skeleton=skeleton)
        crowd = people.mask[:, None]
        weights = background_weights(maps, centres, crowd, self.background_weight, self.background)
        targets = {"heatmaps": maps, "heatmap_weights": weights, "centres": centres}
        targets["centre_weights"] = weights if self.background == "shared" else crowd
        in_view = centred & inside(middles, size)
        return {**targets, **self.offsets(people, middles, in_view, size=size), **self._higher(people, size, skeleton)}

    def _higher(self, people: PeopleBatch, size: tuple[int, int], skeleton: Skeleton) -> dict[str, Tensor]:
        """The heatmaps twice as large and their weights, if wanted."""
        if not self.higher:
            return {}
        larger = people.scaled(2)
        maps = self.heatmaps.maps(larger, size=(2 * size[0], 2 * size[1]), skeleton=skeleton)
        weights = background_weights(maps, None, larger.mask[:, None], self.higher_background_weight, self.background)
        return {"heatmaps_2x": maps, "heatmap_weights_2x": weights}
