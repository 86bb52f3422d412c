from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from repro.encoders.people_batch import PeopleBatch
from repro.encoders.people_gaussian import PeopleGaussian, background_weights, people_heatmaps
from repro.errors import ReproError

from .some_people import SIZE, THREE, people_of, random_people

PROPERTY = settings(derandomize=True, deadline=None, max_examples=20)


def encode(people: PeopleBatch, **choices) -> Tensor:
    return PeopleGaussian(**choices).maps(people, size=SIZE, skeleton=THREE)


def extent(heatmap: Tensor) -> tuple[int, int, int, int]:
    """First and last column and row above 0."""
    rows, columns = torch.nonzero(heatmap, as_tuple=True)
    return int(columns.min()), int(columns.max()), int(rows.min()), int(rows.max())


def slow_maps(people: PeopleBatch, sigma: float, window: str, overlap: str) -> Tensor:
    """Pixel by pixel, from the definitions."""
    width, height = SIZE
    batch, most, keypoints, _ = people.points.shape
    maps = torch.zeros(batch, keypoints, height, width, dtype=torch.float64)
    for b in range(batch):
        for p in range(most):
            for k in range(keypoints):
                x, y = people.points[b, p, k].tolist()
                if not (people.known[b, p, k] and 0 <= x < width and 0 <= y < height):
                    continue
                if window == "released":
                    columns = range(math.floor(x - 3 * sigma - 1), math.ceil(x + 3 * sigma + 2))
                    rows = range(math.floor(y - 3 * sigma - 1), math.ceil(y + 3 * sigma + 2))
                else:
                    reach = 3 * sigma if window == "square" else math.inf
                    columns = [i for i in range(width) if abs(i - x) <= reach]
                    rows = [j for j in range(height) if abs(j - y) <= reach]
                for j in set(rows) & set(range(height)):
                    for i in set(columns) & set(range(width)):
                        value = math.exp(-((i - x) ** 2 + (j - y) ** 2) / (2 * sigma**2))
                        if overlap == "max":
                            maps[b, k, j, i] = max(maps[b, k, j, i], value)
                        else:
                            maps[b, k, j, i] += value
    return maps.clamp(max=1)


@PROPERTY
@given(
    seed=st.integers(0, 10**6),
    sigma=st.sampled_from([1.0, 1.5, 2.0]),
    window=st.sampled_from(["released", "square", "full"]),
    overlap=st.sampled_from(["max", "sum"]),
)
def test_maps_are_the_definition_pixel_by_pixel(seed, sigma, window, overlap):
    people = random_people(2, 3, 2, seed)
    got = encode(people, sigma=sigma, window=window, overlap=overlap)
    torch.testing.assert_close(got.double(), slow_maps(people, sigma, window, overlap), atol=2e-6, rtol=0)


def test_the_released_window_is_15_px_wide_at_whole_pixels_and_16_elsewhere():
    """Sigma 2: floor(20 - 7) = 13 to ceil(20 + 8) - 1 = 27; floor(20.25 - 7) = 13 to ceil(28.25) - 1 = 28."""
    assert extent(encode(people_of([[(20, 15)]]))[0, 0]) == (13, 27, 8, 22)
    assert extent(encode(people_of([[(20.25, 15.75)]]))[0, 0]) == (13, 28, 8, 23)


def test_the_released_window_of_a_centre_is_27_px_wide_at_whole_pixels_and_28_elsewhere():
    size = (64, 64)
    points = torch.tensor([[[[30.0, 30.0], [30.5, 30.5]]]])
    maps = people_heatmaps(points, torch.ones(1, 1, 2, dtype=torch.bool), size, torch.tensor([4.0, 4.0]))
    assert extent(maps[0, 0]) == (17, 43, 17, 43) and extent(maps[0, 1]) == (17, 44, 17, 44)


def test_the_square_window_ends_at_three_sigma():
    """Equation 3: Chebyshev distance <= 6, so 13 px at a whole pixel and 12 elsewhere."""
    assert extent(encode(people_of([[(20, 15)]]), window="square")[0, 0]) == (14, 26, 9, 21)
    assert extent(encode(people_of([[(20.25, 15.75)]]), window="square")[0, 0]) == (15, 26, 10, 21)


