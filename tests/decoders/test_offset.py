from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.decoders.flip import average_with_mirror
from repro.decoders.offset import OffsetDecoder, gaussian_blur, offset_points, reflected
from repro.encoders.offsets import OffsetField
from repro.errors import ReproError
from repro.skeletons.outputs import HEATMAPS, OFFSETS
from repro.skeletons.skeleton import COCO17

PROPERTY = settings(derandomize=True, deadline=None, max_examples=40)
SIZE = (48, 64)
DESCRIBED = {"heatmaps": HEATMAPS, "offsets": OFFSETS}


def encode(points: torch.Tensor, **how: object) -> dict[str, torch.Tensor]:
    return OffsetField(**how)(points, torch.ones(points.shape[:2]), size=SIZE, skeleton=COCO17)


def test_a_pixel_is_moved_by_r_times_the_offset_there():
    """Two keypoints on a map of 3x2: pixels (2, 1) and (0, 1), R = 4."""
    offsets = torch.zeros(1, 2, 2, 2, 3)
    offsets[0, 0, :, 1, 2] = torch.tensor([0.25, -0.5])
    offsets[0, 1, :, 1, 0] = torch.tensor([-0.125, 1.0])
    moved = offset_points(torch.tensor([[[2.0, 1.0], [0.0, 1.0]]]), offsets, 4.0)
    assert moved.tolist() == [[[3, -1], [-0.5, 5]]]


def test_the_highest_pixel_decides_and_its_height_is_the_score():
    heatmaps = torch.zeros(1, 1, 4, 5)
    heatmaps[0, 0, 2, 3], heatmaps[0, 0, 1, 1] = 0.7, 0.6
    offsets = torch.full((1, 1, 2, 4, 5), 9.0)
    offsets[0, 0, :, 2, 3] = torch.tensor([0.5, -0.25])
    points, scores = OffsetDecoder(radius=2.0)({"heatmaps": heatmaps, "offsets": offsets})
    assert points.tolist() == [[[4, 1.5]]] and scores.item() == pytest.approx(0.7)


def test_logits_are_searched_whatever_their_sign_and_scored_by_their_sigmoid():
    logits = torch.full((1, 3, 4, 5), -6.0)
    logits[0, 0, 2, 3] = -1.0  # 1 / (1 + e)
    logits[0, 1, 1, 1], logits[0, 1, 3, 4] = 80.0, 90.0  # a float's sigmoid is 1 for both
    logits[0, 2, 0, 2] = 0.0
    points, scores = OffsetDecoder(logits=True)({"heatmaps": logits, "offsets": torch.zeros(1, 3, 2, 4, 5)})
    assert points.tolist() == [[[3, 2], [4, 3], [2, 0]]]
    np.testing.assert_allclose(scores, [[0.268941, 1, 0.5]], atol=1e-6)


def test_a_map_without_a_positive_value_starts_from_the_origin():
    offsets = torch.full((1, 1, 2, 4, 5), 0.25)
    points, scores = OffsetDecoder()({"heatmaps": torch.full((1, 1, 4, 5), -1.0), "offsets": offsets})
    assert points.tolist() == [[[1, 1]]] and scores.tolist() == [[-1]]


@pytest.mark.parametrize(
    ("length", "margin", "positions"),
    [
        (4, 2, [2, 1, 0, 1, 2, 3, 2, 1]),
        (2, 3, [1, 0, 1, 0, 1, 0, 1, 0]),
        (3, 5, [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]),
        (1, 2, [0, 0, 0, 0, 0]),
    ],
)
def test_reflection_does_not_repeat_the_outermost_pixel(length, margin, positions):
    assert reflected(length, margin).tolist() == positions


@pytest.mark.parametrize("size", [(48, 64), (12, 16), (5, 3)])
@pytest.mark.parametrize("kernel", [3, 7, 15])
def test_the_blur_is_opencvs(size, kernel):
    maps = torch.rand(2, 3, size[1], size[0], generator=torch.Generator().manual_seed(0))
    got = gaussian_blur(maps, kernel)
    for ours, plain in zip(got.flatten(0, 1).numpy(), maps.flatten(0, 1).numpy(), strict=True):
        np.testing.assert_allclose(ours, cv2.GaussianBlur(plain, (kernel, kernel), 0), atol=2e-6)


