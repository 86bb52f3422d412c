from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.data.scene_augment import (
    SceneAugmentation,
    SceneCrops,
    draw_scene_crops,
    evaluation_frames,
    scene_matrices,
)
from repro.errors import ReproError
from repro.geometry import transform_points

SIDES = st.integers(40, 2000)


def matrix_of(side: float, center: tuple[float, float], rotation: float = 0, mirrored: bool = False, size: int = 512):
    crops = SceneCrops(np.array([center]), np.array([side]), np.array([rotation]), np.array([mirrored]))
    return scene_matrices(crops, size)


def apply(matrices: np.ndarray, *points: tuple[float, float]) -> np.ndarray:
    return transform_points(matrices, np.array([points], dtype=np.float64))[0]


def drawn(sizes: np.ndarray, augmentation: SceneAugmentation, seed: int = 0) -> SceneCrops:
    return draw_scene_crops(sizes, augmentation, np.random.default_rng(seed))


def test_matrix_by_hand():
    """A square of 256 px around (320, 240) becomes 512 px: 2 px for 1, and its centre comes to (256, 256)."""
    np.testing.assert_allclose(apply(matrix_of(256, (320, 240)), (320, 240), (330, 245)), [[256, 256], [276, 266]])


def test_mirror_turns_the_input_over():
    """x becomes 511 - x: what reversing the columns of the warped image does."""
    plain, mirrored = (matrix_of(256, (320, 240), 17, m) for m in (False, True))
    points = [(300, 200), (351.5, 260)]
    expected = apply(plain, *points) * [-1, 1] + [511, 0]
    np.testing.assert_allclose(apply(mirrored, *points), expected)


@given(
    side=st.floats(50, 900),
    rotation=st.floats(-30, 30),
    mirrored=st.booleans(),
    x=st.floats(0, 800),
    y=st.floats(0, 600),
)
def test_lengths_and_angles_are_those_of_the_crop(side, rotation, mirrored, x, y):
    """The centre stays in the middle (511 - 256 = 255 when mirrored), a step to the right is scaled and turned."""
    matrices = matrix_of(side, (x, y), rotation, mirrored)
    middle, right = apply(matrices, (x, y), (x + 1, y))
    np.testing.assert_allclose(middle, [255 if mirrored else 256, 256], atol=1e-6)
    angle = np.deg2rad(rotation)
    step = 512 / side * np.array([np.cos(angle), -np.sin(angle)]) * ([-1, 1] if mirrored else [1, 1])
    np.testing.assert_allclose(right - middle, step, atol=1e-6)
    assert np.linalg.det(matrices[0, :, :2]) == pytest.approx((-1 if mirrored else 1) * (512 / side) ** 2)


def test_draws_fill_their_ranges():
    """Means and limits of uniform numbers over 4000 images of 640 x 480; the standard error of a mean is spread / 63."""
    sizes = np.tile([640, 480], (4000, 1))
    crops = drawn(sizes, SceneAugmentation())
    factor = crops.sides / 480
    shift = (crops.centers - [320, 240]) / crops.sides[:, None]
    for values, low, high in ((factor, 0.75, 1.5), (crops.rotations, -30, 30), *((s, -0.2, 0.2) for s in shift.T)):
        spread = high - low
        assert low <= values.min() < low + 0.01 * spread and high - 0.01 * spread < values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.02 * spread)
    assert crops.mirrored.mean() == pytest.approx(0.5, abs=0.03)
    columns = np.stack([factor, crops.rotations, *shift.T, crops.mirrored])
    assert np.abs(np.corrcoef(columns) - np.eye(5)).max() < 0.06  # drawn independently


def test_side_follows_the_shorter_side():
    sizes = np.array([[640, 480], [300, 900], [512, 512]])
    crops = drawn(sizes, SceneAugmentation(scale=(1.0, 1.0), translation=0))
    assert crops.sides.tolist() == [480, 300, 512]
    assert crops.centers.tolist() == [[320, 240], [150, 450], [256, 256]]


