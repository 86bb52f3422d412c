"""A table as its notebook opens it, from a result folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from repro.errors import ReproError
from repro.reporting.outcome import Outcome
from repro.tables.view import TableView, open_table

from .todays import todays_outcome


@pytest.fixture
def outcome() -> Outcome:
    """Table 3 at smoke scale with the recipes of today."""
    return todays_outcome()


def folder_of(outcome: Outcome, place: Path) -> Path:
    """A folder that holds the outcome."""
    place.mkdir(parents=True)
    outcome.write(place / "runs.json")
    return place


def test_a_folder_is_opened_by_its_name_also_while_it_is_filled(outcome, places):
    results = places / "results" / "skeletal" / "table3"
    finished = folder_of(outcome, results / "one")
    filled = folder_of(outcome, results / ".two.77.partial")
    assert open_table("skeletal", 3, folder="skeletal/table3/one").folder == finished
    view = open_table("skeletal", 3, folder="skeletal/table3/two")
    assert view.folder == filled and len(view.outcome.runs) == 8
    with pytest.raises(ReproError, match="There is no result folder 'skeletal/table3/three' under results/"):
        open_table("skeletal", 3, folder="skeletal/table3/three")


def test_a_view_says_what_was_reproduced_and_with_what(outcome, places, capsys):
    folder_of(outcome, places / "results" / "skeletal" / "table3" / ".two.77.partial")
    view = open_table("skeletal", 3, folder="skeletal/table3/two")
    view.heading()
    view.verdicts()
    said = capsys.readouterr().out
    assert "table 3: What the skeletal attention module" in said
    assert (
        "Leeds Sports Pose Extended, scale smoke, seeds [0, 1]; 64 training and 32 evaluation persons, 4 epochs" in said
    )
    assert "Result folder: two\n" in said
    assert "No step of this table has a verdict: smoke runs mean nothing." in said
    assert "earlier rule" not in said and view.steps().empty and len(view.other_steps()) == 4
    protocol = view.protocol()
    assert list(protocol["recipe"]) == [run.key for run in outcome.runs if run.seed == 0]
    own = ["HRNet-w32", "+ skeletal attention module", "+ weighted inference", "HRNet, weighted inference"]
    assert list(protocol["row"]) == own


def test_a_folder_of_an_earlier_rule_is_shown_and_its_heading_says_so(outcome, places, capsys):
    runs = tuple(replace(run, key="0" * 12) for run in outcome.runs)
    folder_of(replace(outcome, runs=runs), places / "results" / "skeletal" / "table3" / "old")
    view = open_table("skeletal", 3, folder="skeletal/table3/old")
    view.heading()
    assert "Made by an earlier rule of the scale smoke: since then the revision of the code." in capsys.readouterr().out
    assert len(view.table()) == len({run.row for run in outcome.runs})


def test_a_view_says_another_length_beside_every_number(outcome, places, capsys):
    folder_of(replace(outcome, length=0.5), places / "results" / "skeletal" / "table3" / "short")
    short = replace(outcome, length=0.5)
    assert Outcome.read(places / "results" / "skeletal" / "table3" / "short" / "runs.json").length == 0.5
    view = TableView(short, places / "results" / "skeletal" / "table3" / "short")
    view.heading()
    assert "scale smoke at length 1/2, seeds [0, 1]" in capsys.readouterr().out
    assert all(line.endswith(" · length 1/2") for line in view.protocol()["protocol"])


def test_a_table_without_results_says_so(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path))
    view = open_table("cal", 9)
    view.heading()
    text = capsys.readouterr().out
    assert "table 9" in text and "`make reproduce PAPER=cal TABLE=9` makes one" in text
    assert view.table() is None and view.by_setting("Input size") is None
    with pytest.raises(AttributeError):
        _ = view.nothing
    with pytest.raises(ReproError, match="There is no result folder 'cal/table9/old'"):
        open_table("cal", 9, folder="cal/table9/old")


@pytest.mark.parametrize("name", ["folder", "scale", "data", "data_root", "device", "boxes"])
@pytest.mark.parametrize("value", [3, True, ["a"], 1.5, "a\0b"], ids=repr)
def test_a_parameter_of_another_type_is_one_sentence(name, value, places):
    given = {"scale": "smoke", name: value} if name in ("data_root", "boxes", "device") else {name: value}
    with pytest.raises(ReproError, match=f"{name} is .*, expected a text"):
        open_table("skeletal", 3, **given)


@pytest.mark.parametrize("seeds", ["0,5-2", "abc", ["0"], [1.5], [-1], [], [0, 0], None, 2**64], ids=repr)
@pytest.mark.parametrize("scale", ["", "smoke"])
def test_seeds_of_a_notebook_are_read_as_those_of_the_command(seeds, scale, places):
    with pytest.raises(ReproError, match="SEEDS is "):
        open_table("skeletal", 3, scale=scale, seeds=seeds)


@pytest.mark.parametrize("name", ["..", ".", "skeletal", "[", "*", "skeletal/table3/*", "é", "/"])
def test_only_a_result_folder_is_opened(name, outcome, places):
    folder_of(outcome, places / "results" / "skeletal" / "table3" / "one")
    with pytest.raises(ReproError, match="There is no result folder"):
        open_table("skeletal", 3, folder=name)


def test_unknown_data_is_refused_also_where_nothing_is_trained(places):
    with pytest.raises(ReproError, match="Unknown data set 'nothing'"):
        open_table("skeletal", 3, data="nothing")


def test_results_of_another_table_or_other_data_are_refused(outcome, places):
    folder_of(outcome, places / "results" / "skeletal" / "table3" / "one")
    with pytest.raises(ReproError, match="which holds table 3 of skeletal, expected one of table 2 of skeletal"):
        open_table("skeletal", 2, folder="skeletal/table3/one")
    manifest = {"paper": "skeletal", "table": 3, "seeds": [0], "rows": {}, "created": "2026", "data": "lspet"}
    (places / "results/skeletal/table3/one/manifest.json").write_text(json.dumps(manifest))
    assert open_table("skeletal", 3, data="lspet").outcome.data == "lspet"
    with pytest.raises(ReproError, match="no result folder on mpii: leave `data` out to see that on lspet"):
        open_table("skeletal", 3, data="mpii")
    with pytest.raises(ReproError, match="Table 2 of skeletal has no result folder"):
        open_table("skeletal", 2, data="mpii")


def test_the_heading_says_where_recipes_differ_from_the_print(outcome, tmp_path, capsys):
    TableView(outcome, tmp_path / "smoke").heading()
    text = capsys.readouterr().out
    assert (
        text.count(
            "Where this differs from the print, at paper scale:\n- weight decay: printed 0.0001; ours 0. HRNet's files"
        )
        == 1
    )
    TableView(replace(outcome, runs=()), tmp_path / "smoke").heading()
    assert "differs from the print" not in capsys.readouterr().out


def test_figures_that_a_folder_keeps_nothing_for_are_a_sentence(outcome, tmp_path, capsys):
    view = TableView(outcome, folder_of(outcome, tmp_path / "folder"))
    for draw in (view.error_gains, view.keypoint_factors, view.pose_factors):
        draw()
        (line,) = capsys.readouterr().out.splitlines()
        assert line.endswith("reproduce the table again to see them." if "factors" in line else "to see it.")
