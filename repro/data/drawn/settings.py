"""The difficulty of the procedural data set ``people`` in one frozen object, and its random streams."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from repro.errors import ReproError, choice_error

Split = Literal["train", "val", "test"]
SPLITS = ("train", "val", "test")
STREAMS = ("crop", "scene", "crop_noise", "scene_noise")


@dataclass(frozen=True)
class PeopleSettings:
    """How hard the images are. Shares and probabilities are in 0..1.

    Args:
        seed: chooses the whole data set.
        revision: the revision of the generator; raised by hand when a change of the code alters images or labels.
        children: share of children.
        sport: share of athletic poses (gymnastics, running, upside down), the rest are everyday ones.
        pose_noise: factor on the spread of the joint angles around their pose.
        roll: standard deviation of the in-plane rotation of the camera, degrees.
        elevation: standard deviation of the camera's elevation, degrees.
        truncation: probability that the border of the image cuts a person.
        close_up: probability that a single-person image shows the person from the thighs, the hips, the waist or the chest
            upwards, hands preferably still in the picture; the other images are cut with probability ``truncation``.
        occluders: probability that an object stands before a person.
        neighbours: probability that a single-person image shows other people.
        clutter: factor on the number of things in the background.
        camouflage: probability that clothes take the colours of the background.
        loose: share of loose clothing.
        blur: probability of blur of each kind.
        noise: probability of sensor noise.
        jpeg_quality: lowest and highest JPEG quality.
        unlabelled: probability that a hidden keypoint is not labelled at all (visibility 0), as in COCO.
        label_noise: noise of the training labels; 1 is the spread of COCO's annotators, 0 none. Never in val and test.
        crowd: most people in a scene.
        smallest: height in px of the smallest people of a scene.
        largest: height in px of the largest people of a scene.
        least_area: px^2 in a scene of 512 px: people of whom less is seen get no keypoints in scenes, as in COCO below 32 x 32,
            and losses do not look at them.

    Raises:
        ReproError: when a share lies outside 0..1 or a range is empty.
    """

    seed: int = 0
    revision: int = 1
    children: float = 0.2
    sport: float = 0.7
    pose_noise: float = 1.0
    roll: float = 10.0
    elevation: float = 12.0
    truncation: float = 0.2
    occluders: float = 0.35
    neighbours: float = 0.5
    clutter: float = 1.0
    camouflage: float = 0.12
    loose: float = 0.4
    blur: float = 0.2
    noise: float = 0.5
    jpeg_quality: tuple[int, int] = (55, 95)
    unlabelled: float = 0.25
    label_noise: float = 1.0
    crowd: int = 12
    smallest: float = 16.0
    largest: float = 400.0
    close_up: float = 0.0
    least_area: float = 0.0

    def __post_init__(self) -> None:
        shares = ("children", "sport", "truncation", "occluders", "neighbours", "camouflage", "loose", "blur", "noise")
        for name in (*shares, "unlabelled", "close_up"):
            if not 0 <= getattr(self, name) <= 1:
                raise ReproError(f"PeopleSettings.{name} is {getattr(self, name)}: give a probability from 0 to 1.")
        low, high = self.jpeg_quality
        if not self.least_area >= 0:
            raise ReproError(
                f"PeopleSettings.least_area is {self.least_area}: give px^2 in a scene of 512 px, 0 or more."
            )
        if not (
            0 < self.smallest <= self.largest and 1 <= low <= high <= 100 and self.crowd >= 1 and self.label_noise >= 0
        ):
            raise ReproError(
                f"PeopleSettings has sizes {self.smallest} to {self.largest} px, JPEG quality {low} to {high}, at most "
                f"{self.crowd} people and label noise {self.label_noise}: give ranges in rising order, quality 1 to 100, at "
                "least one person and noise that is not negative."
            )
        object.__setattr__(self, "jpeg_quality", (int(low), int(high)))

    def as_dict(self) -> dict[str, object]:
        """The fields, ready for JSON; ``close_up`` and ``least_area`` only where they are not 0, so that sets without keep their
        names."""
        fields = {**dataclasses.asdict(self), "jpeg_quality": list(self.jpeg_quality)}
        return {name: value for name, value in fields.items() if value or name not in ("close_up", "least_area")}

    def fingerprint(self) -> str:
        """16 hex digits that change with any field."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:16]


# What two CPU cores can learn in minutes: everyday poses mostly, less that hides and confuses. Chosen once, for all tables of
# the scales that use it; the keypoints, their noise and the evaluation are those of the defaults.
MILD = PeopleSettings(
    children=0.15,
    sport=0.3,
    roll=6.0,
    truncation=0.1,
    occluders=0.15,
    neighbours=0.2,
    clutter=0.7,
    camouflage=0.0,
    loose=0.3,
    blur=0.1,
    noise=0.3,
)

# Close-ups of adults in everyday poses alone with a quiet background, for tables on whole bodies that are made on a laptop;
# larger scales take its share of close-ups alone. In 128x96 crops of whole persons a face is 10 px high, smaller than the
# Gaussian of a keypoint, and no network could tell its 68 keypoints apart; and half of them have to lie within 1 to 2 px for a
# person to count.
WHOLE_BODY = replace(
    MILD,
    children=0.0,
    sport=0.0,
    pose_noise=0.2,
    roll=1.0,
    elevation=4.0,
    truncation=0.0,
    occluders=0.0,
    neighbours=0.0,
    clutter=0.2,
    loose=0.1,
    blur=0.0,
    noise=0.1,
    close_up=0.9,
)


def stream(settings: PeopleSettings, split: str, index: int, kind: str) -> np.random.Generator:
    """The random numbers of one image: the same on every machine, and never shared by two splits, indices or kinds.

    Args:
        settings: only the seed enters.
        split: one of ``SPLITS``.
        index: the index of the image, not negative.
        kind: one of ``STREAMS``: labels' noise has its own stream, so that it can be drawn without drawing the image.

    Raises:
        ReproError: for an unknown split or kind or a negative index.
    """
    if split not in SPLITS:
        raise choice_error("split", split, SPLITS)
    if kind not in STREAMS:
        raise choice_error("random stream", kind, STREAMS)
    if index < 0:
        raise ReproError(f"Image index {index} of data set people is negative: give 0 or more.")
    words = (settings.seed, STREAMS.index(kind), SPLITS.index(split), int(index))
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))
