"""Notebooks executed by papermill: into a result folder, or in place."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from repro import paths
from repro.errors import ReproError, choice_error
from repro.reporting.pictures import with_few_colours


def run_notebook(source: Path, target: Path, parameters: dict[str, Any]) -> None:
    """Execute a notebook with papermill, in the folder of the notebook, with this interpreter (``tables.kernel.OwnKernel``).

    Args:
        source: the notebook; it has one cell tagged ``parameters``.
        target: the path of the executed notebook.
        parameters: values for that cell, of types that JSON knows.

    Raises:
        ReproError: for a notebook that does not exist, a parameter that it does not have (papermill only warns), or when a
            cell raises one.
        papermill.PapermillExecutionError: when a cell fails otherwise; the target then shows where.
    """
    import papermill

    from repro.tables.kernel import STARTING, OwnKernel

    check_notebook(source)
    read, written = (str(path.absolute()).replace("{", "{{").replace("}", "}}") for path in (source, target))
    known = papermill.inspect_notebook(read)
    for name in parameters:
        if name not in known:
            raise choice_error(f"parameter of {source.name}", name, known)
    plain = json.loads(json.dumps(parameters))
    try:
        with _quiet_kernel():
            papermill.execute_notebook(
                *(read, written, plain),
                kernel_name="python3",
                kernel_manager_class=OwnKernel,
                start_timeout=STARTING,
                cwd=str(source.absolute().parent),
                progress_bar=False,
            )
    except papermill.PapermillExecutionError as error:
        if error.ename != "ReproError":
            raise
        raise ReproError(f"{source.parent.name}/{source.name}: {error.evalue}") from error
    _tidy(target)


def check_notebook(source: Path) -> None:
    """Raise ReproError for a notebook that does not exist or cannot be read."""
    try:
        cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
    except FileNotFoundError:
        raise ReproError(f"Notebook {source} does not exist: a table needs one to be shown in.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReproError(
            f"Notebook {source} cannot be read ({error}): restore the file, as by `git checkout`."
        ) from error
    if not any("parameters" in cell.get("metadata", {}).get("tags", ()) for cell in cells):
        raise ReproError(f"Notebook {source} has no cell tagged 'parameters': restore the file, as by `git checkout`.")


@contextmanager
def _quiet_kernel() -> Iterator[None]:
    """Keep the kernel's own messages about its transport and its end off the terminal; errors of cells are raised."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def committed_notebooks() -> list[Path]:
    """The notebooks of the checkout, in a fixed order."""
    found = paths.NOTEBOOKS.rglob("*.ipynb")
    inside = {path: path.relative_to(paths.NOTEBOOKS).parts for path in found}
    return sorted(path for path, parts in inside.items() if not any(part.startswith(".") for part in parts))


def run_in_place(path: Path) -> None:
    """Execute a committed notebook with its default parameters and keep the outputs in it."""
    target = path.with_name(f".{path.name}.{os.getpid()}.ipynb")
    try:
        run_notebook(path, target, {})
        os.replace(target, path)
    finally:
        target.unlink(missing_ok=True)


def _tidy(path: Path) -> None:
    """Remove what differs from machine to machine: papermill's notes (paths, times of day) and stderr (progress bars).

    Pictures get few colours.
    """
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for place in (notebook, *notebook["cells"]):
        for noise in ("papermill", "execution"):
            place["metadata"].pop(noise, None)
    for cell in notebook["cells"]:
        if "outputs" in cell:
            cell["outputs"] = [one for one in cell["outputs"] if one.get("name") != "stderr"]
        for output in cell.get("outputs", ()):
            shown = output.get("data", {})
            if "image/png" in shown:
                shown["image/png"] = base64.b64encode(
                    with_few_colours(base64.b64decode("".join(shown["image/png"])))
                ).decode()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
