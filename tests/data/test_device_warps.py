"""Warps on a device against OpenCV's, image by image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.data.device_warps import Planes, inverse_matrices, warp

# What OpenCV's builds may differ by, in grey levels: the largest difference and the mean one. Here both are 0.
LARGEST, MEAN = 1, 0.01


def need_opencv_4() -> None:
    """Skip a comparison with a version of OpenCV that the package does not take: a GPU's machine may have no other."""
    if int(cv2.__version__.split(".")[0]) > 4:
        pytest.skip(f"OpenCV {cv2.__version__} warps otherwise than the versions below 5 that images are made as")


def planes(images: list[np.ndarray], device: str = "cpu") -> Planes:
    """Images (h, w, C) in one tensor."""
    counts = [image.shape[0] * image.shape[1] for image in images]
    return Planes(
        pixels=torch.from_numpy(np.concatenate([image.reshape(-1, image.shape[2]) for image in images])).to(device),
        starts=torch.tensor(np.cumsum([0, *counts])[:-1], device=device),
        sizes=torch.tensor([image.shape[1::-1] for image in images], dtype=torch.int32, device=device),
    )


def affine(scale: float, angle: float, mirrored: bool, shift: tuple[float, float]) -> np.ndarray:
    """(2, 3): rotation by ``angle`` radians, one factor, mirroring, shift."""
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[-cos if mirrored else cos, sin, shift[0]], [sin if mirrored else -sin, cos, shift[1]]])


def compare(device: str, nearest: bool, seed: int = 0) -> None:
    """Forty images of many sizes, noise and smooth ones, under turned, scaled and mirrored frames."""
    need_opencv_4()
    rng = np.random.default_rng(seed)
    images = []
    for i in range(40):
        noise = rng.integers(0, 256, (*rng.integers(5, 90, 2), 1 if nearest else 3), dtype=np.uint8)
        images.append(noise if i % 2 else cv2.GaussianBlur(noise, (0, 0), 2).reshape(noise.shape))
    matrices = np.stack(
        [affine(rng.uniform(0.3, 3), rng.uniform(-3, 3), i % 3 == 0, rng.uniform(-40, 60, 2)) for i in range(40)]
    )
    index = rng.permutation(40)
    inverses = torch.from_numpy(inverse_matrices(matrices)).to(device)
    found = warp(planes(images, device), torch.from_numpy(index).to(device), inverses, (48, 64), nearest=nearest).cpu()
    flags = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    expected = [cv2.warpAffine(images[i], m, (48, 64), flags=flags) for i, m in zip(index, matrices, strict=True)]
    expected = np.stack(expected).reshape(found.shape).astype(int)
    difference = np.abs(found.numpy() - expected)
    assert found.dtype == torch.uint8
    assert expected.any()
    assert difference.max() <= (0 if nearest else LARGEST)
    assert difference.mean() <= MEAN


@pytest.mark.parametrize("nearest", [False, True])
def test_warped_images_are_those_of_opencv(nearest):
    compare("cpu", nearest)


@pytest.mark.cuda
@pytest.mark.parametrize("nearest", [False, True])
def test_warped_images_are_those_of_opencv_on_a_gpu(nearest):
    compare("cuda", nearest)


def test_a_shift_by_half_a_pixel_takes_means_and_nothing_from_outside():
    image = np.array([[0, 100, 200]], dtype=np.uint8)[..., None]
    matrix = np.array([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])  # pixel x shows x - 0.5 of the image
    found = warp(planes([image]), torch.tensor([0]), torch.from_numpy(inverse_matrices(matrix)), (5, 1))
    assert found.flatten().tolist() == [0, 50, 150, 100, 0]


def test_quarters_are_weighed_in_both_directions():
    image = np.array([[0, 64], [128, 255]], dtype=np.uint8)[..., None]
    matrix = np.array([[[1.0, 0.0, -0.25], [0.0, 1.0, -0.5]]])  # looks at (0.25, 0.5)
    found = warp(planes([image]), torch.tensor([0]), torch.from_numpy(inverse_matrices(matrix)), (1, 1))
    mean = 0.75 * 0.5 * 0 + 0.25 * 0.5 * 64 + 0.75 * 0.5 * 128 + 0.25 * 0.5 * 255
    assert found.item() == int(mean + 0.5)


@given(
    st.floats(0.2, 4),
    st.floats(-np.pi, np.pi),
    st.booleans(),
    st.tuples(st.floats(-300, 300), st.floats(-300, 300)),
)
@settings(deadline=None, max_examples=50)
def test_inverse_maps_lead_back(scale, angle, mirrored, shift):
    matrix = affine(scale, angle, mirrored, shift)
    (inverse,) = inverse_matrices(matrix[None])
    point = np.array([3.0, -2.0])
    np.testing.assert_allclose(
        inverse[:, :2] @ (matrix[:, :2] @ point + matrix[:, 2]) + inverse[:, 2], point, atol=1e-9
    )


def test_a_map_onto_a_line_shows_one_point_as_in_opencv():
    assert inverse_matrices(np.zeros((1, 2, 3))).tolist() == np.zeros((1, 2, 3)).tolist()
