"""Articulated bodies in 3D: proportions from child to adult, and forward kinematics for many people at once.

Axes of a body at rest: x to its own left, y up, z to its front; the unit is the person's height. Arms and legs hang down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

JOINTS = (
    "pelvis", "waist", "chest", "neck", "head",
    "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
    "left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle",
)  # fmt: skip
PARENTS = (-1, 0, 1, 2, 3, 2, 5, 6, 2, 8, 9, 0, 11, 12, 0, 14, 15)
J = {name: i for i, name in enumerate(JOINTS)}

# Joints in steps from the pelvis outwards: all joints of a step are turned at once.
_STEPS = (
    ("waist", "left_hip", "right_hip"),
    ("chest", "left_knee", "right_knee"),
    ("neck", "left_shoulder", "right_shoulder", "left_ankle", "right_ankle"),
    ("head", "left_elbow", "right_elbow"),
    ("left_wrist", "right_wrist"),
)
_OUTWARDS = np.array([J["pelvis"], *(J[n] for step in _STEPS for n in step)])
_PLACE = np.argsort(_OUTWARDS)  # of each joint among those from the pelvis outwards
# Places of each step's parents, and the slice of its own places.
LEVELS = tuple(
    (_PLACE[[PARENTS[J[n]] for n in step]], slice(int(_PLACE[J[step[0]]]), int(_PLACE[J[step[-1]]]) + 1))
    for step in _STEPS
)

# Lengths as shares of the height, adult and child of about four years (after anthropometric tables, rounded).
ADULT = {
    "head": 0.130, "neck": 0.044, "chest": 0.155, "waist": 0.085, "pelvis": 0.055, "shoulder": 0.106, "upper_arm": 0.172,
    "forearm": 0.156, "hand": 0.100, "hip": 0.066, "thigh": 0.243, "shank": 0.240, "ankle": 0.042, "foot": 0.148,
}  # fmt: skip
CHILD = {
    "head": 0.195, "neck": 0.035, "chest": 0.160, "waist": 0.090, "pelvis": 0.055, "shoulder": 0.105, "upper_arm": 0.155,
    "forearm": 0.130, "hand": 0.095, "hip": 0.062, "thigh": 0.205, "shank": 0.200, "ankle": 0.040, "foot": 0.145,
}  # fmt: skip
# Radii of an average adult, as shares of the height.
THICK = {
    "neck": 0.031, "shoulder": 0.034, "upper_arm": 0.029, "elbow": 0.023, "wrist": 0.016, "hip": 0.050, "thigh": 0.047,
    "knee": 0.031, "calf": 0.032, "ankle": 0.020, "chest_x": 0.092, "chest_z": 0.062, "waist_x": 0.076, "waist_z": 0.054,
    "pelvis_x": 0.099, "pelvis_z": 0.062,
}  # fmt: skip


_NAMES = tuple(ADULT)
_ADULT, _CHILD = np.array([ADULT[n] for n in _NAMES]), np.array([CHILD[n] for n in _NAMES])


@dataclass(frozen=True)
class Build:
    """The proportions of one person: ``length`` and ``thick`` by name, in units of the height; ``height`` in metres."""

    length: dict[str, float]
    thick: dict[str, float]
    height: float
    child: float
    female: bool


def sample_build(rng: np.random.Generator, children: float) -> Build:
    """Draw a person's proportions; ``children`` is the share of children."""
    child = 0.25 + 0.75 * rng.random() if rng.random() < children else 0.0
    female = bool(rng.random() < 0.5)
    spread = 1 + 0.05 * rng.standard_normal(len(ADULT))
    length = dict(zip(_NAMES, ((_ADULT * (1 - child) + _CHILD * child) * spread).tolist(), strict=True))
    width = min(max(float(np.exp(0.16 * rng.standard_normal())), 0.72), 1.6)
    limb = width**0.7 * float(np.exp(0.06 * rng.standard_normal())) * (0.92 if female else 1.0)
    thick = {n: v * limb for n, v in THICK.items()}
    trunk = {"chest": 0.92, "waist": 0.90, "pelvis": 1.06} if female else {"chest": 1.04, "waist": 1.0, "pelvis": 0.98}
    for name, factor in trunk.items():
        belly = width**1.3 if name == "waist" else width
        thick[name + "_x"] = THICK[name + "_x"] * factor * width
        thick[name + "_z"] = THICK[name + "_z"] * factor * belly
    if not child:
        length["shoulder"] *= 0.95 if female else 1.05
        length["hip"] *= 1.05 if female else 0.97
    height = (1.68 - 0.65 * child) * (0.96 if female else 1.03)
    return Build(length, thick, height, child, female)


