"""The committed perfect maps are those of today's rows, and their file says what the tables need."""

from __future__ import annotations

import pytest

from repro.experiments.perfect_maps import TABLES, maps_of, read_perfect_maps
from repro.papers.sahg.rows import TABLES as ROWS
from repro.recipe import Data
from repro.scales.scale import SCALES
from repro.tables.plan import table_recipes

DATA = Data(name="people", train_fingerprint="t", train_count=2000, val_fingerprint="v", val_count=400)
KEPT = read_perfect_maps()


@pytest.mark.parametrize("table", TABLES)
def test_every_row_of_today_was_measured(table):
    made = table_recipes("sahg", table, SCALES["laptop"], DATA, (0,), start="random")
    for (row, _), recipe in made.items():
        own = [line for line in KEPT if line["table"] == table and line["row"] == row]
        assert [line["sigma"] for line in own] == [2.0, 1.0]
        assert own[0]["maps"] == maps_of(recipe.to_plain()) != own[1]["maps"]
    assert {line["row"] for line in KEPT if line["table"] == table} == set(ROWS[table].rows)


def test_perfect_maps_show_nearly_all_people():
    assert all(line["images"] == 400 and line["AP"] > 0.9 for line in KEPT)
