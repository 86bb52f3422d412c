"""Notebooks of tables are the template, ``repro/tables/any_table.ipynb``, word for word, and what is their paper's own.

A notebook has the template's cells in its order; where those say otherwise, ``words`` says what. Cells of its own stand behind
them, and between them only where BETWEEN says so.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from repro import paths
from repro.approaches.base import approach_of
from repro.data.scene_batches import SceneInput
from repro.papers import PAPERS
from repro.papers.recipes import table_rows
from repro.tables.last_step import ANY_TABLE

NOTEBOOKS = {f"{path.parent.name}/{path.stem}": path for path in sorted(paths.NOTEBOOKS.glob("*/table*.ipynb"))}
TABLES = {f"{key}/table{table.number}": (key, table.number) for key in PAPERS for table in PAPERS[key].tables}
COUNTED = {"hgr/table1"}  # prints counts alone: no steps, no runs
DETECTOR = 'boxes: str = ""  # a detector\'s file for such runs'
# Own cells between two of the template: the cell that they stand behind, and how the first of them begins.
SMALL = "In the 128x96 crops of `laptop` scale the median face is 15 pixels high"
BETWEEN = {
    "cal/table8": {"view.learning_curves()": "## Figure 1: accuracy against input size"},
    "fowkal/table1": {"view.protocol()": SMALL},
    "fowkal/table2": {
        "view.protocol()": "### How large faces and hands are",
        "view.keypoints()": "## Figure 5: the adaptive factors over training",
    },
    "fowkal/table3": {"view.protocol()": SMALL},
    "hgr/table4": {"view.errors()": "### What each kind of error costs"},
}
# What cells of the template say in notebooks of some methods, by their first line.
ERRORS = (
    "\n\nThe keypoints of found people, told apart as by Ronchi and Perona: near but not exact (jitter), nowhere near anything "
    "(miss), at the left-right counterpart (inversion), at another person's (swap). The rest is good."
)
COUNTS = {"## The table": "## The table\n\nEach cell is `printed / ours`."}
WHOLE_BODY = {
    "## Which keypoints change": "## Which keypoints change\n\nMean similarity of each kind of keypoint with the truth, left and "
    "right together, as are all keypoints of a face and all of the hands (the term that OKS averages).",
}
BOTTOM_UP = {
    "## Learning curves": "## Learning curves\n\nAverage precision on the first hundred evaluation images at the kept snapshots, "
    "with naive scores, against the images seen; the band is the deviation over seeds. Where lines still rise, a verdict is "
    "about the budget as much as about the idea.",
    "## Which keypoints change": f"## Which errors are made{ERRORS}",
    "view.keypoints()": "view.errors()",
    "## Poses": "## Poses\n\nAll people of a few images: truth in grey, what was found in colour, a row of the table below the "
    "other, of a long table those of its largest group. People who score below three tenths of their image's best are not drawn. "
    "Photographs that may not be passed on are left out here and drawn in the folder's `private/poses.jpg` on the machine that "
    "made it.",
}
FIGURE4 = {
    "## Which keypoints change": f"## Which errors are made (Fig. 4){ERRORS} The paper's figure shows the same for its three "
    "qualities; the one number in its text is that the tradeoff loss takes 0.5 from the misses of the heatmaps."
}


class Cell(NamedTuple):
    kind: str
    tags: tuple[str, ...]
    source: str

    @property
    def heading(self) -> str:
        return self.source.split("\n")[0]


def cells_of(path: Path) -> list[Cell]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [Cell(one["cell_type"], tuple(one["metadata"].get("tags", ())), "".join(one["source"])) for one in cells]


TEMPLATE = cells_of(ANY_TABLE)


def words(name: str, bottom_up: bool) -> dict[str, str]:
    """What cells of the template say in a notebook, by their first line."""
    if name in COUNTED:
        return COUNTS
    if bottom_up:
        return BOTTOM_UP | (FIGURE4 if name == "hgr/table4" else {})
    return WHOLE_BODY if name.startswith("fowkal/") else {}


def expected(name: str) -> list[Cell]:
    """The template's cells, without its title, as a notebook has to have them."""
    key, number = TABLES[name]
    recipes = [row.recipe for row in found.rows.values()] if (found := table_rows(key, number)) else []
    detector = any(approach_of(recipe).takes_detector(recipe) for recipe in recipes)
    own = words(name, any(isinstance(recipe.input, SceneInput) for recipe in recipes))
    parameters = TEMPLATE[1].source.splitlines()[2:]  # paper and table are the notebook's
    parameters[0] = parameters[0].replace("paper/table1", name)
    if detector:
        parameters.insert(parameters.index('device: str = "auto"  # of such runs') + 1, DETECTOR)
    opened = TEMPLATE[2].source.replace("paper, table, ", f'"{key}", {number}, ')
    opened = opened.replace("device=device, ", "device=device, boxes=boxes, ") if detector else opened
    rest = TEMPLATE[3:5] if name in COUNTED else TEMPLATE[3:]
    return [
        TEMPLATE[1]._replace(source="\n".join(parameters)),
        TEMPLATE[2]._replace(source=opened),
        *(cell._replace(source=own.get(cell.heading, cell.source)) for cell in rest),
    ]


