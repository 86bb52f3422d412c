"""What commands for many tables take: the options of ``reproduce``, with several papers and tables at once."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING

import click

from repro.cli.reproduce import Given, asked_requests, papers_with, read_options, reproduce
from repro.errors import ReproError, choice_error
from repro.support.options import split_parts

if TYPE_CHECKING:
    from repro.tables.request import Request


def table_options(*, table: bool = True, without: tuple[str, ...] = ("plan",)) -> list[click.Parameter]:
    """The options of ``reproduce`` that name tables and how their runs are made.

    Args:
        table: whether a table has to be named.
        without: names of those that are left out.
    """
    kept = [one for one in reproduce.params if one.name not in (*without, "table", "paper")]
    several = "numbers of tables, as in 3 or 1,2 or 1-3, or all"
    papers = "keys of papers, separated by commas; all papers that have these tables when empty"
    tables = click.Option(["--table"], default=None if table else "", required=table, help=several)
    return [tables, click.Option(["--paper"], default="", help=papers), *kept]


def given_tables(options: dict[str, str]) -> list[Given]:
    """What is asked for, a table's number each: ``table`` may name several, and ``paper`` several papers."""
    from repro.papers import PAPERS

    blank = {one.name: "" for one in fields(Given)} | {"jobs": "1"}
    found = []
    for paper in split_parts(options["paper"]) or [""]:
        if paper and paper not in PAPERS:
            raise choice_error("PAPER", paper, PAPERS)
        own = [PAPERS[paper]] if paper else list(PAPERS.values())
        every = sorted({table.number for one in own for table in one.tables})
        for number in every if options["table"].strip() == "all" else table_numbers(options["table"]):
            papers_with(paper, number)
            found.append(Given(**{**blank, **options, "paper": paper, "table": str(number)}))
    return found


def table_numbers(text: str) -> list[int]:
    """The numbers that ``3``, ``1,2`` or ``1-3`` names. Raises ReproError for anything else."""
    numbers: list[int] = []
    for part in split_parts(text):
        found = re.fullmatch(r"([0-9]{1,2})(?:-([0-9]{1,2}))?", part)
        if not found or int(found[2] or found[1]) < int(found[1]):
            raise ReproError(f"TABLE is {text!r:.200}, expected numbers of tables as in 3 or 1,2 or 1-3, or all.")
        numbers += range(int(found[1]), int(found[2] or found[1]) + 1)
    if not numbers:
        raise ReproError("TABLE is missing: name one as in --table 2; `repro list` shows all.")
    return list(dict.fromkeys(numbers))


def requests_of(given: list[Given]) -> list[Request]:
    """The requests for what is asked for, which are all checked. Raises ReproError."""
    return [request for one in given for request in asked_requests(one, read_options(one))]
