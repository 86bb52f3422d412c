"""A paper of somebody else's package is reproduced like those of this one, by the command that ``make reproduce`` calls.

``sixth_paper/wide_peaks`` is that package: a new encoder, loss and head, the printed table and its rows. Nothing else knows it.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from repro.cli.main import main
from repro.errors import ReproError
from repro.papers import PAPERS
from repro.papers.printed import reported
from repro.papers.recipes import table_rows
from repro.recipe import Recipe
from repro.reporting.folders import newest_folder
from repro.reporting.outcome import Outcome
from repro.tables.current import earlier_rule
from repro.tables.last_step import ANY_TABLE, notebook_of
from repro.tables.view import open_table

HERE = Path(__file__).parent / "sixth_paper"
KEY = "wide_peaks"
ROWS = ["hrnet", "wide", "wide-smooth", "full"]


@pytest.fixture(scope="module", autouse=True)
def installed():
    """The package can be imported, here and by processes that are started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]))
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] == KEY]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """What the command says; its folders are those of the module."""
    root = tmp_path_factory.mktemp("sixth")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("runs", "results", "cache"):
            patch.setenv(f"REPRO_{name.upper()}", str(root / name))
        asked = ("--paper", KEY, "--table", "1", "--scale", "smoke", "--device", "cpu", "--jobs", "1")
        yield CliRunner().invoke(main, ("reproduce", *asked), catch_exceptions=False)


def test_it_leaves_a_result_folder(done):
    assert done.exit_code == 0, done.output
    assert "4 runs from 4 trainings" in done.output
    folder = newest_folder(KEY, 1)
    outcome = Outcome.read(folder / "runs.json")
    assert [run.row for run in outcome.runs] == ROWS
    assert all(0 <= run.metrics["OKS"] <= 1 for run in outcome.runs)
    assert "| wide peaks and smooth loss" in (folder / "table.md").read_text()
    cells = json.loads((folder / "notebook.ipynb").read_text())["cells"]
    said = "".join("".join(output.get("text", ())) for cell in cells for output in cell.get("outputs", ()))
    assert "Wide Peaks Make Good Poses, table 1" in said
    assert earlier_rule(outcome) == ""
    open_table(KEY, 1).heading()


def test_its_parts_are_named_by_its_package_and_those_of_this_one_by_bare_names(done):
    runs = {run.row: run.recipe for run in Outcome.read(newest_folder(KEY, 1) / "runs.json").runs}
    kinds = {row: [runs[row]["method"][part]["type"] for part in ("encoder", "network", "loss")] for row in ROWS}
    assert kinds["hrnet"] == ["GaussianHeatmap", "HeatmapNetwork", "HeatmapMSE"]
    assert kinds["full"] == [f"{KEY}.parts:{name}" for name in ("WidePeaks", "DeepHeadNetwork", "SmoothLoss")]
    assert all(Recipe.from_plain(recipe).to_plain() == recipe for recipe in runs.values())
    assert all(Recipe.from_plain(recipe).initialisation is not None for recipe in runs.values())  # all start warm


def test_its_table_is_that_of_its_folder():
    assert list(reported(KEY, 1)["row"]) == list(table_rows(KEY, 1).rows) == ROWS
    assert PAPERS[KEY].title == "Wide Peaks Make Good Poses" and KEY not in list(PAPERS)
    assert notebook_of(KEY, 1) == ANY_TABLE  # it has none of its own
    listed = CliRunner().invoke(main, ("list", KEY)).output
    assert "full [own, recipe]" in listed and "skeletal" not in listed


def test_names_that_are_no_papers_are_refused():
    for name in ("no_such_paper", "json", "", "../x", "wide_peaks.rows"):
        assert name not in PAPERS
    said = CliRunner().invoke(main, ("reproduce", "--paper", "no_such_paper", "--table", "1"))
    assert said.exit_code != 0 and "Unknown PAPER 'no_such_paper': choose one of skeletal" in str(said.output)


def test_what_is_wrong_with_a_paper_is_said(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, text in (
        ("needs_more", "import no_such_library\n"),
        ("named_otherwise", f"from {KEY} import PAPER\n"),
        ("ends_early", "raise SystemExit('no GPU')\n"),
    ):
        (tmp_path / f"{name}.py").write_text(text)
    importlib.invalidate_caches()
    with pytest.raises(ReproError, match="needs_more needs the module 'no_such_library'"):
        PAPERS["needs_more"]
    with pytest.raises(ReproError, match="holds a paper with the key 'wide_peaks'"):
        PAPERS["named_otherwise"]
    with pytest.raises(ReproError, match=r"The module ends_early of a paper ends with SystemExit .* \(no GPU\): mend"):
        PAPERS["ends_early"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1 / 0\n", r"The module {}.rows of a paper ends with ZeroDivisionError when it is imported \(division by zero\)"),
        ("import no_such_library\n", "The paper {} needs the module 'no_such_library'"),
        ("ROWS = {}\n", "The module {}.rows has no TABLES: give it a dict"),
    ],
)
def test_what_is_wrong_with_its_rows_is_said(rows, said, tmp_path, monkeypatch):
    name = f"rows_{len(rows)}"
    shutil.copytree(HERE / KEY, tmp_path / name)
    described = (tmp_path / name / "__init__.py").read_text()
    (tmp_path / name / "__init__.py").write_text(described.replace(f'key="{KEY}"', f'key="{name}"'))
    (tmp_path / name / "rows.py").write_text(rows)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    with pytest.raises(ReproError, match=said.format(name)):
        table_rows(name, 1)
