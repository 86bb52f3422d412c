"""Rows that begin with random weights are named, each with the one reason that is true of it."""

from __future__ import annotations

from repro.scales.scale import get_scale
from repro.tables.random_starts import said_random_starts
from repro.tables.request import PlannedTable, Request, outline_tables


def planned(paper: str, number: int, *, scale: str = "laptop", start: str = "warm", rows: tuple[str, ...] = ()) -> PlannedTable:
    return outline_tables([Request(paper, number, get_scale(scale), "people", None, (0, 1), rows, start)])[0]


def test_nothing_is_said_where_all_rows_have_their_start():
    assert said_random_starts([planned("skeletal", 3)]) == []


def test_rows_whose_backbone_has_no_start_are_named():
    (line,) = said_random_starts([planned("skeletal", 3), planned("hgr", 2, rows=("centernet-dla", "centernet-hg"))])
    assert line == "Random weights at the start of centernet-dla, centernet-hg of hgr 2: there is no start for their backbone."


def test_what_was_asked_for_is_the_reason():
    said = said_random_starts([planned("skeletal", 3, start="random")])
    assert said == ["Random weights at the start of all rows: START=random was given."]
    said = said_random_starts([planned("cal", 9, start="w32=random,w48=random,r50=random")])
    assert len(said) == 1 and "START=w32=random,w48=random,r50=random gives their backbone none" in said[0]


def test_the_command_that_makes_a_start_is_that_of_the_printed_backbone(places):
    (line,) = said_random_starts([planned("skeletal", 3, scale="gpu")])
    assert line.startswith("Random weights at the start of all rows: the warm start of their backbone is not here; ")
    assert "`repro warm-start --scale gpu --width 32` makes it" in line


def test_each_reason_has_a_line_of_its_own(places):
    said = sorted(said_random_starts([planned("cal", 1)]))
    assert [line.split("`")[1] for line in said] == [f"repro warm-start --scale laptop --depth {d}" for d in (101, 152, 50)]
