"""The table beside the printed one: rows with printed and own numbers, and the steps between rows with their verdicts."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pandas as pd

from repro.metrics.catalogue import METRICS
from repro.papers import PAPERS
from repro.papers.recipes import shown_rows, table_rows
from repro.papers.spec import printed_value
from repro.recipe import Recipe
from repro.reporting.labels import shown_label
from repro.reporting.measured import Measured
from repro.reporting.outcome import Outcome
from repro.reporting.steps import Step, is_study, measured_columns, printed_change, steps_of
from repro.reporting.verdicts import FINDINGS, RARE, VERDICTS

STEP_COLUMNS = ("step printed", "step ours", "low", "high", "interval over", "error people", "error seeds")


def long_table(measured: Measured) -> pd.DataFrame:
    """One line a row and metric, then one a step that the paper argues for and metric: what ``table.csv`` holds.

    Rows that this package adds to the printed ones are left out where they were not run.

    ``step`` says what the numbers of the step rest on: ``printed`` in the table, or ``argued`` by the paper between rows that
    ``baseline`` and ``row`` name. ``judged`` says whether this metric judges the step; ``judged by`` names the printed column
    that the sign of a stand-in comes from.
    """
    outcome = measured.outcome
    spec, printed = (
        PAPERS[outcome.paper].table(outcome.table),
        shown_rows(outcome.paper, outcome.table).set_index("row"),
    )
    columns = {column.label: str(column.metric) for column in measured_columns(spec, outcome)}
    steps = {(one.baseline, one.row, one.label, one.argued): one for one in steps_of(measured)}
    run = {one.row for one in outcome.runs}

    def line(row: str, label: str, baseline: str, step: Step | None) -> dict[str, object]:
        values = list(measured.values(row, columns[label]).values())
        return {
            "row": row,
            "kind": printed.loc[row, "kind"],
            "baseline": baseline,
            **{name: printed.loc[row, name] for name in spec.settings},
            "metric": shown_label(label),
            "printed": printed_value(printed.loc[row, label]) if label in printed.columns else None,
            "ours": float(np.mean(values)) if values else None,
            "spread": float(np.std(values, ddof=1)) if len(values) > 1 else math.nan,
            "seeds": len(outcome.values(row, columns[label])),
            **_of_step(measured, baseline, row, label, columns[label], step),
        }

    own = [
        line(row, label, baseline, steps.get((baseline, row, label, False)))
        for row, baseline in printed["baseline"].items()
        if row in run or printed.loc[row, "kind"] != "extra"
        for label in columns
    ]
    argued = [line(one.row, one.label, one.baseline, one) for one in steps.values() if one.argued]
    return pd.DataFrame(own + argued).round(4)


def _of_step(
    measured: Measured, baseline: str, row: str, label: str, metric: str, step: Step | None
) -> dict[str, object]:
    """The columns of ``long_table`` that tell of a step; counts have no interval."""
    empty: dict[str, object] = {**dict.fromkeys(STEP_COLUMNS), "step": "", "judged": "", "verdict": "", "judged by": ""}
    if step is None or step.interval is None:
        one, counts = measured.outcome, METRICS[metric].counted and measured.values(row, metric)
        before = measured.values(baseline, metric) if baseline and counts else {}
        empty["step printed"] = printed_change(one.paper, one.table, baseline, row, label) if baseline else None
        return empty | ({"step ours": measured.values(row, metric)[0] - before[0]} if before else {})
    found = step.interval
    return {
        "step printed": step.printed if step.argued else step.says,
        "step ours": found.mean,
        "low": found.low,
        "high": found.high,
        "interval over": found.over,
        "error people": found.from_people,
        "error seeds": found.from_seeds,
        "step": "argued" if step.argued else "printed",
        "judged": "yes" if step.judges else "",
        "verdict": step.verdict,
        "judged by": shown_label(step.judged_by),
    }


def wide_table(measured: Measured) -> pd.DataFrame:
    """The table as a reader sees it: ``printed / ours ± spread`` in each column, rows as in the paper.

    Absolute numbers at a reduced scale or on another data set are not the paper's and are not meant to be compared with
    them: the steps are.
    """
    outcome = measured.outcome
    spec, table = PAPERS[outcome.paper].table(outcome.table), long_table(measured)
    table = table[table["step"] != "argued"]
    rows = table_rows(outcome.paper, outcome.table)
    run = {one.row for one in outcome.runs} or set(outcome.counted)
    recipes = set(rows.rows) if rows else set()
    given = given_weights(outcome)
    lines = []
    for row, group in table.groupby("row", sort=False):
        first = group.iloc[0]
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


def steps_table(measured: Measured) -> pd.DataFrame:
    """The judged steps, one line each: the change in the paper, ours with its 95 % interval, the verdict.

    ``could see`` is half the interval's width, the smallest effect that these runs could have seen. ``people`` and ``seeds`` are
    the standard errors that the interval is made of.
    """
    lines = [
        {
            "step": f"{one.baseline} → {one.row}",
            "metric": shown_label(one.label),
            "printed": _shown_print(one),
            **_shown_interval(one),
            "sign": one.sign,
            "verdict": one.verdict,
        }
        for one in steps_of(measured)
        if one.judges
    ]
    return pd.DataFrame(lines)


def other_steps(measured: Measured) -> pd.DataFrame:
    """The steps in the columns that do not judge them, which are shown and not counted; all steps of a scale without verdicts."""
    lines = [
        {
            "step": f"{one.baseline} → {one.row}",
            "metric": shown_label(one.label),
            "printed": _shown_print(one),
            **_shown_interval(one),
        }
        for one in steps_of(measured)
        if not one.judges
    ]
    return pd.DataFrame(lines)


def about_intervals(measured: Measured) -> str:
    """What the intervals of a table know, in a sentence or two: people, seeds, and which part of them is whose."""
    steps = [one.interval for one in steps_of(measured) if one.judges and one.interval is not None]
    if not steps:
        return "No step of this table has a verdict" + (
            ": smoke runs mean nothing." if measured.outcome.scale == "smoke" else "."
        )
    kinds = {
        kind: [one for one in steps if one.over == kind]
        for kind in ("people and seeds", "people alone", "seeds alone", "")
    }
    told = []
    if both := kinds["people and seeds"]:
        people, seeds = (sum(getattr(one, part) ** 2 for one in both) for part in ("from_people", "from_seeds"))
        share = 100 * people / (people + seeds) if people + seeds else 0
        told.append(
            f"Intervals are over evaluation people and {both[0].seeds} seeds together; of their variance {share:.0f} % is "
            f"people, {100 - share:.0f} % seeds."
        )
    if kinds["people alone"]:
        told.append(
            "Intervals are over evaluation people alone: there is one seed, and what another would change is not in them. Steps "
            "between two trainings count as undecided."
        )
    if kinds["seeds alone"]:
        told.append(
            "Intervals know the seeds alone, as no evidence of single people was kept: all seeds were evaluated on the same "
            "people, and the steps count as undecided."
        )
    if kinds[""]:
        told.append(
            "There is one seed and no evidence of single people was kept: there are no intervals, and the steps count as "
            "undecided."
        )
    if len(kinds[""]) < len(steps):
        told.append("Could see is half an interval's width; people and seeds are the standard errors that it is made of.")
    if len([kind for kind in kinds.values() if kind]) > 1:
        told.insert(0, "The steps differ in what is known of them.")
    return " ".join(told)


def count_verdicts(measured: Measured) -> list[str]:
    """How many steps have each verdict, and what it means, one line each; nothing for a scale without verdicts."""
    judged = [one for one in steps_of(measured) if one.judges]
    if not judged:
        return []
    counts = Counter(one.verdict for one in judged)
    words = FINDINGS if is_study(measured.outcome) else VERDICTS
    words = words | {name: meaning for name, meaning in RARE.items() if counts[name]}
    return [f"{counts[name]} {name}: {meaning}" for name, meaning in words.items()]


def _shown_print(one: Step) -> str:
    """The printed change, with the column whose it is where that is another."""
    if one.argued:
        expected = f"expected {'+' if one.says and one.says > 0 else '-'}"
        return expected if one.printed is None else f"{_signed(one.printed)} ({expected})"
    if one.judges and one.says is None:
        return "not printed"
    return _signed(one.says) + (f" {shown_label(one.judged_by)}" if one.judged_by and one.says is not None else "")


def _shown_interval(one: Step) -> dict[str, str]:
    found = one.interval
    assert found is not None, "steps that were not run are left out"
    known = not math.isnan(found.low)
    return {
        "ours": _signed(found.mean, 2),
        "95 % interval": f"[{found.low:+.2f}, {found.high:+.2f}]" if known else "none",
        "could see": f"{found.half_width:.2f}" if known else "–",
        "people": _error(found.from_people),
        "seeds": _error(found.from_seeds),
    }


def _show(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:.1f}"


def _error(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _show_ours(one: pd.Series) -> str:
    if pd.isna(one["ours"]):
        return "–"
    spread = "" if pd.isna(one["spread"]) else f" ± {one['spread']:.1f}"
    return f"{one['ours']:.1f}{spread}"


def _signed(value: float | None, digits: int = 1) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:+.{digits}f}"
