from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.encoders.centernet import CenterNetTargets, corner_radius
from repro.errors import ReproError

from .some_people import SIZE, THREE, people_of

PROPERTY = settings(derandomize=True, deadline=None, max_examples=50)


def targets_of(people, **choices) -> dict[str, torch.Tensor]:
    return CenterNetTargets(**choices)(people, size=SIZE, skeleton=THREE)


def test_radius_by_hand():
    """A box of 10 x 10 and 0.7: the three equations have the roots .925, .816 and .976; released, 2.733 is the smallest."""
    sizes = torch.tensor([10.0, 10.0])
    assert corner_radius(sizes, rule="exact").item() == pytest.approx((40 - math.sqrt(1600 - 480)) / 8, rel=1e-5)
    assert corner_radius(sizes).item() == pytest.approx((math.sqrt(784 + 336) - 28) / 2, rel=1e-5)
    with pytest.raises(ReproError, match="released, exact"):
        corner_radius(sizes, rule="other")


@PROPERTY
@given(w=st.floats(4, 100), h=st.floats(4, 100), overlap=st.sampled_from([0.5, 0.7, 0.9]))
def test_boxes_moved_by_the_exact_radius_overlap_enough(w, h, overlap):
    r = corner_radius(torch.tensor([w, h], dtype=torch.float64), overlap, "exact").item()
    inner = (w - 2 * r) * (h - 2 * r) / (w * h)
    outer = w * h / ((w + 2 * r) * (h + 2 * r))
    common = (w - r) * (h - r)
    moved = common / (2 * w * h - common)
    assert min(inner, outer, moved) == pytest.approx(overlap, abs=1e-9)


def test_vectors_are_read_at_the_truncated_centre():
    """A box from (4, 6) of 11 x 13: centre (9.5, 12.5), pixel (9, 12), place 12 * 40 + 9."""
    people = people_of([[(10.25, 13.5), None, (45, 2)]], boxes=[[(4, 6, 11, 13)]])
    got = targets_of(people)
    assert got["centre_indices"].tolist() == [[489]] and got["centre_weights"].tolist() == [[1]]
    assert got["sizes"].tolist() == [[[11, 13]]] and got["centre_offsets"].tolist() == [[[0.5, 0.5]]]
    assert got["offsets"].tolist() == [[[[1.25, 1.5], [0, 0], [0, 0]]]] and got["offset_weights"].tolist() == [
        [[1, 0, 0]]
    ]
    assert got["keypoint_indices"].tolist() == [[[13 * 40 + 10, 0, 0]]]
    assert got["keypoint_offsets"].tolist() == [[[[0.25, 0.5], [0, 0], [0, 0]]]]


def test_boxes_are_clipped_to_the_first_and_last_pixel():
    people = people_of([[(5, 5), None, None]], boxes=[[(-10, -2, 16, 100)]])
    got = targets_of(people)
    assert got["sizes"].tolist() == [[[6, 31]]] and got["centre_indices"].tolist() == [[15 * 40 + 3]]
    assert got["centre_offsets"].tolist() == [[[0, 0.5]]]


def test_gaussians_are_as_wide_as_the_box_allows():
    """10 x 10: radius int(2.733) = 2, sigma 5 / 6, on 5 x 5 pixels; exact: int(.816) = 0, one pixel."""
    people = people_of([[(20.9, 15.2), None, None]], boxes=[[(4, 6, 10, 10)]])
    got = targets_of(people)
    for maps, (x, y) in ((got["heatmaps"][0, 0], (20, 15)), (got["centres"][0, 0], (9, 11))):
        assert maps[y, x] == 1 and int((maps > 0).sum()) == 25
        assert maps[y + 1, x + 2].item() == pytest.approx(math.exp(-5 / (2 * (5 / 6) ** 2)), rel=1e-5)
    assert int((targets_of(people, rule="exact")["heatmaps"] > 0).sum()) == 1


def test_people_without_keypoints_are_neither_person_nor_background():
    people = people_of([[None] * 3, [(5, 5), None, None]], boxes=[[(10, 10, 10, 10), (0, 0, 10, 10)]])
    got = targets_of(people)
    assert got["centres"][0, 0, 15, 15].item() == pytest.approx(0.9999) and got["centres"][0, 0, 5, 5] == 1
    assert got["centre_weights"].tolist() == [[0, 1]]


def test_absent_people_and_boxes_outside_leave_no_trace():
    people = people_of([[(5, 5)] * 3, [(6, 6)] * 3], boxes=[[(50, 10, 10, 10), (0, 0, 10, 10)]])
    got = targets_of(replace(people, present=torch.tensor([[True, False]])))
    for name in ("centres", "heatmaps", "centre_weights", "offset_weights", "sizes", "offsets"):
        assert not got[name].any()


def test_large_and_small_people_are_drawn_alike_in_chunks():
    """30 people of one size in one image and one by one give the same maps."""
    boxes = [(float(i % 6) * 6, float(i // 6) * 6, 4.0 + i, 5.0 + i) for i in range(30)]
    places = [[(float(i), float(i)), (float(i), 3.0), (3.0, float(i))] for i in range(30)]
    together = targets_of(people_of(places, boxes=[boxes]))
    single = targets_of(people_of(*[[person] for person in places], boxes=[[box] for box in boxes]))
    for name in ("centres", "heatmaps"):
        torch.testing.assert_close(together[name][0], single[name].amax(0), atol=1e-6, rtol=0)
