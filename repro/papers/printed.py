"""The printed numbers of the papers' tables."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pandas as pd

from repro.errors import choice_error
from repro.papers import ANY, PAPERS
from repro.papers.spec import TableSpec, read_table


def reported(paper_key: str, number: int) -> pd.DataFrame:
    """The printed table: one row a printed row, columns as in ``spec.TableSpec.header``, every cell a string. Of a
    study, which nobody has printed, the numbers are dashes.

    Raises:
        ReproError: for an unknown paper or table, or when the file breaks the conventions of ``papers.spec``.
    """
    if paper_key not in PAPERS:
        raise choice_error("paper", paper_key, (*PAPERS, ANY))
    table = PAPERS[paper_key].table(number)
    study = PAPERS.study(paper_key)
    if study is not None:
        return study.frame(table)
    path = PAPERS.folder(paper_key) / "reported" / f"table{number}.csv"
    return _read(table, path, path.stat().st_mtime_ns if path.exists() else 0).copy()


@lru_cache(maxsize=64)
def _read(table: TableSpec, path: Path, changed: int) -> pd.DataFrame:
    """The table of a file as it was at that time in ns: the steps of a page ask for it hundreds of times."""
    return read_table(table, path)
