from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.geometry import (
    box_to_center_scale,
    crop_matrices,
    heatmap_factor,
    heatmap_to_image,
    invert_matrices,
    transform_points,
)

PROPERTY = settings(derandomize=True, deadline=None, max_examples=50)
CONVENTIONS = ("biased", "unbiased")
INPUT, HEATMAP = (192, 256), (48, 64)

coordinates = st.floats(-300, 700)
points = st.tuples(coordinates, coordinates)
scales = st.floats(0.1, 4)
angles = st.floats(-180, 180)


def rotate(x: float, y: float, degrees: float) -> tuple[float, float]:
    """[[cos r, sin r], [-sin r, cos r]] (x, y), written out."""
    r = math.radians(degrees)
    return math.cos(r) * x + math.sin(r) * y, -math.sin(r) * x + math.cos(r) * y


def one_matrix(center, scale, rotation, size, convention, mirrored=None) -> np.ndarray:
    flags = None if mirrored is None else np.array([mirrored])
    return crop_matrices(np.array([center]), np.array([scale]), np.array([rotation]), size, convention, flags)


def carry(matrix: np.ndarray, *xy: tuple[float, float]) -> np.ndarray:
    return transform_points(matrix, np.array([xy], dtype=np.float64))[0]


@pytest.mark.parametrize(
    ("box", "center", "scale"),
    [
        # Tall: width 300 x 0.75 = 225, so 225 / 200 x 1.25 = 1.40625 and 300 / 200 x 1.25 = 1.875.
        ((10, 20, 100, 300), (60, 170), (1.40625, 1.875)),
        # Wide: height 300 / 0.75 = 400, so 300 / 200 x 1.25 = 1.875 and 2.5.
        ((-50, 10, 300, 100), (100, 60), (1.875, 2.5)),
        # Of the right shape already: 60 / 200 x 1.25 = 0.375 and 0.5.
        ((0, 0, 60, 80), (30, 40), (0.375, 0.5)),
    ],
)
def test_boxes_are_widened_to_the_aspect_and_padded(box, center, scale):
    centers, got = box_to_center_scale(np.array([box]), aspect=192 / 256)
    np.testing.assert_array_equal(centers, [center])
    np.testing.assert_allclose(got, [scale], rtol=1e-15)


def test_padding_is_a_factor_on_the_size():
    boxes = np.array([[10, 20, 100, 300]])
    _, scale = box_to_center_scale(boxes, aspect=1, padding=2)
    np.testing.assert_array_equal(scale, [[3.0, 3.0]])  # 300 / 200 x 2, square


@PROPERTY
@given(box=st.tuples(coordinates, coordinates, st.floats(1, 500), st.floats(1, 500)), aspect=st.floats(0.2, 5))
def test_the_unpadded_crop_is_the_smallest_of_its_aspect_that_holds_the_box(box, aspect):
    (x, y, width, height), ((center,), (scale,)) = box, box_to_center_scale(np.array([box]), aspect, padding=1)
    crop = scale * 200
    assert center == pytest.approx([x + width / 2, y + height / 2])
    assert crop[0] / crop[1] == pytest.approx(aspect)
    assert crop == pytest.approx([max(width, height * aspect), max(height, width / aspect)])


def test_biased_crop_of_the_example_by_hand():
    """Lengths 281.25 x 375 px: 192 / 281.25 = 0.682666... input px for each image px, in both directions."""
    matrix = one_matrix((60, 170), (1.40625, 1.875), 0, INPUT, "biased")
    k = 192 / 281.25
    np.testing.assert_allclose(matrix[0, :, :2], [[k, 0], [0, k]], atol=1e-12)
    corners = [(60, 170), (60 - 140.625, 170 - 187.5), (60 + 140.625, 170 + 187.5)]
    np.testing.assert_allclose(carry(matrix, *corners), [(96, 128), (0, 0), (192, 256)], atol=1e-9)


