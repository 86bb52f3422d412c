"""The table beside the printed one: skeletal table 3 prints 90.3 37.7, 90.5 38.1 and 90.6 39.6."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repro.papers.spec import reported
from repro.reporting.table import long_table, steps_table, wide_table

from .sample_outcome import make_outcome


def test_a_line_holds_printed_and_own_numbers_and_the_step() -> None:
    table = long_table(make_outcome()).set_index(["row", "metric"])
    line = table.loc["attention", "PCKh@0.5"]
    assert line["printed"] == 90.5
    assert line["ours"] == pytest.approx(44.5)  # mean of 43 and 46
    assert line["spread"] == pytest.approx(2.1213, abs=1e-4)  # 3 / sqrt(2)
    assert line["seeds"] == 2
    assert line["step printed"] == pytest.approx(0.2)
    assert line["step ours"] == pytest.approx(3.5)  # 43 - 40 and 46 - 42
    # Differences 3 and 4: deviation 0.707107, t(0.975, 1) = 12.706205, half width 12.706205 * 0.707107 / sqrt(2).
    assert line["low"] == pytest.approx(3.5 - 6.3531, abs=1e-4)
    assert line["verdict"] == "consistent"
    assert table.loc["attention-weighted", "PCKh@0.5"]["verdict"] == "contradicted"  # -1 and -1, printed +0.1


def test_baselines_have_no_step() -> None:
    table = long_table(make_outcome()).set_index(["row", "metric"])
    line = table.loc["hrnet", "PCKh@0.5"]
    assert line["verdict"] == ""
    assert line[["step printed", "step ours", "low", "high"]].isna().all()


def test_the_readers_table_keeps_the_papers_rows_and_units() -> None:
    table = wide_table(make_outcome())
    assert list(table["Method"]) == list(reported("skeletal", 3)["Method"])
    assert table.loc[0, "PCKh@0.5"] == "90.3 / 41.0 ± 1.4"
    assert table.loc[0, "mean OKS"] == "– / 51.0 ± 1.4"


def test_rows_that_were_not_run_say_so() -> None:
    outcome = make_outcome()
    some = replace(outcome, runs=tuple(run for run in outcome.runs if run.row == "hrnet"))
    table = wide_table(some)
    assert list(table["kind"]) == ["rerun", "own, not run", "own, not run"]
    assert table.loc[1, "PCKh@0.5"] == "90.5 / –"
    foreign = replace(some, paper="sahg", table=1, runs=())
    assert set(wide_table(foreign)["kind"]) == {"cited", "own, not run"}
    counted = replace(foreign, paper="hgr", counted={"hrhrnet-w48": {"params_M": 63.8, "gflops": 154.3}})
    assert list(wide_table(counted)["kind"]) == ["cited", "cited", "rerun", *3 * ["own, not run"]]


def test_metrics_that_are_not_printed_get_no_verdict() -> None:
    steps = steps_table(make_outcome()).set_index(["step", "metric"])
    assert steps.loc[("hrnet → attention", "mean OKS"), "verdict"] == "not printed"
    assert steps.loc[("attention → attention-weighted", "PCKh@0.1"), "printed"] == "+1.5"
    assert steps.loc[("attention → attention-weighted", "PCKh@0.5"), "95 % interval"] == "[-1.00, -1.00]"
