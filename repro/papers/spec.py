"""What a paper claims: its tables in the order of print, and the reader of the numbers they hold.

The printed numbers lie beside each paper in ``reported/table<N>.csv``, transcribed and never corrected: where the print
contradicts itself the cells keep it and ``TableSpec.note`` says so. Conventions of the files:

- one line a printed row, in the printed order; a table printed on its side (hgr 1) is turned, so that rows are methods;
- ``row`` is a slug, unique in its table; ``kind`` is one of ``KINDS``; ``baseline`` is the slug of the row of the same
  table that this row's change is measured against, empty for baselines and cited rows;
- settings leave out citation marks, write ``256x192`` for an input size, repeat what the print states once for a group
  of rows, and turn check marks into ``yes`` and ``no``; an asterisk means refinement, as printed;
- numbers are the printed strings; a dash of any length is ``-`` and a blank stays empty.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from repro.errors import ReproError, choice_error
from repro.metrics.catalogue import COCO, METRICS

KINDS = {
    "own": "the paper's method or one of its ablation variants",
    "rerun": "a baseline that the paper ran or that this package can run",
    "cited": "numbers that the paper only quotes",
}
_COCO_LABELS = {METRICS[key].label: key for key in COCO}
_NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?)M?")


@dataclass(frozen=True)
class Column:
    """A column of numbers.

    Args:
        label: the head of the column as printed, superscripts after ``^``.
        metric: the key of our metric, one of ``metrics.catalogue``; None where no code of ours measures it.

    Raises:
        ReproError: when the metric is unknown.
    """

    label: str
    metric: str | None

    def __post_init__(self) -> None:
        if self.metric is not None and self.metric not in METRICS:
            raise choice_error(f"metric of the column {self.label!r}", self.metric, METRICS)


def coco_columns(*labels: str) -> tuple[Column, ...]:
    """Columns headed by COCO's usual labels: AP, AP^50, ..., AR^L. Raises ReproError for another label."""
    for label in labels:
        if label not in _COCO_LABELS:
            raise choice_error("label of a COCO column", label, _COCO_LABELS)
    return tuple(Column(label, _COCO_LABELS[label]) for label in labels)


@dataclass(frozen=True)
class TableSpec:
    """A printed table without its numbers.

    Args:
        number: the number in the paper.
        caption: what the table shows, in our words.
        settings: names of the columns that describe a row, such as ``Input size``.
        columns: the columns of numbers.
        data: data set, split and source of the person boxes where there are any.
        note: contradictions in the print and what is known about them.
    """

    number: int
    caption: str
    settings: tuple[str, ...]
    columns: tuple[Column, ...]
    data: str
    note: str = ""

    @property
    def header(self) -> tuple[str, ...]:
        """The first line of the file of printed numbers."""
        return ("row", "kind", "baseline", *self.settings, *(column.label for column in self.columns))


@dataclass(frozen=True)
class Paper:
    """A paper and its tables; ``key`` is the name of its folder, of a paper of another package its import name."""

    key: str
    title: str
    authors: tuple[str, ...]
    tables: tuple[TableSpec, ...]

    def table(self, number: int) -> TableSpec:
        """The table of that number. Raises ReproError when the paper has none."""
        for table in self.tables:
            if table.number == number:
                return table
        numbers = [str(table.number) for table in self.tables]
        listed = f"{', '.join(numbers[:-1])} or {numbers[-1]}" if len(numbers) > 1 else "".join(numbers)
        raise ReproError(f"{self.key} has no table {number}: choose {listed}.")


def read_table(table: TableSpec, path: Path) -> pd.DataFrame:
    """The file of printed numbers of ``table``, checked. Raises ReproError, naming file and line."""
    try:
        # csv, not pandas: pandas repairs lines that are too short or too long without a word.
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
    except FileNotFoundError:
        raise ReproError(
            f"The file of printed numbers {path} does not exist: install the package with its data."
        ) from None
    header = tuple(lines[0]) if lines else ()
    if header != table.header:
        raise ReproError(
            f"The file {path} has the columns {', '.join(header) or 'of an empty file'}: its first line must be "
            f"{','.join(table.header)}."
        )
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(header):
            raise ReproError(
                f"Line {number} of {path} has {len(cells)} cells: give one for each of the {len(header)} columns."
            )
    frame = pd.DataFrame(lines[1:], columns=list(header), dtype=str)
    _check_rows(frame, path)
    return frame


def _check_rows(frame: pd.DataFrame, path: Path) -> None:
    """Raises ReproError for a repeated slug, an unknown kind or a baseline that is no other row of the table."""
    rows = list(frame["row"])
    for row, kind, baseline in zip(rows, frame["kind"], frame["baseline"], strict=True):
        if rows.count(row) > 1:
            raise ReproError(f"The file {path} names the row {row!r} {rows.count(row)} times: make every name unique.")
        if kind not in KINDS:
            raise choice_error(f"kind of the row {row!r} in {path}", kind, KINDS)
        if baseline and (baseline == row or baseline not in rows):
            raise ReproError(
                f"The row {row!r} in {path} has the baseline {baseline!r}: name another row of the same table or leave "
                "it empty."
            )


def printed_value(text: str) -> float | None:
    """The number in a printed cell: ``"29.3M"`` is 29.3; None for a blank or a dash.

    A leading sign belongs to the number (``"+0.4"`` is 0.4). No table prints anything else: a cell in parentheses, with
    a unit other than M or with a remark is refused rather than guessed at.

    Raises:
        ReproError: when the cell holds anything but one number.
    """
    cell = text.strip()
    if cell in ("", "-", "–", "—"):
        return None
    if not (match := _NUMBER.fullmatch(cell)):
        raise ReproError(
            f"The printed cell {text!r} is not a number: write digits with an optional sign and an optional M, or a "
            "dash."
        )
    return float(match.group(1))
