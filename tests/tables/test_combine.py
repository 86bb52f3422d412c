"""Putting parts together by a command: what fits is run as a table of its own, what does not is refused or left out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from repro.cli.main import main
from repro.errors import ReproError
from repro.papers.studies import HERE, find_study
from repro.recipe import Recipe
from repro.reporting.measured import Measured
from repro.reporting.outcome import Outcome
from repro.reporting.table import count_verdicts, steps_table
from repro.reporting.verdicts import FINDINGS
from repro.tables.combine import combinations, open_study
from repro.tables.view import open_table

BASE = "cal/8/dark-w32-64x48"


@pytest.fixture(scope="module", autouse=True)
def folders(tmp_path_factory):
    """Folders of the module."""
    root = tmp_path_factory.mktemp("combine")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("runs", "results", "cache"):
            patch.setenv(f"REPRO_{name.upper()}", str(root / name))
        yield root


def run(*arguments):
    return CliRunner().invoke(main, ("run", *arguments, "--scale", "smoke", "--device", "cpu", "--jobs", "1"))


def test_every_combination_is_made_and_those_that_do_not_fit_are_told():
    parts = {"encoder": ["GaussianHeatmap", "OffsetField"], "decoder": ["Argmax", "OffsetDecoder"]}
    put = combinations(BASE, parts)
    assert list(put.study.rows) == ["dark-w32-64x48", "gaussianheatmap-argmax", "offsetfield-argmax"]
    assert [line.partition(":")[0] for line in put.left_out] == [
        "GaussianHeatmap, OffsetDecoder",
        "OffsetField, OffsetDecoder",
    ]
    assert all("reads 'offsets', which HeatmapNetwork does not give" in line for line in put.left_out)
    assert find_study(put.study.key) == put.study and put.study.key.startswith("study-")
    assert combinations(BASE, parts).study.key == put.study.key  # the same combinations have the same name
    assert combinations(BASE, {"decoder": ["Argmax"]}).study.key != put.study.key


def test_names_of_rows_differ():
    texts = ["Dark(kernel=3)", '{"type": "Dark", "kernel": 5}', "Dark(kernel=7)", "Dark( kernel=7)"]
    assert list(combinations(BASE, {"decoder": texts[:3]}).study.rows)[1:] == ["dark-kernel-3", "dark-kernel-5", "dark-kernel-7"]
    assert list(combinations(BASE, {"decoder": texts[2:]}).study.rows)[1:] == ["dark-kernel-7", "dark-kernel-7-2"]


def test_what_does_not_fit_is_refused_before_anything_is_trained(folders):
    for arguments, says in (
        (("--base", "cal/8/udp-w32-64x48", "--loss", "HeatmapMSE"), "which HeatmapMSE does not teach"),
        (("--base", BASE, "--decoder", "Drak"), "Unknown type of decoder 'Drak'"),
        (("--base", BASE), "has no combination|are the same|nothing"),
        (("--base", "cal/8/none", "--decoder", "Argmax"), "Unknown row of table 8 of cal 'none'"),
        (("--decoder", "Argmax"), "Give either --base"),
        (("--study", "best-pair", "--decoder", "Argmax"), "leave the parts"),
        (("--study", "nothing-there"), "There is no study 'nothing-there': name a file that ends in .toml, or one of best-pair"),
        (("--base", BASE, "--decoder", "Argmax", "--name", "cal"), "cannot be called 'cal', which is a paper"),
        (("--base", BASE, "--decoder", "Argmax", "--name", "../x"), "The name of the study is '../x'"),
    ):
        result = run(*arguments)
        said = " ".join(result.output.replace("│", " ").split())
        assert result.exit_code == 2, result.output
        assert any(one in said for one in says.split("|")), said
    assert not list(folders.glob("runs/*")) and not list(folders.glob("results/*"))


def test_a_row_of_a_study_that_does_not_fit_is_named(tmp_path):
    file = tmp_path / "broken.toml"
    file.write_text(f'base = "{BASE}"\n[rows.a]\ndecoder = "OffsetDecoder"\n')
    with pytest.raises(ReproError, match="Row 'a' of the study broken: OffsetDecoder reads 'offsets'"):
        open_study(str(file))


@pytest.mark.parametrize("file", sorted(HERE.glob("*.toml")), ids=lambda file: file.stem)
def test_the_rows_of_committed_studies_fit(file):
    assert open_study(file.stem).file == file


def test_a_plan_writes_nothing(folders):
    result = run("--base", BASE, "--decoder", "Argmax", "--name", "planned", "--plan")
    assert result.exit_code == 0 and "planned 1: 2 runs from 1 training" in result.output
    assert not (folders / "results" / "planned").exists()


@pytest.mark.slow
def test_a_study_leaves_a_result_folder(folders):
    parts = ("--decoder", "WeightedInference(n=5)", "--decoder", "Argmax", "--encoder", "OffsetField")
    result = run("--base", BASE, *parts, "--name", "mine", "--seeds", "0-1", "--question", "Are discs good?")
    assert result.exit_code == 0, result.output
    assert "6 runs from 4 trainings" in result.output
    (manifest,) = folders.glob("results/mine/table1/*/manifest.json")
    outcome = Outcome.read(manifest.parent / "runs.json")
    assert list(dict.fromkeys(one.row for one in outcome.runs)) == [
        "dark-w32-64x48",
        "offsetfield-weightedinference-n-5",
        "offsetfield-argmax",
    ]
    assert json.loads(manifest.read_text())["seeds"] == [0, 1] and "notebook_failed" not in manifest.read_text()
    recipes = [Recipe.from_plain(one.recipe) for one in outcome.runs]
    assert {type(one.method.decoder).__name__ for one in recipes} == {"Dark", "WeightedInference", "Argmax"}
    text = (manifest.parent / "table.md").read_text()
    assert text.startswith("# Study mine, table 1\n\nAre discs good. Scale smoke") and "| dark-w32-64x48 → offsetfield" in text
    assert Measured.of_folder(manifest.parent).outcome == outcome
    judged = Measured(replace(outcome, scale="laptop"), Measured.of_folder(manifest.parent).evidence)
    steps = steps_table(judged)
    assert list(steps["metric"]) == ["mean OKS"] * 2 and set(steps["printed"]) == {"not printed"}  # AP is 0 in all rows
    assert set(steps["verdict"]) <= set(FINDINGS) and not set(steps["sign"]) - {""}
    assert [line.split()[1] for line in count_verdicts(judged)] == ["higher:", "lower:", "undecided:"]
    view = open_table("mine", 1, folder=f"mine/table1/{manifest.parent.name}")
    view.heading()
    assert len(view.table()) == 3
    again = run("--base", BASE, "--decoder", "Argmax", "--name", "mine")
    assert again.exit_code == 2 and "holds another study of this name" in " ".join(again.output.split())
