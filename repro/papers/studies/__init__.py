"""Studies: parts of different papers put together, run and shown like a table that nobody has printed.

A study is a TOML file. Those of this package lie here; ``repro run`` writes others to ``<name>/study.toml`` in the folder of new
results, beside their result folders:

    question = "Which decoder is best at 64x48?"
    base = "cal/8/dark-w32-64x48"           # the row that all others are compared with, which is run too

    [rows.weighted]
    decoder = "WeightedInference(n=20)"     # and encoder, network, loss; what is not named is that of the base

    [rows.cal-argmax]
    base = "cal/8/cal-w32-64x48"            # a row may have a base of its own
    decoder = "Argmax"
    one_stage = true                        # leaves a second stage of training out
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from repro import paths
from repro.errors import ReproError, choice_error
from repro.metrics.catalogue import COUNTED
from repro.papers.spec import Paper, TableSpec
from repro.support.part_text import KINDS

HERE = Path(__file__).parent
FILE = "study.toml"
NUMBER = 1  # of a study's one table
NAME = re.compile(r"[a-z][a-z0-9_-]{0,59}")
_made: dict[str, Study] = {}  # that are planned and not written yet, by name


@dataclass(frozen=True)
class RowName:
    """A row of a paper's table, as ``cal/8/dark-w32-64x48``."""

    paper: str
    table: int
    row: str

    @staticmethod
    def parse(text: str, where: str = "base") -> RowName:
        """The row that a text names. Raises ReproError for another text."""
        found = re.fullmatch(r"([\w.-]+)/([0-9]{1,2})/([^/:]+)", text.strip())
        if found is None:
            raise ReproError(
                f"The {where} is {text!r:.200}, expected paper/table/row as in cal/8/dark-w32-64x48; `repro list` shows all."
            )
        return RowName(found[1], int(found[2]), found[3])

    def __str__(self) -> str:
        return f"{self.paper}/{self.table}/{self.row}"


@dataclass(frozen=True)
class Combination:
    """A row of a study.

    Args:
        base: the row whose parts are exchanged.
        parts: what they are exchanged for, by ``KINDS``, as ``support.part_text`` reads them.
        one_stage: whether a second stage of training is left out.
        baseline: slug of the row that it is compared with; "" for the study's base.
    """

    base: RowName
    parts: Mapping[str, str] = field(default_factory=dict)
    one_stage: bool = False
    baseline: str = ""


@dataclass(frozen=True)
class Study:
    """A question and the combinations that answer it.

    Args:
        key: its name.
        question: the question, in one sentence.
        base: the row that combinations are compared with.
        rows: the rows by slug, the base first.
        file: the file that it was read from; None before it is written.
    """

    key: str
    question: str
    base: RowName
    rows: Mapping[str, Combination]
    file: Path | None = None

    @property
    def folder(self) -> Path:
        """Where its file lies, or will lie."""
        return (paths.new_results() / self.key) if self.file is None else self.file.parent

    @property
    def note(self) -> str:
        """What a reader of the table must know."""
        return (
            f"A study, which no paper prints: steps have no printed change and no verdict. All else is as in {self.base.paper} "
            f"table {self.base.table}."
        )

    @property
    def settings(self) -> tuple[str, ...]:
        """The columns that describe a row: the parts that any row exchanges, and its base, where there are several."""
        rows = self.rows.values()
        several = len({one.base for one in rows}) > 1
        changed = [part for part in KINDS if any(part in one.parts for one in rows)]
        stages = any(one.one_stage for one in rows)
        columns = [*map(str.capitalize, changed), *(["Stages"] if stages else []), *(["Base"] if several else [])]
        return tuple(columns)  # figures part long tables by the last ones

    def paper(self, printed: TableSpec) -> Paper:
        """The study as a paper with one table, whose columns are those of its base's table that are measured."""
        columns = tuple(
            column for column in printed.columns if column.metric is not None and column.metric not in COUNTED
        )
        table = TableSpec(NUMBER, self.question.rstrip(" ?."), self.settings, columns, "nowhere", "")
        return Paper(self.key, f"Study {self.key}", (), (table,))

    def frame(self, table: TableSpec) -> pd.DataFrame:
        """The rows as a printed table without numbers."""
        first = next(iter(self.rows))
        lines = []
        for slug, one in self.rows.items():
            cells = {"Base": one.base.row, "Stages": "one" if one.one_stage else "as base"}
            cells |= {part.capitalize(): one.parts.get(part, "as base") for part in KINDS}
            baseline = "" if slug == first else one.baseline or first
            line = dict.fromkeys(table.header, "-") | {
                "row": slug,
                "kind": "own" if baseline else "rerun",
                "baseline": baseline,
            }
            lines.append(line | {name: cells[name] for name in table.settings})
        return pd.DataFrame(lines, columns=list(table.header), dtype=str)

    def text(self) -> str:
        """The study as TOML."""
        lines = [f"question = {_quoted(self.question)}", f"base = {_quoted(str(self.base))}"]
        for slug, one in list(self.rows.items())[1:]:
            lines += ["", f"[rows.{_quoted(slug)}]"]
            lines += [f"base = {_quoted(str(one.base))}"] if one.base != self.base else []
            lines += [f"{part} = {_quoted(text)}" for part, text in one.parts.items()]
            lines += ["one_stage = true"] if one.one_stage else []
            lines += [f"baseline = {_quoted(one.baseline)}"] if one.baseline else []
        return "\n".join(lines) + "\n"


