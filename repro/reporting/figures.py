"""Figures of a reproduction, drawn from its outcome and its kept examples alone."""

from __future__ import annotations

import re
from typing import Any, cast

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from repro.approaches.base import approach_of
from repro.metrics.catalogue import COUNTED, METRICS
from repro.papers import PAPERS
from repro.papers.recipes import runnable_rows, shown_rows
from repro.reporting.colours import row_colours, row_styles
from repro.reporting.labels import shown_label, typeset
from repro.reporting.outcome import Outcome

MOST_ROWS = 8  # that one picture shows side by side
LONG_NAME = 40  # letters above which legends have one column
ERRORS = ("jitter", "miss", "inversion", "swap")
ANSWERS = {"regression": "regressed poses", "heatmap": "keypoints found by true poses", "final": "final poses"}


def row_labels(outcome: Outcome) -> dict[str, str]:
    """For each row that was run, or counted, what the paper calls it."""
    spec = PAPERS[outcome.paper].table(outcome.table)
    printed = shown_rows(outcome.paper, outcome.table).set_index("row")
    run = dict.fromkeys(r.row for r in outcome.runs) or outcome.counted
    return {row: settings_label({name: printed.loc[row, name] for name in spec.settings}) or row for row in run}


def settings_label(settings: dict[str, str]) -> str:
    """The settings of a row in one line: a part that is switched on by its name, one that is off not at all."""
    shown = [name if value == "yes" else value for name, value in settings.items() if value not in ("", "-", "no")]
    return (" + " if "yes" in settings.values() else " ").join(shown)


def curve_metrics(outcome: Outcome) -> list[tuple[str, str]]:
    """(metric, label) of the learning curves: the first printed metric that was measured, and the mean OKS."""
    spec = PAPERS[outcome.paper].table(outcome.table)
    drawn = {name for run in outcome.runs for point in run.curve for name in point}
    have = {name for run in outcome.runs for name in run.metrics if name in drawn and outcome.values(run.row, name)}
    printed = [(c.metric, shown_label(c.label)) for c in spec.columns if c.metric in have and c.metric not in COUNTED]
    extra = [("OKS", METRICS["OKS"].label)] if "OKS" in have else []
    return printed[:1] + extra


def row_groups(outcome: Outcome) -> dict[str, dict[str, str]]:
    """The rows that were run in groups that one picture can show: by group its rows and what each is called within it.

    A table of more than MOST_ROWS rows is parted by all settings but the first, as backbone and input size, or by the first
    where that leaves hardly a pair in a group; a smaller one, and one with a single setting, stays whole, as the group without
    a name.
    """
    labels, spec = row_labels(outcome), PAPERS[outcome.paper].table(outcome.table)
    if len(labels) <= MOST_ROWS or len(spec.settings) < 2:
        return {"": labels}
    printed = shown_rows(outcome.paper, outcome.table).set_index("row")
    groups: dict[str, dict[str, str]] = {}
    turned: dict[str, dict[str, str]] = {}
    for row in labels:
        name, *others = (printed.loc[row, setting] for setting in spec.settings)
        groups.setdefault(" ".join(others), {})[row] = name
        turned.setdefault(name, {})[row] = " ".join(others)
    return turned if max(map(len, groups.values())) < 3 else groups