def test_draws_follow_the_generator():
    sizes = np.tile([64, 64], (5, 1))
    first, again, other = (drawn(sizes, SceneAugmentation(), seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.sides, again.sides)
    np.testing.assert_array_equal(first.mirrored, again.mirrored)
    assert (first.sides != other.sides).all()


def test_nothing_to_draw_is_nothing_changed():
    still = SceneAugmentation(scale=(1.0, 1.0), rotation=0, translation=0, mirror=0)
    crops = drawn(np.array([[512, 512]]), still)
    np.testing.assert_allclose(scene_matrices(crops, 512)[0], [[1, 0, 0], [0, 1, 0]], atol=1e-12)


@pytest.mark.parametrize(
    "wrong", [{"scale": (1.5, 0.75)}, {"scale": (0, 1)}, {"rotation": -1}, {"translation": -0.1}, {"mirror": 1.1}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ReproError, match="give a rising range above 0"):
        SceneAugmentation(**wrong)


def test_frames_of_the_released_code():
    """Established by running it: 640 x 480 becomes 704 x 512 with a shift of 10.667 px, 427 rows are shifted by -0.5995."""
    canvas, matrices = evaluation_frames(np.array([[640, 480], [640, 427], [480, 640]]), 512)
    assert canvas.tolist() == [[704, 512], [768, 512], [512, 704]]
    np.testing.assert_allclose(matrices[0], [[512 / 480, 0, 10 + 2 / 3], [0, 512 / 480, 0]], atol=1e-9)
    assert matrices[1, 1, 2] == pytest.approx(-0.5995, abs=1e-4)
    np.testing.assert_allclose(matrices[2], [[512 / 480, 0, 0], [0, 512 / 480, 10 + 2 / 3]], atol=1e-9)


def test_fractions_of_a_pixel_need_no_larger_canvas():
    """512 / 639 x 640 = 512.8: the released code computes (512.8 + 63) // 64 = 8 blocks."""
    assert evaluation_frames(np.array([[640, 639], [650, 639]]), 512)[0].tolist() == [[512, 512], [576, 512]]


@given(
    width=SIDES, height=SIDES, short=st.sampled_from([64, 128, 512, 640]), scale=st.sampled_from([0.5, 1.0, 1.5, 2.0])
)
def test_scales_multiply_the_canvas(width, height, short, scale):
    sizes = np.array([[width, height]])
    canvas, matrices = evaluation_frames(sizes, short)
    scaled, scaled_matrices = evaluation_frames(sizes, short, scale)
    assert (canvas % 64 == 0).all() and canvas.min() == short
    assert (scaled == scale * canvas).all() and (scaled % 32 == 0).all()
    np.testing.assert_allclose(scaled_matrices, scale * matrices, atol=1e-9)


@given(width=SIDES, height=SIDES)
def test_image_fills_the_canvas_but_for_the_border(width, height):
    """One factor; along the long side the borders are equal up to the rounding of the centre, and below 64 px in all."""
    canvas, matrices = evaluation_frames(np.array([[width, height]]), 512)
    factor = 512 / min(width, height)
    np.testing.assert_allclose(matrices[0, :, :2], factor * np.eye(2))
    low = apply(matrices, (0, 0))[0]
    high = canvas[0] - apply(matrices, (width, height))[0]
    assert (np.abs(low - high) <= factor + 1e-6).all()
    assert (low + high >= -1 - 1e-6).all() and (low + high < 64 + 1e-6).all()


@pytest.mark.parametrize(("short", "scale"), [(500, 1), (0, 1), (512, 0.75), (512, 0), (512, -1)])
def test_canvases_that_cannot_be_halved_are_refused(short, scale):
    with pytest.raises(ReproError, match=f"short side {short} and scale {scale}: give a multiple of 64"):
        evaluation_frames(np.array([[10, 10]]), short, scale)
