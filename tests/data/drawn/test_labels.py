"""Masks, boxes, visibility and the noise of annotators, on hand-made figures and on drawn images."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as rle

from repro.data.drawn.appearance import MATERIAL_FIELDS
from repro.data.drawn.bodies import ADULT, THICK, Build
from repro.data.drawn.crops import draw_crop
from repro.data.drawn.effects import decode_jpeg
from repro.data.drawn.figures import PART, PARTS, Shapes
from repro.data.drawn.heads import LANDMARKS
from repro.data.drawn.labels import Placed, keypoint_states, label_noise, part_labels, person_mask
from repro.data.drawn.people import OWNERS, POINT, POINT_NAMES, Figure
from repro.data.drawn.render import Canvas
from repro.data.drawn.scenes import crowd_index, draw_scene
from repro.data.drawn.settings import PeopleSettings
from repro.skeletons.skeleton import COCO17

SETTINGS = PeopleSettings()
NO_MATERIAL = np.zeros((1, MATERIAL_FIELDS), dtype=np.float32)


def rectangle(canvas: Canvas, left: float, top: float, right: float, low: float, part: str, owner: int) -> Placed:
    """Draw an axis-parallel rectangle as one part of a person; its edges are in continuous pixels."""
    corners = np.array([(left, top), (right, top), (right, low), (left, low)], dtype=float)
    shapes = Shapes()
    shapes.add(corners, PART[part], "skin", 0.0, corners.mean(0), np.array([0.0, 1.0]), (right - left) / 2)
    canvas.draw(shapes, NO_MATERIAL, 1.0, np.zeros(2), owner)
    extent = np.array([left, top, right, low], dtype=float)
    points = np.zeros((len(POINT_NAMES), 2))
    build = Build(dict(ADULT), dict(THICK), 1.7, 0.0, False)
    figure = Figure(
        shapes, points, np.zeros(len(points), bool), NO_MATERIAL, np.zeros(1, int), True, build, 0.1, extent
    )
    return Placed(figure, 1.0, np.zeros(2), owner)


def state(canvas: Canvas, name: str, at: tuple[float, float], owner: int, away: bool = False) -> int:
    points = np.full((1, len(POINT_NAMES), 2), -100.0)
    points[0, POINT[name]] = at
    turned = np.zeros((1, len(POINT_NAMES)), dtype=bool)
    turned[0, POINT[name]] = away
    return int(keypoint_states(canvas, points, turned, np.array([owner]))[0, POINT[name]])


def test_mask_box_and_parts_of_a_rectangle():
    canvas = Canvas((20, 10))
    # pixel centres 4 .. 8 and 2 .. 6 lie well inside: 5 x 5 px
    person = rectangle(canvas, 3.6, 1.6, 8.4, 6.4, "torso", 1)
    mask, (x, y) = person_mask(canvas, person)
    full = np.zeros((10, 20), bool)
    full[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    expected = np.zeros((10, 20), bool)
    expected[2:7, 4:9] = True
    assert (full == expected).all()
    assert (part_labels(canvas, [person], [(mask, (x, y))]) == PART["torso"] * expected).all()


def test_who_is_drawn_later_hides_who_is_drawn_before():
    canvas = Canvas((40, 20))
    far = rectangle(canvas, 3.6, 1.6, 20.4, 15.4, "torso", 1)
    near = rectangle(canvas, 11.6, 1.6, 30.4, 15.4, "torso", 2)
    assert person_mask(canvas, far)[0].sum() == 8 * 14  # columns 4 .. 11 of 4 .. 20, rows 2 .. 15
    assert person_mask(canvas, near)[0].sum() == 19 * 14
    assert state(canvas, "left_hip", (6, 6), 1) == 2
    assert state(canvas, "left_hip", (15, 6), 1) == 1
    assert state(canvas, "left_hip", (15, 6), 2) == 2


def test_own_limbs_hide_keypoints_that_do_not_belong_to_them():
    canvas = Canvas((40, 20))
    rectangle(canvas, 2, 2, 30, 18, "torso", 1)
    rectangle(canvas, 10, 5, 20, 10, "left_lower_arm", 1)
    assert state(canvas, "left_shoulder", (5, 5), 1) == 2  # seen through the torso
    assert state(canvas, "left_shoulder", (15, 7), 1) == 1  # the forearm is before it
    assert state(canvas, "left_wrist", (15, 7), 1) == 2  # the forearm is its own
    assert state(canvas, "left_wrist", (5, 5), 1) == 1  # behind the torso
    assert state(canvas, "right_wrist", (15, 7), 1) == 1  # the other arm's forearm
    assert state(canvas, "left_shoulder", (5, 5), 1, away=True) == 1
    rectangle(canvas, 4, 4, 6, 6, "background", 0)  # a thing
    assert state(canvas, "left_shoulder", (5, 5), 1) == 1


def test_keypoints_outside_the_image_are_not_labelled():
    canvas = Canvas((40, 20))
    rectangle(canvas, -10, -10, 60, 60, "torso", 1)
    # the image ends half a pixel beyond the centres of its border pixels
    for point, expected in (
        ((-0.4, 5), 2),
        ((-0.6, 5), 0),
        ((39.4, 5), 2),
        ((39.6, 5), 0),
        ((5, 19.4), 2),
        ((5, 19.6), 0),
    ):
        assert state(canvas, "neck", point, 1) == expected, point


def test_every_keypoint_has_a_part_that_it_can_be_seen_through():
    assert OWNERS.any(axis=1).all()
    assert not OWNERS[:, PART["background"]].any()
    left = [i for i, n in enumerate(POINT_NAMES) if n.startswith("left_")]
    foreign = [i for i, n in enumerate(PARTS) if n.startswith("right_")]
    assert not OWNERS[np.ix_(left, foreign)].any()


@pytest.fixture(scope="module")
def pictures():
    scenes = [draw_scene(SETTINGS, "test", i, (256, 256)) for i in range(6)]
    return scenes + [draw_crop(SETTINGS, "test", i, (48, 64)) for i in range(20)]


def test_area_box_and_code_agree_with_the_mask(pictures):
    for picture in pictures:
        height, width = picture.parts.shape
        union = np.zeros((height, width), bool)
        labels = picture.labels
        for code, area, box in zip(labels.masks, labels.areas, labels.boxes, strict=True):
            mask = rle.decode({"size": [height, width], "counts": code}).astype(bool)
            assert mask.sum() == area > 0
            rows, columns = np.nonzero(mask)
            assert box.tolist() == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
            assert not (union & mask).any()  # a pixel belongs to one person only
            union |= mask
        assert (union == (picture.parts > 0)).all()
        assert decode_jpeg(picture.jpeg).shape == (height, width, 3)


def test_visible_keypoints_lie_on_their_person(pictures):
    """A visible keypoint is covered by its person up to the rounding of a mask to whole pixels."""
    for picture in pictures:
        height, width = picture.parts.shape
        for points, visibility, code in zip(
            picture.labels.points, picture.labels.visibility, picture.labels.masks, strict=True
        ):
            mask = rle.decode({"size": [height, width], "counts": code})
            near = np.pad(mask, 1)
            near = np.max([near[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)
            x, y = np.rint(points[visibility == 2]).astype(int).T
            on = near[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
            assert on.all()
            seen = points[visibility > 0]
            assert (seen >= -0.5).all() and (seen[:, 0] < width).all() and (seen[:, 1] < height).all()


def test_hips_are_surrounded_by_more_of_the_body_than_wrists_and_eyes():
    """The drawn extent around a keypoint follows its type, in the order of COCO's sigmas and in the drawn pixels: the
    distance from hips and wrists to the nearest pixel that is not of the keypoint's own parts."""
    eye = np.ptp(LANDMARKS[36:42, 0]) / 2 * ADULT["head"]
    radii = [eye, *(THICK[n] for n in ("wrist", "elbow", "shoulder", "hip"))]
    names = [f"left_{n}" for n in ("eye", "wrist", "elbow", "shoulder", "hip")]
    sigmas = [COCO17.sigma_array[COCO17.index(n)] for n in names]
    assert sorted(radii) == radii and sorted(sigmas) == sigmas
    reach = {"hip": [], "wrist": []}
    own = {"hip": ("torso", "upper_leg"), "wrist": ("hand", "lower_arm")}
    for index in range(12):
        picture = draw_crop(PeopleSettings(occluders=0, neighbours=0, truncation=0), "val", index, (96, 128))
        for name, parts in own.items():
            if picture.labels.visibility[0, POINT[f"left_{name}"]] == 2:
                kept = np.isin(picture.parts, [PART[p if p == "torso" else f"left_{p}"] for p in parts])
                rows, columns = np.nonzero(~kept)
                x, y = picture.labels.points[0, POINT[f"left_{name}"]]
                reach[name].append(np.hypot(columns - x, rows - y).min())
    assert np.mean(reach["hip"]) > 1.5 * np.mean(reach["wrist"])


