"""The table beside the printed one: skeletal table 3 prints 90.3 37.7, 90.5 38.1 and 90.6 39.6.

Of fowkal table 2 the rows mse, awing and heuristic print a foot AP of 56.5, 52.4 and 58.6 and a whole-body AP of 58.2, 57.9 and
58.7.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from repro.metrics.catalogue import BESIDE
from repro.metrics.evidence import Ratio
from repro.papers.printed import reported
from repro.papers.recipes import table_rows
from repro.reporting.measured import Measured
from repro.reporting.outcome import Outcome
from repro.reporting.table import about_intervals, count_verdicts, long_table, other_steps, steps_table, wide_table

from .sample_outcome import make_outcome

LAPTOP = replace(make_outcome(), scale="laptop")


def spread_evidence(outcome: Outcome, metric: str) -> dict:
    """Evidence whose 400 images differ by 0.1 around each run's metric, alike in all runs: steps are sure of their people."""
    noise = np.where(np.arange(400) % 2, 0.1, -0.1)
    return {
        (run.row, run.seed): {metric: Ratio(run.metrics[metric] + noise, np.ones(400))}
        for run in outcome.runs
        if metric in run.metrics
    }


def test_a_line_holds_printed_and_own_numbers_and_the_step() -> None:
    table = long_table(Measured(LAPTOP)).set_index(["row", "metric"])
    line = table.loc["attention", "PCKh@0.5"]
    assert line["printed"] == 90.5
    assert line["ours"] == pytest.approx(44.5)  # mean of 43 and 46
    assert line["spread"] == pytest.approx(2.1213, abs=1e-4)  # 3 / sqrt(2)
    assert line["seeds"] == 2
    assert line["step printed"] == pytest.approx(0.2)
    assert line["step ours"] == pytest.approx(3.5)  # 43 - 40 and 46 - 42
    # Differences 3 and 4: deviation 0.707107, t(0.975, 1) = 12.706205, half width 12.706205 * 0.707107 / sqrt(2).
    assert line["low"] == pytest.approx(3.5 - 6.3531, abs=1e-4)
    assert line["error seeds"] == pytest.approx(0.5) and pd.isna(line["error people"])
    assert line["interval over"] == "seeds alone" and line["step"] == "printed" and line["judged"] == "yes"
    assert line["verdict"] == "undecided"


def test_with_evidence_of_people_the_interval_decides() -> None:
    """Differences 3 and 4, whose people differ in nothing: the interval of two seeds includes zero, that of equal ones not."""
    measured = Measured(LAPTOP, spread_evidence(LAPTOP, "pckh@0.5"))
    steps = steps_table(measured).set_index("step")
    assert steps.loc["hrnet → attention", "verdict"] == "undecided"
    assert steps.loc["hrnet → attention", "95 % interval"] == "[-2.85, +9.85]"
    assert steps.loc["hrnet → attention", ["could see", "people", "seeds", "sign"]].tolist() == [
        "6.35",
        "0.00",
        "0.50",
        "same",
    ]
    equal = replace(
        LAPTOP,
        runs=tuple(
            replace(r, metrics={"pckh@0.5": {"hrnet": 0.4}.get(r.row, 0.43), "pckh@0.1": 0.0}) for r in LAPTOP.runs
        ),
    )
    steps = steps_table(Measured(equal, spread_evidence(equal, "pckh@0.5"))).set_index("step")
    assert steps.loc["hrnet → attention", "verdict"] == "confirmed"  # +3 and +3
    assert list(steps.index) == ["hrnet → attention"]  # weighted inference changes nothing there, and PCKh@0.1 is 0
    fewer = spread_evidence(equal, "pckh@0.5")
    del fewer["attention", 1]
    assert steps_table(Measured(equal, fewer))["verdict"].tolist() == ["undecided"]  # one run's people are not known


def test_the_same_people_stand_in_both_rows() -> None:
    """Each image of a row is 0.1 better than before, with images that differ by far more: paired, nothing is uncertain."""
    rng = np.random.default_rng(0)
    images = rng.random(300)
    runs = [
        replace(LAPTOP.runs[2 * n], metrics={"pckh@0.5": float(images.mean() + 0.1 * n), "pckh@0.1": 0.0})
        for n in range(2)
    ]
    outcome = replace(LAPTOP, runs=tuple(runs))
    evidence = {(run.row, 0): {"pckh@0.5": Ratio(images + 0.1 * n, np.ones(300))} for n, run in enumerate(runs)}
    interval = Measured(outcome, evidence).interval("hrnet", "attention", "pckh@0.5")
    assert interval.mean == pytest.approx(10) and interval.from_people == pytest.approx(0, abs=1e-9)
    assert interval.over == "people alone"


