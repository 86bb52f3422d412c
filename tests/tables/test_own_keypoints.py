"""A set of 21 keypoints of one's own trains, is evaluated and yields a result folder by one command and no code."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import repro
from repro.cli.main import main
from repro.recipe import Recipe
from repro.reporting.outcome import Outcome
from repro.tables.current import earlier_rule

from ..data.own_data import HAND, HAND_LINKS, write_own


@pytest.fixture
def hands(places):
    return write_own(places / "hands", HAND, HAND_LINKS)


def reproduce(root, *arguments):
    asked = ("--scale", "smoke", "--data", "coco-format", "--data-root", str(root), "--device", "cpu", "--jobs", "1")
    return CliRunner().invoke(main, ("reproduce", *arguments, *asked))


@pytest.mark.slow
def test_one_command_leaves_a_result_folder(places, hands):
    toml = places / "hand.toml"
    toml.write_text('name = "my-hand"\nsigmas = 0.03\n', encoding="utf-8")
    asked = ("--paper", "skeletal", "--table", "1", "--row", "hrnet-w32-256x192", "--skeleton", str(toml))
    done = reproduce(hands, *asked)
    assert done.exit_code == 0, done.output
    (folder,) = (places / "results" / "skeletal" / "table1").iterdir()
    assert {"table.md", "figures", "notebook.ipynb", "manifest.json"} <= {path.name for path in folder.iterdir()}
    outcome = Outcome.read(folder / "runs.json")
    assert earlier_rule(outcome) == ""
    recipe = Recipe.from_plain(outcome.runs[0].recipe)
    assert recipe.data.skeleton.name == "my-hand" and recipe.data.skeleton.sigmas == (0.03,) * 21
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["data"] == "coco-format"
    run = repro.load_run("skeletal/1/hrnet-w32-256x192:0", device="cpu")
    assert run.skeleton == recipe.data.skeleton
    (found,) = run.predict(hands / "images" / "1.png")
    assert found.points.shape == (1, 21, 2)
    assert run.evaluate("coco-format", hands, scale="smoke")["OKS"] == pytest.approx(run.metrics["OKS"], abs=1e-4)


@pytest.mark.slow
def test_bottom_up_rows_take_own_keypoints_too(hands):
    run = repro.train("sahg/2/baseline", "coco-format", hands, scale="smoke", device="cpu")
    assert run.skeleton.name == "hand21" and "AP" in run.metrics


def test_rows_that_need_other_keypoints_are_refused_before_anything_is_trained(places, hands):
    rows = {("skeletal", "1", "proposed-w32-256x192"): "left_ankle", ("fowkal", "2", "mse"): "no part 'body'"}
    rows["hgr", "2", "hgr-hrhrnet-w48-multi"] = "left_shoulder"
    for (paper, table, row), why in rows.items():
        done = reproduce(hands, "--paper", paper, "--table", table, "--row", row)
        assert done.exit_code == 2 and f"The row {row} cannot be run with these keypoints" in done.output
        assert why in done.output and not (places / "runs").exists()