def rest_offsets(build: Build) -> np.ndarray:
    """(J, 3) position of each joint in the frame of its parent, at rest."""
    n = build.length
    trunk = (0, 0, 0), (0, n["pelvis"], 0), (0, n["waist"], 0), (0, n["chest"], -0.005), (0, n["neck"], 0.008)
    arm, leg = ((0, -n["upper_arm"], 0), (0, -n["forearm"], 0)), ((0, -n["thigh"], 0), (0, -n["shank"], 0))
    left, right = ((sign * n["shoulder"], n["chest"] - 0.018, 0) for sign in (1, -1))
    arms = left, *arm, right, *arm
    legs = (n["hip"], -0.02, 0), *leg, (-n["hip"], -0.02, 0), *leg
    return np.array((*trunk, *arms, *legs), dtype=np.float64)  # in the order of JOINTS


# A unit vector times this, as 3 x 3, is the matrix of its cross product.
_CROSS = np.zeros((3, 9))
_CROSS[(0, 0, 1, 1, 2, 2), (5, 7, 2, 6, 1, 3)] = (-1, 1, 1, -1, -1, 1)
_UNIT = np.eye(3)


def rotation_matrices(vectors: np.ndarray) -> np.ndarray:
    """Rotation vectors (..., 3) in radians to matrices (..., 3, 3) (Rodrigues' formula)."""
    vectors = np.asarray(vectors, dtype=np.float64)
    angle = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))
    unit = vectors / np.maximum(angle, 1e-12)[..., None]
    cross = (unit @ _CROSS).reshape(*vectors.shape, 3)
    return _UNIT + np.sin(angle)[..., None, None] * cross + (1 - np.cos(angle))[..., None, None] * (cross @ cross)


def axis_rotations(angles: np.ndarray, axes: tuple[int, ...]) -> list[np.ndarray]:
    """(3, 3) rotations by ``angles`` (n,) in radians about coordinate axes ``axes``: ``rotation_matrices``' numbers, faster."""
    turn = np.abs(angles)
    sines, versines = (np.sin(turn) * np.sign(angles)).tolist(), (1 - np.cos(turn)).tolist()
    out = []
    for axis, s, v in zip(axes, sines, versines, strict=True):
        c = 1 - v
        if axis == 0:
            rows = (1, 0, 0), (0, c, -s), (0, s, c)
        elif axis == 1:
            rows = (c, 0, s), (0, 1, 0), (-s, 0, c)
        else:
            rows = (c, -s, 0), (s, c, 0), (0, 0, 1)
        out.append(np.array(rows, dtype=np.float64))
    return out


def forward_kinematics(offsets: np.ndarray, local: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions and frames of all joints.

    Args:
        offsets: (N, J, 3) of each joint in its parent's frame.
        local: (N, J, 3, 3) rotation of each joint's frame against its parent's; the pelvis' entry is applied after ``root``.
        root: (N, 3, 3) rotation of the body in the world.

    Returns:
        positions (N, J, 3) with the pelvis at the origin, and frames (N, J, 3, 3) whose columns are the joint's axes.
    """
    offsets, local = offsets[:, _OUTWARDS, :, None], local[:, _OUTWARDS]
    positions = np.zeros(offsets.shape)
    frames = np.empty(local.shape)
    frames[:, 0] = root @ local[:, 0]
    for parents, joints in LEVELS:
        above = frames.take(parents, axis=1)
        np.add(positions.take(parents, axis=1), above @ offsets[:, joints], out=positions[:, joints])
        np.matmul(above, local[:, joints], out=frames[:, joints])
    return positions[..., 0].take(_PLACE, axis=1), frames.take(_PLACE, axis=1)
