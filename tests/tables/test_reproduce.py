"""Several tables in one go, on tiny runs: planned first, made in order, each folder as soon as its own runs are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.decoders.peaks import Argmax
from repro.runs.run import is_evaluated
from repro.runs.schedule import Machine
from repro.scales.scale import SCALES
from repro.tables import reproduce
from repro.tables.reproduce import reproduce_tables
from repro.tables.request import PlannedTable, Request
from repro.tables.say_results import say_where

from ..tiny_runs import BASELINE, tiny_recipe

CPU = Machine(device="cpu", jobs=1)


def request(paper: str, number: int) -> Request:
    """A table at smoke scale."""
    return Request(paper, number, SCALES["smoke"], "people", None, (0,), start="random")


@pytest.fixture
def tables(data, tiny_samples, places, monkeypatch):
    """Three tables: a recipe, counts alone, and the same recipe, another decoder of it and another training.

    Returns them with the list of folders that were written and of the recipes that were complete then.
    """
    recipe, other = tiny_recipe(data), tiny_recipe(data, seed=1)
    decoded = recipe.but(method=BASELINE.but(decoder=Argmax()))
    made = [
        PlannedTable(request("cal", 2), tiny_samples, {("a", 0): recipe}, 1.0),
        PlannedTable(request("hgr", 1), None, {}, 1.0),
        PlannedTable(request("sahg", 2), tiny_samples, {("a", 0): recipe, ("b", 0): decoded, ("c", 0): other}, 1.0),
    ]
    written = []

    def write_folder(asked, outcome, recipes, samples, machine, seconds) -> Path:
        assert seconds >= 1
        written.append((asked.title, [is_evaluated(one) for one in (recipe, decoded, other)]))
        return Path(asked.paper) / f"table{asked.table}" / "version"

    monkeypatch.setattr(reproduce, "plan_tables", lambda requests: made)
    monkeypatch.setattr(reproduce, "collect", lambda asked, recipes: None)
    monkeypatch.setattr(reproduce, "write_folder", write_folder)
    return made, written


def test_folders_are_written_in_order_as_soon_as_their_runs_are_complete(tables, capsys):
    made, written = tables
    folders = list(reproduce_tables([table.request for table in made], CPU))
    assert written == [("cal 2", [True, False, False]), ("hgr 1", [True, False, False]), ("sahg 2", [True] * 3)]
    assert folders == [Path("cal/table2/version"), Path("hgr/table1/version"), Path("sahg/table2/version")]
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("4 runs of 2 tables from 2 trainings, in ")
    assert [line for line in said if "run " in line] == ["cal 2 · run 1/1", "sahg 2 · run 1/2", "sahg 2 · run 2/2"]


def test_a_failure_later_leaves_the_folders_before_it(tables, monkeypatch):
    made, written = tables
    make_runs, folders = reproduce.make_runs, []

    def failing(recipes, *others) -> None:
        if len(recipes) == 3:
            raise KeyboardInterrupt
        make_runs(recipes, *others)

    monkeypatch.setattr(reproduce, "make_runs", failing)
    with pytest.raises(KeyboardInterrupt):
        for folder in reproduce_tables([table.request for table in made], CPU):
            folders.append(folder)
    assert [title for title, _ in written] == ["cal 2", "hgr 1"] and len(folders) == 2


def test_where_the_results_of_several_tables_lie_is_said_at_the_end(capsys):
    say_where([Path("/r/cal/table2/v1"), Path("/r/hgr/table2/v2")])
    assert capsys.readouterr().out.splitlines() == [
        "Results",
        "  cal table2  /r/cal/table2/v1",
        "  hgr table2  /r/hgr/table2/v2",
    ]
