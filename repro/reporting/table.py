"""The table beside the printed one: rows with printed and own numbers, and the steps between rows with their verdicts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from repro.metrics.catalogue import BESIDE, COUNTED, METRICS
from repro.papers import PAPERS
from repro.papers.recipes import shown_rows, table_rows
from repro.papers.spec import Column, TableSpec, printed_value
from repro.recipe import Recipe
from repro.reporting.outcome import Outcome
from repro.reporting.verdicts import Step, paired_step, verdict


@dataclass(frozen=True)
class Cell:
    """One number of one row, printed and ours, in the printed unit.

    Args:
        printed: None where nothing is printed.
        mean: ours over seeds; None where nothing was run.
        deviation: over seeds (n - 1); nan with one seed.
        change_printed: from the baseline row to this one; of a stand-in that of the column which judges it.
        step: the same, ours.
        verdict: about the step.
    """

    printed: float | None
    mean: float | None
    deviation: float
    change_printed: float | None
    step: Step | None
    verdict: str


def measured_columns(spec: TableSpec, outcome: Outcome) -> list[Column]:
    """The printed columns that can be ours, then the extra ones that these runs measured."""
    printed = [column for column in spec.columns if column.metric is not None]
    taken = {column.metric for column in printed if column.metric is not None}
    have = {name for run in outcome.runs for name in run.metrics}
    if not any(METRICS[metric].needs == "pckh" for metric in taken):
        have -= {"pckh@0.10"}  # the second reading of a column that is not printed
    if "whole_AP" in taken:
        have -= {"AP"}  # the same
    have -= {f"OKS_{reading}" for reading in ("regression", "heatmap") if f"AP_{reading}" not in taken}
    return printed + [Column(one.label, one.key) for one in BESIDE if one.key in have - taken]


def cell(outcome: Outcome, printed: pd.DataFrame, row: str, metric: str, label: str, judge: str = "") -> Cell:
    """One number of one row.

    Args:
        outcome: of the table.
        printed: the printed table, indexed by row.
        row: slug of the row.
        metric: that is ours.
        label: of its column.
        judge: label of the printed column whose steps the column's own are judged by, see ``TableRows.stand_ins``; empty for
            the column itself.
    """
    baseline = printed.loc[row, "baseline"]

    def ours(of: str) -> dict[int, float]:
        if metric in COUNTED:
            value = outcome.counted.get(of, {}).get(metric)
            return {} if value is None else {0: value}
        return _in_unit(outcome, of, metric)

    def theirs(of: str, head: str) -> float | None:
        return printed_value(printed.loc[of, head]) if head in printed.columns else None

    values = ours(row)
    mean = float(np.mean(list(values.values()))) if values else None
    deviation = float(np.std(list(values.values()), ddof=1)) if len(values) > 1 else math.nan
    change, step = None, None
    if baseline:
        after, before = theirs(row, judge or label), theirs(baseline, judge or label)
        if after is not None and before is not None:
            change = round(after - before, 6)
        step = paired_step(ours(baseline), values)
    told = "" if metric in COUNTED else verdict(change, step)
    return Cell(theirs(row, label), mean, deviation, change, step, told)


def long_table(outcome: Outcome) -> pd.DataFrame:
    """One line a row and metric: what ``table.csv`` holds, and what the other forms are made of.

    ``judged by`` names the printed column that ``step printed`` and ``verdict`` of a stand-in come from.
    """
    spec, rows = PAPERS[outcome.paper].table(outcome.table), table_rows(outcome.paper, outcome.table)
    printed = shown_rows(outcome.paper, outcome.table).set_index("row")
    judges = rows.stand_ins if rows else {}
    lines = []
    for row in printed.index:
        for column in measured_columns(spec, outcome):
            metric, judge = _key(column), judges.get(column.label, "")
            one = cell(outcome, printed, row, metric, column.label, judge)
            lines.append(
                {
                    "row": row,
                    "kind": printed.loc[row, "kind"],
                    "baseline": printed.loc[row, "baseline"],
                    **{name: printed.loc[row, name] for name in spec.settings},
                    "metric": column.label,
                    "printed": one.printed,
                    "ours": one.mean,
                    "spread": one.deviation,
                    "seeds": len(outcome.values(row, metric)),
                    "step printed": one.change_printed,
                    "step ours": one.step.mean if one.step else None,
                    "low": one.step.low if one.step else None,
                    "high": one.step.high if one.step else None,
                    "verdict": one.verdict,
                    "judged by": judge,
                }
            )
    return pd.DataFrame(lines).round(4)


def wide_table(outcome: Outcome) -> pd.DataFrame:
    """The table as a reader sees it: ``printed / ours ± spread`` in each column; the paper's rows, and added ones that were run.

    Absolute numbers at a reduced scale or on another data set are not the paper's and are not meant to be compared with
    them: the steps are.
    """
    spec, table = PAPERS[outcome.paper].table(outcome.table), long_table(outcome)
    rows = table_rows(outcome.paper, outcome.table)
    run = {one.row for one in outcome.runs} or set(outcome.counted)
    recipes = set(rows.rows) if rows else set()
    given = given_weights(outcome)
    lines = []
    for row, group in table.groupby("row", sort=False):
        first = group.iloc[0]
        if first["kind"] == "extra" and row not in run:
            continue
        line = {name: first[name] for name in spec.settings}
        line["kind"] = first["kind"]
        if row not in run and first["kind"] != "cited":
            line["kind"] += ", not run" if row in recipes else ", not yet reproducible"
        if row in given:
            line["kind"] += f", {given[row]}"
        for _, one in group.iterrows():
            line[one["metric"]] = f"{_show(one['printed'])} / {_show_ours(one)}"
        lines.append(line)
    return pd.DataFrame(lines)


def given_weights(outcome: Outcome) -> dict[str, str]:
    """The rows that were evaluated with given weights, and what these are."""
    weights = {run.row: Recipe.from_plain(run.recipe).weights for run in outcome.runs if "weights" in run.recipe}
    return {row: one.title for row, one in weights.items() if one is not None}


def steps_table(outcome: Outcome) -> pd.DataFrame:
    """One line a step and metric: the change as printed, ours with its 95 % interval over seeds, the verdict.

    The printed change of a stand-in names the column that it is one of.
    """
    table = long_table(outcome)
    table = table[(table["verdict"] != "") | ((table["baseline"] != "") & table["step ours"].notna())]
    spec = PAPERS[outcome.paper].table(outcome.table)
    counted = {c.label for c in spec.columns if c.metric in COUNTED}
    table = table[~table["metric"].isin(counted)]
    printed = pd.DataFrame(
        {
            "step": table["baseline"] + " → " + table["row"],
            "metric": table["metric"],
            "printed": [
                _signed(v) + (f" {judge}" if judge and pd.notna(v) else "")
                for v, judge in zip(table["step printed"], table["judged by"], strict=True)
            ],
            "ours": [_signed(v, 2) for v in table["step ours"]],
            "95 % interval": [
                "one seed" if pd.isna(low) else f"[{low:+.2f}, {high:+.2f}]"
                for low, high in zip(table["low"], table["high"], strict=True)
            ],
            "verdict": [v or "not printed" for v in table["verdict"]],
        }
    )
    return pd.concat([printed, expected_steps(outcome)], ignore_index=True)


def expected_steps(outcome: Outcome) -> pd.DataFrame:
    """The steps that the paper argues for without printing them, in the columns of ``steps_table``."""
    rows, spec = table_rows(outcome.paper, outcome.table), PAPERS[outcome.paper].table(outcome.table)
    metrics = {column.label: _key(column) for column in measured_columns(spec, outcome)}
    lines = []
    for one in rows.expected if rows else ():
        if one.metric not in metrics:
            continue
        metric = metrics[one.metric]
        step = paired_step(*(_in_unit(outcome, row, metric) for row in (one.baseline, one.row)))
        if step is not None:
            lines.append(
                {
                    "step": f"{one.baseline} → {one.row}",
                    "metric": one.metric,
                    "printed": f"expected {'+' if one.sign > 0 else '-'}",
                    "ours": _signed(step.mean, 2),
                    "95 % interval": "one seed" if step.seeds < 2 else f"[{step.low:+.2f}, {step.high:+.2f}]",
                    "verdict": verdict(float(one.sign), step),
                }
            )
    return pd.DataFrame(lines)


def _key(column: Column) -> str:
    """The key of a column's metric, which measured columns have."""
    assert column.metric is not None, f"the column {column.label} is not ours"
    return column.metric


def _in_unit(outcome: Outcome, row: str, metric: str) -> dict[int, float]:
    """The metric of a row by seed, in the printed unit."""
    return {seed: METRICS[metric].factor * value for seed, value in outcome.values(row, metric).items()}


def _show(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:.1f}"


def _show_ours(one: pd.Series) -> str:
    if pd.isna(one["ours"]):
        return "–"
    spread = "" if pd.isna(one["spread"]) else f" ± {one['spread']:.1f}"
    return f"{one['ours']:.1f}{spread}"


def _signed(value: float | None, digits: int = 1) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:+.{digits}f}"
