"""What a command asks for, and what it comes to: the samples and the recipes of each table, before anything is trained."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from repro.approaches.base import approach_of
from repro.approaches.samples import Samples
from repro.data.detection_files import boxes_name
from repro.errors import ReproError
from repro.grouping.scores import pose_features
from repro.models.base import built
from repro.recipe import Data, Recipe
from repro.runs.given_weights import needs_training_samples
from repro.scales.scale import Scale
from repro.skeletons.skeleton import Skeleton
from repro.tables.plan import (
    check_boxes,
    check_measurable,
    check_rows,
    counts_alone,
    lacks_boxes,
    sample_counts,
    table_recipes,
    table_samples,
    table_skeleton,
)
from repro.tables.weights import NONE, RowWeights, given_recipes, keep_weights, stand_in_data
from repro.training.distributed import choose_device


@dataclass(frozen=True)
class Request:
    """What is to be reproduced: a table of a paper at a scale on a data set, with these seeds; all rows when none is named.

    ``boxes`` is a detector's file, for a table that is evaluated with a detector's boxes; ``weights`` are those of rows that are
    evaluated and not trained; ``skeleton`` is that of own keypoints.
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
    weights: RowWeights = NONE
    skeleton: Skeleton | None = None

    @property
    def title(self) -> str:
        """As progress and lists of results say it."""
        return f"{self.paper} {self.table}"


@dataclass(frozen=True)
class Number:
    """So many persons or images that nobody has read."""

    skeleton: Skeleton
    count: int

    def __len__(self) -> int:
        return self.count


@dataclass(frozen=True)
class Numbers:
    """What stands for samples in an outline."""

    train: Number
    val: Number


@dataclass(frozen=True)
class PlannedTable:
    """A table that is ready to be made.

    Args:
        request: the request that it answers.
        samples: the samples that it is run on, or their numbers alone in an outline; None for a table that prints counts alone,
            which has no runs.
        recipes: the recipes by (row, seed).
        seconds: the seconds that planning took.
    """

    request: Request
    samples: Samples | Numbers | None
    recipes: dict[tuple[str, int], Recipe]
    seconds: float

    @property
    def counted(self) -> Samples | Numbers:
        """The samples or their numbers, of a table that has runs."""
        assert self.samples is not None, "a table of counts alone has no samples"
        return self.samples

    @property
    def opened(self) -> Samples | None:
        """The samples; None for a table that prints counts alone."""
        assert not isinstance(self.samples, Numbers), "an outline is not made"
        return self.samples


def plan_tables(requests: list[Request], *, decode: bool = True) -> list[PlannedTable]:
    """Load the samples of tables and name their recipes; all requests are checked before the first sample is read.

    Args:
        requests: the tables.
        decode: whether photographs are decoded into the cache, and given weights put where their runs find them, which a plan
            alone does without.

    Raises:
        ReproError: for anything in a request that cannot be done.
    """
    check_requests(requests, planned=not decode)
    return [_plan(request, decode) for request in requests]


def check_requests(requests: list[Request], *, planned: bool = False) -> None:
    """Raise ReproError for a request that cannot be met, as far as can be told without loading a sample.

    A plan alone, ``planned``, does without the detector's file that a table needs.
    """
    for request in requests:
        check_rows(request.paper, request.table, request.rows)
        check_measurable(request.paper, request.table, request.data)
        if planned and lacks_boxes(request.paper, request.table, request.scale, request.data, request.boxes, request.rows):
            continue
        check_boxes(request.paper, request.table, request.scale, request.data, request.boxes, request.rows)


def requested_recipes(request: Request, data: Data, boxes: str | None) -> dict[tuple[str, int], Recipe]:
    """The recipes of a request on some samples, by (row, seed); ``boxes`` is the name of its detector's file."""
    asked = (request.scale, data, request.seeds, request.rows, request.start, boxes)
    return given_recipes(table_recipes(request.paper, request.table, *asked), request.weights)


def _is_trained_for(request: Request) -> bool:
    """Whether training samples are needed: not where all rows are evaluated with given weights."""
    if not request.weights.rows:
        return True
    return any(map(needs_training_samples, requested_recipes(request, stand_in_data(request.data), None).values()))


def _plan(request: Request, decode: bool) -> PlannedTable:
    started = time.perf_counter()
    samples, recipes = None, {}
    if not counts_alone(request.paper, request.table):
        boxes = None if request.boxes is None else boxes_name(request.boxes)
        where = (request.paper, request.table, request.data, request.root, request.scale, request.boxes)
        samples, data = table_samples(*where, decode=decode, train=_is_trained_for(request), own=request.skeleton)
        recipes = requested_recipes(request, data, boxes)
        if request.skeleton is not None:
            check_keypoints(recipes, request.skeleton)
        if decode and request.weights.rows:
            keep_weights(recipes, request.weights, samples.val.skeleton, choose_device("auto"))
    return PlannedTable(request, samples, recipes, time.perf_counter() - started)


def check_keypoints(recipes: dict[tuple[str, int], Recipe], skeleton: Skeleton) -> None:
    """Raise ReproError, naming the row, where a recipe cannot be run with somebody's own keypoints."""
    points, labelled = torch.zeros(1, len(skeleton), 2), torch.ones(1, len(skeleton))
    for (row, _), recipe in recipes.items():
        approach = approach_of(recipe)
        try:
            with torch.device("meta"):
                built(recipe.method.network, skeleton)
            if approach.needs_boxes:
                approach.targets(recipe, {"points": points, "labelled": labelled}, (16, 16), skeleton)
            if approach.scoring(recipe) is not None:
                pose_features(points, labelled, skeleton)
        except ReproError as error:
            raise ReproError(f"The row {row} cannot be run with these keypoints; leave it out of ROW=. {error}") from error


def outline_tables(requests: list[Request]) -> list[PlannedTable]:
    """What tables come to by the numbers of their scale alone, before anything is read or drawn: for estimates.

    Data sets are taken to have as many samples as the scale shows at most. No run of an outline is ever complete, because its
    recipes do not name the samples.

    Raises:
        ReproError: for anything in a request that cannot be done.
    """
    check_requests(requests, planned=True)
    return [_outline(request) for request in requests]


def _outline(request: Request) -> PlannedTable:
    if counts_alone(request.paper, request.table):
        return PlannedTable(request, None, {}, 0.0)
    where = (request.paper, request.table)
    train, val = (max(1, count) for count in sample_counts(*where, request.data, request.scale, request.skeleton))
    blank = stand_in_data(request.data)
    data = replace(blank, train_count=train, val_count=val, skeleton=request.skeleton)
    boxes = None if request.boxes is None else boxes_name(request.boxes)
    recipes = requested_recipes(request, data, boxes)
    skeleton = table_skeleton(*where, request.data, request.skeleton)
    return PlannedTable(request, Numbers(Number(skeleton, train), Number(skeleton, val)), recipes, 0.0)
