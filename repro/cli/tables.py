"""The commands that show tables: ``repro list`` and ``repro notebooks``."""

from __future__ import annotations

import click

from repro import paths
from repro.errors import choice_error


@click.command("list")
@click.argument("papers", nargs=-1)
def list_tables(papers: tuple[str, ...]) -> None:
    """List papers, tables and rows, and which of them can be run: of all papers, or of PAPERS."""
    from repro.papers import ANY, PAPERS
    from repro.papers.recipes import shown_rows, table_rows

    for key in papers:
        if key not in PAPERS:
            raise choice_error("paper", key, (*PAPERS, ANY))
    for key, paper in [(key, PAPERS[key]) for key in papers or PAPERS]:
        click.echo(f"{key}: {paper.title}")
        for spec in paper.tables:
            found = table_rows(key, spec.number)
            rows = shown_rows(key, spec.number)
            can = len(found.rows) if found else 0
            click.echo(f"  table {spec.number}: {spec.caption} ({can} of {len(rows)} rows can be run)")
            for row, kind in zip(rows["row"], rows["kind"], strict=True):
                state = (
                    "recipe"
                    if found and row in found.rows
                    else ("cited" if kind == "cited" else "not yet reproducible")
                )
                click.echo(f"    {row} [{kind}, {state}]")


@click.command()
@click.argument("names", nargs=-1)
def notebooks(names: tuple[str, ...]) -> None:
    """Execute the committed notebooks in place: all, or those whose path contains one of NAMES."""
    from repro.tables.notebooks import committed_notebooks, run_in_place

    known = {path.relative_to(paths.NOTEBOOKS).as_posix(): path for path in committed_notebooks()}
    for name in names:
        if not any(name in one for one in known):
            raise choice_error("notebook", name, known)
    for one, path in known.items():
        if not names or any(name in one for name in names):
            click.echo(one)
            run_in_place(path)
