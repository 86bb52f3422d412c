from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from repro.encoders.centre_offsets import CentreOffsets, GuidedTargets, person_weights
from repro.encoders.people_batch import PeopleBatch, inside, person_centres
from repro.encoders.people_gaussian import PeopleGaussian
from repro.encoders.scale_aware import ScaleAwareGaussian
from repro.errors import ReproError

from .some_people import SIZE, THREE, people_of, random_people

PROPERTY = settings(derandomize=True, deadline=None, max_examples=12)


def encode(people: PeopleBatch, **choices) -> tuple[Tensor, Tensor]:
    """Offsets (B, K, 2, H, W) and weights (B, K, H, W), everybody centred whose centre is in the map."""
    centres = person_centres(people)
    got = CentreOffsets(**choices)(people, centres, people.present & inside(centres, SIZE), size=SIZE)
    return got["offsets"].unflatten(1, (-1, 2)), got["offset_weights"]


def slow_offsets(people: PeopleBatch, winner: str, region: str) -> tuple[Tensor, Tensor]:
    """Pixel by pixel: who may write here, and who of them does."""
    width, height = SIZE
    batch, most, keypoints, _ = people.points.shape
    offsets, weights = torch.zeros(batch, keypoints, 2, height, width), torch.zeros(batch, keypoints, height, width)
    centres, seen = person_centres(people), people.known & inside(people.points, SIZE)
    for b in range(batch):
        for j in range(height):
            for i in range(width):
                claims = []
                for p in range(most):
                    x, y = centres[b, p].tolist()
                    if not (people.present[b, p] and 0 <= x < width and 0 <= y < height and seen[b, p].any()):
                        continue
                    if region == "square":
                        here = -4 <= i - int(x) < 4 and -4 <= j - int(y) < 4
                    else:
                        here = (i - x) ** 2 + (j - y) ** 2 <= 16
                    if here:
                        key = float(people.areas[b, p]) if winner == "smaller" else (i - x) ** 2 + (j - y) ** 2
                        claims.append((key, p))
                for k in range(keypoints):
                    mine = [c for c in claims if seen[b, c[1], k]] if winner == "smaller" else sorted(claims)[:1]
                    if mine and seen[b, min(mine)[1], k]:
                        p = min(mine)[1]
                        offsets[b, k, :, j, i] = torch.tensor([i, j]) - people.points[b, p, k]
                        weights[b, k, j, i] = people.areas[b, p] ** -0.5
    return offsets, weights


@PROPERTY
@given(
    seed=st.integers(0, 10**6),
    winner=st.sampled_from(["smaller", "nearest"]),
    region=st.sampled_from(["square", "disc"]),
)
def test_offsets_are_the_definition_pixel_by_pixel(seed, winner, region):
    people = random_people(1, 4, 3, seed)
    centre = torch.tensor([20.0, 16.0])
    points = centre + (people.points - centre) / 2  # crowd the centres together, so that regions overlap
    got, want = encode(replace(people, points=points), winner=winner, region=region), None
    want = slow_offsets(replace(people, points=points), winner, region)
    for mine, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_the_released_region_is_eight_by_eight_and_not_symmetric():
    """Centre (20.5, 15.5) truncates to (20, 15): columns 16 to 23, rows 11 to 18."""
    offsets, weights = encode(people_of([[(19, 10), (22, 21)]]))
    rows, columns = torch.nonzero(weights[0, 0], as_tuple=True)
    assert len(rows) == 64
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (16, 23, 11, 18)
    assert (weights[0, :, 15, 20] == 1 / 80).all()  # 1 / sqrt(6400)
    assert offsets[0, :, :, 15, 20].tolist() == [[1, 5], [-2, -6]]  # pixel - joint


def test_the_disc_has_49_pixels_at_a_whole_centre():
    """Lattice points within 4 of the origin: 49."""
    _, weights = encode(people_of([[(20, 15)]]), region="disc")
    assert int((weights > 0).sum()) == 49
    assert weights[0, 0, 15, 24] > 0 and weights[0, 0, 15, 16] > 0 and weights[0, 0, 18, 23] == 0


