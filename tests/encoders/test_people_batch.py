from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from repro.encoders.people_batch import PeopleBatch, inside, person_centres
from repro.errors import ReproError

from .some_people import people_of


def test_known_keypoints_are_labelled_ones_of_people_that_are_there():
    people = people_of([[(1, 2), None], [(3, 4), (5, 6)]], [[None, (7, 8)]])
    assert people.known.tolist() == [[[True, False], [True, True]], [[False, True], [False, False]]]
    absent = replace(people, labelled=torch.ones(2, 2, 2))
    assert absent.known[1].tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize(
    ("field", "shape"),
    [
        ("points", (1, 2, 3)),
        ("labelled", (1, 2, 4)),
        ("areas", (1, 3)),
        ("segment_areas", (2, 2)),
        ("boxes", (1, 2, 2)),
        ("present", (1, 1)),
        ("mask", (2, 32, 40)),
        ("mask", (1, 1, 32, 40)),
    ],
)
def test_disagreeing_shapes_are_an_error_that_names_the_field(field, shape):
    people = people_of([[(1, 2)] * 3, [(3, 4)] * 3])
    with pytest.raises(ReproError, match="Points of people" if field == "points" else f"{field} of people has shape"):
        replace(people, **{field: torch.zeros(shape)})


def test_scaling_multiplies_coordinates_and_keeps_areas():
    people = people_of([[(1.25, 2)]], boxes=[[(1, 2, 3, 4)]])
    larger = people.scaled(2)
    assert larger.points.tolist() == [[[[2.5, 4]]]] and larger.boxes.tolist() == [[[2, 4, 6, 8]]]
    assert larger.areas.tolist() == people.areas.tolist() and larger.mask.shape == (1, 64, 80)


def test_a_training_batch_is_in_input_pixels_and_its_mask_in_map_pixels():
    people = people_of([[(5, 6)]], boxes=[[(4, 8, 12, 16)]])
    batch = {name: getattr(people, name) for name in vars(people)} | {"images": torch.zeros(1, 128, 160, 3)}
    got = PeopleBatch.from_batch(batch, 1 / 4)
    assert got.points.tolist() == [[[[1.25, 1.5]]]] and got.boxes.tolist() == [[[1, 2, 3, 4]]]
    assert got.areas is people.areas and got.mask is people.mask
    del batch["segment_areas"]
    with pytest.raises(ReproError, match="no segment_areas"):
        PeopleBatch.from_batch(batch, 1 / 4)


def test_a_scaled_mask_takes_the_nearest_pixel():
    """Pixel i of a mask twice as large lies at i / 2: 0, .5, 1, 1.5, 2, 2.5 of three; halves round up, the last stays."""
    mask = torch.tensor([[[0.0, 1.0, 0.0]]])
    people = replace(people_of([[(0, 0)]]), mask=mask)
    assert people.scaled(2).mask.tolist() == [[[0, 1, 1, 0, 0, 0]] * 2]
    # Pixel i of a mask half as large lies at 2 i.
    people = replace(people, mask=torch.arange(6.0).view(1, 1, 6).repeat(1, 2, 1))
    assert people.scaled(0.5).mask.tolist() == [[[0, 2, 4]]]


def test_inside_is_from_the_first_pixels_centre_to_the_border_of_the_last():
    points = torch.tensor([[0, 0], [-0.1, 0], [0, -0.1], [3.9, 1.9], [4, 1], [3, 2], [float("nan"), 1]])
    assert inside(points, (4, 2)).tolist() == [True, False, False, True, False, False, False]


def test_centres_are_the_mean_of_labelled_keypoints_in_view_or_not():
    people = people_of([[(0, 0), (3, 30), None], [(-9, 2), (1, 2), (5, 2)]])
    assert person_centres(people).tolist() == [[[1.5, 15], [-1, 2]]]


def test_without_labels_the_box_stands_for_the_person():
    people = people_of([[None, None], [(2, 4), None]], boxes=[[(10, 20, 4, 6), (1, 1, 8, 8)]])
    assert person_centres(people).tolist() == [[[12, 23], [2, 4]]]
    assert person_centres(people, "box").tolist() == [[[12, 23], [5, 5]]]
    with pytest.raises(ReproError, match="mean, box"):
        person_centres(people, "median")
