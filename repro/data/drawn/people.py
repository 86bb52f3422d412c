"""One person, posed, dressed and seen by a camera: its shapes from far to near, its keypoints and who may cover them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repro.data.drawn.appearance import LOOK, Outfit, sample_outfit
from repro.data.drawn.bodies import Build, J, axis_rotations, forward_kinematics, rest_offsets, sample_build
from repro.data.drawn.figures import PART, Limbs, Shapes, project, skirt_shape, torso_shapes
from repro.data.drawn.hands import foot_points, foot_shapes, hand_points, hand_shapes
from repro.data.drawn.heads import LANDMARKS, POINTS, Surface, head_shapes, sight_head
from repro.data.drawn.poses import sample_pose
from repro.data.drawn.settings import PeopleSettings

_SIDES = (("left", 1.0), ("right", -1.0))
LIMB_POINTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
FEET = tuple(f"{side}_{name}" for side, _ in _SIDES for name in ("big_toe", "small_toe", "heel"))
FACE = tuple(f"face_{i}" for i in range(68))
HANDS = tuple(f"{side}_hand_{i}" for side, _ in _SIDES for i in range(21))
TRUNK = ("pelvis", "thorax", "neck", "upper_neck")
# Every keypoint that is known of a person; a skeleton picks its own by name.
POINT_NAMES = (
    *POINTS, *TRUNK, *(f"{side}_{name}" for name in LIMB_POINTS for side, _ in _SIDES), *FEET, *FACE, *HANDS,
)  # fmt: skip
POINT = {name: i for i, name in enumerate(POINT_NAMES)}
_HEAD_POINTS = np.array([POINTS[n] for n in POINTS])
_HEAD_INDEX = np.array([POINT[n] for n in POINTS] + [POINT[n] for n in FACE])
_ON_HEAD = np.concatenate([_HEAD_POINTS, LANDMARKS])
_HEAD_SIDE = Surface(_ON_HEAD)
_PAIRS = tuple((POINT[f"left_{name}"], POINT[f"right_{name}"]) for name in ("shoulder", "hip"))
_ARM_JOINTS = np.array([[J[f"{side}_{n}"] for n in LIMB_POINTS[:3]] for side, _ in _SIDES])
_LEG_JOINTS = np.array([[J[f"{side}_{n}"] for n in LIMB_POINTS[3:]] for side, _ in _SIDES])
_LIMB_INDEX = np.array(
    [
        POINT[f"{side}_{name}"]
        for side, _ in _SIDES
        for name in (*LIMB_POINTS, "big_toe", "small_toe", "heel", *(f"hand_{i}" for i in range(21)))
    ]
)
_WRISTS, _ANKLES = _ARM_JOINTS[:, 2], _LEG_JOINTS[:, 2]
_THROAT = np.array([0, 0.0, 0.01])  # of the upper neck before the head's joint
_FLIP = np.array([1.0, -1.0, -1.0])  # from a world with y up and z to the front to the camera's axes


def _owners() -> np.ndarray:
    """(P, parts) bool: True where a keypoint counts as seen through its own part."""
    table = np.zeros((len(POINT_NAMES), len(PART)), dtype=bool)
    own = {"shoulder": ("upper_arm",), "elbow": ("upper_arm", "lower_arm"), "wrist": ("lower_arm", "hand")}
    own |= {"hip": ("upper_leg",), "knee": ("upper_leg", "lower_leg"), "ankle": ("lower_leg", "foot")}
    own |= {"big_toe": ("foot",), "small_toe": ("foot",), "heel": ("foot",)}
    for i, name in enumerate(POINT_NAMES):
        side, _, rest = name.partition("_")
        for part in own.get(rest, ("hand",) if rest.startswith("hand_") else ()):
            table[i, PART[f"{side}_{part}"]] = True
    for name in (*POINTS, *FACE):
        table[POINT[name], PART["head"]] = True
    for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip", *TRUNK):
        table[POINT[name], PART["torso"]] = True
    table[[POINT["neck"], POINT["upper_neck"]], PART["head"]] = True
    table[POINT["pelvis"], [PART["left_upper_leg"], PART["right_upper_leg"]]] = True
    return table


OWNERS = _owners()


@dataclass
class Figure:
    """A person ready to be drawn, in heights of the person, y down, the pelvis near the origin.

    Args:
        shapes: far ones first.
        points: (P, 2) all of ``POINT_NAMES``.
        turned_away: (P,) bool, keypoints on the side of the head or trunk that the camera does not see.
        materials: (len(LOOKS), fields).
        look: (S,) material of each shape.
        grounded: whether the person rests on the ground.
        build: the proportions.
        head_size: length of the head in heights.
        extent: (4,) left, top, right, bottom of all shapes.
    """

    shapes: Shapes
    points: np.ndarray
    turned_away: np.ndarray
    materials: np.ndarray
    look: np.ndarray
    grounded: bool
    build: Build
    head_size: float
    extent: np.ndarray


def view_rotation(rng: np.random.Generator, settings: PeopleSettings, camera: np.ndarray | None = None) -> np.ndarray:
    """(3, 3) rotation from the world (x, y up, z front) to the camera: a random heading, elevation and roll.

    ``camera`` (2,) fixes elevation and roll in degrees, as all people of one image share them.
    """
    # Half of all people face the camera more or less, as in photographs, the others any way.
    yaw = 55 * rng.standard_normal() if rng.random() < 0.5 else 360 * rng.random()
    elevation, roll = camera if camera is not None else sample_camera(rng, settings)
    turn, tilt, spin = axis_rotations(np.deg2rad(np.array([yaw, elevation, roll])), (1, 0, 2))
    return (spin * _FLIP) @ tilt @ turn


def sample_camera(rng: np.random.Generator, settings: PeopleSettings) -> np.ndarray:
    """(2,) elevation (more often from above) and in-plane roll, degrees."""
    return np.array([settings.elevation * rng.standard_normal() + 5, settings.roll * rng.standard_normal()])


def sample_figure(
    rng: np.random.Generator, settings: PeopleSettings, pixels: float, camera: np.ndarray | None = None,
    theme: np.ndarray | None = None, sport: float | None = None,
) -> Figure:  # fmt: skip
    """Draw a person.

    Args:
        rng: random numbers.
        settings: difficulty.
        pixels: about how tall the person will be drawn; small ones get no fingers and no eyes.
        camera: elevation and roll, or None to draw them.
        theme: colour that the clothes take, or None.
        sport: probability of an athletic pose; None takes the settings'.
    """
    share = settings.sport if sport is None else sport
    build = sample_build(rng, settings.children)
    local, root, grounded = sample_pose(rng, share, settings.pose_noise)
    rotation = view_rotation(rng, settings, camera)
    outfit = sample_outfit(rng, share, settings.loose, build.female, theme)
    distance = float(np.exp(np.log(2.2) + np.log(5.0) * rng.random()))
    curls = np.round(np.minimum(np.maximum(0.35 + 0.3 * rng.standard_normal(2), 0), 1), 2).tolist()
    return compose_figure(build, outfit, local, rotation @ root, distance, curls, pixels, grounded)


def compose_figure(
    build: Build, outfit: Outfit, local: np.ndarray, root: np.ndarray, distance: float, curls: list[float], pixels: float,
    grounded: bool,
) -> Figure:  # fmt: skip
    """Everything that follows from the drawn numbers: joints, shapes in order, keypoints. See ``sample_figure``."""
    positions, frames = (a[0] for a in forward_kinematics(rest_offsets(build)[None], local[None], root[None]))
    shapes, limbs = Shapes(), Limbs()
    height = build.length["head"]
    frame = frames[J["head"]]
    head_center = positions[J["head"]] + frame @ np.array([0, 0.46 * height, 0.08 * height])
    space, feet = [], []
    # Details below a pixel cost time and are not seen.
    fingers = 2 if pixels > 150 else 1 if pixels > 60 else 0
    arms, legs, wrists, ankles = positions[_ARM_JOINTS], positions[_LEG_JOINTS], frames[_WRISTS], frames[_ANKLES]
    for i, (side, sign) in enumerate(_SIDES):
        arm, leg = arms[i], legs[i]
        hand = arm[2] + hand_points(curls[i], sign) * build.length["hand"] @ wrists[i].T
        toes = leg[2] + foot_points(build, sign) @ ankles[i].T
        _arm(limbs, build, outfit, arm, side)
        hand_shapes(limbs, hand, build.length["hand"], side, "skin", (arm[1, 2] + arm[2, 2]) / 2 - 0.012, fingers)
        _leg(limbs, build, outfit, leg, side)
        feet.append(toes)
        space += [arm, leg, toes, hand]
    depths = ((legs[:, 1, 2] + legs[:, 2, 2]) / 2).tolist()
    foot_shapes(shapes, legs[:, 2], ankles, np.array(feet), depths, distance, outfit.shoe)
    neck = positions[J["neck"]], head_center - frame[:, 1] * 0.3 * height
    depth = float(max(neck[0][2], head_center[2])) + 0.004
    limbs.add(*neck, build.thick["neck"] * 1.1, build.thick["neck"], 0, PART["head"], "skin", depth)
    torso_shapes(shapes, positions, frames, build, distance, outfit.loose, outfit.low)
    if outfit.skirt:
        skirt_shape(shapes, positions, frames, build, distance, outfit.skirt, 1.2 + 1.2 * outfit.loose)
    limbs.into(shapes, distance)
    head_shapes(sight_head(head_center, frame, height, distance, shapes), outfit.hair, outfit.hat, pixels > 40)
    points3 = np.zeros((len(POINT_NAMES), 3))
    points3[_LIMB_INDEX] = np.concatenate(space)
    points3[_HEAD_INDEX] = head_center + height * _ON_HEAD @ frame.T
    _trunk_points(points3, positions, frames)
    points, _ = project(points3, distance)
    shapes = shapes.far_first()
    look = np.array([LOOK[name] for name in shapes.looks])
    corners = np.ascontiguousarray(np.concatenate(shapes.polygons).T)
    extent = np.concatenate([corners.min(1), corners.max(1)])
    return Figure(shapes, points, _turned_away(points3, frame), outfit.materials, look, grounded, build, height, extent)


def _arm(limbs: Limbs, build: Build, outfit: Outfit, arm: np.ndarray, side: str) -> None:
    """Upper arm, forearm and the sleeve on both."""
    t, upper, lower = build.thick, PART[f"{side}_upper_arm"], PART[f"{side}_lower_arm"]
    z = arm[:, 2].tolist()
    depths = (z[0] + z[1]) / 2 - 0.006, (z[1] + z[2]) / 2 - 0.012
    off = 1.12 + outfit.loose
    limbs.add(arm[0], arm[1], t["shoulder"], t["elbow"], 0.004, upper, "skin", depths[0])
    if outfit.sleeve > 0:
        end = arm[0] + (arm[1] - arm[0]) * min(outfit.sleeve, 1)
        limbs.add(arm[0], end, t["shoulder"] * 1.08, t["upper_arm"] * off, 0.003, upper, "sleeve", depths[0])
    limbs.add(arm[1], arm[2], t["elbow"], t["wrist"], 0.005, lower, "skin", depths[1])
    if outfit.sleeve > 1:
        end = arm[1] + (arm[2] - arm[1]) * (outfit.sleeve - 1)
        limbs.add(arm[1], end, t["elbow"] * off, t["wrist"] * (off + 0.15), 0.004, lower, "sleeve", depths[1])


def _leg(limbs: Limbs, build: Build, outfit: Outfit, leg: np.ndarray, side: str) -> None:
    """Thigh, shank, the trouser leg on both and a sock."""
    t, upper, lower = build.thick, PART[f"{side}_upper_leg"], PART[f"{side}_lower_leg"]
    z = leg[:, 2].tolist()
    depths = (z[0] + z[1]) / 2, (z[1] + z[2]) / 2
    off = 1.08 + outfit.loose
    limbs.add(leg[0], leg[1], t["hip"], t["knee"], 0.006, upper, "skin", depths[0])
    if outfit.leg > 0:
        end = leg[0] + (leg[1] - leg[0]) * min(outfit.leg, 1)
        wide = t["hip"] + (t["knee"] - t["hip"]) * min(outfit.leg, 1)
        limbs.add(leg[0], end, t["hip"] * 1.06, wide * (off + 0.05), 0.004, upper, "leg", depths[0])
    limbs.add(leg[1], leg[2], t["knee"], t["ankle"], 0.008, lower, "skin", depths[1])
    if outfit.sock:
        start = leg[2] + (leg[1] - leg[2]) * outfit.sock
        limbs.add(
            start,
            leg[2],
            t["ankle"] * 1.2 + (t["calf"] - t["ankle"]) * outfit.sock,
            t["ankle"] * 1.15,
            0,
            lower,
            "sock",
            depths[1],
        )
    if outfit.leg > 1:
        end = leg[1] + (leg[2] - leg[1]) * (outfit.leg - 1)
        limbs.add(
            leg[1], end, t["knee"] * off, t["ankle"] * (off + 0.25 + outfit.loose), 0.006, lower, "leg", depths[1]
        )


def _trunk_points(points: np.ndarray, positions: np.ndarray, frames: np.ndarray) -> None:
    """Fill in pelvis, thorax, neck (as CrowdPose and LSP: the middle of the throat) and upper neck (MPII)."""
    shoulders = (positions[J["left_shoulder"]] + positions[J["right_shoulder"]]) / 2
    points[POINT["pelvis"]] = (positions[J["left_hip"]] + positions[J["right_hip"]]) / 2
    points[POINT["thorax"]] = shoulders
    points[POINT["upper_neck"]] = positions[J["head"]] + frames[J["head"]] @ _THROAT
    points[POINT["neck"]] = 0.4 * positions[J["head"]] + 0.6 * positions[J["neck"]]


def _turned_away(points: np.ndarray, head: np.ndarray) -> np.ndarray:
    """(P,) bool: points of the head whose skin faces away, and shoulders and hips on the far side of the trunk."""
    away = np.zeros(len(points), dtype=bool)
    away[_HEAD_INDEX] = _HEAD_SIDE.visible_side(head) < 0
    away[POINT["head"]] = False  # the top of the head is read off its outline from every side
    for left, right in _PAIRS:
        apart = points[left] - points[right]
        width = float(apart @ apart) ** 0.5
        away[left], away[right] = 0.5 * apart[2] > 0.35 * width, -0.5 * apart[2] > 0.35 * width
    return away
