"""The people of a batch of images, as the encoders of bottom-up methods take them: up to P people an image."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

import torch
from torch import Tensor

from repro.errors import ReproError, choice_error

Centre = Literal["mean", "box"]


@dataclass(frozen=True, kw_only=True)
class PeopleBatch:
    """Everything that is known about the people of B images; rows of absent people may hold anything.

    The centre of a map's top-left pixel is (0, 0).

    Args:
        points: (B, P, K, 2), x, y in map px.
        labelled: (B, P, K) float, 1 where the keypoint is labelled (v > 0), in view or not, else 0.
        areas: (B, P) float, width * height of the box in px^2 of the network input.
        segment_areas: (B, P) float, px^2 in the original annotation's image.
        boxes: (B, P, 4) x, y, width, height in map px.
        present: (B, P) bool, False where an image has fewer people than P.
        mask: (B, H, W) float, 0 where the loss must not look (crowds, people without labels, outside the image), else 1.

    Raises:
        ReproError: when a shape disagrees with that of ``points``.
    """

    points: Tensor
    labelled: Tensor
    areas: Tensor
    segment_areas: Tensor
    boxes: Tensor
    present: Tensor
    mask: Tensor

    def __post_init__(self) -> None:
        if self.points.ndim != 4 or self.points.shape[-1] != 2:
            raise ReproError(
                f"Points of people have shape {tuple(self.points.shape)}, expected (B, P, K, 2): reshape them."
            )
        people, all_points = tuple(self.points.shape[:2]), tuple(self.points.shape[:3])
        expected = {"labelled": all_points, "areas": people, "segment_areas": people, "boxes": (*people, 4)}
        expected |= {"present": people, "mask": (people[0], *self.mask.shape[1:])}
        for name, shape in expected.items():
            found = tuple(getattr(self, name).shape)
            if found != shape or (name == "mask" and len(found) != 3):
                raise ReproError(
                    f"{name} of people has shape {found}, expected {shape if name != 'mask' else '(B, H, W)'} beside points "
                    f"of shape {tuple(self.points.shape)}: give all of them for the same people."
                )

    @classmethod
    def from_batch(cls, batch: dict[str, Tensor], factor: float) -> PeopleBatch:
        """The people of a training batch, whose points and boxes are in px of the network input.

        Args:
            batch: a tensor for each field, the mask at the maps' size; other entries are left.
            factor: map px an input px, 1 / 4 for maps of a quarter of the input's size.

        Raises:
            ReproError: when a field is missing, or shapes disagree.
        """
        names = [field.name for field in fields(cls)]
        if missing := [name for name in names if name not in batch]:
            raise ReproError(
                f"The training batch has no {missing[0]}, which bottom-up methods need: train them on whole images of people."
            )
        scaled = {name: batch[name] * factor for name in ("points", "boxes")}
        return cls(**{name: batch[name] for name in names} | scaled)

    @property
    def known(self) -> Tensor:
        """(B, P, K) bool: labelled keypoints of people that are there."""
        return (self.labelled > 0) & self.present[..., None]

    def to(self, device: torch.device | str) -> PeopleBatch:
        """The same people on another device."""
        return replace(self, **{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def scaled(self, factor: float) -> PeopleBatch:
        """The same people for maps ``factor`` times as large.

        Points and boxes are multiplied, without half pixels (HRNet's ``biased`` convention). The areas stay: they are not
        counted in map px. A pixel of the new mask takes the value of the nearest old one.
        """
        rows, columns = (
            ((torch.arange(round(n * factor), device=self.mask.device) / factor + 0.5).floor().long().clamp(max=n - 1))
            for n in self.mask.shape[1:]
        )
        mask = self.mask[:, rows[:, None], columns]
        return replace(self, points=self.points * factor, boxes=self.boxes * factor, mask=mask)


def inside(points: Tensor, size: tuple[int, int]) -> Tensor:
    """Whether 0 <= x < width and 0 <= y < height, as the released encoders of bottom-up methods test it.

    Args:
        points: (..., 2), x, y in map px.
        size: (width, height) of the map.

    Returns:
        (...) bool; False for nan. Points up to half a pixel left of the first pixel's centre are outside.
    """
    return ((points >= 0) & (points < points.new_tensor(size))).all(-1)


def person_centres(people: PeopleBatch, centre: Centre = "mean") -> Tensor:
    """The point that stands for a person.

    Sun et al. (Section 3.1) take the sum of the keypoints over K; read, as in the released code, as the mean of the labelled
    ones, in view or not. People without labelled keypoints have the centre of their box, as have all with ``box``
    (CenterNet's choice; the paper gives the mean 0.3 AP over it).

    Args:
        people: P people an image.
        centre: ``mean`` of the labelled keypoints, or ``box``.

    Returns:
        (B, P, 2), x, y in map px; of absent people anything.

    Raises:
        ReproError: for another ``centre``.
    """
    if centre not in ("mean", "box"):
        raise choice_error("centre of a person", centre, ("mean", "box"))
    middle = people.boxes[..., :2] + people.boxes[..., 2:] / 2
    if centre == "box":
        return middle
    known = people.known[..., None]
    count = known.sum(-2)
    mean = torch.where(known, people.points, 0).sum(-2) / count.clamp(min=1)
    return torch.where(count > 0, mean, middle)
