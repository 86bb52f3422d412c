"""The steps of a table: every change from a row to another that the paper prints or argues for, ours, and its verdict.

Each step is judged by one metric. A step that the paper prints is judged by the table's headline, its first column that may
judge (``metrics.catalogue``) unless ``TableRows.headlines`` names the one that the paper speaks of; where no row reaches much of
it (``measured.NEAR_ZERO``) by the column that stands in for it. All other columns are shown and not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from repro.metrics.catalogue import BESIDE, METRICS
from repro.papers import PAPERS
from repro.papers.recipes import Expected, shown_rows, table_rows
from repro.papers.spec import Column, TableSpec, printed_value
from repro.reporting.intervals import Interval
from repro.reporting.measured import Measured
from repro.reporting.outcome import Outcome
from repro.reporting.perfect import decided_by_targets
from repro.reporting.verdicts import NOT_TESTABLE, finding, sign_of, verdict

UNJUDGED_SCALES = ("smoke",)  # whose numbers mean nothing


@dataclass(frozen=True)
class Step:
    """A change from a row to another in one column.

    Args:
        baseline: slug of the row that it starts from.
        row: slug of the row that it leads to.
        label: the label of the column.
        printed: change in the paper; None where it does not print both rows.
        says: the sign that judges ours: of ``printed``, of the column that this one stands in for, or what the paper argues for.
        judged_by: label of the column whose printed change ``says`` is, where it is another.
        argued: whether the paper argues for the step without comparing the rows in the table.
        interval: ours; None where either row was not run.
        judges: whether this column judges the step.
        verdict: one of ``VERDICTS`` or ``RARE``, of a study one of ``FINDINGS``; "" where it does not judge.
    """

    baseline: str
    row: str
    label: str
    printed: float | None
    says: float | None
    judged_by: str
    argued: bool
    interval: Interval | None
    judges: bool
    verdict: str

    @property
    def sign(self) -> str:
        """How the sign of ours stands to what the paper says, in words."""
        return sign_of(self.says, self.interval)


@lru_cache
def _printed(paper: str, number: int) -> pd.DataFrame:
    return shown_rows(paper, number).set_index("row")


def printed_change(paper: str, number: int, baseline: str, row: str, label: str) -> float | None:
    """The change between two rows of a column as printed; None where either number or the column is not printed."""
    table = _printed(paper, number)
    if label not in table.columns or not {baseline, row} <= set(table.index):
        return None
    before, after = (printed_value(table.loc[one, label]) for one in (baseline, row))
    return None if before is None or after is None else round(after - before, 6)


def measured_columns(spec: TableSpec, outcome: Outcome) -> list[Column]:
    """The printed columns that can be ours, then the extra ones that these runs measured."""
    printed = [column for column in spec.columns if column.metric is not None]
    taken = {column.metric for column in printed if column.metric is not None}
    have = {name for run in outcome.runs for name in run.metrics}
    if not any(METRICS[metric].needs == "pckh" for metric in taken):
        have -= {"pckh@0.10"}  # the second reading of a column that is not printed
    if "whole_AP" in taken:
        have -= {"AP"}  # the same
    have -= {f"OKS_{answer}" for answer in ("regression", "heatmap") if f"AP_{answer}" not in taken}
    return printed + [Column(one.label, one.key) for one in BESIDE if one.key in have - taken]


def steps_of(measured: Measured) -> list[Step]:
    """Every step of every column: as the table prints them, row by row, and then those that are argued for."""
    columns = step_columns(measured)
    steps = []
    for row, baseline in _printed(measured.outcome.paper, measured.outcome.table)["baseline"].items():
        if baseline:
            judge = printed_judge(measured, baseline, str(row))
            steps += [make_step(measured, baseline, str(row), label, judges=label == judge) for label in columns]
    for group in _argued(measured.outcome):
        judge = argued_judge(measured, group)
        steps += [
            make_step(measured, one.baseline, one.row, one.metric, sign=one.sign, judges=one.metric == judge)
            for one in group
            if one.metric in columns
        ]
    return [step for step in steps if step.interval is not None]


def step_columns(measured: Measured) -> dict[str, str]:
    """The metrics of the columns whose steps are looked at, by label: all but counts."""
    spec = PAPERS[measured.outcome.paper].table(measured.outcome.table)
    named = {column.label: str(column.metric) for column in measured_columns(spec, measured.outcome)}
    return {label: metric for label, metric in named.items() if not METRICS[metric].counted}


def make_step(
    measured: Measured, baseline: str, row: str, label: str, *, sign: int | None = None, judges: bool = False
) -> Step:
    """One step of one column. None judges between rows of which one has a warm start and the other has not.

    Args:
        measured: the table.
        baseline: slug of the row that it starts from.
        row: the slug of the row that it leads to.
        label: the label of the column.
        sign: what the paper argues for, +1 or -1; None where the printed change says it.
        judges: whether this column judges the step.
    """
    one = measured.outcome
    says = float(sign) if sign is not None else says_of(one, baseline, row, label)
    interval = measured.interval(baseline, row, step_columns(measured)[label])
    judges = judges and one.scale not in UNJUDGED_SCALES and measured.start_alike(baseline, row)
    judges = judges and (says is not None or is_study(one))
    same = measured.one_training(baseline, row)
    found = verdict(says, interval, one_training=same) if says is not None else finding(interval, one_training=same)
    if found and says is not None and decided_by_targets(one, baseline, row, step_columns(measured)[label], says):
        found = NOT_TESTABLE
    return Step(
        baseline=baseline,
        row=row,
        label=label,
        printed=printed_change(one.paper, one.table, baseline, row, label),
        says=says,
        judged_by=_stand_ins(one).get(label, "") if sign is None else "",
        argued=sign is not None,
        interval=interval,
        judges=judges,
        verdict=found if judges else "",
    )


def is_study(outcome: Outcome) -> bool:
    """Whether the table is that of a study, which nobody has printed: its steps are found to be higher or lower."""
    return PAPERS.study(outcome.paper) is not None


def says_of(outcome: Outcome, baseline: str, row: str, label: str) -> float | None:
    """The printed change that judges a column: its own, or that of the column which it stands in for; None without one."""
    return printed_change(outcome.paper, outcome.table, baseline, row, _stand_ins(outcome).get(label, label))


def printed_judge(measured: Measured, baseline: str, row: str, label: str = "", *, sign: int | None = None) -> str:
    """The label of the column that judges a step which the paper prints, or claims; "" where none can.

    Args:
        measured: the table.
        baseline: slug of the row that the step starts from.
        row: the slug of the row that it leads to.
        label: the label of the column that the paper speaks of; empty for the table's own.
        sign: the sign that it claims; None where the printed change tells.
    """
    one = measured.outcome
    spec, rows = PAPERS[one.paper].table(one.table), table_rows(one.paper, one.table)
    first = next((c.label for c in spec.columns if c.metric is not None and METRICS[c.metric].judges), "")
    headline = label or (rows.headlines.get(row, first) if rows else first)
    wanted = [headline, *_standing_for(one, headline)]
    if not label and says_of(one, baseline, row, first):  # in its place, where the paper says something of it
        wanted += [first, *_standing_for(one, first)]
    if is_study(one):
        return _first_that_can(measured, baseline, row, [*wanted, METRICS["OKS"].label])
    said = [head for head in wanted if sign is not None or says_of(one, baseline, row, head) is not None]
    return _first_that_can(measured, baseline, row, said)


def argued_judge(measured: Measured, group: list[Expected]) -> str:
    """The label of the column that judges a step which the paper argues for: the first of those named that can."""
    named, step = [one.metric for one in group], (group[0].baseline, group[0].row)
    return _first_that_can(measured, *step, [*named, *_standing_for(measured.outcome, named[0])])


def _first_that_can(measured: Measured, baseline: str, row: str, labels: Iterable[str]) -> str:
    """The first of the columns that may judge, is far enough from zero and can see the step at all."""
    columns = step_columns(measured)
    able = [label for label in labels if label in columns and METRICS[columns[label]].judges]
    seen = [label for label in able if not measured.near_zero(columns[label])]
    return next((label for label in seen if measured.moves(baseline, row, columns[label])), "")


def _argued(outcome: Outcome) -> list[list[Expected]]:
    """The steps that the paper argues for, each with all columns that it is named in."""
    rows = table_rows(outcome.paper, outcome.table)
    groups: dict[tuple[str, str], list[Expected]] = {}
    for one in rows.expected if rows else ():
        groups.setdefault((one.baseline, one.row), []).append(one)
    return list(groups.values())


def _stand_ins(outcome: Outcome) -> dict[str, str]:
    rows = table_rows(outcome.paper, outcome.table)
    return rows.stand_ins if rows else {}


def _standing_for(outcome: Outcome, label: str) -> list[str]:
    """The columns that stand in for a printed one."""
    return [own for own, judged in _stand_ins(outcome).items() if judged == label]
