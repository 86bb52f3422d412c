"""Outcomes as files, and whether their recipes are today's."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from repro.errors import ReproError
from repro.reporting.outcome import Outcome, stale_runs

from .sample_outcome import make_outcome


def test_an_outcome_survives_its_file_and_nan_becomes_null(tmp_path: Path) -> None:
    outcome = make_outcome()
    outcome.write(tmp_path / "runs.json")
    back = Outcome.read(tmp_path / "runs.json")
    assert back.seeds == [0, 1]
    assert back.values("hrnet", "pckh@0.5") == {0: 0.40, 1: 0.42}
    assert json.loads((tmp_path / "runs.json").read_text())["runs"][0]["metrics"]["AP_M"] is None
    assert back.values("hrnet", "AP_M") == {}
    assert outcome.values("hrnet", "AP_M") == {}


def test_runs_of_folders_that_kept_no_factors_are_read(tmp_path: Path) -> None:
    outcome = make_outcome()
    outcome.write(tmp_path / "runs.json")
    plain = json.loads((tmp_path / "runs.json").read_text())
    plain["runs"][0]["factors"] = [{"persons": 100, "body": 0.00012}]
    del plain["runs"][1]["factors"]
    (tmp_path / "runs.json").write_text(json.dumps(plain))
    first, second, *_ = Outcome.read(tmp_path / "runs.json").runs
    assert first.factors == [{"persons": 100, "body": 0.00012}] and second.factors == []


@pytest.mark.parametrize("text", ["", "{}", '{"paper": "skeletal"}', "[]"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "runs.json").write_text(text)
    with pytest.raises(ReproError, match=r"does not hold the runs of a table .*reproduce the table again"):
        Outcome.read(tmp_path / "runs.json")


def test_recipes_of_today_are_compared_by_key() -> None:
    outcome = make_outcome()
    today = {(run.row, run.seed): SimpleNamespace(key=run.key) for run in outcome.runs}
    assert stale_runs(outcome, today) == []
    today["hrnet", 1] = SimpleNamespace(key="changed")
    del today["attention", 0]
    today["new", 0] = SimpleNamespace(key="added")
    assert stale_runs(outcome, today) == ["attention seed 0", "hrnet seed 1", "new seed 0"]