def test_unbiased_crop_of_the_example_by_hand():
    """The same box spans 191 x 255 intervals, so its corners meet the centres of the corner pixels."""
    matrix = one_matrix((60, 170), (1.40625, 1.875), 0, INPUT, "unbiased")
    np.testing.assert_allclose(matrix[0, :, :2], [[191 / 281.25, 0], [0, 255 / 375]], atol=1e-12)
    corners = [(60, 170), (60 - 140.625, 170 - 187.5), (60 + 140.625, 170 + 187.5)]
    np.testing.assert_allclose(carry(matrix, *corners), [(95.5, 127.5), (0, 0), (191, 255)], atol=1e-9)


@PROPERTY
@given(center=points, scale=scales, aspect=st.floats(0.5, 2), angle=angles, point=points)
def test_biased_crop_is_the_closed_form(center, scale, aspect, angle, point):
    """k R(r) (x - c) + (W / 2, H / 2) with k = W / (200 s_x); the height of the scale is not used."""
    matrix = one_matrix(center, (scale, scale / aspect), angle, INPUT, "biased")
    x, y = rotate(point[0] - center[0], point[1] - center[1], angle)
    k = 192 / (200 * scale)
    np.testing.assert_allclose(carry(matrix, point), [(k * x + 96, k * y + 128)], rtol=1e-9, atol=1e-6)


@PROPERTY
@given(center=points, scale=st.tuples(scales, scales), angle=angles, point=points)
def test_unbiased_crop_is_the_closed_form(center, scale, angle, point):
    matrix = one_matrix(center, scale, angle, INPUT, "unbiased")
    x, y = rotate(point[0] - center[0], point[1] - center[1], angle)
    expected = (x * 191 / (200 * scale[0]) + 95.5, y * 255 / (200 * scale[1]) + 127.5)
    np.testing.assert_allclose(carry(matrix, point), [expected], rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("angle", [0.0, 30.0, -75.0])
def test_biased_crop_is_the_affine_map_through_the_three_points_of_hrnet(angle):
    """HRNet fixes its map by three points: the centre, the point half a box width above it turned by the angle, and the
    corner that makes a right angle with them; OpenCV solves for the map."""
    center, width = np.array([123.4, 210.6]), 281.25
    r = math.radians(angle)
    above = center + width / 2 * np.array([math.sin(r), -math.cos(r)])
    middle, top = np.array([96.0, 128.0]), np.array([96.0, 128.0 - 96.0])

    def third(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return b + np.array([-(a - b)[1], (a - b)[0]])

    source = np.float32([center, above, third(center, above)])
    target = np.float32([middle, top, third(middle, top)])
    expected = cv2.getAffineTransform(source, target)
    got = one_matrix(center, (1.40625, 1.875), angle, INPUT, "biased")[0]
    np.testing.assert_allclose(got, expected, atol=1e-4)  # OpenCV's points are float32


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_positive_rotation_carries_what_is_right_of_the_centre_above_it(convention):
    """R(90) = [[0, 1], [-1, 0]]: (1, 0) becomes (0, -1), up; (0, 1) becomes (1, 0), right. A square crop of 1 px / px."""
    size, scale = ((101, 101), 0.5) if convention == "unbiased" else ((100, 100), 0.5)
    matrix = one_matrix((70, 80), (scale, scale), 90, size, convention)
    np.testing.assert_allclose(carry(matrix, (70, 80), (80, 80), (70, 90)), [(50, 50), (50, 40), (60, 50)], atol=1e-9)


@PROPERTY
@given(center=points, scale=st.tuples(scales, scales), angle=angles, point=points)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_mirrored_crops_are_crops_of_the_mirrored_image(convention, center, scale, angle, point):
    """Mirroring an image of W columns takes x to W - 1 - x; HRNet mirrors the image, the keypoints and the centre."""
    width = 640
    mirrored = one_matrix(center, scale, angle, INPUT, convention, mirrored=True)
    whole = one_matrix((width - 1 - center[0], center[1]), scale, angle, INPUT, convention)
    expected = carry(whole, (width - 1 - point[0], point[1]))
    np.testing.assert_allclose(carry(mirrored, point), expected, rtol=1e-9, atol=1e-6)


def test_only_the_flagged_persons_are_mirrored():
    arguments = (np.full((2, 2), 50.0), np.ones((2, 2)), np.zeros(2), (100, 100), "biased")
    got = transform_points(crop_matrices(*arguments, np.array([False, True])), np.full((2, 1, 2), 60.0))
    np.testing.assert_allclose(got[:, 0], [(55, 55), (45, 55)], atol=1e-12)  # 100 / 200 = 0.5 px for 1 px


def smooth_image(width: int, height: int) -> np.ndarray:
    """Grey values that change by at most about 9 a pixel and are the same nowhere near each other."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return (128 + 60 * np.sin(x / 9.0 + y / 31.0) + 60 * np.cos(y / 11.0 - x / 23.0)).astype(np.float32)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_warping_by_a_mirrored_matrix_is_mirroring_the_image_first(convention):
    """OpenCV rounds source coordinates to 1/32 px, so up to 1/64 px in x and in y: at most 0.3 grey values here."""
    image = smooth_image(200, 180)
    center, scale, angle = (92.3, 88.1), (0.3, 0.4), 25.0
    ours = one_matrix(center, scale, angle, (48, 64), convention, mirrored=True)[0]
    first = one_matrix((199 - center[0], center[1]), scale, angle, (48, 64), convention)[0]
    got = cv2.warpAffine(image, ours, (48, 64), flags=cv2.INTER_LINEAR)
    expected = cv2.warpAffine(np.ascontiguousarray(image[:, ::-1]), first, (48, 64), flags=cv2.INTER_LINEAR)
    assert got.min() > 0 and np.ptp(got) > 100  # the crop lies inside the image and is not flat
    assert np.abs(got - expected).max() < 0.5
    unmirrored = one_matrix(center, scale, angle, (48, 64), convention)[0]
    assert np.abs(cv2.warpAffine(image, unmirrored, (48, 64)) - expected).max() > 50


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_what_is_seen_at_a_point_is_seen_at_the_transformed_point(convention, mirrored):
    """A blob's centre of mass in the warped image is where its centre is carried to, as pixel centres are whole numbers."""
    place = (110.3, 77.8)
    x, y = np.meshgrid(np.arange(200), np.arange(160))
    image = np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * 4.0**2)).astype(np.float32)
    matrix = one_matrix((100.0, 80.0), (0.6, 0.8), -35.0, INPUT, convention, mirrored=mirrored)
    crop = cv2.warpAffine(image, matrix[0], INPUT, flags=cv2.INTER_LINEAR)
    u, v = np.meshgrid(np.arange(192), np.arange(256))
    mass = [(crop * u).sum() / crop.sum(), (crop * v).sum() / crop.sum()]
    np.testing.assert_allclose(mass, carry(matrix, place)[0], atol=0.02)


