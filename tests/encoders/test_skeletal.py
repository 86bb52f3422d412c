from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.encoders.gaussian import GaussianHeatmap
from repro.encoders.skeletal import SkeletalHeatmap, filter_peak_one, rasterise_lines, skeletal_heatmaps
from repro.encoders.skeletal_links import SKELETAL_LINKS, flip_permutation
from repro.skeletons.skeleton import COCO17, MPII16

PROPERTY = settings(derandomize=True, deadline=None, max_examples=100)
SIZE = (48, 64)

# Of a Gaussian with sigma 1 and peak 1, cut off at 3: its values 1, 2 and 3 px away, and its sum along a line.
NEAR, FAR, LAST = math.exp(-0.5), math.exp(-2), math.exp(-4.5)
RIDGE = 1 + 2 * (NEAR + FAR + LAST)  # 2.506


def bresenham(x0: int, y0: int, x1: int, y1: int) -> list[tuple[int, int]]:
    """The pixels of a line by whole-number steps along its longer axis; halves round up, to the right and down."""
    dx, dy = x1 - x0, y1 - y0
    steps = max(abs(dx), abs(dy))
    x, y, error_x, error_y, pixels = x0, y0, 0, 0, []
    for _ in range(steps + 1):
        pixels.append((x, y))
        error_x, error_y = error_x + 2 * dx, error_y + 2 * dy
        while error_x >= steps > 0:
            x, error_x = x + 1, error_x - 2 * steps
        while error_x < -steps:
            x, error_x = x - 1, error_x + 2 * steps
        while error_y >= steps > 0:
            y, error_y = y + 1, error_y - 2 * steps
        while error_y < -steps:
            y, error_y = y - 1, error_y + 2 * steps
    return pixels


def drawn(*lines: tuple[int, int, int, int], size: tuple[int, int] = SIZE) -> torch.Tensor:
    """(L, H, W): the lines x0, y0, x1, y1 as the package draws them."""
    return rasterise_lines(torch.tensor([lines], dtype=torch.float32).view(1, -1, 2, 2), size)[0]


def pixels_of(image: torch.Tensor) -> set[tuple[int, int]]:
    return {(x, y) for y, x in torch.nonzero(image).tolist()}


def seen(pixels: list[tuple[int, int]], size: tuple[int, int] = SIZE) -> set[tuple[int, int]]:
    return {(x, y) for x, y in pixels if 0 <= x < size[0] and 0 <= y < size[1]}


@pytest.mark.parametrize(
    ("line", "pixels"),
    [
        ((3, 5, 6, 5), [(3, 5), (4, 5), (5, 5), (6, 5)]),
        ((3, 5, 3, 2), [(3, 5), (3, 4), (3, 3), (3, 2)]),
        ((1, 1, 4, 4), [(1, 1), (2, 2), (3, 3), (4, 4)]),
        ((4, 1, 1, 4), [(4, 1), (3, 2), (2, 3), (1, 4)]),
        # Slope 1/3: y rises by 0, 1/3, 2/3, 1.
        ((10, 10, 13, 11), [(10, 10), (11, 10), (12, 11), (13, 11)]),
        # Steep and backward: x falls by 0, 2/5, 4/5, 6/5, 8/5, 2 while y falls by 1.
        ((10, 20, 8, 15), [(10, 20), (10, 19), (9, 18), (9, 17), (8, 16), (8, 15)]),
        # Half way y is 10.5, and halves round up.
        ((10, 10, 12, 11), [(10, 10), (11, 11), (12, 11)]),
        ((7, 9, 7, 9), [(7, 9)]),
    ],
)
def test_lines_by_hand(line, pixels):
    image = drawn(line)[0]
    assert pixels_of(image) == set(pixels) == set(bresenham(*line))
    assert image.sum() == max(abs(line[2] - line[0]), abs(line[3] - line[1])) + 1


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ((-3, 5, 4, 5), 5),  # columns 0 to 4
        ((40, 5, 60, 5), 8),  # columns 40 to 47
        ((-5, -5, 68, 68), 48),  # through the whole image
        ((10, -4, 10, 70), 64),
        ((-9, 3, -2, 60), 0),
        ((50, 70, 50, 70), 0),
        ((48, 0, 48, 63), 0),  # one column too far: must not reappear in column 0 of the next row
        ((-1, 0, -1, 63), 0),
    ],
)
def test_lines_are_cut_at_the_border(line, count):
    image = drawn(line)[0]
    assert image.sum() == count
    assert pixels_of(image) == seen(bresenham(*line))


@PROPERTY
@given(line=st.tuples(*[st.integers(-20, 80)] * 4))
def test_lines_are_bresenhams(line):
    assert pixels_of(drawn(line)[0]) == seen(bresenham(*line))


def test_halves_are_exact_for_every_slope():
    """Step 13 of (0, 0) to (22, 11) is at y = 6.5 exactly, which 13 / 22 x 11 misses in single precision."""
    lines = [(0, 0, steps, rise) for steps in range(2, 48, 2) for rise in range(-steps, steps + 1)]
    for line, image in zip(lines, drawn(*lines, size=(48, 48)), strict=True):
        assert pixels_of(image) == seen(bresenham(*line), (48, 48)), line


