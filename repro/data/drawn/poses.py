"""Plausible poses: everyday and athletic ones, as joint angles with spread and limits.

Angles are in degrees and named from the person's view. Swings of shoulder and hip are rotation vectors (flexion lifts
the limb to the front, abduction to the side); ``turn`` rotates a limb inwards about its own axis. A pose has a side A
and a side B, and which of them is the left one is drawn by lot.
"""

from __future__ import annotations

import numpy as np

from repro.data.drawn.bodies import JOINTS, J, axis_rotations, rotation_matrices

# name: (share of everyday poses, share of athletic poses,
#        root (pitch forward, roll, spread), spine (bend, lean, twist),
#        leg A, leg B: (flexion, abduction, turn, knee), arms: names of arm pairs, on the ground?)
POSES: dict[str, tuple] = {
    "stand": (30, 3, (0, 0, 4), (3, 0, 0), (2, 4, -6, 4), (2, 4, -6, 4), ("down", "hips", "crossed", "carry", "any"), True),
    "lean": (10, 2, (0, 3, 6), (6, 8, 8), (12, 8, -10, 18), (-2, 4, -4, 3), ("down", "hips", "carry", "wave", "any"), True),
    "walk": (22, 2, (3, 0, 4), (4, 0, 6), (24, 3, 0, 12), (-16, 3, 0, 26), ("swing", "carry", "down"), True),
    "run": (4, 8, (10, 0, 7), (8, 0, 10), (62, 4, 0, 85), (-14, 4, 0, 48), ("run", "run", "any"), False),
    "stride": (1, 5, (6, 0, 8), (6, 0, 12), (72, 6, 0, 45), (-28, 6, 0, 30), ("run", "tee", "any"), False),
    "sit": (14, 2, (-6, 0, 9), (10, 0, 4), (84, 9, -4, 82), (84, 9, -4, 82), ("carry", "down", "forward", "any"), True),
    "crouch": (5, 9, (22, 0, 20), (24, 0, 5), (108, 16, -6, 124), (108, 16, -6, 124), ("forward", "reach", "any"), True),
    "half_squat": (1, 6, (24, 0, 10), (14, 0, 8), (62, 14, -6, 66), (54, 14, -6, 60), ("carry", "tee", "bat", "forward"), True),
    "lunge": (1, 7, (8, 0, 10), (6, 4, 8), (82, 10, -5, 84), (-18, 8, 0, 22), ("any", "tee", "throw", "up"), True),
    "side_lunge": (0, 5, (10, 8, 8), (8, 8, 8), (70, 28, -10, 85), (20, 42, -8, 8), ("any", "tee", "reach"), True),
    "kneel": (3, 3, (4, 0, 8), (6, 0, 6), (86, 8, 0, 92), (2, 6, 0, 96), ("any", "down", "carry", "up"), True),
    "knees": (2, 2, (2, 0, 10), (6, 0, 6), (8, 8, 0, 100), (8, 8, 0, 100), ("any", "up", "down"), True),
    "bow": (3, 9, (62, 0, 18), (26, 0, 5), (66, 10, 0, 14), (62, 10, 0, 14), ("forward", "reach", "any"), True),
    "kick": (0, 5, (-12, 6, 12), (4, 8, 12), (88, 14, 0, 22), (4, 6, 0, 12), ("any", "tee", "run"), False),
    "leap": (0, 8, (4, 0, 14), (2, 0, 10), (84, 10, 0, 8), (-38, 10, -6, 16), ("tee", "vee", "up", "any"), False),
    "straddle": (0, 7, (28, 0, 30), (12, 0, 6), (62, 56, -8, 4), (62, 56, -8, 4), ("forward", "tee", "reach", "up"), False),
    "star": (1, 5, (0, 0, 14), (0, 0, 6), (4, 36, 0, 6), (4, 36, 0, 6), ("vee", "tee", "up"), False),
    "tuck": (0, 11, (0, 0, 110), (28, 0, 5), (118, 8, 0, 126), (118, 8, 0, 126), ("forward", "reach", "down"), False),
    "pike": (0, 8, (0, 0, 100), (24, 0, 5), (104, 5, 0, 4), (104, 5, 0, 4), ("forward", "reach", "up"), False),
    "handstand": (0, 12, (180, 0, 20), (-6, 0, 4), (2, 6, 0, 6), (0, 6, 0, 8), ("up", "up", "overhead"), True),
    "handstand_split": (0, 12, (180, 0, 20), (-8, 0, 8), (52, 12, 0, 18), (-26, 12, 0, 30), ("overhead",), True),
    "cartwheel": (0, 12, (0, 150, 45), (0, 6, 6), (6, 44, 0, 5), (6, 44, 0, 5), ("vee", "overhead"), True),
    "flip": (0, 16, (180, 20, 80), (-12, 0, 12), (10, 10, 0, 24), (24, 10, 0, 40), ("any", "down", "tee", "crossed"), False),
    "bridge": (0, 7, (-95, 0, 25), (-42, 0, 4), (-12, 10, 0, 58), (-12, 10, 0, 58), ("overhead",), True),
    "arabesque": (0, 7, (52, 6, 16), (-10, 0, 8), (48, 6, 0, 4), (-34, 10, 0, 10), ("tee", "any", "swing"), True),
    "hang": (0, 3, (0, 0, 38), (-2, 0, 5), (16, 6, 0, 12), (8, 6, 0, 16), ("overhead", "overhead", "up"), False),
    "swing_bar": (0, 8, (60, 0, 60), (4, 0, 5), (28, 10, 0, 5), (28, 10, 0, 5), ("overhead",), False),
    "climb": (0, 7, (4, 6, 14), (6, 8, 8), (84, 32, -12, 92), (16, 14, -8, 32), ("climb", "vee", "up"), False),
    "board": (0, 6, (14, 0, 12), (12, 4, 14), (52, 18, -8, 58), (36, 22, -8, 44), ("tee", "any", "tee"), True),
    "throw": (0, 4, (4, 12, 12), (8, 10, 20), (46, 20, 0, 48), (4, 16, 0, 20), ("throw", "bat"), True),
    "bat": (0, 5, (14, 0, 8), (10, 6, 22), (24, 18, -6, 26), (20, 18, -6, 30), ("bat",), True),
    "all_fours": (1, 5, (76, 0, 14), (8, 0, 6), (70, 12, 0, 78), (82, 12, 0, 88), ("forward",), True),
    "push_up": (0, 3, (82, 0, 12), (-2, 0, 4), (2, 8, 0, 5), (6, 8, 0, 8), ("forward",), True),
    "vault": (0, 8, (40, 26, 45), (14, 6, 12), (82, 18, 0, 80), (46, 34, 0, 40), ("reach", "any", "forward"), False),
    "supine": (3, 3, (-88, 0, 12), (2, 4, 6), (12, 9, -6, 16), (26, 9, -6, 42), ("any", "down", "overhead"), True),
    "prone": (2, 2, (88, 0, 12), (-6, 4, 6), (2, 10, 0, 10), (2, 10, 0, 18), ("overhead", "any", "down"), True),
    "on_side": (2, 2, (0, 88, 12), (6, 4, 6), (30, 6, 0, 40), (14, 6, 0, 30), ("any", "forward"), True),
    "wild": (2, 14, (0, 0, 85), (6, 0, 10), (35, 18, -5, 50), (35, 18, -5, 50), ("any",), False),
}  # fmt: skip

