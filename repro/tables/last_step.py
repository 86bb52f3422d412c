"""The last step of a reproduction, the executed notebook: what it needs is tried first, and its failure loses nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from repro import paths
from repro.errors import ReproError
from repro.papers import PAPERS
from repro.tables.kernel import last_line, try_kernel
from repro.tables.notebooks import check_notebook
from repro.training.checkpoints import write_json

ROOM = 8_000_000  # bytes that result folders may take


ANY_TABLE = Path(__file__).parent / "any_table.ipynb"  # shows a table that has no notebook of its own


def notebook_of(paper: str, number: int) -> Path:
    """The notebook that shows a table; of a paper of another package that in its folder ``notebooks``, or one for any table."""
    if paper in list(PAPERS):
        return paths.NOTEBOOKS / paper / f"table{number}.ipynb"
    own = PAPERS.folder(paper) / "notebooks" / f"table{number}.ipynb"
    return own if own.is_file() else ANY_TABLE


def shown_by(paper: str, number: int, folder: str) -> tuple[Path, dict[str, Any]]:
    """The notebook that shows a result folder, which is named relative to the results, and its parameters."""
    notebook, which = notebook_of(paper, number), {"paper": paper, "table": number}
    return notebook, {"folder": folder, **(which if notebook == ANY_TABLE else {})}


def keep_without_notebook(folder: Path, final: Path, error: Exception) -> None:
    """Say, and note in the manifest of a result folder, why its notebook could not be executed.

    Args:
        folder: the folder that is being written.
        final: what it will be called.
        error: the error that executing the notebook ended with.
    """
    why = last_line(error)
    click.echo(
        f"The notebook of {final.parent.parent.name} {final.parent.name} could not be executed ({why}); tables and figures are "
        f"kept in {final}.",
        err=True,
    )
    with contextlib.suppress(OSError):  # a full disk, which may be the reason
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        write_json(folder / "manifest.json", {**manifest, "notebook_failed": why})


def check_last_step(notebooks: Iterable[Path], *, training: bool = False) -> None:
    """Try, before anything is trained, what writing the result folders needs at the end.

    Args:
        notebooks: the notebooks that show the tables.
        training: whether something is to be trained first: then runs are written too, and a kernel is tried.

    Raises:
        ReproError: when a notebook or a kernel is missing, or a folder cannot be written.
    """
    for notebook in notebooks:
        check_notebook(notebook)
    paths.check_writable("REPRO_RESULTS", room=ROOM)
    if training:
        paths.check_writable("REPRO_RUNS")
        try_kernel()


def check_notebooks(folders: Iterable[Path]) -> None:
    """Raise ReproError, naming them, when notebooks of result folders could not be executed."""
    read = {one: json.loads((one / "manifest.json").read_text(encoding="utf-8")) for one in folders}
    failed = [
        f"{one} ({manifest['notebook_failed']})" for one, manifest in read.items() if "notebook_failed" in manifest
    ]
    if failed:
        raise ReproError(
            f"Tables and figures are there, but not the executed notebook, in {', '.join(failed)}: mend the reason and give the "
            "same command again; nothing is trained anew."
        )
