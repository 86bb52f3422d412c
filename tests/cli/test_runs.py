from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from repro import paths
from repro.cli.main import main
from repro.runs.run import folder, is_evaluated
from repro.runs.schedule import Machine, make_runs
from repro.support.locks import locked

from ..tiny_runs import tiny_recipe


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, ["runs", *arguments], input=answer)


@pytest.fixture
def recipes(data, tiny_samples, places, monkeypatch):
    """Two complete runs: a result needs the first one."""
    monkeypatch.setattr(paths, "RESULTS", places / "results")
    used, needless = tiny_recipe(data), tiny_recipe(data, seed=1)
    make_runs([used, needless], tiny_samples, Machine(device="cpu", jobs=1))
    manifest = places / "results/skeletal/table3/one/manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"recipes": {"hrnet seed 0": used.key}, "trainings": {used.training_key: 1.0}}))
    return used, needless


def test_runs_are_listed_and_shown_with_what_uses_them(recipes):
    used, needless = recipes
    lines = run("list").output.splitlines()
    assert any(line.startswith(used.training_key) and line.endswith("skeletal/3/hrnet:0") for line in lines)
    assert any(line.startswith(needless.training_key) and "no result; HeatmapNetwork" in line for line in lines)
    assert "2 trainings in" in lines[2] and lines[-1].startswith("`repro runs clean` would free")
    text = run("show", used.training_key[:6]).output
    assert "rows: skeletal/3/hrnet:0" in text and "results: skeletal/table3/one" in text
    for row in ("skeletal/3/hrnet:0", "skeletal/3/hrnet"):
        assert run("show", row).output == text
    assert "'' names 2 trainings, expected a row as in skeletal/3/attention:0" in run("show", "").output
    assert "'skeletal/3/attention:0' names no trainings, expected a row" in run("show", "skeletal/3/attention:0").output


def test_without_runs_there_is_nothing_to_list_or_remove(places):
    assert "No trainings in" in run("list").output
    assert "There is nothing to remove" in run("clean").output


def test_clean_asks_and_leaves_all_where_the_answer_is_no(recipes):
    result = run("clean", answer="n\n")
    assert result.exit_code == 1 and "1 run that no result needs" in result.output
    assert "Snapshots kept of 1 run" in result.output
    assert all(len(list((folder(one) / "snapshots").iterdir())) == 3 for one in recipes)


def test_clean_removes_what_no_result_needs_and_snapshots_of_the_others(recipes):
    used, needless = recipes
    result = run("clean", "--yes")
    assert result.exit_code == 0 and "were freed" in result.output
    assert not folder(needless).exists()
    assert is_evaluated(used) and not list((folder(used) / "snapshots").iterdir())
    assert "There is nothing to remove." in run("clean", "--yes").output


@pytest.mark.parametrize(("option", "removed", "snapshots"), [("--snapshots", False, 0), ("--unused", True, 3)])
def test_clean_removes_one_kind_alone(recipes, option, removed, snapshots):
    used, needless = recipes
    assert run("clean", option, "--yes").exit_code == 0
    assert folder(needless).exists() is not removed
    assert len(list((folder(used) / "snapshots").iterdir())) == snapshots


def test_unfinished_trainings_go_only_when_that_is_said(recipes):
    _, needless = recipes
    partial = folder(needless).rename(folder(needless).with_name(f"{needless.training_key}.partial"))
    run("clean", "--yes")
    assert partial.exists()
    run("clean", "--unfinished", "--yes")
    assert not partial.exists()


def test_a_run_that_is_locked_stays(recipes, places):
    _, needless = recipes
    with locked(places / "runs" / f"{needless.training_key}.lock", "a training"):
        run("clean", "--yes")
    assert folder(needless).exists()