def learning_curves(outcome: Outcome) -> Figure:
    """Metrics against crops seen, a line a row, a band over seeds where there are several; a column a group of rows."""
    groups, metrics = row_groups(outcome), curve_metrics(outcome)
    if not metrics:
        return not_measured("No metric of the learning curves was measured.")
    panels = [(group, metric) for metric in metrics for group in groups]
    columns = len(groups) if len(groups) > 1 else len(metrics)
    shape = (-(-len(panels) // columns), columns)
    size = (min(5.5, 16 / columns) * columns, 3.8 * shape[0])
    figure, axes = plt.subplots(*shape, figsize=size, squeeze=False, layout="constrained")
    names = list(dict.fromkeys(name for rows in groups.values() for name in rows.values()))
    styles = row_styles(names)  # a row has one in all groups
    legend: dict[str, Any] = {}
    for axis, (group, (metric, label)) in zip(axes.flat, panels, strict=True):
        points = [
            {"seen": p["persons"], label: 100 * p[metric], "row": groups[group][run.row]}
            for run in outcome.runs
            for p in run.curve
            if run.row in groups[group] and p.get(metric) is not None
        ]
        own = [name for name in groups[group].values() if any(point["row"] == name for point in points)]
        lines: dict[str, Any] = {"hue": "row", "hue_order": own, "palette": {name: styles[name][0] for name in own}}
        lines |= {"style": "row", "style_order": own, "dashes": [styles[name][1] for name in own], "markers": ["o"] * len(own)}
        sns.lineplot(pd.DataFrame(points), x="seen", y=label, errorbar="sd", ax=axis, **lines)
        legend |= dict(zip(own, axis.get_legend_handles_labels()[0], strict=True))
        axis.set_ylabel(typeset(label))
        axis.set_xlabel(measured_on(outcome))
        axis.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k")
        axis.set_title(group)
        axis.get_legend().remove()
    names = [name for name in names if name in legend]
    where = "outside right center" if len(groups) > 1 else "outside upper center"  # within, it would hide lines
    columns = 1 if len(groups) > 1 or max(map(len, names), default=0) > LONG_NAME else 2
    # its types know no place outside
    cast(Any, figure).legend([legend[name] for name in names], names, loc=where, ncol=columns, frameon=False)
    return figure


def measured_on(outcome: Outcome) -> str:
    """The x axis of learning curves: what was seen, and on how many persons or images points were measured, where it is known."""
    numbers = sorted({int(point["of"]) for run in outcome.runs for point in run.curve if "of" in point})
    return (
        approach_of(runnable_rows(outcome.paper, outcome.table).first).shown
        + " seen"
        + (f" (measured on {' or '.join(map(str, numbers))})" if numbers else "")
    )


def keypoint_bars(outcome: Outcome) -> Figure:
    """Keypoint similarity by kind of keypoint, a bar a row, a whisker over seeds.

    Left and right are together, and so are keypoints that are numbered: all of a face, and all of the hands.
    """
    groups, values = row_groups(outcome), []
    for run in outcome.runs:
        for name, value in run.metrics.items():
            kind, _, keypoint = name.partition("/")
            if kind == "OKS" and keypoint and value is not None:
                merged = re.sub(r"_\d+$", "", keypoint.removeprefix("left_").removeprefix("right_")).replace("_", "\n")
                values.append({"keypoint": merged, "similarity": 100 * value, "row": run.row, "seed": run.seed})
    if not values:
        return not_measured("The similarity of keypoints is not measured: it takes ground-truth boxes.")
    frame = pd.DataFrame(values).groupby(["keypoint", "row", "seed"], sort=False, as_index=False)["similarity"].mean()
    figure, axes = plt.subplots(len(groups), figsize=(9, 3.8 * len(groups)), squeeze=False)
    for axis, (group, rows) in zip(axes[:, 0], groups.items(), strict=True):
        own = frame[frame["row"].isin(rows)].replace({"row": rows})
        palette = row_colours(rows.values())
        sns.barplot(own, x="keypoint", y="similarity", hue="row", errorbar="sd", ax=axis, palette=palette)
        axis.set(xlabel=None, ylabel="mean keypoint similarity, %", title=group)
        axis.tick_params(axis="x", labelsize=8)
        above = 1.08 if group else 1.0
        sns.move_legend(
            axis, "lower center", bbox_to_anchor=(0.5, above), ncol=min(4, len(rows)), title=None, frameon=False
        )
    figure.tight_layout()
    return figure


def has_keypoints(outcome: Outcome) -> bool:
    """Whether the similarity of single keypoints was measured."""
    return any(name.startswith("OKS/") for run in outcome.runs for name in run.metrics)


def has_errors(outcome: Outcome) -> bool:
    """Whether the errors of keypoints were told apart."""
    return any(name.startswith("diagnosis/") for run in outcome.runs for name in run.metrics)


def error_bars(outcome: Outcome) -> Figure:
    """The share of each error among the keypoints of found people, a bar a row, a whisker over seeds, a panel an answer.

    As Fig. 4 of hgr; the errors are those of ``metrics.diagnosis``.
    """
    labels, values = row_labels(outcome), []
    for run in outcome.runs:
        for name, value in run.metrics.items():
            _, answer, error, *_ = (*name.split("/"), "", "")
            if name.startswith("diagnosis/") and error in ERRORS and value is not None:
                values.append({"answer": answer, "error": error, "share": 100 * value, "row": labels[run.row]})
    if not values:
        return not_measured("The errors of keypoints are told apart for bottom-up methods alone.")
    frame, rows = pd.DataFrame(values), list(labels.values())
    palette = row_colours(rows)
    answers = [answer for answer in ANSWERS if answer in set(frame["answer"])]
    figure, axes = plt.subplots(1, len(answers), figsize=(min(9, 5 * len(answers)), 4.2), squeeze=False, sharey=True)
    for axis, answer in zip(axes[0], answers, strict=True):
        own = frame[frame["answer"] == answer]
        sns.barplot(own, x="error", y="share", hue="row", order=ERRORS, hue_order=rows, errorbar="sd", ax=axis, palette=palette)
        axis.set(xlabel=None, ylabel="share of keypoints, %", title=ANSWERS[answer])
        axis.get_legend().remove()
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.tight_layout(rect=(0, 0, 1, 0.98 - 0.05 * -(-len(names) // 2)))
    figure.legend(handles, names, loc="upper center", ncol=2, frameon=False)
    return figure


def by_setting(outcome: Outcome, setting: str, metric: str, label: str) -> Figure:
    """A metric against one of the table's settings, colours and styles for the first two others, a band over seeds.

    Args:
        outcome: the outcome of the table.
        setting: name of the column on the x axis, as ``Input size``.
        metric: key of the metric.
        label: the label of the y axis.
    """
    spec = PAPERS[outcome.paper].table(outcome.table)
    printed = shown_rows(outcome.paper, outcome.table).set_index("row")
    others = [name for name in spec.settings if name != setting]
    points = [
        {
            setting: printed.loc[run.row, setting],
            label: 100 * run.metrics[metric],
            **{name: printed.loc[run.row, name] for name in others},
        }
        for run in outcome.runs
        if run.metrics.get(metric) is not None
    ]
    figure, axis = plt.subplots(figsize=(7, 4.2))
    style = {"style": others[1], "markers": True} if len(others) > 1 else {"marker": "o"}
    sns.lineplot(pd.DataFrame(points), x=setting, y=label, hue=others[0], errorbar="sd", ax=axis, **style)
    sns.move_legend(axis, "center left", bbox_to_anchor=(1, 0.5), title=None, frameon=False)
    figure.tight_layout()
    return figure


def not_measured(why: str) -> Figure:
    """A figure that says why there is none."""
    figure, axis = plt.subplots(figsize=(9, 1))
    axis.text(0.5, 0.5, why, ha="center", va="center")
    axis.set_axis_off()
    return figure


def pose_labels(outcome: Outcome) -> dict[str, str]:
    """The rows whose poses are drawn and what they are called: the largest group of ``row_groups``, MOST_ROWS at most."""
    labels, largest = row_labels(outcome), max(row_groups(outcome).values(), key=len)
    return {row: labels[row] for row in list(largest)[:MOST_ROWS]}
