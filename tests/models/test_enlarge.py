"""The doubling of images: positions against the package's crops, interpolation against PyTorch's, and the kept weights."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch.nn import functional as F

from repro.errors import ReproError
from repro.geometry import crop_matrices, invert_matrices, transform_points
from repro.models.checkpoints import file_sha256
from repro.models.enlarge import (
    FILE,
    Enlarger,
    bicubic,
    cubic_weights,
    enlarge,
    load_enlarger,
    move_from_half_pixel,
    source_positions,
    steps_of,
)

ALL = ("biased", "unbiased", "half_pixel")
conventions = st.sampled_from(["biased", "unbiased"])
sides = st.integers(4, 40)


@pytest.fixture(scope="module")
def trained():
    return load_enlarger()


def test_positions_by_hand():
    assert source_positions(3, 2, "biased").tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    torch.testing.assert_close(source_positions(3, 2, "unbiased"), torch.arange(6, dtype=torch.float64) * 2 / 5)
    assert source_positions(3, 2, "half_pixel").tolist() == [-0.25, 0.25, 0.75, 1.25, 1.75, 2.25]
    assert source_positions(2, 4, "half_pixel").tolist() == [(x + 0.5) / 4 - 0.5 for x in range(8)]
    assert source_positions(1, 2, "unbiased").tolist() == [0, 0]


@given(conventions, sides, sides, st.sampled_from([2, 4, 8]), st.floats(0.1, 3), st.floats(-50, 50))
def test_positions_are_those_of_crops_of_the_same_box(convention, width, height, times, scale, x):
    center, scales = np.array([[x, 2 * x]]), np.array([[scale, scale * height / width]])
    small, large = (crop_matrices(center, scales, np.zeros(1), (width * f, height * f), convention) for f in (1, times))
    pixels = np.stack([np.arange(times * width), np.full(times * width, times * height - 1)], 1)[None].astype(float)
    back = transform_points(small, transform_points(invert_matrices(large), pixels))[0]
    np.testing.assert_allclose(back[:, 0], source_positions(width, times, convention), atol=1e-8)
    np.testing.assert_allclose(back[:, 1], float(source_positions(height, times, convention)[-1]), atol=1e-8)


@given(st.integers(1, 20), st.floats(-3, 25))
def test_weights_add_up_to_one(size, position):
    assert float(cubic_weights(torch.tensor([position], dtype=torch.float64), size).sum()) == pytest.approx(1)


def test_weights_by_hand():
    middle = cubic_weights(torch.tensor([1.5], dtype=torch.float64), 4)[0]
    # a = -3/4 at half a pixel: the far ones a / 8, the near ones 1/2 - a / 8.
    np.testing.assert_allclose(middle, [-3 / 32, 19 / 32, 19 / 32, -3 / 32], atol=1e-15)
    assert torch.equal(cubic_weights(torch.arange(5, dtype=torch.float64), 5), torch.eye(5, dtype=torch.float64))


@pytest.mark.parametrize(("positions", "corners"), [("unbiased", True), ("half_pixel", False)])
@pytest.mark.parametrize("times", [2, 4])
def test_bicubic_is_that_of_pytorch(positions, corners, times):
    images = torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(images, scale_factor=times, mode="bicubic", align_corners=corners)
    torch.testing.assert_close(bicubic(images, times, positions), expected, atol=2e-6, rtol=0)


def test_biased_bicubic_keeps_the_pixels_it_has():
    images = torch.rand(1, 3, 5, 6)
    torch.testing.assert_close(bicubic(images, 2, "biased")[..., ::2, ::2], images)


@pytest.mark.parametrize("positions", ["biased", "unbiased"])
def test_moving_from_half_pixels_samples_the_same_scene(positions):
    # Moved by none, it would be off by up to 0.05. The kernel itself, with a = -0.75, is off by 0.005 on such slopes.
    def scene(y, x):  # of the smaller image's coordinates, slow against its pixels
        return torch.cos(0.2 * y)[:, None] * torch.sin(0.3 + 0.15 * x)[None]

    def sampled(where):
        return scene(source_positions(12, 2, where), source_positions(16, 2, where))

    moved = move_from_half_pixel(sampled("half_pixel")[None, None].float(), positions)[0, 0]
    torch.testing.assert_close(moved[3:-3, 3:-3], sampled(positions)[3:-3, 3:-3].float(), atol=8e-3, rtol=0)


def test_parameters_are_counted_by_hand():
    # 3 to 32, three times 32 to 32, 32 to 12 channels, all 3 x 3 with a bias.
    expected = (27 + 1) * 32 + 3 * (288 + 1) * 32 + (288 + 1) * 12
    assert sum(p.numel() for p in Enlarger().build().parameters()) == expected == 32_108


@pytest.mark.parametrize("positions", ALL)
def test_an_untrained_network_is_bicubic(positions):
    images = torch.rand(2, 3, 6, 5)
    network = Enlarger(channels=4, convolutions=3).build()
    torch.testing.assert_close(network(images, positions), bicubic(images, 2, positions))


@pytest.mark.parametrize("positions", ALL)
def test_gradients_reach_all_layers_in_bfloat16_too(positions):
    network = Enlarger(channels=4, convolutions=3).build()
    torch.nn.init.normal_(network.layers[-1].weight)
    with torch.autocast("cpu", torch.bfloat16):
        out = network(torch.rand(1, 3, 6, 5), positions)
    assert out.dtype == torch.float32 and out.shape == (1, 3, 12, 10)
    out.square().mean().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())


def test_interpolation_stays_exact_under_autocast():
    images = torch.rand(1, 3, 6, 5)
    with torch.autocast("cpu", torch.bfloat16):
        inside = bicubic(images, 2, "unbiased")
    torch.testing.assert_close(inside, bicubic(images, 2, "unbiased"), atol=0, rtol=0)


def test_four_times_is_twice_doubled(trained):
    images = torch.randint(0, 256, (2, 8, 6, 3), dtype=torch.uint8)
    with torch.no_grad():
        x = images.permute(0, 3, 1, 2) / 255
        for _ in range(2):
            x = trained(x, "unbiased").clamp(0, 1)
    got = enlarge(trained, images, 4, "unbiased")
    assert got.shape == (2, 32, 24, 3) and got.dtype == torch.uint8
    assert torch.equal(got, (x * 255).round().byte().permute(0, 2, 3, 1))
    assert enlarge(trained, images, 1, "unbiased") is images


@pytest.mark.parametrize("positions", ALL)
def test_even_images_stay_even(trained, positions):
    images = torch.full((1, 12, 9, 3), 200, dtype=torch.uint8)
    difference = enlarge(trained, images, 4, positions).int() - 200
    assert difference.abs().max() <= 6


def blob_center(image: np.ndarray) -> np.ndarray:
    """x, y of the centre of brightness."""
    weight = image.astype(float).mean(2)
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


@settings(max_examples=15, deadline=None)
@given(conventions, st.floats(70, 90), st.floats(90, 110))
def test_a_blob_is_where_a_crop_of_that_size_shows_it(trained, convention, x, y):
    grid_y, grid_x = np.mgrid[:200, :160]
    scene = 255 * np.exp(-((grid_x - x) ** 2 + (grid_y - y) ** 2) / (2 * 12.0**2))
    scene = np.repeat(scene[..., None], 3, axis=2).round().astype(np.uint8)
    low, high = (
        cv2.warpAffine(
            scene,
            crop_matrices(np.array([[80.0, 100]]), np.array([[0.6, 0.8]]), np.zeros(1), size, convention)[0],
            size,
        )
        for size in ((24, 32), (96, 128))
    )
    found = enlarge(trained, torch.from_numpy(low)[None], 4, convention)[0].numpy()
    np.testing.assert_allclose(blob_center(found), blob_center(high), atol=0.35)
    if convention == "biased":  # as super-resolution networks do it, it would be 3/2 px off
        off = enlarge(trained, torch.from_numpy(low)[None], 4, "half_pixel")[0].numpy()
        np.testing.assert_allclose(blob_center(off) - blob_center(found), 1.5, atol=0.35)


def test_kept_weights_are_small_halves_of_the_stated_checksum():
    tensors = FILE.with_suffix(".safetensors")
    assert file_sha256(tensors) == json.loads(FILE.read_text())["sha256"]
    assert tensors.stat().st_size < 200_000
    assert {t.dtype for t in load_file(tensors).values()} == {torch.float16}


def test_other_weights_than_the_manifests_are_refused(tmp_path):
    shutil.copy(FILE, tmp_path)
    content = bytearray(FILE.with_suffix(".safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / FILE.name).with_suffix(".safetensors").write_bytes(content)
    with pytest.raises(ReproError, match="SHA-256"):
        load_enlarger(manifest=tmp_path / FILE.name)


def test_missing_weights_name_the_command(tmp_path):
    with pytest.raises(ReproError, match="repro enlarger"):
        load_enlarger(manifest=tmp_path / "none.json")


@pytest.mark.parametrize(("times", "steps"), [(1, 0), (2, 1), (4, 2), (8, 3)])
def test_steps(times, steps):
    assert steps_of(times) == steps


@pytest.mark.parametrize("times", [0, -2, 3, 6])
def test_other_factors_are_refused(times):
    with pytest.raises(ReproError, match=f"enlarged {times} times"):
        steps_of(times)


@pytest.mark.parametrize("images", [torch.zeros(1, 3, 4, 4), torch.zeros(4, 4, 3, dtype=torch.uint8)])
def test_other_images_are_refused(trained, images):
    with pytest.raises(ReproError, match="uint8 RGB"):
        enlarge(trained, images, 2, "biased")


def test_unknown_positions_are_refused():
    with pytest.raises(ReproError, match="pixel positions"):
        source_positions(3, 2, "middle")


@pytest.mark.parametrize("fields", [{"channels": 0}, {"convolutions": 1}])
def test_impossible_settings_are_refused(fields):
    with pytest.raises(ReproError, match="Enlarger has"):
        Enlarger(**fields)
