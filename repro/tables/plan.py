"""From a table's name to recipes and samples: which rows are run, at which size, on which persons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from repro.approaches.base import approach_of
from repro.approaches.samples import Samples
from repro.data.catalogue import DATA_SETS, data_set
from repro.data.detection_files import takes_detections
from repro.data.drawn.cache import PictureSet
from repro.errors import ReproError, choice_error
from repro.metrics.catalogue import COUNTED, METRICS, NEEDS
from repro.metrics.counts import GIBI, GIGA, count_gflops, count_parameters
from repro.models.base import built
from repro.papers import PAPERS
from repro.papers.recipes import Row, runnable_rows, shown_rows
from repro.recipe import Data, Recipe
from repro.reporting.outcome import Outcome
from repro.scales.scale import Scale, apply_scale, input_divisor
from repro.skeletons.skeleton import Skeleton


def table_recipes(
    paper: str,
    number: int,
    scale: Scale,
    data: Data,
    seeds: Sequence[int],
    only: Sequence[str] = (),
    start: str = "warm",
    boxes: str | None = None,
) -> dict[tuple[str, int], Recipe]:
    """The recipes of a table's rows by (row, seed).

    Args:
        paper: its key.
        number: the number of the table.
        scale: the scale that the recipes are brought to.
        data: the persons, already limited to the scale's numbers.
        seeds: one run each.
        only: slugs of the rows to take; all that have recipes when empty, but for those that are run where they are asked for.
        start: ``warm``, ``random`` or imported weights, see ``apply_scale``.
        boxes: name of a detector's file, for the rows that are evaluated with a detector's boxes; see ``apply_scale``.

    Raises:
        ReproError: for an unknown row, or one without a recipe.
    """
    rows = check_rows(paper, number, only)
    divisor = table_divisor(paper, number, scale)
    scale = scale.for_skeleton(table_skeleton(paper, number, data.name, data.skeleton)).lengthened(
        runnable_rows(paper, number).length
    )
    detector = runnable_rows(paper, number).detector and (
        boxes is not None or (scale.name == "paper" and takes_detections(data.name))
    )
    return {
        (name, seed): apply_scale(
            _detected(row.recipe) if detector else row.recipe,
            scale,
            divisor=divisor,
            data=data,
            start=start,
            boxes=boxes,
        ).but(seed=seed)
        for name, row in rows.items()
        for seed in seeds
    }


def check_rows(paper: str, number: int, only: Sequence[str]) -> dict[str, Row]:
    """The rows of a table that are run where ``only`` these are asked for, or none by name.

    Raises:
        ReproError: when one of ``only`` is unknown or has no recipe.
    """
    table = runnable_rows(paper, number)
    rows = table.rows
    for row in only:
        if row not in set(shown_rows(paper, number)["row"]):
            raise choice_error(f"row of table {number} of {paper}", row, rows)
        if row not in rows:
            raise ReproError(
                f"Row {row!r} of table {number} of {paper} is not yet reproducible: choose {', '.join(rows)}."
            )
    return table.taken(only)


def table_divisor(paper: str, number: int, scale: Scale) -> int:
    """What all inputs of a table are divided by at a scale; it does not depend on the rows that are chosen."""
    recipes = paper_recipes(paper, number)
    approach = approach_of(recipes[0])
    return input_divisor(approach.numbers(scale, drawn=True).area, map(approach.shown_size, recipes))


def paper_recipes(paper: str, number: int) -> list[Recipe]:
    """The recipes of all rows of a table, as printed."""
    return [row.recipe for row in runnable_rows(paper, number).rows.values()]


def counts_alone(paper: str, number: int) -> bool:
    """Whether a table prints #Params and GFLOPs and nothing else, so that nothing is trained for it."""
    return {column.metric for column in PAPERS[paper].table(number).columns} <= COUNTED


def counted_columns(paper: str, number: int, only: Sequence[str] = ()) -> dict[str, dict[str, float]]:
    """#Params in millions and GFLOPs of each row, at the paper's size; empty for tables that do not print them."""
    printed = {column.metric for column in PAPERS[paper].table(number).columns}
    if not COUNTED & printed:
        return {}
    table = runnable_rows(paper, number)
    counted = {}
    for name, row in table.rows.items():
        if not only or name in only:
            network = built(row.counted_network, table.skeleton)
            unit = GIGA if table.decimal else GIBI
            gflops = count_gflops(network, row.recipe.input.size, unit=unit, shared_once=table.decimal)
            counted[name] = {"params_M": count_parameters(network) / 1e6, "gflops": gflops}
    return counted


def check_measurable(paper: str, number: int, data_name: str) -> None:
    """Raise ReproError when none of a table's printed columns can be measured on a data set."""
    metrics = {column.metric for column in PAPERS[paper].table(number).columns if column.metric}
    wanted = {METRICS[metric].needs for metric in metrics - COUNTED}
    measures = approach_of(runnable_rows(paper, number).first).measures
    title = data_set(data_name).title
    if data_name not in measures:
        raise choice_error(f"data set for table {number} of {paper}", data_name, measures)
    if wanted and not wanted & measures[data_name]:
        lacking = " and ".join(NEEDS[w] for w in sorted(wanted))
        able = ", ".join(name for name, other in measures.items() if wanted & other)
        raise ReproError(
            f"Table {number} of {paper} cannot be measured on {title}, which has no {lacking}: choose one of {able}."
        )