@PROPERTY
@given(
    x=st.floats(0, 39.5, width=32),
    y=st.floats(0, 31.5, width=32),
    dx=st.floats(-9, 9, width=32),
    dy=st.floats(-9, 9, width=32),
)
def test_every_weighted_pixel_decodes_to_the_keypoints(x, y, dx, dy):
    people = people_of([[(x, y), (x + dx, y + dy)]])
    offsets, weights = encode(people)
    grid = torch.stack(torch.meshgrid(torch.arange(40.0), torch.arange(32.0), indexing="xy"))
    decoded = grid - offsets[0]  # (K, 2, H, W)
    for k in range(2):
        found = decoded[k][:, weights[0, k] > 0]
        torch.testing.assert_close(found, people.points[0, 0, k, :, None].expand_as(found), atol=1e-4, rtol=0)


def test_keypoints_outside_the_map_or_unlabelled_have_no_offsets():
    offsets, weights = encode(people_of([[(20, 15), (41, 15), None]]))
    assert weights[0, 0].any() and not weights[0, 1:].any() and not offsets[0, 1:].any()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_smaller_person_wins_where_it_knows_the_keypoint(order):
    """Both regions are the same 8 x 8 pixels. The small one lacks keypoint 2, so the large one keeps that."""
    small, large = [(18, 15), (22, 15), None], [(19, 15), (21, 15), (20, 15)]
    both, areas = [small, large], [400.0, 10000.0]
    people = people_of([both[i] for i in order], areas=[[areas[i] for i in order]])
    offsets, weights = encode(people)
    assert offsets[0, :, 0, 15, 20].tolist() == [2, -2, 0] and (offsets[0, 2, 0, 15, 19]) == -1
    assert weights[0, :, 15, 20].tolist() == pytest.approx([1 / 20, 1 / 20, 1 / 100])


def test_the_nearest_centre_wins_the_whole_pixel():
    """Centres at columns 18 and 22: pixel 19 is the first person's, 21 the second's, 20 is as near to both."""
    people = people_of([[(18, 15), (18, 15)], [(22, 15), None]], areas=[[10000.0, 100.0]])
    offsets, weights = encode(people, winner="nearest", region="disc")
    assert weights[0, 0, 15, [19, 20, 21]].tolist() == pytest.approx([0.01, 0.1, 0.1])
    assert offsets[0, 0, 0, 15, [19, 20, 21]].tolist() == [1, -2, -1]
    assert weights[0, 1, 15, [19, 20, 21]].tolist() == pytest.approx([0.01, 0, 0])


def test_weights_by_diagonal():
    """A box of 3 : 4 with an area of 1200 input px^2 is 30 x 40, its diagonal 50."""
    people = people_of([[(1, 1)]], areas=[[1200.0]], boxes=[[(0, 0, 7.5, 10)]])
    assert person_weights(people, "diagonal").item() == pytest.approx(1 / 50)
    assert person_weights(people, "area").item() == pytest.approx(1200**-0.5)
    assert person_weights(replace(people, areas=torch.zeros(1, 1)), "area").item() == 1


def targets_of(people: PeopleBatch, **choices) -> dict[str, Tensor]:
    return GuidedTargets(**choices)(people, size=SIZE, skeleton=THREE)


def test_guided_targets_have_their_shapes_and_names():
    people = random_people(2, 3, 3, seed=1)
    got = {name: tuple(value.shape) for name, value in targets_of(people, higher=True).items()}
    assert got == {
        "heatmaps": (2, 3, 32, 40),
        "heatmap_weights": (2, 1, 32, 40),
        "centres": (2, 1, 32, 40),
        "centre_weights": (2, 1, 32, 40),
        "offsets": (2, 6, 32, 40),
        "offset_weights": (2, 3, 32, 40),
        "heatmaps_2x": (2, 3, 64, 80),
        "heatmap_weights_2x": (2, 1, 64, 80),
    }


