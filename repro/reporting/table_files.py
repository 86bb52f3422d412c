"""The files of a result folder that show its table, functions of what it keeps.

They are made with the folder, and made again by ``repro results judge`` where the rules of verdicts have changed since.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from repro.papers import PAPERS
from repro.reporting import table
from repro.reporting.folders import read_manifest, seal_folder
from repro.reporting.measured import Measured
from repro.support.sealed import read_json


def write_tables(folder: Path) -> None:
    """``table.csv``, one line a row and metric and a step that is argued for, and ``table.md``, as a reader sees it."""
    measured = Measured.of_folder(folder)
    (folder / "table.csv").write_text(
        table.long_table(measured).to_csv(index=False, lineterminator="\n"), encoding="utf-8"
    )
    (folder / "table.md").write_text(table_text(measured), encoding="utf-8")


def judge_again(folder: Path) -> bool:
    """Write the tables of a complete folder anew, and seal it again where it was sealed. Returns whether they differ.

    Raises ReproError for a folder that is damaged: what it keeps is checked before anything is written.
    """
    read_manifest(folder, named=True)
    names = ("table.csv", "table.md")
    before = [(folder / name).read_bytes() if (folder / name).exists() else b"" for name in names]
    write_tables(folder)
    if "seal" in read_json(folder / "manifest.json"):
        seal_folder(folder)
    return before != [(folder / name).read_bytes() for name in names]


def table_text(measured: Measured) -> str:
    """The table, its judged steps and the others, in Markdown."""
    outcome = measured.outcome
    paper, steps, others = PAPERS[outcome.paper], table.steps_table(measured), table.other_steps(measured)
    text = [
        f"# {paper.title}, table {outcome.table}",
        "",
        f"{paper.table(outcome.table).caption}. Scale {outcome.scale_text}, data {outcome.data}, seeds {outcome.seeds}. "
        "Numbers are `printed / ours ± deviation over seeds`; only the steps between rows can be compared.",
        "",
        table.wide_table(measured).to_markdown(index=False),
        "",
    ]
    if len(steps) or len(others):
        text += [f"Steps. {table.about_intervals(measured)}", ""]
    if len(steps):
        text += [_as_printed(steps), "", *(f"- {line}" for line in table.count_verdicts(measured)), ""]
    if len(others):
        text += ["Other columns, shown and not counted:" if len(steps) else "All columns:", "", _as_printed(others), ""]
    return "\n".join(text)


def _as_printed(frame: pd.DataFrame) -> str:
    """A table in Markdown whose numbers stay as they are written."""
    return str(frame.to_markdown(index=False, disable_numparse=True))
