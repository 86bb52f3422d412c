"""Persons of a set by their images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from repro.errors import ReproError

from ..tiny_runs import tiny_persons


def test_the_first_persons_are_those_of_whole_images(tmp_path) -> None:
    persons = replace(tiny_persons(tmp_path, 6), image_index=np.array([0, 2, 2, 2, 3, 5]))
    ids = persons.images.ids
    for limit, positions, images in ((1, [0], 1), (2, [0, 1, 2, 3], 3), (4, [0, 1, 2, 3], 3), (5, [0, 1, 2, 3, 4], 4)):
        found, image_ids = persons.first(limit)
        assert found.tolist() == positions and image_ids.tolist() == ids[:images].tolist()
    assert len(persons.first(100)[0]) == 6 and len(persons.first(100)[1]) == len(ids)
    nobody, no_images = persons.first(0)
    assert len(nobody) == len(no_images) == 0


def test_a_position_without_a_person_is_named(tmp_path) -> None:
    persons = tiny_persons(tmp_path, 6)
    assert persons.take(np.array([5, 0])).person_ids.tolist() == [6, 1]
    assert len(persons.take(np.array([], int))) == 0 and len(persons.take(np.arange(6) > 3)) == 2
    for wrong in (6, 9999, -7):
        with pytest.raises(ReproError, match=f"There is no person {wrong}: expected a number from 0 to 5"):
            persons.take(np.array([wrong]))