def test_the_gaussian_lies_at_the_real_coordinate():
    heatmap = encode(people_of([[(20.25, 15)]]))[0, 0]
    assert heatmap[15, 20].item() == pytest.approx(math.exp(-(0.25**2) / 8), rel=1e-6)
    assert heatmap[17, 23].item() == pytest.approx(math.exp(-(2.75**2 + 2**2) / 8), rel=1e-6)


def test_a_point_outside_the_map_is_not_drawn_though_its_window_reaches_into_it():
    people = people_of([[(-0.1, 15), (40, 15), (20, 31.9)]])
    maps = encode(people)[0]
    assert not maps[0].any() and not maps[1].any() and maps[2].any()


def test_people_share_a_map_and_the_larger_value_stays():
    """Two people 4 px apart: half way both give exp(-4 / 8) = .607, their sum is clipped at 1."""
    people = people_of([[(10, 10)], [(14, 10)]], [[(30, 20)]])
    larger, added = encode(people), encode(people, overlap="sum")
    assert larger[0, 0, 10, 12].item() == pytest.approx(math.exp(-0.5), rel=1e-6)
    assert larger[0, 0, 10, 10] == larger[0, 0, 10, 14] == 1 and added[0, 0, 10, 12] == 1
    assert added[0, 0, 10, 5].item() == pytest.approx(math.exp(-25 / 8), rel=1e-6)  # the other is 9 px away
    assert added[0, 0, 10, 7].item() == pytest.approx(math.exp(-9 / 8) + math.exp(-49 / 8), rel=1e-6)
    assert extent(larger[1, 0]) == (23, 37, 13, 27)


def test_an_image_without_people_is_empty():
    people = people_of([[None]], [[None]])
    assert encode(people).shape == (2, 1, 32, 40) and not encode(people).any()


def test_the_encoder_gives_maps_and_the_mask():
    people = random_people(2, 2, 3, seed=0)
    targets = PeopleGaussian()(people, size=SIZE, skeleton=THREE)
    assert targets["heatmaps"].shape == (2, 3, 32, 40)
    assert torch.equal(targets["heatmap_weights"][:, 0], people.mask)


def test_the_shared_mask_is_one_in_the_windows_of_any_keypoint_and_centre():
    """Two windows of 15 x 15 in different channels; the centre's shares 5 pixels of row 17 with each: 665 pixels weigh 1."""
    maps = encode(people_of([[(10, 10), (30, 10), None]]))
    centres = encode(people_of([[(20, 24)]]))
    mask = torch.ones(1, 1, 32, 40)
    weights = background_weights(maps, centres, mask, 0.1)
    assert weights.shape == (1, 1, 32, 40)
    assert int((weights == 1).sum()) == 665 and int((weights == 0.1).sum()) == 32 * 40 - 665
    own = background_weights(maps, centres, mask, 0.1, "per_keypoint")
    assert [int((own[0, k] == 1).sum()) for k in range(3)] == [225, 225, 0]


def test_the_mask_multiplies_the_weights_and_weight_one_leaves_it_alone():
    maps, mask = encode(people_of([[(10, 10)]])), torch.zeros(1, 1, 32, 40)
    mask[..., 12:, :] = 1
    weights = background_weights(maps, None, mask, 0.1)
    assert (
        weights[0, 0, 11, 10] == 0 and weights[0, 0, 12, 10] == 1 and weights[0, 0, 31, 39].item() == pytest.approx(0.1)
    )
    assert background_weights(maps, None, mask, 1.0) is mask


def test_unknown_choices_are_errors():
    people = people_of([[(1, 1)]])
    with pytest.raises(ReproError, match="released, square"):
        encode(people, window="round")
    with pytest.raises(ReproError, match="max, sum"):
        encode(people, overlap="mean")
    with pytest.raises(ReproError, match="shared, per_keypoint"):
        background_weights(encode(people), None, torch.ones(1, 1, 32, 40), 0.1, "none")
    with pytest.raises(ReproError, match="0.0 px"):
        PeopleGaussian(sigma=0.0)
