"""The sixteen links of skeletal heatmaps, which of them are upper body, and what a mirror makes of them.

Jun et al., "Human Pose Estimation Using Skeletal Heatmaps", Section II.A and Fig. 3(b): ten physical links (bones of
arms, torso and legs) and six virtual ones between left-right symmetric keypoints, none on the head. The text does not
list them. These are the only ten and six that fit its counts and leave the head out; they exist in every skeleton
with shoulders, elbows, wrists, hips, knees and ankles (COCO, MPII, CrowdPose, Leeds Sports Pose).
"""

from __future__ import annotations

import numpy as np

from repro.errors import ReproError
from repro.skeletons.skeleton import Skeleton

SKELETAL_LINKS: tuple[tuple[str, str], ...] = (
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
    ("left_shoulder", "right_shoulder"),
    ("left_elbow", "right_elbow"),
    ("left_wrist", "right_wrist"),
    ("left_hip", "right_hip"),
    ("left_knee", "right_knee"),
    ("left_ankle", "right_ankle"),
)

_ARMS = {f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist")}


def upper_links(*, torso_side_is_upper: bool = True) -> tuple[bool, ...]:
    """For each of the sixteen links True when it is in U, the upper body, and False when it is in L, the lower body.

    Arms and the top three virtual links are upper, legs and the bottom three virtual links lower (Fig. 3(b)).

    Args:
        torso_side_is_upper: the class of the two links from shoulder to hip, which the text leaves open. True gives 9
            links in U and 7 in L, False 7 and 9.
    """
    return tuple(torso_side_is_upper if (a in _ARMS) != (b in _ARMS) else a in _ARMS for a, b in SKELETAL_LINKS)


UPPER_LINKS = upper_links()


def link_indices(skeleton: Skeleton) -> np.ndarray:
    """(16, 2) int64: the positions in ``skeleton`` of the two keypoints of each link.

    Raises:
        ReproError: when the skeleton lacks one of the twelve keypoints.
    """
    if missing := {name for link in SKELETAL_LINKS for name in link} - set(skeleton.keypoints):
        raise ReproError(
            f"Skeleton {skeleton.name} has no keypoint {sorted(missing)[0]!r}, which skeletal heatmaps need: choose a "
            "data set with shoulders, elbows, wrists, hips, knees and ankles."
        )
    return np.array([[skeleton.index(a), skeleton.index(b)] for a, b in SKELETAL_LINKS], dtype=np.int64)


def _mirrored(name: str) -> str:
    """The name with left and right exchanged."""
    side, _, joint = name.partition("_")
    return f"{'right' if side == 'left' else 'left'}_{joint}"


def flip_permutation() -> tuple[int, ...]:
    """For each of the sixteen maps the one that takes its place in the mirrored image.

    The five left and right bones change places; the virtual links stay.
    """
    position = {frozenset(link): i for i, link in enumerate(SKELETAL_LINKS)}
    return tuple(position[frozenset({_mirrored(a), _mirrored(b)})] for a, b in SKELETAL_LINKS)