def check_boxes(
    paper: str, number: int, scale: Scale, data_name: str, boxes: Path | None, only: Sequence[str] = ()
) -> None:
    """Raise ReproError where a detector's file is given that is not used, or is needed and not given.

    Args:
        paper: key of the paper.
        number: the number of the table.
        scale: the scale that it is run at; only the paper's needs a file, the others simulate a detector.
        data_name: the name of the data set; drawn people and data sets that detected boxes do not fit have simulated ones at
            all scales.
        boxes: the file; None for none.
        only: the rows that are run; all when empty.
    """
    taken, detected = _evaluated_on_boxes(paper, number, only)
    if boxes is None:
        if lacks_boxes(paper, number, scale, data_name, boxes, only):
            raise ReproError(
                f"Table {number} of {paper} is evaluated with a detector's boxes, and no file of them was given: name one in "
                "COCO's result format, as in BOXES=/path/to/detections.json."
            )
        return
    if not detected:
        what = approach_of(taken[0]).evaluated_on
        raise ReproError(
            f"BOXES is {boxes}, which has no effect on table {number} of {paper}: its rows are evaluated on {what}; leave BOXES "
            "out, or choose a table that is evaluated with a detector's boxes, as PAPER=cal TABLE=1."
        )
    if not takes_detections(data_name):
        able = ", ".join(name for name in DATA_SETS if takes_detections(name))
        raise ReproError(
            f"BOXES is {boxes}, but a detector's boxes are simulated on {data_set(data_name).title}: leave BOXES out, or "
            f"choose a data set that takes a detector's file, one of {able}."
        )


def lacks_boxes(
    paper: str, number: int, scale: Scale, data_name: str, boxes: Path | None, only: Sequence[str] = ()
) -> bool:
    """Whether a detector's file is needed that was not given; arguments as of ``check_boxes``."""
    if boxes is not None or scale.name != "paper" or not takes_detections(data_name):
        return False
    return bool(_evaluated_on_boxes(paper, number, only)[1])


def _evaluated_on_boxes(paper: str, number: int, only: Sequence[str]) -> tuple[list[Recipe], list[Recipe]]:
    """The recipes of rows, and those of them that are evaluated with a detector's boxes."""
    taken = [row.recipe for row in check_rows(paper, number, only).values()]
    optional = runnable_rows(paper, number).detector
    detected = [_detected(one) if optional else one for one in taken]
    return taken, [one for one in detected if approach_of(one).takes_detector(one)]


def _detected(recipe: Recipe) -> Recipe:
    """The recipe evaluated with a detector's boxes."""
    return recipe.but(evaluation=replace(recipe.crop_evaluation, boxes="detector"))


def table_skeleton(paper: str, number: int, data_name: str, own: Skeleton | None = None) -> Skeleton:
    """The skeleton that a table is run with on a data set: the data set's, ``own`` of own keypoints, or the paper's where
    people are drawn."""
    return own or data_set(data_name).skeleton or runnable_rows(paper, number).skeleton


def outcome_skeleton(outcome: Outcome) -> Skeleton:
    """The skeleton that the rows of an outcome were run with."""
    data = Recipe.from_plain(outcome.runs[0].recipe).data if outcome.runs else None
    return table_skeleton(outcome.paper, outcome.table, outcome.data, data.skeleton if data else None)


def table_samples(
    paper: str,
    number: int,
    data_name: str,
    root: Path | None,
    scale: Scale,
    boxes: Path | None = None,
    *,
    decode: bool = True,
    train: bool = True,
    own: Skeleton | None = None,
) -> tuple[Samples, Data]:
    """The persons that a table is run on; drawn ones are drawn for its largest input. Images for bottom-up methods.

    ``boxes`` is a detector's file for the evaluation split, ``own`` the skeleton of own keypoints; ``decode`` and ``train`` as in
    ``approaches.base``, ``open_samples``.
    """
    skeleton, divisor = table_skeleton(paper, number, data_name, own), table_divisor(paper, number, scale)
    recipes = paper_recipes(paper, number)
    wanted = (recipes, data_name, root, scale.for_skeleton(skeleton), divisor, skeleton)
    return approach_of(recipes[0]).open_samples(*wanted, boxes, decode=decode, train=train)


def drawn_sets(paper: str, number: int, data_name: str, scale: Scale) -> list[PictureSet]:
    """The sets of drawn pictures that a table is run on; none for photographs and for a table that prints counts alone."""
    if data_set(data_name).needs_root or counts_alone(paper, number):
        return []
    recipes, counts = paper_recipes(paper, number), sample_counts(paper, number, data_name, scale)
    divisor = table_divisor(paper, number, scale)
    own = scale.for_skeleton(table_skeleton(paper, number, data_name))
    return approach_of(recipes[0]).pictures(recipes, data_name, own, divisor, counts)


def sample_counts(
    paper: str, number: int, data_name: str, scale: Scale, own: Skeleton | None = None
) -> tuple[int, int]:
    """How many persons, or images, a table is trained and evaluated on at most, before any is read.

    Raises:
        ReproError: where the scale does not limit the persons of a data set that is read from files.
    """
    approach, drawn = approach_of(runnable_rows(paper, number).first), not data_set(data_name).needs_root
    numbers = approach.numbers(scale.for_skeleton(table_skeleton(paper, number, data_name, own)), drawn=drawn)
    limits = (numbers.train, numbers.val)
    if None in limits and not drawn:
        raise ReproError(
            f"Scale {scale.name} takes all persons of {data_set(data_name).title}, so that the length of its trainings is not "
            "known before they are read: leave MINUTES out, or choose a smaller scale."
        )
    train, val = (most if limit is None else limit for limit, most in zip(limits, approach.drawn_counts, strict=True))
    return train, val
