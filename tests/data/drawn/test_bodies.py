"""Bodies, poses and the way from 3D to the picture, against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from repro.data.drawn.bodies import (
    ADULT,
    JOINTS,
    THICK,
    Build,
    J,
    forward_kinematics,
    rest_offsets,
    rotation_matrices,
    sample_build,
)
from repro.data.drawn.figures import capsule_outlines, project
from repro.data.drawn.hands import hand_points
from repro.data.drawn.heads import LANDMARKS, visible_side
from repro.data.drawn.poses import local_rotations, sample_pose
from repro.skeletons.wholebody import FACE_PAIRS

ADULT_BUILD = Build(dict(ADULT), dict(THICK), 1.7, 0.0, False)
FACING = np.diag([1.0, -1.0, -1.0])  # the world seen by a camera in front: x right, y down, z away


def posed(arms=(0, 0, 0, 0), legs=(0, 0, 0, 0), root=FACING):
    """Joints (J, 3) in camera axes of an adult with the same angles on both sides."""
    local = local_rotations(
        np.array([arms, arms], float), np.array([legs, legs], float), np.zeros(3), np.zeros(3), np.zeros((2, 3))
    )
    positions, frames = forward_kinematics(rest_offsets(ADULT_BUILD)[None], local[None], np.asarray(root)[None])
    return positions[0], frames[0]


def test_rotation_by_a_quarter_turn_about_z_takes_x_to_y():
    assert rotation_matrices(np.array([0, 0, np.pi / 2])) @ [1, 0, 0] == pytest.approx([0, 1, 0], abs=1e-12)
    assert rotation_matrices(np.zeros((2, 3))) == pytest.approx(np.stack([np.eye(3)] * 2))
    turn = rotation_matrices(np.array([0.3, -1.1, 0.7]))
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_a_person_who_faces_the_camera_stands_upright_with_its_left_side_on_the_right():
    positions, _ = posed()
    assert positions[J["left_shoulder"], 0] == pytest.approx(ADULT["shoulder"])
    assert positions[J["right_shoulder"], 0] == pytest.approx(-ADULT["shoulder"])
    # y is down: hip 0.02 below the pelvis, then thigh and shank
    assert positions[J["left_ankle"], 1] == pytest.approx(0.02 + ADULT["thigh"] + ADULT["shank"])
    assert positions[J["head"], 1] < positions[J["neck"], 1] < positions[J["chest"], 1] < 0


def test_limbs_bend_the_way_joints_do():
    straight, _ = posed()
    # elbow 90: the forearm points to the front, towards the camera (z negative)
    bent, _ = posed(arms=(0, 0, 0, 90))
    forearm = bent[J["left_wrist"]] - bent[J["left_elbow"]]
    assert forearm == pytest.approx([0, 0, -ADULT["forearm"]], abs=1e-12)
    # arms abducted 90: a T, the left hand to the right of the picture
    tee, _ = posed(arms=(0, 90, 0, 0))
    reach = ADULT["shoulder"] + ADULT["upper_arm"] + ADULT["forearm"]
    assert tee[J["left_wrist"], 0] == pytest.approx(reach)
    assert tee[J["right_wrist"], 0] == pytest.approx(-reach)
    assert tee[J["left_wrist"], 1] == pytest.approx(straight[J["left_shoulder"], 1])
    # hip 90 and knee 90: thigh to the front, shank down again
    seat, _ = posed(legs=(90, 0, 0, 90))
    thigh = seat[J["right_knee"]] - seat[J["right_hip"]]
    shank = seat[J["right_ankle"]] - seat[J["right_knee"]]
    assert thigh == pytest.approx([0, 0, -ADULT["thigh"]], abs=1e-12)
    assert shank == pytest.approx([0, ADULT["shank"], 0], abs=1e-12)
    # inward turn with the elbow at 90: the hands meet before the belly
    inward, _ = posed(arms=(0, 0, 90, 90))
    assert inward[J["left_wrist"], 0] - inward[J["left_elbow"], 0] == pytest.approx(-ADULT["forearm"])
    assert inward[J["right_wrist"], 0] - inward[J["right_elbow"], 0] == pytest.approx(ADULT["forearm"])


def test_bones_keep_their_length_in_every_pose():
    rng = np.random.default_rng(0)
    offsets = rest_offsets(sample_build(rng, 0.5))
    poses = [sample_pose(rng, 0.5) for _ in range(50)]
    local, root = np.stack([p[0] for p in poses]), np.stack([p[1] for p in poses])
    positions, frames = forward_kinematics(np.broadcast_to(offsets, (50, *offsets.shape)), local, root)
    parents = [J[n] for n in ("left_shoulder", "left_elbow", "right_hip", "right_knee")]
    children = [J[n] for n in ("left_elbow", "left_wrist", "right_knee", "right_ankle")]
    lengths = np.linalg.norm(positions[:, children] - positions[:, parents], axis=2)
    assert lengths == pytest.approx(np.tile(np.linalg.norm(offsets[children], axis=1), (50, 1)))
    assert np.linalg.det(frames) == pytest.approx(np.ones((50, len(JOINTS))))


def test_poses_cover_upright_lying_and_upside_down_people():
    rng = np.random.default_rng(1)
    offsets = rest_offsets(ADULT_BUILD)[None]
    up = []
    for _ in range(300):
        local, root, _ = sample_pose(rng, 0.6)
        positions, _ = forward_kinematics(offsets, local[None], root[None])
        trunk = positions[0, J["neck"]] - positions[0, J["pelvis"]]
        up.append(trunk[1] / np.linalg.norm(trunk))
    up = np.array(up)
    assert (up > 0.7).mean() > 0.4  # upright
    assert (np.abs(up) < 0.5).mean() > 0.1  # level
    assert (up < -0.7).mean() > 0.05  # upside down


def test_perspective_magnifies_by_one_over_one_plus_depth_over_distance():
    flat, factor = project(np.array([[0.3, -0.6, 0.0], [0.3, -0.6, 1.0], [0.3, -0.6, -1.0]]), 4.0)
    assert factor == pytest.approx([1, 0.8, 4 / 3])
    assert flat[1] == pytest.approx([0.24, -0.48])
    assert flat[2] == pytest.approx([0.4, -0.8])


def test_capsule_is_the_hull_of_its_circles():
    # a level bar of radius 1 from (0, 0) to (10, 0): all points lie on its outline, at distance 1 from the segment
    outline = capsule_outlines(np.zeros((1, 2)), np.array([[10.0, 0]]), np.ones(1), np.ones(1), np.zeros(1))[0]
    inside = np.clip(outline[:, 0], 0, 10)
    assert np.hypot(outline[:, 0] - inside, outline[:, 1]) == pytest.approx(np.ones(len(outline)))
    assert outline[:, 0].min() < -0.9 and outline[:, 0].max() > 10.9
    # a circle within the other: the outline is that of the large one
    outline = capsule_outlines(np.zeros((1, 2)), np.array([[1.0, 0]]), np.full(1, 3.0), np.ones(1), np.zeros(1))[0]
    assert np.hypot(*outline.T).max() == pytest.approx(3)


def test_face_points_and_hands_are_mirror_images():
    right, left = np.array(FACE_PAIRS).T
    mirrored = LANDMARKS[left] * np.array([-1, 1, 1])
    assert LANDMARKS[right] == pytest.approx(mirrored, abs=1e-9)
    assert (LANDMARKS[left, 0] > 0).all()
    middle = np.setdiff1d(np.arange(68), [*left, *right])
    assert LANDMARKS[middle, 0] == pytest.approx(np.zeros(len(middle)), abs=1e-9)
    assert hand_points(0.4, 1.0) == pytest.approx(hand_points(0.4, -1.0) * np.array([-1, 1, 1]))


def test_a_face_is_seen_from_the_front_only():
    nose, back = np.array([[0.0, -0.14, 0.485]]), np.array([[0.0, 0.0, -0.42]])
    assert visible_side(nose, FACING)[0] > 0.8
    assert visible_side(back, FACING)[0] == pytest.approx(-1)
    behind = FACING @ np.diag([-1.0, 1, -1])  # turned by 180 degrees
    assert visible_side(nose, behind)[0] < -0.8