# (flexion, abduction, turn, elbow) of arm A and arm B; "any" is drawn between the limits.
ARMS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "down": ((2, 9, 5, 14), (2, 9, 5, 14)),
    "hips": ((-12, 42, 72, 100), (-12, 42, 72, 100)),
    "crossed": ((32, 8, 74, 96), (30, 8, 74, 100)),
    "carry": ((14, 10, 25, 82), (12, 12, 15, 60)),
    "swing": ((-22, 8, 10, 18), (24, 8, 10, 28)),
    "run": ((-42, 14, 20, 88), (44, 8, 32, 92)),
    "wave": ((20, 118, -70, 70), (4, 10, 10, 22)),
    "tee": ((8, 88, 0, 14), (4, 84, 0, 16)),
    "vee": ((16, 138, 0, 12), (16, 138, 0, 14)),
    "up": ((150, 20, 10, 22), (156, 16, 10, 22)),
    "overhead": ((170, 8, 0, 10), (172, 8, 0, 10)),
    "forward": ((78, 6, 8, 18), (80, 6, 8, 18)),
    "reach": ((98, 4, 10, 14), (56, 12, 20, 40)),
    "climb": ((150, 18, 0, 40), (92, 34, 0, 76)),
    "throw": ((-14, 104, -62, 74), (62, 26, 10, 30)),
    "bat": ((56, -14, 40, 50), (70, 30, 30, 62)),
    "any": ((50, 50, 10, 55), (50, 50, 10, 55)),
}
ARM_SPREAD = np.array([13.0, 10.0, 20.0, 14.0])
LEG_SPREAD = np.array([13.0, 7.0, 10.0, 16.0])
ANY_SPREAD = np.array([58.0, 46.0, 35.0, 42.0])
SPINE_SPREAD = np.array([9.0, 5.0, 8.0])
HEAD_SPREAD = np.array([10.0, 8.0, 20.0])
ARM_LIMITS = np.array([(-60, -25, -90, 0), (188, 175, 95, 148)], dtype=np.float64)
LEG_LIMITS = np.array([(-45, -18, -45, 0), (132, 80, 35, 146)], dtype=np.float64)
SPINE_LIMITS = np.array([(-45, -32, -40), (62, 32, 40)], dtype=np.float64)
HEAD_LIMITS = np.array([(-50, -32, -75), (48, 32, 75)], dtype=np.float64)
_NAMES = tuple(POSES)
_EVERYDAY = np.cumsum([POSES[n][0] for n in _NAMES]) / sum(POSES[n][0] for n in _NAMES)
_SPORT = np.cumsum([POSES[n][1] for n in _NAMES]) / sum(POSES[n][1] for n in _NAMES)


