"""Poses drawn onto images: colours by side, nothing where nothing is shown, far points without harm."""

from __future__ import annotations

import numpy as np

from repro.skeletons.paint import LEFT, MIDDLE, RIGHT, paint_pose, side_color
from repro.skeletons.skeleton import COCO17, Skeleton

PAIR = Skeleton("pair", ("left_a", "right_a", "b"), (0.1,) * 3, (("left_a", "right_a"), ("right_a", "b")), ())


def test_colours_follow_the_sides():
    assert [side_color(PAIR, k, k) for k in range(3)] == [LEFT, RIGHT, MIDDLE]
    assert side_color(PAIR, 0, 1) == side_color(PAIR, 1, 2) == MIDDLE
    left, right = (COCO17.index(f"{side}_knee") for side in ("left", "right"))
    assert side_color(COCO17, left, COCO17.index("left_hip")) == LEFT and side_color(COCO17, right, right) == RIGHT


def test_dots_lie_where_the_keypoints_do_and_links_between():
    image = np.zeros((40, 60, 3), np.uint8)
    points = np.array([[10.0, 10.0], [50.0, 10.0], [50.0, 35.0]])
    paint_pose(image, points, np.array([True, True, False]), PAIR, 3.0)
    assert tuple(image[10, 10]) == LEFT and tuple(image[10, 50]) == RIGHT and tuple(image[10, 30]) == MIDDLE
    assert not image[20:].any()  # the third keypoint is not shown, nor its link


def test_a_keypoint_far_away_does_no_harm():
    image = np.zeros((8, 8, 3), np.uint8)
    paint_pose(image, np.array([[1e12, -1e12], [4.0, 4.0], [0.0, 0.0]]), np.ones(3, bool), PAIR, 1.0)
    assert tuple(image[4, 4]) == RIGHT