def test_lines_of_different_length_share_a_batch():
    lines = [(1, 1, 1, 1), (0, 0, 47, 63), (30, 3, 20, 8)]
    together = drawn(*lines)
    assert together.shape == (3, 64, 48)
    for line, image in zip(lines, together, strict=True):
        assert torch.equal(image, drawn(line)[0])


def test_no_lines_are_no_images():
    assert rasterise_lines(torch.zeros(2, 0, 2, 2), SIZE).shape == (2, 0, 64, 48)


def test_profile_across_a_long_line():
    """The line adds up to 2.506 on itself, 1.520 beside it and 0.339 two px off; the first two are clipped."""
    heatmap = skeletal_heatmaps(torch.tensor([[[[5.0, 30.0], [40.0, 30.0]]]]), SIZE)[0, 0]
    expected = [0, LAST * RIDGE, FAR * RIDGE, 1, 1, 1, FAR * RIDGE, LAST * RIDGE, 0]
    torch.testing.assert_close(heatmap[26:35, 20], torch.tensor(expected), atol=1e-6, rtol=0)
    assert [round(v, 3) for v in expected] == [0, 0.028, 0.339, 1, 1, 1, 0.339, 0.028, 0]
    assert heatmap.max() == 1


def test_the_unclipped_ridge_and_what_a_kernel_of_sum_one_would_make_of_it():
    line = drawn((5, 30, 40, 30))[None]
    peak = filter_peak_one(line, 1.0).max().item()
    assert peak == pytest.approx(2.506, abs=5e-4) == pytest.approx(RIDGE, abs=1e-3)
    assert peak / RIDGE**2 == pytest.approx(0.399, abs=5e-4)  # the kernel sums to RIDGE^2; clipping would never act


def test_profile_along_a_line_beyond_its_end():
    """The end sees half the line: 1.753, clipped; one px on .753, then .146, .011 and nothing."""
    heatmap = skeletal_heatmaps(torch.tensor([[[[5.0, 30.0], [40.0, 30.0]]]]), SIZE)[0, 0]
    expected = [1, NEAR + FAR + LAST, FAR + LAST, LAST, 0]
    torch.testing.assert_close(heatmap[30, 40:45], torch.tensor(expected), atol=1e-6, rtol=0)


def test_a_line_without_length_is_a_gaussian():
    heatmap = skeletal_heatmaps(torch.tensor([[[[20.4, 30.0], [19.8, 29.6]]]]), SIZE)[0, 0]
    assert torch.count_nonzero(heatmap) == 49
    assert heatmap[30, 20] == 1 and heatmap[30, 21].item() == pytest.approx(NEAR)
    assert heatmap[33, 23].item() == pytest.approx(math.exp(-9), rel=1e-5)


def test_ends_are_rounded_like_keypoints():
    got = skeletal_heatmaps(torch.tensor([[[[9.5, -1.2], [20.4, 12.6]]]]), SIZE)
    assert torch.equal(got, skeletal_heatmaps(torch.tensor([[[[10.0, 0.0], [20.0, 13.0]]]]), SIZE))


def test_filtering_is_opencvs_with_zeros_beyond_the_border():
    images = torch.rand(2, 3, 20, 15, generator=torch.Generator().manual_seed(0))
    kernel = np.exp(-(np.arange(-6, 7) ** 2) / (2 * 2.0**2))
    for got, image in zip(filter_peak_one(images, 2.0).flatten(0, 1), images.flatten(0, 1), strict=True):
        expected = cv2.filter2D(image.numpy(), -1, np.outer(kernel, kernel), borderType=cv2.BORDER_CONSTANT)
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-5)


def people(count: int = 1) -> torch.Tensor:
    """(count, 17, 2) whole-number points inside the map."""
    generator = torch.Generator().manual_seed(3)
    return torch.stack([torch.randint(2, n - 2, (count, 17), generator=generator) for n in SIZE], -1).float()


def encode(points: torch.Tensor, labelled: torch.Tensor, **settings: object) -> dict[str, torch.Tensor]:
    return SkeletalHeatmap(**settings)(points, labelled, size=SIZE, skeleton=COCO17)


def test_a_link_is_learned_only_where_both_its_keypoints_are_labelled_and_in_view():
    """Unlabelled: the left elbow, on links 0, 1 and 11. Out of view: the right knee, on links 8, 9 and 14."""
    points, labelled = people(), torch.ones(1, 17)
    labelled[0, COCO17.index("left_elbow")] = 0
    points[0, COCO17.index("left_elbow")] = torch.tensor([-1e6, 3e5])
    points[0, COCO17.index("right_knee")] = torch.tensor([20.0, 64 + 5.5])
    targets = encode(points, labelled)
    unknown = {0, 1, 11, 8, 9, 14}
    assert {i for i, w in enumerate(targets["skeletal_weights"][0].tolist()) if w == 0} == unknown
    assert set(targets["skeletal_weights"].unique().tolist()) == {0, 1}
    assert {i for i in range(16) if not targets["skeletal"][0, i].any()} == unknown


