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

# Joints in steps from the pelvis outwards, each with its parents: all joints of a step are turned at once.
LEVELS = tuple(
    ([PARENTS[J[n]] for n in step], [J[n] for n in step])
    for step in (
        ("waist", "left_hip", "right_hip"),
        ("chest", "left_knee", "right_knee"),
        ("neck", "left_shoulder", "right_shoulder", "left_ankle", "right_ankle"),
        ("head", "left_elbow", "right_elbow"),
        ("left_wrist", "right_wrist"),
    )
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
    names = list(ADULT)
    length = {n: (ADULT[n] * (1 - child) + CHILD[n] * child) * spread[i] for i, n in enumerate(names)}
    width = np.clip(np.exp(0.16 * rng.standard_normal()), 0.72, 1.6)
    limb = width**0.7 * np.exp(0.06 * rng.standard_normal()) * (0.92 if female else 1.0)
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
    offsets = np.zeros((len(JOINTS), 3))
    offsets[J["waist"]] = (0, n["pelvis"], 0)
    offsets[J["chest"]] = (0, n["waist"], 0)
    offsets[J["neck"]] = (0, n["chest"], -0.005)
    offsets[J["head"]] = (0, n["neck"], 0.008)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        offsets[J[f"{side}_shoulder"]] = (sign * n["shoulder"], n["chest"] - 0.018, 0)
        offsets[J[f"{side}_elbow"]] = (0, -n["upper_arm"], 0)
        offsets[J[f"{side}_wrist"]] = (0, -n["forearm"], 0)
        offsets[J[f"{side}_hip"]] = (sign * n["hip"], -0.02, 0)
        offsets[J[f"{side}_knee"]] = (0, -n["thigh"], 0)
        offsets[J[f"{side}_ankle"]] = (0, -n["shank"], 0)
    return offsets


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


def forward_kinematics(offsets: np.ndarray, local: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions and frames of all joints.

    Args:
        offsets: (N, J, 3) of each joint in its parent's frame.
        local: (N, J, 3, 3) rotation of each joint's frame against its parent's; the pelvis' entry is applied after ``root``.
        root: (N, 3, 3) rotation of the body in the world.

    Returns:
        positions (N, J, 3) with the pelvis at the origin, and frames (N, J, 3, 3) whose columns are the joint's axes.
    """
    positions = np.zeros(offsets.shape)
    frames = np.empty(local.shape)
    frames[:, 0] = root @ local[:, 0]
    for parents, joints in LEVELS:
        above = frames[:, parents]
        positions[:, joints] = positions[:, parents] + (above @ offsets[:, joints, :, None])[..., 0]
        frames[:, joints] = above @ local[:, joints]
    return positions, frames
