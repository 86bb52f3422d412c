"""How the rows of a paper's tables are run: recipes at the size that the paper printed, looked up by paper and table."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from repro.errors import ReproError, choice_error
from repro.papers import PAPERS, module_of_paper
from repro.papers.printed import reported
from repro.papers.studies import RowName, Study
from repro.recipe import Decoder, Encoder, Loss, Network, Recipe
from repro.skeletons.skeleton import Skeleton
from repro.support import serial
from repro.support.part_text import parse_part

_KINDS: dict[str, Any] = {"encoder": Encoder, "network": Network, "loss": Loss, "decoder": Decoder}


@dataclass(frozen=True)
class Row:
    """How a row is run.

    Args:
        recipe: the recipe at paper size, without data.
        counted: the network whose #Params and GFLOPs are printed, where it is not the recipe's.
    """

    recipe: Recipe
    counted: Network | None = None

    @property
    def counted_network(self) -> Network:
        """The network for the counted columns."""
        return self.counted or self.recipe.method.network


@dataclass(frozen=True)
class Extra:
    """What stands beside the numbers of a row that this package adds to a printed table.

    Args:
        settings: the cells that describe it, by the names of the table's settings.
        after: slug of the row that it stands behind.
        why: what it is there for, in one sentence.
        asked: whether the row is run, and shown, only where it is asked for by its name.
    """

    settings: dict[str, str]
    after: str
    why: str
    asked: bool = False


@dataclass(frozen=True)
class Expected:
    """A step between two rows that the paper argues for without printing both, or without comparing them.

    Args:
        baseline: slug of the row that the step starts from.
        row: slug of the row that it leads to.
        sign: +1 where the metric should rise, -1 where it should fall.
        metric: the label of the column.
    """

    baseline: str
    row: str
    sign: int
    metric: str = "AP"


@dataclass(frozen=True)
class TableRows:
    """The rows of a table that have recipes, by the slug of the printed table.

    Args:
        data: the paper's data set.
        skeleton: the skeleton of that data set, for the counted columns.
        rows: the rows by slug; those that ``extras`` names too.
        extras: the rows that are not printed.
        expected: steps that are judged although they are not printed.
        decimal: how GFLOPs are counted: as bottom-up papers print them, 10^9 multiply-adds with each shared weight counted once;
            else as HRNet's tool does (``metrics.counts``).
        stand_ins: the printed columns whose steps judge those of columns that are not printed, by the labels of these: as AP
            judges mean OKS, where a short training leaves the printed metric too near zero to tell.
        headlines: the labels of the columns that the paper's text speaks of, by the slugs of rows, whose steps they judge; for
            rows that are not named the table's first column that may judge (``reporting.steps``).
        note: what a reader must know of how this package runs the table.
        detector: whether rows that are evaluated on true boxes take a detector's where its file is given, which paper scale
            demands of photographs.
        length: factor on the number of crops, or images, that a scale with ``table_lengths`` shows in a training: below 1 for a
            table of so many large networks that it would not fit into the scale's time. All rows have the same.
    """

    data: str
    skeleton: Skeleton
    rows: dict[str, Row] = field(default_factory=dict)
    extras: dict[str, Extra] = field(default_factory=dict)
    expected: tuple[Expected, ...] = ()
    decimal: bool = False
    stand_ins: dict[str, str] = field(default_factory=dict)
    headlines: dict[str, str] = field(default_factory=dict)
    note: str = ""
    detector: bool = False
    length: float = 1.0

    def taken(self, only: Collection[str] = ()) -> dict[str, Row]:
        """The rows that are run where ``only`` these are asked for, or none by name."""
        return {
            slug: row
            for slug, row in self.rows.items()
            if (slug in only if only else not (slug in self.extras and self.extras[slug].asked))
        }

    @property
    def first(self) -> Recipe:
        """The recipe of the first row: all rows of a table belong to one approach, and to one split of the data."""
        return next(iter(self.rows.values())).recipe


def table_rows(paper: str, number: int) -> TableRows | None:
    """The rows of a table that can be run; None where there are none yet.

    Raises:
        ReproError: when the paper has no such table, or its rows are not those that are printed.
    """
    PAPERS[paper].table(number)
    study = PAPERS.study(paper)
    if study is not None:
        return _rows_of_study(study)
    name = f"{PAPERS.module(paper)}.rows"
    if importlib.util.find_spec(name) is None:
        return None
    tables = getattr(module_of_paper(name), "TABLES", None)  # brings in torch: only when it is asked for
    if not isinstance(tables, Mapping):
        raise ReproError(f"The module {name} has no TABLES: give it a dict from the number of a table to its TableRows.")
    found = tables.get(number)
    if found is not None:
        printed = reported(paper, number)
        unknown = sorted(set(found.rows) - set(printed["row"]) - set(found.extras))
        if unknown:
            raise ReproError(
                f"Table {number} of {paper} has a recipe for {unknown[0]!r}, which is no printed row: name one of "
                f"{', '.join(printed['row'])}, or describe it in extras."
            )
        unknown = sorted(set(found.stand_ins.values()) - set(printed.columns))
        if unknown:
            raise ReproError(
                f"A column of table {number} of {paper} is stood in for by {unknown[0]!r}, which is not printed: name a column."
            )
        unknown = sorted((set(found.headlines) - set(found.rows)) | (set(found.headlines.values()) - set(printed.columns)))
        if unknown:
            raise ReproError(
                f"A headline of table {number} of {paper} names {unknown[0]!r}, which is neither a row that is run nor a printed "
                "column: name one."
            )
    return found


def row_of(name: RowName) -> Row:
    """A row by its name. Raises ReproError where it has no recipe."""
    rows = runnable_rows(name.paper, name.table).rows
    if name.row not in rows:
        raise choice_error(f"row of table {name.table} of {name.paper}", name.row, rows)
    return rows[name.row]


def combined(recipe: Recipe, parts: Mapping[str, str], *, one_stage: bool = False) -> Recipe:
    """A recipe with parts exchanged.

    Args:
        recipe: the recipe.
        parts: ``encoder``, ``network``, ``loss`` and ``decoder``, as ``support.part_text`` reads them.
        one_stage: whether a second stage of training is left out.

    Raises:
        ReproError: for a part that does not exist, or a value that it does not take.
    """
    given = {kind: serial.from_plain(_KINDS[kind], parse_part(text, kind), kind) for kind, text in parts.items()}
    changed = recipe.but(method=recipe.method.but(**given)) if given else recipe
    return changed.but(second_stage=None) if one_stage else changed


def _rows_of_study(study: Study) -> TableRows:
    """The rows of a study: its base and each combination, run as the table of its base is."""
    base = runnable_rows(study.base.paper, study.base.table)
    rows = {}
    for slug, one in study.rows.items():
        try:
            recipe = combined(row_of(one.base).recipe, one.parts, one_stage=one.one_stage)
        except ReproError as error:
            raise ReproError(f"Row {slug!r} of the study {study.key}: {error}") from error
        rows[slug] = Row(recipe)
    kinds = {type(row.recipe.input) for row in rows.values()}
    if len(kinds) > 1:
        raise ReproError(
            f"The study {study.key} has rows with crops of persons and rows with whole images, which cannot be compared: choose "
            "bases of one approach."
        )
    return replace(base, rows=rows, extras={}, expected=(), headlines={}, stand_ins={}, note=study.note, detector=False)


def runnable_rows(paper: str, number: int) -> TableRows:
    """The rows of a table that have recipes. Raises ReproError where there are none."""
    rows = table_rows(paper, number)
    if rows is None:
        raise ReproError(
            f"Table {number} of {paper} is not yet reproducible: no row of it has a recipe; "
            f"`repro list` shows the tables that have."
        )
    return rows


def shown_rows(paper: str, number: int) -> pd.DataFrame:
    """The printed table as ``printed.reported`` gives it, with the rows that this package adds, of kind ``extra``."""
    printed, rows = reported(paper, number), table_rows(paper, number)
    lines: list[dict[Any, Any]] = printed.to_dict("records")
    for slug, extra in (rows.extras if rows else {}).items():
        place = next(i for i, line in enumerate(lines) if line["row"] == extra.after) + 1
        while place < len(lines) and lines[place]["kind"] == "extra":
            place += 1
        blank = {name: "-" for name in printed.columns}
        lines.insert(place, {**blank, "row": slug, "kind": "extra", "baseline": "", **extra.settings})
    return pd.DataFrame(lines, columns=list(printed.columns), dtype=str)