def make_study(
    key: str, question: str, base: RowName, rows: Mapping[str, Combination], file: Path | None = None
) -> Study:
    """A study whose first row is its base.

    Raises:
        ReproError: for a name that cannot be one, no combination, two that are equal, or a baseline that is no row.
    """
    if not NAME.fullmatch(key) or key == paths.LOCAL:
        raise ReproError(
            f"The name of the study is {key!r:.100}: give letters, digits, - and _, a small letter first, and not {paths.LOCAL}."
        )
    whole = {base.row: Combination(base), **rows}
    if len(whole) < len(rows) + 1:
        raise ReproError(f"The study {key} has a row {base.row!r}, which is its base: give the row another name.")
    if not rows:
        raise ReproError(f"The study {key} has no combination: exchange a part, as in --decoder Argmax.")
    seen: dict[object, str] = {}
    for slug, one in whole.items():
        if not re.fullmatch(r"[\w.+-]+", slug):
            raise ReproError(f"A row of the study {key} is called {slug!r}: give letters, digits, dots and dashes.")
        if one.baseline and (one.baseline not in whole or one.baseline == slug):
            raise choice_error(f"baseline of the row {slug!r}", one.baseline, [name for name in whole if name != slug])
        same = seen.setdefault((one.base, tuple(sorted(one.parts.items())), one.one_stage), slug)
        if same != slug:
            raise ReproError(f"The rows {same!r} and {slug!r} of the study {key} are the same: leave one out.")
    return Study(key, question, base, whole, file)


def read_study(file: Path, key: str) -> Study:
    """The study in a file. Raises ReproError, naming the file, for one that holds none."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReproError(f"The study {file} cannot be read ({error}): mend the file.") from error
    if unknown := sorted(set(content) - {"question", "base", "rows"}):
        raise choice_error(f"field of {file}", unknown[0], ("question", "base", "rows"))
    question, rows = content.get("question", ""), content.get("rows", {})
    if not (isinstance(question, str) and isinstance(content.get("base"), str) and isinstance(rows, dict)):
        raise ReproError(f'The study {file} lacks a base, as in base = "cal/8/dark-w32-64x48", or its rows: add them.')
    base = RowName.parse(content["base"], f"base of {file}")
    combined = {slug: _combination(one, base, f"{file}, row {slug}") for slug, one in rows.items()}
    return make_study(key, question, base, combined, file)


def _combination(plain: Any, base: RowName, where: str) -> Combination:
    """A row of a file."""
    allowed = {**dict.fromkeys((*KINDS, "base", "baseline"), str), "one_stage": bool}
    if not isinstance(plain, dict):
        raise ReproError(f'{where} is {plain!r}: give the parts that are exchanged, as in decoder = "Argmax".')
    for name, value in plain.items():
        if name not in allowed:
            raise choice_error(f"field of {where}", name, allowed)
        if not isinstance(value, allowed[name]):
            raise ReproError(
                f"{name} of {where} is {value!r}, expected {'true or false' if name == 'one_stage' else 'a text'}."
            )
    own = RowName.parse(plain["base"], f"base of {where}") if "base" in plain else base
    parts = {part: plain[part] for part in KINDS if part in plain}
    return Combination(own, parts, plain.get("one_stage", False), plain.get("baseline", ""))


def find_study(key: str) -> Study | None:
    """The study of a name: one that is being made, one of this package, or one in the folder of results; None for none."""
    if key in _made:
        return _made[key]
    if NAME.fullmatch(key):
        for file in (HERE / f"{key}.toml", *(place / key / FILE for place in paths.result_places())):
            if file.is_file():
                return _read(file, key, file.stat().st_mtime_ns)
    return None


@lru_cache
def _read(file: Path, key: str, changed: int) -> Study:
    return read_study(file, key)


def keep_in_mind(study: Study) -> None:
    """Let this process find a study that is not written."""
    _made[study.key] = study


def write_study(study: Study) -> Path:
    """Write a study beside its result folders, where other processes find it, unless it stands there.

    Raises:
        ReproError: where another study of this name stands there.
    """
    file = paths.new_results() / study.key / FILE
    if study.file is None or (paths.keeps_results() and paths.is_local(study.file)):
        if file.exists() and file.read_text(encoding="utf-8") != study.text():
            raise ReproError(
                f"{file} holds another study of this name: give this one another name, as in --name {study.key}2."
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(study.text(), encoding="utf-8")
    return file


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
