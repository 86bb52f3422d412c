"""Notebooks as pages: copies whose pictures have alternative texts. What shows a single table has a page of its own already."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from repro import paths
from repro.tables.notebooks import committed_notebooks


def shown_notebooks() -> list[Path]:
    """The committed notebooks that become pages."""
    return [path for path in committed_notebooks() if not re.fullmatch(r"table\d+\.ipynb", path.name)]


def copy_notebook(path: Path, pages: Path) -> str:
    """Copy a notebook to the pages. Returns the name of its page."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    name = "notebooks/" + path.relative_to(paths.NOTEBOOKS).with_suffix("").as_posix().replace("/", "-")
    heading = ""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            heading = _last_heading(cell) or heading
        elif _shows_picture(cell):
            cell["metadata"].setdefault("mystnb", {}).setdefault("image", {})["alt"] = _told(cell, heading)
    target = pages / f"{name}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(notebook), encoding="utf-8")
    return name


def _last_heading(cell: dict[str, Any]) -> str:
    found = re.findall(r"^#+\s+(.+)$", "".join(cell["source"]), flags=re.MULTILINE)
    return re.sub(r"[`*\[\]]", "", found[-1]) if found else ""


def _shows_picture(cell: dict[str, Any]) -> bool:
    return any(kind.startswith("image/") for output in cell.get("outputs", ()) for kind in output.get("data", {}))


def _told(cell: dict[str, Any], heading: str) -> str:
    """What a picture shows: its section, and the last line of the code that draws it."""
    code = [line.strip() for line in "".join(cell["source"]).splitlines() if line.strip()]
    return f"Figure of “{heading}”, drawn by {code[-1].rstrip(';')}" if code else f"Figure of “{heading}”"