def own_cells(cells: list[Cell], wanted: list[Cell]) -> dict[str, list[Cell]]:
    """The cells that are not wanted, by the source of the wanted one before them. AssertionError for a wanted one that lacks."""
    left, last, own = list(wanted), "", {}
    for cell in cells:
        if left and cell == left[0]:
            last = left.pop(0).source
        else:
            own.setdefault(last, []).append(cell)
    assert not left, f"lacks, or has elsewhere, in other words or with other tags than {ANY_TABLE.name}, {left[0]}"
    return own


def test_every_table_has_a_notebook():
    assert NOTEBOOKS.keys() == TABLES.keys()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_the_template_and_cells_of_its_own(name):
    title, *cells = cells_of(NOTEBOOKS[name])
    wanted = expected(name)
    own = own_cells(cells, wanted)
    assert title.kind == "markdown" and title.source.startswith("# ") and f", table {TABLES[name][1]}: " in title.heading
    behind = own.pop(wanted[-1].source)
    between = BETWEEN.get(name, {})
    assert own.keys() == between.keys()
    assert all(own[place][0].source.startswith(beginning) for place, beginning in between.items())
    assert behind[0].kind == "markdown" and behind[0].heading.startswith("## ")
    every = [*behind, *(cell for found in own.values() for cell in found)]
    assert [cell.heading for cell in every].count("## Findings") == 1
    template = {cell.heading for cell in (*TEMPLATE, *wanted)}
    assert not template & {cell.heading for cell in every}, "repeats a cell of the template"


TINY = [Cell("markdown", (), "## Poses\n\nsome"), Cell("code", (), "view.poses()")]


def test_own_cells_are_told_by_what_they_stand_behind():
    mine = Cell("markdown", (), "mine")
    assert own_cells([TINY[0], mine, TINY[1], mine, mine], TINY) == {TINY[0].source: [mine], TINY[1].source: [mine, mine]}
    assert own_cells([mine, *TINY], TINY) == {"": [mine]}


@pytest.mark.parametrize(
    "cells",
    [TINY[::-1], TINY[:1], [TINY[0]._replace(source="## Poses\n\nother"), TINY[1]], [TINY[0]._replace(kind="raw"), TINY[1]],
     [TINY[0], TINY[1]._replace(tags=("parameters",))], [TINY[0], TINY[1]._replace(source="view.poses( )")]],
)  # fmt: skip
def test_what_is_missing_out_of_order_or_changed_is_found(cells):
    with pytest.raises(AssertionError, match="lacks"):
        own_cells(cells, TINY)