@PROPERTY
@given(center=points, scale=st.tuples(scales, scales), angle=angles, mirrored=st.booleans(), point=points)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_inverse_matrices_lead_back(convention, center, scale, angle, mirrored, point):
    matrix = one_matrix(center, scale, angle, INPUT, convention, mirrored)
    there = transform_points(matrix, np.array([[point]]))
    np.testing.assert_allclose(transform_points(invert_matrices(matrix), there)[0, 0], point, rtol=1e-7, atol=1e-6)


def test_points_follow_the_matrix_of_their_own_person():
    matrices = np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[0.0, 1.0, 0.0], [1.0, 0.0, -1.0]]])
    got = transform_points(matrices, np.array([[[1.0, 1.0], [0.0, 2.0]], [[5.0, 7.0], [1.0, 0.0]]]))
    np.testing.assert_array_equal(got, [[[6, 15], [7, 16]], [[7, 4], [0, 0]]])


def test_no_persons_are_no_matrices():
    none = np.zeros((0, 2))
    assert crop_matrices(none, none, np.zeros(0), INPUT, "biased", np.zeros(0, dtype=bool)).shape == (0, 2, 3)
    assert heatmap_to_image(np.zeros((0, 17, 2)), none, none, HEATMAP, "biased").shape == (0, 17, 2)