def test_the_centre_map_is_a_wide_gaussian_at_the_mean_keypoint():
    people = people_of([[(18, 14), (22, 18), None]], boxes=[[(0, 0, 10, 10)]])
    centres = targets_of(people)["centres"][0, 0]
    assert centres[16, 20] == 1 and centres[16, 24].item() == pytest.approx(math.exp(-0.5), rel=1e-6)
    boxed = targets_of(people, centre="box")["centres"][0, 0]
    assert boxed[5, 5] == 1 and boxed[16, 20] < 1


def test_small_people_keep_their_heat_but_have_no_centre_and_no_offsets():
    people = people_of([[(20, 15)]], areas=[[1023.0]])
    targets = targets_of(people)
    assert targets["heatmaps"].max() == 1 and not targets["centres"].any() and not targets["offset_weights"].any()
    for kept in (targets_of(people, smallest_area=0), targets_of(people_of([[(20, 15)]], areas=[[1024.0]]))):
        assert kept["centres"].max() == 1 and kept["offset_weights"].any()


def test_weights_are_the_background_mask_times_the_crowd_mask():
    people = people_of([[(20, 15)]])
    mask = torch.ones(1, 32, 40)
    mask[:, :, 20:] = 0
    targets = targets_of(replace(people, mask=mask))
    weights = targets["heatmap_weights"][0, 0]
    # The centre's window, 27 px wide, holds the keypoint's: rows 2 to 28, columns 7 to 33, of which 20 on are masked.
    assert not weights[:, 20:].any() and int((weights == 1).sum()) == 27 * 13
    assert weights[0, 0].item() == pytest.approx(0.1)
    assert targets["centre_weights"] is targets["heatmap_weights"]
    assert targets["offset_weights"][0, 0, 15, 23] > 0  # the crowd mask does not touch offsets
    own = targets_of(replace(people, mask=mask), background="per_keypoint")
    assert torch.equal(own["centre_weights"][0], mask) and int((own["heatmap_weights"] == 1).sum()) == 15 * 7


def test_higher_maps_are_drawn_at_doubled_coordinates_with_a_lighter_background():
    targets = targets_of(people_of([[(10.25, 7)]]), higher=True)
    larger = targets["heatmaps_2x"][0, 0]
    assert larger[14, 20].item() == pytest.approx(math.exp(-0.25 / 8)) == larger[14, 21].item()
    assert targets["heatmap_weights_2x"][0, 0, 63, 79].item() == pytest.approx(0.025)
    assert int((targets["heatmap_weights_2x"] == 1).sum()) == 16 * 15  # no centre window: it is not in these maps


def test_scale_aware_heatmaps_fit_in():
    people = people_of([[(20, 15), (10, 10), (30, 20)]])
    targets = targets_of(people, heatmaps=ScaleAwareGaussian(), background_weight=1.0)
    assert int((targets["heatmaps"][0, 2] > 0).sum()) == 193  # a hip's disc
    assert torch.equal(targets["heatmap_weights"][0], people.mask)
    assert torch.equal(targets["centres"], targets_of(people)["centres"])


def test_absent_people_leave_no_trace():
    people = people_of([[(20, 15), (22, 15)]], [[None, None]])
    alone = people_of([[(20, 15), (22, 15)], [(21, 15), (23, 17)]])
    alone = replace(alone, present=torch.tensor([[True, False]]))
    for name, value in targets_of(alone).items():
        torch.testing.assert_close(value[0], targets_of(people)[name][0], atol=0, rtol=0)


def test_unknown_choices_are_errors():
    with pytest.raises(ReproError, match="region of centre offsets 'ring'"):
        CentreOffsets(region="ring")
    with pytest.raises(ReproError, match="winner of centre offsets"):
        CentreOffsets(winner="larger")
    with pytest.raises(ReproError, match="no background to weigh"):
        GuidedTargets(heatmaps=PeopleGaussian(window="full"))
