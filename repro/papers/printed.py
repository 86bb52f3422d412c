"""The printed numbers of the papers' tables."""

from __future__ import annotations

import pandas as pd

from repro.errors import choice_error
from repro.papers import ANY, PAPERS
from repro.papers.spec import read_table


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
    return read_table(table, PAPERS.folder(paper_key) / "reported" / f"table{number}.csv")
