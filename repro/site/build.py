"""Making the site: pages are written, then Sphinx builds them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import matplotlib

from repro import paths
from repro.errors import ReproError
from repro.papers import PAPERS
from repro.papers.studies import NUMBER
from repro.reporting.folders import committed_manifests, newest_folder
from repro.reporting.outcome import Outcome
from repro.site.claims import write_claims
from repro.site.notebooks import copy_notebook, shown_notebooks
from repro.site.overview import made_with, table_lines, write_index, write_paper_page
from repro.site.source import web_address
from repro.site.table_page import page_name, write_table_page
from repro.tables.view import TableView

SETTINGS = paths.ROOT / "docs" / "site"  # of Sphinx
NEEDED = ("sphinx", "furo", "myst_nb")


def folders_of(paper: str, number: int) -> list[TableView]:
    """The result folders of a table that git knows, where it knows any; the first is the table's page."""
    own = [
        paths.results() / name
        for name, one in committed_manifests().items()
        if (one["paper"], one["table"]) == (paper, number)
    ]
    with suppress(ReproError):  # it has none at its scale's own length
        first = newest_folder(paper, number, "people")
        own = [first, *(folder for folder in own if folder != first)]
    return [TableView(Outcome.read(folder / "runs.json"), folder) for folder in own]


def write_pages(pages: Path, address: str) -> None:
    """Write all pages but those of the API, which Sphinx makes.

    Args:
        pages: folder for them, which is empty.
        address: the address that commits are linked at; may be empty.
    """
    matplotlib.use("Agg")
    notebooks = [copy_notebook(path, pages) for path in shown_notebooks()]
    lines: dict[str, list[list[str]]] = {}
    names: dict[str, str] = {}
    for key, paper in PAPERS.items():
        shown = {spec.number: folders_of(key, spec.number) for spec in paper.tables}
        for number, views in shown.items():
            names |= _write_tables(key, number, views, pages, address)
        lines[key] = table_lines(paper, {number: views[0] for number, views in shown.items() if views})
        own = [name for name in notebooks if name.startswith(f"notebooks/{key}-")]
        write_paper_page(paper, pages, lines[key], own)
    others = [name for name in notebooks if not re.match(rf"notebooks/({'|'.join(PAPERS)})-", name)]
    studies: dict[str, list[str]] = {}
    for key in studies_of({one["paper"] for one in committed_manifests().values()}):
        views = folders_of(key, NUMBER)
        names |= _write_tables(key, NUMBER, views, pages, address)
        studies[page_name(key, NUMBER)] = table_lines(PAPERS[key], {NUMBER: views[0]})[0]
    write_claims(pages, names)
    write_index(pages, lines, others, studies)


def studies_of(keys: set[str]) -> list[str]:
    """Those of some keys that are studies, sorted."""
    return sorted(key for key in keys if PAPERS.study(key) is not None)


def _write_tables(paper: str, number: int, views: list[TableView], pages: Path, address: str) -> dict[str, str]:
    """Write the pages of all result folders of a table. Returns their names by folder, relative to the results."""
    names = [page_name(paper, number, view.folder.name if place else "") for place, view in enumerate(views)]
    told = {name: made_with(view.outcome) for name, view in zip(names, views, strict=True)}
    for name, view in zip(names, views, strict=True):
        others = {what: other for other, what in told.items() if other != name}
        write_table_page(view, pages, name, address, others, first=name == names[0])
    folders = [view.folder.relative_to(paths.results()).as_posix() for view in views]
    return dict(zip(folders, names, strict=True))


def build_site(out: Path, repository: str = "") -> Path:
    """Build the site from the committed results.

    Args:
        out: folder for it, which is made anew.
        repository: address that commits are linked at; the checkout's origin when empty.

    Returns:
        its first page.

    Raises:
        ReproError: where Sphinx is missing or fails, there is no checkout, or ``out`` holds something else.
    """
    address = web_address(repository)
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise ReproError(f"The site needs {', '.join(missing)}: install them, as by `pip install .[site]`.")
    if not (SETTINGS / "conf.py").exists():
        raise ReproError(
            f"The site is built from a checkout, and {SETTINGS / 'conf.py'} does not exist: run it in one."
        )
    if out.exists() and any(out.iterdir()) and not (out / "searchindex.js").exists():
        raise ReproError(f"{out} holds something else than a site: name a folder that is empty or does not exist.")
    with tempfile.TemporaryDirectory() as place:
        pages, made = Path(place) / "pages", Path(place) / "site"
        pages.mkdir()
        write_pages(pages, address)
        _run_sphinx(pages, made)
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(made, out)
    return out / "index.html"


def _run_sphinx(pages: Path, made: Path) -> None:
    """Let Sphinx make HTML. Raises ReproError, with its last lines, where it fails."""
    jobs = str(min(4, os.cpu_count() or 1))
    command = [sys.executable, "-m", "sphinx", "-q", "-j", jobs, "-c", str(SETTINGS), "-d", str(made.parent / "trees")]
    path = os.pathsep.join([str(paths.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    ran = subprocess.run([*command, str(pages), str(made)], env=environment, capture_output=True, text=True, encoding="utf-8")
    if ran.returncode:
        raise ReproError(f"Sphinx failed: {' '.join(ran.stderr.split()[-80:])}")
    if ran.stderr.strip():
        print(ran.stderr, file=sys.stderr)
