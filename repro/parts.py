"""What each kind of part of a method has to be able to do: encoders, networks, losses, decoders and groupers.

The classes of this package fit these protocols, and so may classes of other packages: a recipe takes any frozen dataclass that
fits, and its JSON names it as ``module:Class``. A backbone is described in ``models.backbones.base``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

from torch import Tensor, nn

from repro.encoders.people_batch import PeopleBatch
from repro.grouping.people import People
from repro.grouping.shown import Shown
from repro.models.backbones.base import Backbone
from repro.skeletons.outputs import Output
from repro.skeletons.skeleton import Skeleton
from repro.support.foreign import kind_of


class Part(Protocol):
    """Settings: a frozen dataclass of numbers, strings, tuples and other settings."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def __hash__(self) -> int:
        """Settings that are equal have the same."""


class PersonEncoder(Part, Protocol):
    """What a top-down network learns, of the points of single persons."""

    def __call__(
        self, points: Tensor, labelled: Tensor, *, size: tuple[int, int], skeleton: Skeleton
    ) -> dict[str, Tensor]:
        """Targets by name, as the loss reads them.

        An encoder with an attribute ``takes_parts = True`` is given ``parts`` besides, (B, H, W) body parts of drawn people.

        Args:
            points: (B, K, 2) x, y in px of the network's first output.
            labelled: (B, K), 1 where a keypoint is labelled (in view or not), else 0; the points of others may lie anywhere.
            size: (width, height) of the network's first output.
            skeleton: the skeleton of the K keypoints.
        """


class SceneEncoder(Part, Protocol):
    """What a bottom-up network learns, of all people of an image."""

    def __call__(self, people: PeopleBatch, *, size: tuple[int, int], skeleton: Skeleton) -> dict[str, Tensor]:
        """Targets by name, as the loss reads them.

        An encoder with areas in px of the images may have ``with_areas(ratio)``, which gives it for images of another area:
        scales ask for it where people are drawn in smaller scenes.

        Args:
            people: the people of B images, in px of the network's first output.
            size: (width, height) of that output.
            skeleton: the skeleton of the people.
        """


class Network(Part, Protocol):
    """The settings of a network, on a backbone. ``models.base.OnBackbone`` has a ``reduced`` to inherit."""

    @property
    def backbone(self) -> Backbone:
        """The backbone, which says what the network can start from."""

    @property
    def outputs(self) -> Mapping[str, Output]:
        """What the network says of its maps, by name; those that losses alone read need not be named."""

    def build(self, skeleton: Skeleton) -> nn.Module:
        """The network: a module from normalised images (B, 3, H, W) to maps by name, float32 or autocast's precision.

        Targets are made at the size of the first map.
        """

    def reduced(self) -> Self:
        """The network of reduced scales."""


class Loss(Part, Protocol):
    """What is minimised."""

    def __call__(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """``loss``, a number, and whatever else the log shall hold.

        Args:
            outputs: maps of the network, in float32.
            targets: the targets of the encoder.
        """


class PersonDecoder(Part, Protocol):
    """How maps of single persons become points."""

    def __call__(self, outputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Points (B, K, 2), x, y in px of the network's first output, and scores (B, K).

        Args:
            outputs: maps of the network, in float32, after the flip test where there is one.
        """


class Grouper(Part, Protocol):
    """How maps of an image become people.

    A grouper with distances in px of the input may have ``with_distances(ratio)``, which gives it for an input of another
    size: scales ask for it.
    """

    @property
    def answers(self) -> tuple[str, ...]:
        """What can be asked of it, ``final`` first; others are measured beside it."""

    def people(self, shown: Shown) -> People:
        """The people of one image, in px of the network's input at scale 1."""


def misdescribed(part: Any) -> str:
    """Why what a network says of its maps, or a grouper of its answers, cannot be used; '' where it can."""
    if hasattr(part, "build"):
        if not isinstance(part.outputs, Mapping):
            return f"its outputs are {kind_of(part.outputs)}: say of each map by name what it is, as in {{'heatmaps': HEATMAPS}}"
        for name, output in part.outputs.items():
            if not isinstance(output, Output):
                return f"its outputs say of {name!r} {output!r:.60}: give an Output, as repro.skeletons.outputs has them"
    if hasattr(part, "people"):
        answers = part.answers
        if not isinstance(answers, tuple) or answers[:1] != ("final",) or not all(isinstance(one, str) for one in answers):
            return f"its answers are {answers!r:.60}: give a tuple of words that begins with 'final'"
    return ""
