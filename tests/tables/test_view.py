"""A table as its notebook opens it: only when today's recipes are those that its folder was made with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from repro.errors import ReproError
from repro.recipe import Data, Initialisation, Recipe
from repro.reporting.outcome import Outcome, RunOutcome
from repro.scales.scale import SCALES
from repro.tables.plan import table_recipes
from repro.tables.view import TableView, check_current, open_table
from repro.training.warm_start import WEIGHT_SIZE

DATA = Data(name="lspet", train_fingerprint="0" * 16, train_count=64, val_fingerprint="1" * 16, val_count=32)


@pytest.fixture
def outcome() -> Outcome:
    """Table 3 at smoke scale with the recipes of today."""
    recipes = table_recipes("skeletal", 3, SCALES["smoke"], DATA, (0, 1), start="random")
    runs = tuple(
        RunOutcome(
            row=row,
            seed=seed,
            recipe=recipe.to_plain(),
            key=recipe.key,
            training_key=recipe.training_key,
            metrics={"pckh@0.5": 0.5, "pckh@0.1": 0.1},
            curve=[],
            seconds=1.0,
        )
        for (row, seed), recipe in recipes.items()
    )
    return Outcome("skeletal", 3, "smoke", "lspet", 8, runs, start="random")


def changed(outcome: Outcome, position: int, **fields) -> Outcome:
    """The outcome with other fields of one run."""
    runs = list(outcome.runs)
    runs[position] = replace(runs[position], **fields)
    return replace(outcome, runs=tuple(runs))


def folder_of(outcome: Outcome, place: Path) -> Path:
    """A folder that holds the outcome."""
    place.mkdir(parents=True)
    outcome.write(place / "runs.json")
    return place


def test_a_table_whose_recipes_are_todays_is_current(outcome):
    check_current(outcome)
    check_current(replace(outcome, runs=outcome.runs[:1]))  # one row, one seed


def test_a_table_of_another_length_is_current_at_that_length(outcome):
    short = SCALES["smoke"].of_length(0.5)
    recipes = table_recipes("skeletal", 3, short, DATA, (0, 1), start="random")
    runs = tuple(
        replace(run, recipe=recipe.to_plain(), key=recipe.key)
        for run, recipe in zip(outcome.runs, recipes.values(), strict=True)
    )
    check_current(replace(outcome, runs=runs, length=0.5))
    with pytest.raises(ReproError, match="SCALE=smoke DATA=lspet"):
        check_current(replace(outcome, runs=runs))
    with pytest.raises(ReproError, match="SCALE=smoke LENGTH=1/2 DATA=lspet"):
        check_current(replace(outcome, length=0.5))


def test_a_warm_start_that_was_made_elsewhere_is_that_of_its_backbone(outcome):
    def started(name: str) -> Outcome:
        runs = []
        for run in outcome.runs:
            recipe = Recipe.from_plain(run.recipe)
            recipe = recipe.but(initialisation=Initialisation(name=name, sha256="a" * 64, size=WEIGHT_SIZE))
            runs.append(replace(run, recipe=recipe.to_plain(), key=recipe.key))
        return replace(outcome, runs=tuple(runs), start="warm")

    # the smoke scale's own warm start lies in the package; without it, as on a machine that never made a gpu scale's:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("repro.training.warm_start.initialisation_for", lambda backbone: None)
        own = Recipe.from_plain(outcome.runs[0].recipe).method.network.backbone
        check_current(started(own.plain().warm_name))
        with pytest.raises(ReproError, match="have changed"):
            check_current(started("people-parts-w32-000000"))
    with pytest.raises(ReproError, match="have changed"):
        check_current(started(own.plain().warm_name))  # not with these weights


def test_a_changed_recipe_names_the_runs_and_the_command(outcome):
    with pytest.raises(ReproError) as caught:
        check_current(changed(outcome, 3, key="0" * 12))
    assert str(caught.value) == (
        "The recipes of table 3 of skeletal have changed since it was reproduced (attention seed 1): run "
        "`make reproduce PAPER=skeletal TABLE=3 SCALE=smoke DATA=lspet DATA_ROOT=/path/to/lspet SEEDS=0,1 "
        "START=random` again, with the ROW= and BOXES= of then, if any."
    )


def test_a_table_with_a_detectors_boxes_is_current():
    own = (SCALES["smoke"], replace(DATA, name="coco"), (0,), ("udp-w32-128x96",), "random")
    ((row, recipe),) = table_recipes("cal", 1, *own, boxes="detections-0123").items()
    run = RunOutcome(
        row=row[0],
        seed=0,
        recipe=recipe.to_plain(),
        key=recipe.key,
        training_key=recipe.training_key,
        metrics={"AP": 0.5},
        curve=[],
        seconds=1.0,
    )
    check_current(Outcome("cal", 1, "smoke", "coco", 2, (run,), start="random"))


def test_a_recipe_that_can_no_longer_be_read_has_changed_too(outcome):
    plain = outcome.runs[0].recipe | {"temperature": 0.5}
    with pytest.raises(
        ReproError, match=r"table 3 of skeletal have changed .*'temperature'.*run `make reproduce PAPER="
    ):
        check_current(changed(outcome, 0, recipe=plain))


def test_weights_that_are_no_more_are_a_change_too(outcome):
    with pytest.raises(ReproError, match=r"table 3 of skeletal have changed .*START 'hrnet-gone'.*run `make reproduce"):
        check_current(replace(outcome, start="hrnet-gone"))


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
    assert "4 open: anything else" in said  # two steps of no change in two columns
    protocol = view.protocol()
    assert list(protocol["recipe"]) == [run.key for run in outcome.runs if run.seed == 0]
    own = ["HRNet-w32", "+ skeletal attention module", "+ weighted inference", "HRNet, weighted inference"]
    assert list(protocol["row"]) == own


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
