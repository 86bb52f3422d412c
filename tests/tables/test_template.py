"""Notebooks of tables are the template, ``repro/tables/any_table.ipynb``, and what is their paper's own.

The template is what all have in common; a notebook says otherwise only what OWN_WORDS lists, and adds cells of its own.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from repro import paths
from repro.tables.last_step import ANY_TABLE

NOTEBOOKS = sorted(paths.NOTEBOOKS.glob("*/table*.ipynb"))
COUNTED = {"hgr/table1"}  # prints counts alone: no steps, no runs
# By its first line, a cell of the template whose words differ where methods do: the heading stays.
OWN_WORDS = ("## Learning curves", "## Which keypoints change", "## Poses")
OTHERWISE = {"view.keypoints()": "view.errors()", "## Which keypoints change": "## Which errors are made"}  # bottom-up


def sources(path: Path) -> list[str]:
    """The cells of a notebook, without its parameters and the cell that opens the table."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells]


TEMPLATE = sources(ANY_TABLE)


def is_cell(template: str, cell: str) -> bool:
    """Whether a cell of a notebook is one of the template, in its own words where that is allowed."""
    if cell in (template, OTHERWISE.get(template)):
        return True
    heading = template.split("\n")[0]
    wanted = {heading, OTHERWISE.get(heading, heading)}
    return heading in OWN_WORDS and any(cell.split("\n")[0].startswith(one) for one in wanted)


def missing(cells: list[str], template: list[str]) -> list[str]:
    """Cells of a template that are not there in its order."""
    left = iter(cells)
    return [one for one in template if not any(is_cell(one, cell) for cell in left)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_notebook_has_the_cells_of_the_template_in_its_order(path):
    key, number = path.parent.name, path.stem.removeprefix("table")
    name, cells = f"{key}/{path.stem}", sources(path)
    template = TEMPLATE[3:5] if name in COUNTED else TEMPLATE[3:]
    if name in COUNTED:
        template = ["## The table\n\nEach cell is `printed / ours`.", *template[1:]]
    lacking = missing(cells[3:], template)
    assert not lacking, f"{name} lacks, or has elsewhere or in other words than repro/tables/any_table.ipynb, {lacking[0]!r}."
    opened = TEMPLATE[2].replace("paper, table, ", f'"{key}", {number}, ')
    assert cells[2].replace("boxes=boxes, ", "") == opened
    parameters = [line for line in TEMPLATE[1].splitlines()[2:]]
    parameters[0] = parameters[0].replace("paper/table1", name)
    assert [line for line in cells[1].splitlines() if not line.startswith("boxes: ")] == parameters


def test_what_is_missing_or_out_of_order_is_found():
    template = ["a", "## Poses\n\nsome", "view.keypoints()"]
    assert missing(["a", "own", "## Poses\n\nother", "view.errors()"], template) == []
    assert missing(["a", "## Poses of all", "b"], template) == ["view.keypoints()"]
    assert missing(["## Poses", "a", "view.keypoints()"], template)[0] == "## Poses\n\nsome"
    assert missing(["A", "## Poses", "view.keypoints()"], template)[0] == "a"
