"""The trainings that the experiment compares, and what they share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repro.errors import ReproError
from repro.experiments.offset_radius import ROWS, longer, variants, with_radius
from repro.papers.cal.rows import TABLES

HRNET, UDP = (TABLES[8].rows[row].recipe for row in ROWS.values())


def test_a_radius_changes_disc_and_unit_of_offsets_alone():
    made = with_radius(UDP, 2.0)
    assert (made.method.encoder.radius, made.method.decoder.radius) == (2.0, 2.0)
    method = made.method.but(
        encoder=replace(made.method.encoder, radius=4.0), decoder=replace(made.method.decoder, radius=4.0)
    )
    assert made.but(method=method) == UDP and made.training_key != UDP.training_key


def test_a_recipe_without_offsets_has_no_radius():
    with pytest.raises(ReproError, match="OffsetField"):
        with_radius(HRNET, 2.0)


def test_longer_trainings_keep_the_shares_of_their_schedule():
    made = longer(UDP, 3).optimisation
    assert made == replace(UDP.optimisation, epochs=630)


def test_every_method_and_radius_is_trained_for_both_lengths():
    tried = variants(HRNET, UDP)
    assert [(method, radius, one.optimisation.epochs) for method, radius, one in tried] == [
        (method, radius, epochs)
        for epochs in (210, 630)
        for method, radius in (("HRNet", None), ("UDP", 2.0), ("UDP", 3.0), ("UDP", 4.0))
    ]
    assert len({one.key for _, _, one in tried}) == 8