def test_factors_from_input_to_heatmap():
    np.testing.assert_array_equal(heatmap_factor(INPUT, HEATMAP, "biased"), [0.25, 0.25])
    np.testing.assert_allclose(heatmap_factor(INPUT, HEATMAP, "unbiased"), [47 / 191, 63 / 255], rtol=1e-15)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_crop_at_heatmap_size_is_the_input_crop_times_the_factor(convention):
    arguments = ((60, 170), (1.40625, 1.875), 33.0)
    at_input, at_heatmap = (one_matrix(*arguments, size, convention) for size in (INPUT, HEATMAP))
    np.testing.assert_allclose(at_heatmap, at_input * heatmap_factor(INPUT, HEATMAP, convention)[:, None], atol=1e-12)


def test_heatmap_to_image_of_the_example_by_hand():
    """The box of 281.25 x 375 px around (60, 170) reaches from (-80.625, -17.5) to (200.625, 357.5)."""
    centers, sizes = np.array([[60.0, 170.0]]), np.array([[1.40625, 1.875]])
    low, high = (-80.625, -17.5), (200.625, 357.5)
    biased = heatmap_to_image(np.array([[(0, 0), (24, 32), (48, 64)]]), centers, sizes, HEATMAP, "biased")
    np.testing.assert_allclose(biased, [[low, (60, 170), high]], atol=1e-9)
    unbiased = heatmap_to_image(np.array([[(0, 0), (23.5, 31.5), (47, 63)]]), centers, sizes, HEATMAP, "unbiased")
    np.testing.assert_allclose(unbiased, [[low, (60, 170), high]], atol=1e-9)


@PROPERTY
@given(center=points, width=scales, point=st.tuples(st.floats(-5, 53), st.floats(-5, 69)))
def test_heatmap_to_image_is_the_closed_form(center, width, point):
    """Biased: (u - (Wh, Hh) / 2) 200 s_x / Wh + c. Unbiased: u 200 s / ((Wh, Hh) - 1) + c - 100 s."""
    scale = np.array([width, width / 0.75])
    arguments = (np.array([[point]]), np.array([center]), scale[None])
    u, c, size = np.array(point), np.array(center), np.array(HEATMAP)
    biased = (u - size / 2) * 200 * width / 48 + c
    unbiased = u * 200 * scale / (size - 1) + c - 100 * scale
    np.testing.assert_allclose(heatmap_to_image(*arguments, HEATMAP, "biased")[0, 0], biased, atol=1e-6)
    np.testing.assert_allclose(heatmap_to_image(*arguments, HEATMAP, "unbiased")[0, 0], unbiased, atol=1e-6)


@PROPERTY
@given(center=points, width=scales, point=points)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_image_to_input_to_heatmap_and_back(convention, center, width, point):
    scale = (width, width / 0.75)
    in_input = carry(one_matrix(center, scale, 0, INPUT, convention), point)
    in_heatmap = in_input * heatmap_factor(INPUT, HEATMAP, convention)
    back = heatmap_to_image(in_heatmap[None], np.array([center]), np.array([scale]), HEATMAP, convention)
    np.testing.assert_allclose(back[0, 0], point, atol=1e-6)


@pytest.mark.parametrize(("convention", "residual"), [("biased", -0.75), ("unbiased", 0.0)])
@pytest.mark.parametrize("x", [0.0, 70.3, 191.0])
def test_mirrored_back_heatmaps_are_off_by_three_quarters_of_a_pixel_unless_unbiased(convention, residual, x):
    """Input column x is 191 - x in the mirrored input. Its heatmap column f (191 - x) is mirrored back to 47 - f (191 - x).

    f = 1/4: 47 - 191 / 4 + x / 4 = x / 4 - 3/4. f = 47/191: 47 x / 191. HRNet's shift by one pixel makes -3/4 to +1/4, and
    the mean with the map of the image itself is off by +1/8.
    """
    factor = heatmap_factor(INPUT, HEATMAP, convention)[0]
    mirrored_back = 47 - factor * (191 - x)
    assert mirrored_back - factor * x == pytest.approx(residual, abs=1e-12)


def test_unknown_conventions_are_errors():
    with pytest.raises(ReproError, match="Unknown pixel convention 'udp': choose one of biased, unbiased"):
        heatmap_factor(INPUT, HEATMAP, "udp")
    with pytest.raises(ReproError, match="Unknown pixel convention 'half'"):
        one_matrix((0, 0), (1, 1), 0, INPUT, "half")