def test_label_noise_has_the_spread_of_each_keypoint():
    rng = np.random.default_rng(0)
    sigmas, areas = COCO17.sigma_array, np.array([400.0, 10000.0])
    points = np.full((2, 17, 2), 50.0)
    draws = np.stack([label_noise(rng, points, sigmas, areas, 1.0) for _ in range(4000)]) - points
    # COCO's definition: the mean of d^2 / area is sigma^2
    measured = np.sqrt((draws**2).sum(-1).mean(0) / areas[:, None])
    assert measured == pytest.approx(np.tile(sigmas, (2, 1)), rel=0.05)
    assert np.abs(draws.mean(0)).max() < 0.1 * sigmas.max() * 100
    assert (label_noise(rng, points, sigmas, areas, 0.0) == points).all()


def test_crowd_index_of_two_people_worked_by_hand():
    boxes = np.array([[0.0, 0, 10, 10], [5, 0, 10, 10]])
    # the first has 4 joints, all in its box; one of the second's four lies in the first's box too and vice versa none
    points = np.array([[(1, 1), (2, 2), (3, 3), (4, 4)], [(6, 6), (11, 1), (12, 2), (13, 3)]], dtype=float)
    labelled = np.ones((2, 4), bool)
    assert crowd_index(points, labelled, boxes) == pytest.approx((1 / 4 + 0) / 2)
    labelled[1, 0] = False
    assert crowd_index(points, labelled, boxes) == 0
    assert crowd_index(points[:0], labelled[:0], boxes[:0]) == 0
