"""What a command asks for, and what it comes to: the samples and the recipes of each table, before anything is trained."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from repro.data.detection_files import boxes_name
from repro.plan import check_boxes, check_measurable, check_rows, counts_alone, table_recipes, table_samples
from repro.recipe import Recipe
from repro.runs import Samples
from repro.scales import Scale


@dataclass(frozen=True)
class Request:
    """What is to be reproduced: a table of a paper at a scale on a data set, with these seeds; all rows when none is named.

    ``boxes`` is a detector's file, for a table that is evaluated with a detector's boxes.
    """

    paper: str
    table: int
    scale: Scale
    data: str
    root: Path | None
    seeds: tuple[int, ...]
    rows: tuple[str, ...] = ()
    start: str = "warm"
    boxes: Path | None = None

    @property
    def title(self) -> str:
        """As progress and lists of results say it."""
        return f"{self.paper} {self.table}"


@dataclass(frozen=True)
class PlannedTable:
    """A table that is ready to be made.

    Args:
        request: that it answers.
        samples: that it is run on; None for a table that prints counts alone, which has no runs.
        recipes: by (row, seed).
        seconds: that planning took.
    """

    request: Request
    samples: Samples | None
    recipes: dict[tuple[str, int], Recipe]
    seconds: float


def plan_tables(requests: list[Request]) -> list[PlannedTable]:
    """Load the samples of tables and name their recipes; all requests are checked before the first sample is read.

    Raises:
        ReproError: for anything in a request that cannot be done.
    """
    check_requests(requests)
    return [_plan(request) for request in requests]


def check_requests(requests: list[Request]) -> None:
    """Raise ReproError for a request that cannot be met, as far as can be told without reading a sample."""
    for request in requests:
        check_rows(request.paper, request.table, request.rows)
        check_measurable(request.paper, request.table, request.data)
        check_boxes(request.paper, request.table, request.scale, request.data, request.boxes, request.rows)


def _plan(request: Request) -> PlannedTable:
    started = time.perf_counter()
    samples, recipes = None, {}
    if not counts_alone(request.paper, request.table):
        boxes = None if request.boxes is None else boxes_name(request.boxes)
        where = (request.paper, request.table)
        samples, data = table_samples(*where, request.data, request.root, request.scale, request.boxes)
        recipes = table_recipes(*where, request.scale, data, request.seeds, request.rows, request.start, boxes)
    return PlannedTable(request, samples, recipes, time.perf_counter() - started)
