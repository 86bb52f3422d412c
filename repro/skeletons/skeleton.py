"""Skeletons: the keypoints of a data set and everything that is known about them, in one frozen object.

A skeleton travels with the data set. Encoders, decoders and metrics ask it for the number of keypoints, the flip pairs
and the OKS sigmas, so that no other code knows that COCO has 17 keypoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from repro.errors import ReproError


def mirrored_name(name: str) -> str:
    """What the mirror makes of a name: ``left_knee`` of ``right_knee`` and the other way round, others stay."""
    for side, other in (("left_", "right_"), ("right_", "left_")):
        if name.startswith(side):
            return other + name.removeprefix(side)
    return name


@dataclass(frozen=True)
class Skeleton:
    """The keypoints of a data set.

    Args:
        name: short name, as in ``coco17``.
        keypoints: one name a keypoint, in the order of the annotation files; left and right by prefix, as in
            ``left_shoulder``.
        sigmas: OKS constants (sigma, half of COCO's k), one a keypoint.
        links: pairs of keypoint names that are drawn as limbs.
        upper_body: names of the keypoints that half-body augmentation counts as upper; the others are lower.
        parts: named groups of keypoint names that are evaluated on their own.
        pairs: (left, right) names of keypoints that a mirror exchanges, beside those that their prefixes tell.

    Raises:
        ReproError: when lengths disagree or a link or group names a keypoint that does not exist.
    """

    name: str
    keypoints: tuple[str, ...]
    sigmas: tuple[float, ...]
    links: tuple[tuple[str, str], ...]
    upper_body: tuple[str, ...]
    parts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if len(self.sigmas) != len(self.keypoints):
            raise ReproError(
                f"Skeleton {self.name} has {len(self.sigmas)} sigmas for {len(self.keypoints)} keypoints: give one each."
            )
        named = {n for link in self.links for n in link} | set(self.upper_body) | {n for _, p in self.parts for n in p}
        named |= {n for pair in self.pairs for n in pair}
        if missing := named - set(self.keypoints):
            raise ReproError(
                f"Skeleton {self.name} has no keypoint {sorted(missing)[0]!r}: use names of its keypoints."
            )

    def __len__(self) -> int:
        return len(self.keypoints)

    def index(self, name: str) -> int:
        """The position of a keypoint, by name. Raises ReproError for an unknown name."""
        try:
            return self.keypoints.index(name)
        except ValueError:
            raise ReproError(
                f"Skeleton {self.name} has no keypoint {name!r}: it has {', '.join(self.keypoints)}."
            ) from None

    @cached_property
    def flip_pairs(self) -> tuple[tuple[int, int], ...]:
        """(left, right) positions of the keypoints that a mirror exchanges."""
        told = {name for pair in self.pairs for name in pair}
        lefts = [n for n in self.keypoints if n.startswith("left_") and n not in told]
        pairs = (*((n, "right_" + n.removeprefix("left_")) for n in lefts), *self.pairs)
        return tuple((self.index(left), self.index(right)) for left, right in pairs)

    @cached_property
    def flip_permutation(self) -> tuple[int, ...]:
        """For each keypoint the one that takes its place in the mirrored image."""
        order = list(range(len(self)))
        for left, right in self.flip_pairs:
            order[left], order[right] = right, left
        return tuple(order)

    @cached_property
    def link_indices(self) -> tuple[tuple[int, int], ...]:
        """The links as pairs of positions."""
        return tuple((self.index(a), self.index(b)) for a, b in self.links)

    @cached_property
    def upper_mask(self) -> np.ndarray:
        """(K,) bool: True for the keypoints of the upper body."""
        return np.array([n in self.upper_body for n in self.keypoints])

    @cached_property
    def sigma_array(self) -> np.ndarray:
        """(K,) float64: the OKS sigmas."""
        return np.array(self.sigmas, dtype=np.float64)


def _both(*names: str) -> tuple[str, ...]:
    """left_ and right_ of each name, in the order of the arguments."""
    return tuple(f"{side}_{n}" for n in names for side in ("left", "right"))


_LIMBS = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))
)
_GIRDLES = (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))
_ARMS = _both("shoulder", "elbow", "wrist")

COCO17 = Skeleton(
    name="coco17",
    keypoints=("nose", *_both("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")),
    sigmas=(
        0.026,
        0.025,
        0.025,
        0.035,
        0.035,
        0.079,
        0.079,
        0.072,
        0.072,
        0.062,
        0.062,
        0.107,
        0.107,
        0.087,
        0.087,
        0.089,
        0.089,
    ),  # fmt: skip
    links=(
        *_LIMBS,
        *_GIRDLES,
        ("nose", "left_eye"),
        ("nose", "right_eye"),
        ("left_eye", "left_ear"),
        ("right_eye", "right_ear"),
        ("left_ear", "left_shoulder"),
        ("right_ear", "right_shoulder"),
    ),  # fmt: skip
    upper_body=("nose", *_both("eye", "ear"), *_ARMS),
)

# CrowdPose's own constants: COCO's for the limbs, the shoulder's for head and neck.
CROWDPOSE14 = Skeleton(
    name="crowdpose14",
    keypoints=(*_both("shoulder", "elbow", "wrist", "hip", "knee", "ankle"), "head", "neck"),
    sigmas=(0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089, 0.079, 0.079),
    links=(*_LIMBS, *_GIRDLES, ("head", "neck"), ("neck", "left_shoulder"), ("neck", "right_shoulder")),
    upper_body=(*_ARMS, "head", "neck"),
)

# The joints of CrowdPose in the order of Leeds Sports Pose, with CrowdPose's sigmas.
LSPET14 = Skeleton(
    name="lspet14",
    keypoints=(
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "neck",
        "head",
    ),  # fmt: skip
    sigmas=(0.089, 0.087, 0.107, 0.107, 0.087, 0.089, 0.062, 0.072, 0.079, 0.079, 0.072, 0.062, 0.079, 0.079),
    links=(*_LIMBS, *_GIRDLES, ("head", "neck"), ("neck", "left_shoulder"), ("neck", "right_shoulder")),
    upper_body=(*_ARMS, "head", "neck"),
)

# MPII defines no OKS. COCO's sigmas by joint, CrowdPose's for neck and head; pelvis as a hip, thorax as a shoulder.
MPII16 = Skeleton(
    name="mpii16",
    keypoints=(
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "pelvis",
        "thorax",
        "neck",
        "head",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
    ),  # fmt: skip
    sigmas=(
        0.089,
        0.087,
        0.107,
        0.107,
        0.087,
        0.089,
        0.107,
        0.079,
        0.079,
        0.079,
        0.062,
        0.072,
        0.079,
        0.079,
        0.072,
        0.062,
    ),  # fmt: skip
    links=(
        *_LIMBS,
        ("pelvis", "left_hip"),
        ("pelvis", "right_hip"),
        ("pelvis", "thorax"),
        ("thorax", "neck"),
        ("neck", "head"),
        ("thorax", "left_shoulder"),
        ("thorax", "right_shoulder"),
    ),  # fmt: skip
    upper_body=("thorax", "neck", "head", *_ARMS),
)
