"""The 133 keypoints of COCO-WholeBody (Jin et al., ECCV 2020): body 17, feet 6, face 68, left hand 21, right hand 21.

Order and sigmas are those of the COCO-WholeBody evaluation. Keypoints of the face that a mirror exchanges are named
left_ and right_ from the person's view, so that ``Skeleton.flip_pairs`` finds the 61 pairs (8 body, 3 feet, 29 face, 21
hands); the annotations count the face from the person's right to its left.

Half-body augmentation counts the body's keypoints from nose to wrists as upper and all others as lower, face and hands too,
as MMPose's version 0.x does, whose published rows are the baselines of FoWKAL. Version 1.x counts body and feet alone.
"""

from __future__ import annotations

from repro.skeletons.skeleton import COCO17, Skeleton

FEET = tuple(f"{side}_{n}" for side in ("left", "right") for n in ("big_toe", "small_toe", "heel"))
BODY_PARTS = ("body", "foot", "face", "hand")  # of which metrics tell figures; both hands are one
HANDS = tuple(f"{side}_hand_{i}" for side in ("left", "right") for i in range(21))

_FEET_SIGMAS = (0.068, 0.066, 0.066, 0.092, 0.094, 0.094)
_FACE_SIGMAS = (
    0.042, 0.043, 0.044, 0.043, 0.040, 0.035, 0.031, 0.025, 0.020, 0.023, 0.029, 0.032, 0.037, 0.038, 0.043, 0.041, 0.045,
    0.013, 0.012, 0.011, 0.011, 0.012, 0.012, 0.011, 0.011, 0.013, 0.015, 0.009, 0.007, 0.007, 0.007, 0.012, 0.009, 0.008,
    0.016, 0.010, 0.017, 0.011, 0.009, 0.011, 0.009, 0.007, 0.013, 0.008, 0.011, 0.012, 0.010, 0.034, 0.008, 0.008, 0.009,
    0.008, 0.008, 0.007, 0.010, 0.008, 0.009, 0.009, 0.009, 0.007, 0.007, 0.008, 0.011, 0.008, 0.008, 0.008, 0.010, 0.008,
)  # fmt: skip
_HAND_SIGMAS = (
    0.029, 0.022, 0.035, 0.037, 0.047, 0.026, 0.025, 0.024, 0.035, 0.018, 0.024, 0.022, 0.026, 0.017, 0.021, 0.021, 0.032,
    0.020, 0.019, 0.022, 0.031,
)  # fmt: skip

# Pairs of the 68 landmarks (iBUG-68) that a mirror exchanges, right one first; the others lie in the middle.
FACE_PAIRS = (
    *((i, 16 - i) for i in range(8)),
    *((17 + i, 26 - i) for i in range(5)),
    (31, 35), (32, 34), (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46),
    (48, 54), (49, 53), (50, 52), (59, 55), (58, 56), (60, 64), (61, 63), (67, 65),
)  # fmt: skip


def _face_names() -> tuple[str, ...]:
    """Names of the 68 landmarks: both of a pair carry the number of the right one."""
    names = [f"face_{i}" for i in range(68)]
    for right, left in FACE_PAIRS:
        names[right], names[left] = f"right_face_{right}", f"left_face_{right}"
    return tuple(names)


FACE = _face_names()
_OUTLINES = ((0, 17, False), (17, 22, False), (22, 27, False), (27, 31, False), (31, 36, False), (36, 42, True), (42, 48, True),
             (48, 60, True), (60, 68, True))  # fmt: skip
_FACE_LINKS = tuple(
    (FACE[i], FACE[i + 1 if i + 1 < stop else start])
    for start, stop, closed in _OUTLINES
    for i in range(start, stop if closed else stop - 1)
)
_HAND_LINKS = tuple(
    (f"{side}_hand_{0 if j == 0 else 4 * f + j}", f"{side}_hand_{4 * f + j + 1}")
    for side in ("left", "right")
    for f in range(5)
    for j in range(4)
)
_FOOT_LINKS = tuple(
    (f"{side}_ankle", f"{side}_{n}") for side in ("left", "right") for n in ("big_toe", "small_toe", "heel")
)

WHOLEBODY133 = Skeleton(
    name="wholebody133",
    keypoints=(*COCO17.keypoints, *FEET, *FACE, *HANDS),
    sigmas=(*COCO17.sigmas, *_FEET_SIGMAS, *_FACE_SIGMAS, *_HAND_SIGMAS, *_HAND_SIGMAS),
    links=(
        *COCO17.links, *_FOOT_LINKS, *_FACE_LINKS, *_HAND_LINKS,
        ("left_wrist", "left_hand_0"), ("right_wrist", "right_hand_0"),
    ),
    upper_body=COCO17.upper_body,
    parts=(
        ("body", COCO17.keypoints), ("foot", FEET), ("face", FACE), ("lefthand", HANDS[:21]), ("righthand", HANDS[21:]),
    ),
)  # fmt: skip
