"""The table beside the printed one: skeletal table 3 prints 90.3 37.7, 90.5 38.1 and 90.6 39.6.

Of fowkal table 2 the rows mse, awing and heuristic print a foot AP of 56.5, 52.4 and 58.6 and a whole-body AP of 58.2, 57.9 and
58.7.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from repro.metrics.catalogue import BESIDE
from repro.papers.recipes import table_rows
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


def whole_body_outcome():
    """Three rows of fowkal table 2, seeds 0 and 1, with metrics made up."""
    values = {"mse": (0.30, 0.32), "awing": (0.20, 0.21), "heuristic": (0.26, 0.25), "part-balanced": (0.40, 0.42)}
    like = make_outcome().runs[0]
    runs = [
        replace(
            like,
            row=row,
            seed=seed,
            metrics={
                "foot_AP": 0.0,
                "foot_OKS": value,
                "whole_AP": 0.01,
                "OKS": value / 2,
                "whole_OKS": value / 2,
                "AP": 0.01,
            },
        )
        for row, pair in values.items()
        for seed, value in enumerate(pair)
    ]
    return replace(make_outcome(), paper="fowkal", table=2, data="people", runs=tuple(runs))


def test_stand_ins_are_judged_by_the_printed_steps_of_another_column() -> None:
    table = long_table(whole_body_outcome()).set_index(["row", "metric"])
    line = table.loc["awing", "foot OKS"]
    assert line["step printed"] == pytest.approx(-4.1) and line["judged by"] == "foot AP"  # 52.4 - 56.5
    assert pd.isna(line["printed"]) and line["ours"] == pytest.approx(20.5)
    # Differences -10 and -11: mean -10.5, half width 12.706 * 0.7071 / sqrt(2) = 6.35.
    assert line["step ours"] == pytest.approx(-10.5) and line["verdict"] == "confirmed"
    assert table.loc["awing", "foot AP"]["verdict"] == "open"  # no change of ours
    assert table.loc["awing", "foot AP"]["judged by"] == ""
    assert table.loc["heuristic", "mean OKS"]["verdict"] == "open"  # printed +0.5; ours falls by 2 and by 3.5, +-9.5
    assert table.loc["part-balanced", "foot OKS"]["verdict"] == ""  # no step is printed


def test_the_steps_name_the_column_that_judges_a_stand_in() -> None:
    steps = steps_table(whole_body_outcome()).set_index(["step", "metric"])
    assert steps.loc[("mse → awing", "foot OKS"), "printed"] == "-4.1 foot AP"
    assert steps.loc[("mse → heuristic", "mean OKS"), "printed"] == "+0.5 whole-body AP"
    assert steps.loc[("mse → awing", "foot AP"), "printed"] == "-4.1"
    assert steps.loc[("mse → part-balanced", "foot OKS"), "printed"] == "expected +"
    assert steps.loc[("mse → part-balanced", "foot OKS"), "verdict"] == "confirmed"  # +10 and +10: no spread
    assert ("part-balanced → kal", "mean OKS") not in steps.index  # a row that was not run


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_stand_in_is_a_column_that_is_not_printed(number: int) -> None:
    stand_ins = table_rows("fowkal", number).stand_ins
    assert set(stand_ins) <= {metric.label for metric in BESIDE}
    assert set(stand_ins.values()) <= set(reported("fowkal", number).columns)
    assert ("face OKS" in stand_ins) == (number < 3)  # table 3 prints the whole body alone


def scene_outcome(paper: str, number: int, rows: tuple[str, ...]):
    """Rows of a bottom-up table, seed 0: mean OKS 0.20, 0.23, ...; of the regressed poses 0.1 less, of heatmaps 0.1 more."""
    like = make_outcome().runs[0]
    runs = []
    for n, row in enumerate(rows):
        value = 0.2 + 0.03 * n
        metrics = {"OKS": value, "OKS_regression": value - 0.1, "OKS_heatmap": value + 0.1}
        runs.append(
            replace(like, row=row, seed=0, metrics=metrics | {"AP": 0.0, "AP_regression": 0.0, "AP_heatmap": 0.0})
        )
    return replace(make_outcome(), paper=paper, table=number, data="people", runs=tuple(runs))


def test_each_quality_of_a_bottom_up_ablation_judges_its_own_mean_oks() -> None:
    outcome = scene_outcome("hgr", 4, ("baseline", "guidance", "guidance-tradeoff"))
    table = long_table(outcome).set_index(["row", "metric"])
    line = table.loc["guidance"]
    for metric, judge, printed, ours in (
        ("regression OKS", "Regression quality", 0.9, 13.0),  # 60.5 - 59.6
        ("heatmap OKS", "Heatmap quality", 0.5, 33.0),  # 71.8 - 71.3
        ("mean OKS", "Final quality", 0.4, 23.0),  # 64.9 - 64.5
    ):
        one = line.loc[metric]
        assert one["judged by"] == judge and one["step printed"] == pytest.approx(printed)
        assert one["ours"] == pytest.approx(ours) and one["step ours"] == pytest.approx(3.0)
        assert one["verdict"] == "consistent" and pd.isna(one["printed"])
    assert line.loc["Final quality"]["verdict"] == "open"


def test_bottom_up_tables_that_print_one_ap_show_one_mean_oks() -> None:
    outcome = scene_outcome("sahg", 2, ("baseline", "sahg", "wr", "sahg-wr"))
    table = long_table(outcome).set_index(["row", "metric"])
    assert {"regression OKS", "heatmap OKS"}.isdisjoint(table.index.get_level_values("metric"))
    line = table.loc["wr", "mean OKS"]
    assert line["judged by"] == "AP" and line["step printed"] == pytest.approx(1.9)  # 67.1 - 65.2
    assert line["step ours"] == pytest.approx(6.0) and line["verdict"] == "consistent"
    steps = steps_table(outcome).set_index(["step", "metric"])
    assert steps.loc[("wr → sahg-wr", "mean OKS"), "printed"] == "expected +"


@pytest.mark.parametrize(
    ("paper", "number"), [*(("hgr", n) for n in (2, 3, 4, 5)), *(("sahg", n) for n in (1, 2, 3, 4))]
)
def test_every_bottom_up_table_judges_mean_oks_by_a_printed_column(paper: str, number: int) -> None:
    stand_ins = table_rows(paper, number).stand_ins
    assert stand_ins["mean OKS"] == ("Final quality" if (paper, number) == ("hgr", 4) else "AP")
    assert set(stand_ins) <= {metric.label for metric in BESIDE}
    assert set(stand_ins.values()) <= set(reported(paper, number).columns)