def official_decode(heatmap: np.ndarray, offsets: np.ndarray, radius: float) -> tuple[np.ndarray, float]:
    """UDP's steps for one keypoint: blur, highest pixel, blurred offset there."""
    heatmap = cv2.GaussianBlur(heatmap, (15, 15), 0)
    fields = [cv2.GaussianBlur(radius * field, (7, 7), 0) for field in offsets]
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
    return np.array([x + fields[0][y, x], y + fields[1][y, x]]), heatmap.max()


def test_with_udps_kernels_it_is_udps_decoder():
    generator = torch.Generator().manual_seed(3)
    points = torch.rand(1, 40, 2, generator=generator) * torch.tensor([47.0, 63.0])
    outputs = encode(points)
    outputs["heatmaps"] = outputs["heatmaps"] + 0.05 * torch.rand(1, 40, 64, 48, generator=generator)
    got, scores = OffsetDecoder(heatmap_blur=15, offset_blur=7)(outputs)
    expected = [
        official_decode(h, o, 4.0)
        for h, o in zip(outputs["heatmaps"][0].numpy(), outputs["offsets"][0].numpy(), strict=True)
    ]
    np.testing.assert_allclose(got[0], [point for point, _ in expected], atol=1e-4)
    np.testing.assert_allclose(scores[0], [score for _, score in expected], atol=1e-5)


def test_udps_kernels_lead_astray_near_the_border_and_none_does_not():
    """Offsets change sign in the mirror at the border, so their mean leads elsewhere: over 1 px off at 3.2."""
    outputs = encode(torch.tensor([[[24.3, 30.6], [3.2, 30.6]]]))
    blurred = OffsetDecoder(heatmap_blur=15, offset_blur=7)(outputs)[0][0]
    np.testing.assert_allclose(blurred[0], [24.3, 30.6], atol=0.05)
    assert 1 < abs(blurred[1, 0].item() - 3.2) < 1.5
    np.testing.assert_allclose(OffsetDecoder()(outputs)[0][0], [[24.3, 30.6], [3.2, 30.6]], atol=1e-5)


@pytest.mark.parametrize("heatmap", ["binary", "gaussian"])
@PROPERTY
@given(seed=st.integers(0, 2**20))
def test_the_mean_with_the_mirror_image_is_decoded_exactly_too(heatmap, seed):
    """Unbiased convention: column x of the map is column 47 - x of the mirror image, and left is right there."""
    points = torch.rand(2, 17, 2, generator=torch.Generator().manual_seed(seed)) * torch.tensor([47.0, 63.0])
    mirrored = points[:, list(COCO17.flip_permutation)] * torch.tensor([-1.0, 1.0]) + torch.tensor([47.0, 0.0])
    mean = average_with_mirror(
        encode(points, heatmap=heatmap), encode(mirrored, heatmap=heatmap), DESCRIBED, COCO17, shift=False
    )
    torch.testing.assert_close(OffsetDecoder()(mean)[0], points, atol=2e-5, rtol=0)


def test_outputs_in_bfloat16_are_decoded_in_float32():
    outputs = {name: value.bfloat16() for name, value in encode(torch.tensor([[[20.3, 30.7]]])).items()}
    points, scores = OffsetDecoder()(outputs)
    assert points.dtype == scores.dtype == torch.float32
    np.testing.assert_allclose(points[0, 0], [20.3, 30.7], atol=0.02)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"radius": 0.0}, "radius is 0.0: give the encoder's"),
        ({"heatmap_blur": 8}, "heatmap_blur is 8: give an odd number"),
        ({"offset_blur": -1}, "offset_blur is -1: give an odd number"),
    ],
)
def test_impossible_settings_are_errors(settings_, message):
    with pytest.raises(ReproError, match=message):
        OffsetDecoder(**settings_)