def test_a_keypoint_just_out_of_the_picture_still_draws_its_part_of_the_link():
    points, labelled = people(), torch.ones(1, 17)
    points[0, COCO17.index("left_knee")] = torch.tensor([20.0, 60.0])
    points[0, COCO17.index("left_ankle")] = torch.tensor([20.0, 68.0])  # row 68 < 64 + 6 counts as in view
    targets = encode(points, labelled)
    link = SKELETAL_LINKS.index(("left_knee", "left_ankle"))
    assert targets["skeletal_weights"][0, link] == 1
    # The line ends at row 63, so it adds up to 1.753 there and is clipped; two columns beside it: e^-2 x 1.753.
    assert targets["skeletal"][0, link, 63, 20] == 1
    assert targets["skeletal"][0, link, 63, 22].item() == pytest.approx(FAR * (1 + NEAR + FAR + LAST), rel=1e-5)


def test_a_map_holds_the_line_between_the_keypoints_of_its_link():
    points = people(2)
    targets = encode(points, torch.ones(2, 17))
    assert targets["skeletal"].shape == (2, 16, 64, 48)
    for person in range(2):
        for i, (a, b) in enumerate(SKELETAL_LINKS):
            ends = [int(v) for name in (a, b) for v in points[person, COCO17.index(name)]]
            line = torch.zeros(64, 48)
            for x, y in seen(bresenham(*ends)):
                line[y, x] = 1
            expected = filter_peak_one(line[None, None], 1.0).clamp(max=1)[0, 0]
            torch.testing.assert_close(targets["skeletal"][person, i], expected, atol=1e-6, rtol=0)


def test_maps_stay_between_zero_and_one_where_lines_are_thick():
    heatmaps = encode(people(4), torch.ones(4, 17), sigma=2.0)["skeletal"]
    assert heatmaps.min() == 0 and heatmaps.max() == 1


def test_the_keypoints_are_encoded_as_set():
    points, labelled = people(), torch.ones(1, 17)
    inner = GaussianHeatmap(sigma=3.0, rounded=False, truncated=False)
    got = encode(points, labelled, keypoints=inner)
    for name, value in inner(points, labelled, size=SIZE, skeleton=COCO17).items():
        assert torch.equal(got[name], value)


def test_the_weights_use_the_sigma_of_the_keypoints():
    """With sigma 1 the window of a keypoint at row 64 + 4 misses the map, with sigma 2 it does not."""
    points = people()
    points[0, COCO17.index("left_ankle")] = torch.tensor([20.0, 68.0])
    narrow = encode(points, torch.ones(1, 17), keypoints=GaussianHeatmap(sigma=1.0))["skeletal_weights"]
    wide = encode(points, torch.ones(1, 17), keypoints=GaussianHeatmap(sigma=2.0))["skeletal_weights"]
    assert (narrow.sum(), wide.sum()) == (14, 16)  # the ankle ends one bone and one virtual link


def test_a_mirrored_person_has_mirrored_maps_in_exchanged_places():
    """Links of an odd number of steps have no halves to round, so drawing them is symmetric."""
    points = people()
    for i in range(17):  # consecutive keypoints of a link differ by an odd number of rows and few columns
        points[0, i] = torch.tensor([20.0 + 3 * (i % 2), 3.0 * i])
    maps = encode(points, torch.ones(1, 17))["skeletal"]
    odd = [
        i
        for i, (a, b) in enumerate(SKELETAL_LINKS)
        if (points[0, COCO17.index(a)] - points[0, COCO17.index(b)]).abs().max() % 2 == 1
    ]
    order = list(COCO17.flip_permutation)
    mirrored = points[:, order].clone()
    mirrored[..., 0] = 47 - mirrored[..., 0]
    got = encode(mirrored, torch.ones(1, 17))["skeletal"]
    assert len(odd) >= 6
    for i in odd:
        torch.testing.assert_close(got[0, flip_permutation()[i]], maps[0, i].flip(-1), atol=1e-6, rtol=0)


def test_mpii_has_the_same_sixteen_maps():
    points = torch.randint(2, 46, (1, 16, 2), generator=torch.Generator().manual_seed(0)).float()
    got = SkeletalHeatmap()(points, torch.ones(1, 16), size=SIZE, skeleton=MPII16)
    assert got["heatmaps"].shape == (1, 16, 64, 48) and got["skeletal"].shape == (1, 16, 64, 48)
    shared = torch.zeros(1, 17, 2)
    for name in {n for link in SKELETAL_LINKS for n in link}:
        shared[0, COCO17.index(name)] = points[0, MPII16.index(name)]
    assert torch.equal(got["skeletal"], encode(shared, torch.ones(1, 17))["skeletal"])