_ARM_ANGLES = {name: np.array(pair, dtype=np.float64) for name, pair in ARMS.items()}
_LEG_ANGLES = {name: np.array(POSES[name][4:6], dtype=np.float64) for name in _NAMES}
_SPINE_ANGLES = {name: np.array(POSES[name][3], dtype=np.float64) for name in _NAMES}
# Joints that are first turned about their own limb and then swung.
_TURNED = [J[f"{side}_{name}"] for side in ("left", "right") for name in ("shoulder", "hip")]


def _sources() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where each angle of ``local_rotations`` goes: places in the rotation vectors, sources, factors, summands.

    The vectors are those of the joints' swings and then of the turns of ``_TURNED``; the sources count through arms, legs,
    spine, head and ends, flattened one behind the other.
    """
    rows: list[tuple[int, int, int, float, float]] = []  # vector, axis, source, factor, summand
    for first, name, share in ((16, "waist", 0.5), (16, "chest", 0.5), (19, "neck", 0.4), (19, "head", 0.6)):
        joint = J[name]
        rows += [(joint, 0, first, share, 0), (joint, 1, first + 2, share, 0), (joint, 2, first + 1, -share, 0)]
    for i, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
        for first, upper, lower, bend in ((4 * i, "shoulder", "elbow", -1), (8 + 4 * i, "hip", "knee", 1)):
            joint, turn = J[f"{side}_{upper}"], len(JOINTS) + _TURNED.index(J[f"{side}_{upper}"])
            rows += [(joint, 0, first, -1, 0), (joint, 2, first + 1, sign, 0), (turn, 1, first + 2, -sign, 0)]
            rows += [(J[f"{side}_{lower}"], 0, first + 3, bend, 0)]
        ends = 22 + 3 * i
        rows += [(J[f"{side}_wrist"], 0, ends, 1, 0), (J[f"{side}_wrist"], 2, ends + 2, 0.6 * sign, 0)]
        rows += [(J[f"{side}_ankle"], 0, ends + 1, 1.3, 12)]
    vector, axis, source, factor, summand = np.array(rows, dtype=np.float64).T
    return (3 * vector + axis).astype(np.int64), source.astype(np.int64), factor, summand


_PLACES, _SOURCES, _FACTORS, _SUMMANDS = _sources()


def sample_pose(rng: np.random.Generator, sport: float, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray, bool]:
    """Draw one pose.

    Args:
        rng: the person's random numbers.
        sport: probability of an athletic pose.
        noise: factor on the spread of the angles.

    Returns:
        local (J, 3, 3) joint rotations, root (3, 3) rotation of the body in the world (x left, y up, z front), and
        whether the pose rests on the ground.
    """
    shares = _SPORT if rng.random() < sport else _EVERYDAY
    name = _NAMES[int(shares.searchsorted(rng.random(), side="right"))]
    _, _, root, _, _, _, arms, grounded = POSES[name]
    pair = arms[int(rng.integers(len(arms)))]
    if rng.random() < 0.15:
        pair = "any"
    wild = 2.6 if name == "wild" else 1.0
    arm_spread = ANY_SPREAD if pair == "any" else ARM_SPREAD
    draws = rng.standard_normal((2, 2, 4)) * noise
    arm_angles = _within(_ARM_ANGLES[pair] + arm_spread * draws[0], ARM_LIMITS)
    leg_angles = _within(_LEG_ANGLES[name] + wild * LEG_SPREAD * draws[1], LEG_LIMITS)
    trunk = rng.standard_normal((4, 3)) * noise
    bend = _within(_SPINE_ANGLES[name] + wild * SPINE_SPREAD * trunk[0], SPINE_LIMITS)
    # Who bends forward lifts the head by a quarter of that, to see.
    nod = _within(HEAD_SPREAD * trunk[1] - np.array([0.25 * bend[0], 0, 0]), HEAD_LIMITS)
    swap = rng.random() < 0.5  # poses are written for one side; half of them are mirrored
    sides = slice(None, None, -1) if swap else slice(None)
    local = local_rotations(arm_angles[sides], leg_angles[sides], bend, nod, trunk[2:] * 14)
    pitch, roll, spread = root
    tilt = rng.standard_normal(2) * np.array([1.0, 0.4 if spread > 40 else 0.7]) * spread
    lean = (roll if swap else -roll) + tilt[1]
    about_x, about_z = axis_rotations(np.deg2rad(np.array([pitch + tilt[0], lean])), (0, 2))
    return local, about_z @ about_x, grounded


def _within(angles: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Hold angles between the two rows of ``limits``."""
    return np.minimum(np.maximum(angles, limits[0]), limits[1])


def local_rotations(
    arms: np.ndarray, legs: np.ndarray, spine: np.ndarray, head: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """(J, 3, 3) joint rotations of a pose.

    Args:
        arms: (2, 4) flexion, abduction, inward turn and elbow of the left and the right arm, degrees.
        legs: (2, 4) flexion, abduction, inward turn and knee of the left and the right leg, degrees.
        spine: (3,) bend forward, lean to the right and turn to the left, degrees, shared by waist and chest.
        head: (3,) the same of neck and head together.
        ends: (2, 3) flexion of wrists, ankles and tilt of hands, degrees, left and right.
    """
    angles = np.concatenate([np.ravel(arms), np.ravel(legs), spine, head, np.ravel(ends)])
    vectors = np.zeros((len(JOINTS) + len(_TURNED), 3))
    vectors.ravel()[_PLACES] = angles[_SOURCES] * _FACTORS + _SUMMANDS
    matrices = rotation_matrices(np.deg2rad(vectors))
    local, turns = matrices[: len(JOINTS)], matrices[len(JOINTS) :]
    local[_TURNED] = local[_TURNED] @ turns  # the turn acts first: about the limb as it hangs at rest
    return local