def test_a_smoke_table_has_no_verdicts() -> None:
    measured = Measured(make_outcome())
    assert steps_table(measured).empty and count_verdicts(measured) == []
    assert set(long_table(measured)["verdict"]) == {""}
    assert len(other_steps(measured)) == 6  # two steps in PCKh@0.5, PCKh@0.1 and mean OKS
    assert about_intervals(measured) == "No step of this table has a verdict: smoke runs mean nothing."


def test_one_metric_judges_a_step_and_the_others_are_not_counted() -> None:
    measured = Measured(LAPTOP)
    steps = steps_table(measured)
    assert steps[["step", "metric"]].values.tolist() == [
        ["hrnet → attention", "PCKh@0.5"],
        ["attention → attention-weighted", "PCKh@0.11"],
    ]
    others = other_steps(measured).set_index(["step", "metric"])
    assert others.loc[("hrnet → attention", "mean OKS"), "printed"] == "–"
    assert others.loc[("attention → attention-weighted", "PCKh@0.5"), "95 % interval"] == "[-1.00, -1.00]"
    assert count_verdicts(measured)[0].startswith("0 confirmed: ") and count_verdicts(measured)[2].startswith(
        "2 undecided: "
    )
    low = replace(LAPTOP, runs=tuple(replace(r, metrics=r.metrics | {"pckh@0.1": 0.019}) for r in LAPTOP.runs))
    assert list(steps_table(Measured(low))["metric"]) == ["PCKh@0.5", "PCKh@0.5"]  # 1.9 % is too little to judge by


def test_what_intervals_know_is_said() -> None:
    seeds = about_intervals(Measured(LAPTOP))
    assert seeds.startswith("Intervals know the seeds alone") and "count as undecided" in seeds
    evidence = spread_evidence(LAPTOP, "pckh@0.5") | {}
    for key, more in spread_evidence(LAPTOP, "pckh@0.1").items():
        evidence[key] |= more
    assert about_intervals(Measured(LAPTOP, evidence)) == (
        "Intervals are over evaluation people and 2 seeds together; of their variance 0 % is people, 100 % seeds. Could see is "
        "half an interval's width; people and seeds are the standard errors that it is made of."
    )
    one = replace(LAPTOP, runs=tuple(run for run in LAPTOP.runs if run.seed == 0))
    assert "there is one seed" in about_intervals(Measured(one, evidence))
    assert "there are no intervals" in about_intervals(Measured(one))


def test_baselines_have_no_step() -> None:
    table = long_table(Measured(LAPTOP)).set_index(["row", "metric"])
    line = table.loc["hrnet", "PCKh@0.5"]
    assert line["verdict"] == "" and line["step"] == ""
    assert line[["step printed", "step ours", "low", "high"]].isna().all()


def test_the_readers_table_keeps_the_papers_rows_and_units() -> None:
    table = wide_table(Measured(make_outcome()))
    assert list(table["Method"]) == list(reported("skeletal", 3)["Method"])
    assert table.loc[0, "PCKh@0.5"] == "90.3 / 41.0 ± 1.4"
    assert table.loc[0, "mean OKS"] == "– / 51.0 ± 1.4"


def test_rows_that_were_not_run_say_so() -> None:
    outcome = make_outcome()
    some = replace(outcome, runs=tuple(run for run in outcome.runs if run.row == "hrnet"))
    table = wide_table(Measured(some))
    assert list(table["kind"]) == ["rerun", "own, not run", "own, not run"]
    assert table.loc[1, "PCKh@0.5"] == "90.5 / –"
    foreign = replace(some, paper="sahg", table=1, runs=())
    assert set(wide_table(Measured(foreign))["kind"]) == {"cited", "rerun, not run", "own, not run"}
    counted = replace(foreign, paper="hgr", counted={"hrhrnet-w48": {"params_M": 63.8, "gflops": 154.3}})
    assert list(wide_table(Measured(counted))["kind"]) == ["cited", "cited", "rerun", *3 * ["own, not run"]]


def test_added_rows_stand_in_the_table_where_they_were_run() -> None:
    outcome = scene_outcome("cal", 8, ("hrnet-w32-64x48", "hrnet-quarter-w32-64x48"), ap=0.1)
    rows = long_table(Measured(outcome))
    assert set(rows[rows["kind"] == "extra"]["row"]) == {"hrnet-quarter-w32-64x48"}
    assert len(wide_table(Measured(outcome))) == len(reported("cal", 8)) + 1


def test_counts_have_a_step_and_no_verdict() -> None:
    counted = {"hrhrnet-w48": {"params_M": 63.8, "gflops": 154.0}, "hgr-hrnet-w48": {"params_M": 66.8, "gflops": 170.0}}
    outcome = replace(make_outcome(), paper="hgr", table=1, runs=(), counted=counted, scale="laptop")
    line = long_table(Measured(outcome)).set_index(["row", "metric"]).loc["hgr-hrnet-w48", "#param. (M)"]
    assert line["step printed"] == pytest.approx(3.0) and line["step ours"] == pytest.approx(3.0)
    assert line["verdict"] == "" and pd.isna(line["low"])
    assert steps_table(Measured(outcome)).empty and other_steps(Measured(outcome)).empty


def whole_body_outcome(foot_ap: float = 0.0) -> Outcome:
    """Three rows of fowkal table 2, seeds 0 and 1, with metrics made up."""
    values = {"mse": (0.30, 0.32), "awing": (0.20, 0.21), "heuristic": (0.26, 0.25), "part-balanced": (0.40, 0.42)}
    like = make_outcome().runs[0]
    runs = [
        replace(
            like,
            row=row,
            seed=seed,
            metrics={
                "foot_AP": foot_ap * value,
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
    return replace(make_outcome(), paper="fowkal", table=2, data="people", scale="laptop", runs=tuple(runs))


def test_a_stand_in_judges_where_the_printed_column_is_near_zero() -> None:
    outcome = whole_body_outcome()
    table = long_table(Measured(outcome, spread_evidence(outcome, "OKS")))
    printed = table[table["step"] == "printed"].set_index(["row", "metric"])
    line = printed.loc["awing", "mean OKS"]
    assert line["step printed"] == pytest.approx(-0.3) and line["judged by"] == "whole-body AP"  # 57.9 - 58.2
    assert pd.isna(line["printed"]) and line["ours"] == pytest.approx(10.25)
    # Differences -5 and -5.5: mean -5.25, half width 12.706 * 0.35355 / sqrt(2) = 3.1766.
    assert line["step ours"] == pytest.approx(-5.25) and line["low"] == pytest.approx(-8.4266, abs=1e-4)
    assert line["judged"] == "yes" and line["verdict"] == "confirmed"
    assert printed.loc["awing", "whole-body AP"]["judged"] == ""  # 1.0 in every row
    foot = printed.loc["awing", "foot OKS"]
    assert foot["step printed"] == pytest.approx(-4.1) and foot["judged"] == "" and foot["verdict"] == ""
    assert (
        printed.loc["heuristic", "mean OKS"]["verdict"] == "undecided"
    )  # printed +0.5; ours falls by 2 and by 3.5, +-9.5


def test_steps_that_the_paper_argues_for_stand_in_the_table_too() -> None:
    for foot_ap, judge in ((0.0, "foot OKS"), (1.0, "foot AP")):
        measured = Measured(whole_body_outcome(foot_ap))
        steps = steps_table(measured).set_index("step")
        assert steps.loc["mse → part-balanced", ["metric", "printed"]].tolist() == [judge, "expected +"]
        table = long_table(measured)
        argued = table[table["step"] == "argued"].set_index(["baseline", "row", "metric"])
        assert argued.loc[("mse", "part-balanced", judge), ["judged", "verdict"]].tolist() == ["yes", "undecided"]
        assert ("part-balanced", "kal", "mean OKS") not in argued.index  # a row that was not run
    assert steps_table(measured).set_index("step").loc["mse → awing", "printed"] == "-0.3 whole-body AP"


def test_an_argued_step_shows_what_the_paper_prints_of_both_rows() -> None:
    """cal 8 prints 29.7 AP of HRNet and 47.4 of UDP, and takes neither as the other's baseline."""
    outcome = scene_outcome("cal", 8, ("hrnet-w32-64x48", "udp-w32-64x48"), ap=0.1)
    steps = steps_table(Measured(outcome)).set_index("step")
    assert steps.loc["hrnet-w32-64x48 → udp-w32-64x48", ["metric", "printed"]].tolist() == ["AP", "+17.7 (expected +)"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_stand_in_is_a_column_that_is_not_printed(number: int) -> None:
    stand_ins = table_rows("fowkal", number).stand_ins
    assert set(stand_ins) <= {metric.label for metric in BESIDE}
    assert set(stand_ins.values()) <= set(reported("fowkal", number).columns)
    assert ("face OKS" in stand_ins) == (number < 3)  # table 3 prints the whole body alone


def scene_outcome(paper: str, number: int, rows: tuple[str, ...], ap: float = 0.0) -> Outcome:
    """Rows of a table, seed 0: OKS 0.20, 0.23, ...; of regressed poses 0.1 less, of heatmaps 0.1 more; AP in steps of ``ap``."""
    like = make_outcome().runs[0]
    runs = []
    for n, row in enumerate(rows):
        value = 0.2 + 0.03 * n
        metrics = {"OKS": value, "OKS_regression": value - 0.1, "OKS_heatmap": value + 0.1, "AP": ap * (n + 1)}
        runs.append(replace(like, row=row, seed=0, metrics=metrics | {"AP_regression": 0.0, "AP_heatmap": 0.0}))
    return replace(make_outcome(), paper=paper, table=number, data="people", scale="laptop", runs=tuple(runs))


def test_each_step_of_a_bottom_up_ablation_is_judged_by_its_own_quality() -> None:
    measured = Measured(scene_outcome("hgr", 4, ("baseline", "guidance", "guidance-tradeoff")))
    steps = steps_table(measured).set_index("step")
    assert steps.loc["baseline → guidance", ["metric", "printed"]].tolist() == [
        "regression OKS",
        "+0.9 Regression quality",
    ]
    assert steps.loc["guidance → guidance-tradeoff", ["metric", "printed"]].tolist() == [
        "heatmap OKS",
        "+1.4 Heatmap quality",
    ]
    table = long_table(measured).set_index(["row", "metric"])
    for metric, judge, printed, ours in (
        ("regression OKS", "Regression quality", 0.9, 13.0),  # 60.5 - 59.6
        ("heatmap OKS", "Heatmap quality", 0.5, 33.0),  # 71.8 - 71.3
        ("mean OKS", "Final quality", 0.4, 23.0),  # 64.9 - 64.5
    ):
        one = table.loc["guidance", metric]
        assert one["judged by"] == judge and one["step printed"] == pytest.approx(printed)
        assert one["ours"] == pytest.approx(ours) and one["step ours"] == pytest.approx(3.0)


def test_a_step_between_a_warm_start_and_random_weights_is_not_judged() -> None:
    """Where both begin alike it is, and where weights were given nothing begins."""
    outcome = scene_outcome("sahg", 2, ("baseline", "sahg"), ap=0.1)

    def judged(*recipes: dict) -> bool:
        runs = tuple(replace(run, recipe=recipe) for run, recipe in zip(outcome.runs, recipes, strict=True))
        return not steps_table(Measured(replace(outcome, runs=runs))).empty

    warm, random, given = {"initialisation": {"name": "w32"}}, {}, {"weights": {"title": "published"}}
    assert judged(warm, warm) and judged(random, random) and judged(random, given) and judged(given, warm)
    assert not judged(random, warm) and not judged(warm, random)


def test_a_metric_that_cannot_see_a_step_does_not_judge_it() -> None:
    """Scoring ranks the same people anew: their mean OKS is the same, and AP is too near zero to tell."""
    outcome = scene_outcome("hgr", 4, ("guidance-tradeoff-art", "guidance-tradeoff-art-scoring"))
    same = replace(outcome, runs=tuple(replace(run, metrics=run.metrics | {"OKS": 0.2}) for run in outcome.runs))
    assert steps_table(Measured(same)).empty
    assert list(steps_table(Measured(outcome))["metric"]) == ["mean OKS"]


def test_bottom_up_tables_that_print_one_ap_show_one_mean_oks() -> None:
    measured = Measured(scene_outcome("sahg", 2, ("baseline", "sahg", "wr", "sahg-wr")))
    table = long_table(measured).set_index(["row", "metric"])
    assert {"regression OKS", "heatmap OKS"}.isdisjoint(table.index.get_level_values("metric"))
    steps = steps_table(measured).set_index("step")
    assert steps.loc["baseline → wr", ["metric", "printed", "ours"]].tolist() == [
        "mean OKS",
        "+1.9 AP",
        "+6.00",
    ]  # 67.1 - 65.2
    assert steps.loc["wr → sahg-wr", "printed"] == "expected +"


@pytest.mark.parametrize(
    ("paper", "number"), [*(("hgr", n) for n in (2, 3, 4, 5)), *(("sahg", n) for n in (1, 2, 3, 4))]
)
def test_every_bottom_up_table_judges_mean_oks_by_a_printed_column(paper: str, number: int) -> None:
    stand_ins = table_rows(paper, number).stand_ins
    assert stand_ins["mean OKS"] == ("Final quality" if (paper, number) == ("hgr", 4) else "AP")
    assert set(stand_ins) <= {metric.label for metric in BESIDE}
    assert set(stand_ins.values()) <= set(reported(paper, number).columns)
