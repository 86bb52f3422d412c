"""From a table's name to recipes and samples: which rows are run, at which size, on which persons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from repro.data.cached import cache_images
from repro.data.persons import ImageFiles, PersonSet
from repro.data.sources import DATA_SETS, data_set, load_persons
from repro.errors import ReproError, choice_error
from repro.metrics.counts import count_gflops, count_parameters
from repro.papers import PAPERS
from repro.papers.recipes import Row, TableRows, shown_rows, table_rows
from repro.recipe import Data, Recipe
from repro.runs import Samples
from repro.scales import Scale, apply_scale, input_divisor, scaled_sizes, shown_size
from repro.skeletons import Skeleton

NEEDS = {"pckh": "head sizes", "oks": "person areas"}


def runnable_rows(paper: str, number: int) -> TableRows:
    """The rows of a table that have recipes. Raises ReproError where there are none."""
    rows = table_rows(paper, number)
    if rows is None:
        raise ReproError(
            f"Table {number} of {paper} is not yet reproducible: no row of it has a recipe; "
            f"`repro list` shows the tables that have."
        )
    return rows


def table_recipes(
    paper: str,
    number: int,
    scale: Scale,
    data: Data,
    seeds: Sequence[int],
    only: Sequence[str] = (),
    start: str = "warm",
) -> dict[tuple[str, int], Recipe]:
    """The recipes of a table's rows by (row, seed).

    Args:
        paper: its key.
        number: of the table.
        scale: that the recipes are brought to.
        data: the persons, already limited to the scale's numbers.
        seeds: one run each.
        only: slugs of the rows to take; all that have recipes when empty.
        start: ``warm``, ``random`` or imported weights, see ``apply_scale``.

    Raises:
        ReproError: for an unknown row, or one without a recipe.
    """
    rows = check_rows(paper, number, only)
    divisor = table_divisor(paper, number, scale)
    return {
        (name, seed): apply_scale(row.recipe, scale, divisor=divisor, data=data, start=start).but(seed=seed)
        for name, row in rows.items()
        for seed in seeds
        if not only or name in only
    }


def check_rows(paper: str, number: int, only: Sequence[str]) -> dict[str, Row]:
    """The rows of a table that have recipes. Raises ReproError when one of ``only`` is unknown or has none."""
    rows = runnable_rows(paper, number).rows
    for row in only:
        if row not in set(shown_rows(paper, number)["row"]):
            raise choice_error(f"row of table {number} of {paper}", row, rows)
        if row not in rows:
            raise ReproError(
                f"Row {row!r} of table {number} of {paper} is not yet reproducible: choose {', '.join(rows)}."
            )
    return rows


def table_divisor(paper: str, number: int, scale: Scale) -> int:
    """What all inputs of a table are divided by at a scale; it does not depend on the rows that are chosen."""
    return input_divisor(scale, [shown_size(row.recipe) for row in runnable_rows(paper, number).rows.values()])


def counted_columns(paper: str, number: int, only: Sequence[str] = ()) -> dict[str, dict[str, float]]:
    """#Params in millions and GFLOPs of each row, at the paper's size; empty for tables that do not print them."""
    printed = {column.metric for column in PAPERS[paper].table(number).columns}
    if not {"params_M", "gflops"} & printed:
        return {}
    table = runnable_rows(paper, number)
    counted = {}
    for name, row in table.rows.items():
        if not only or name in only:
            network = row.counted_network.build(table.skeleton)
            gflops = count_gflops(network, row.recipe.input.size)
            counted[name] = {"params_M": count_parameters(network) / 1e6, "gflops": gflops}
    return counted


def check_measurable(paper: str, number: int, data_name: str) -> None:
    """Raise ReproError when none of a table's printed columns can be measured on a data set."""
    metrics = {column.metric for column in PAPERS[paper].table(number).columns if column.metric}
    wanted = {"pckh" if m.startswith("pckh") else "oks" for m in metrics if m not in ("params_M", "gflops")}
    chosen = data_set(data_name)
    if not wanted & chosen.measures:
        lacking = " and ".join(NEEDS[w] for w in sorted(wanted))
        able = ", ".join(name for name, other in DATA_SETS.items() if wanted & other.measures)
        raise ReproError(
            f"Table {number} of {paper} cannot be measured on {chosen.title}, which has no {lacking}: choose one of {able}."
        )


def table_skeleton(paper: str, number: int, data_name: str) -> Skeleton:
    """The skeleton that a table is run with on a data set: the data set's own, or the paper's where people are drawn."""
    return data_set(data_name).skeleton or runnable_rows(paper, number).skeleton


def table_samples(paper: str, number: int, data_name: str, root: Path | None, scale: Scale) -> tuple[Samples, Data]:
    """The persons that a table is run on; drawn ones are drawn for its largest input."""
    divisor = table_divisor(paper, number, scale)
    sizes = [scaled_sizes(row.recipe, scale, divisor)[0] for row in runnable_rows(paper, number).rows.values()]
    largest = max(sizes, key=lambda size: size[0] * size[1])
    return open_samples(data_name, root, scale, largest, table_skeleton(paper, number, data_name))


def open_samples(
    name: str, root: Path | None, scale: Scale, size: tuple[int, int], skeleton: Skeleton
) -> tuple[Samples, Data]:
    """Load the persons of a data set, as many as the scale takes, with their images decoded once into a cache.

    Args:
        name: of the data set.
        root: its folder; None for one that is drawn.
        scale: for the number of persons, and how hard drawn ones are.
        size: (width, height) that persons are drawn for.
        skeleton: that they are drawn with.
    """
    limits = (scale.train, scale.val) if data_set(name).needs_root else (scale.drawn_train, scale.drawn_val)
    train, val = (
        load_persons(name, root, split, limit=limit, size=size, skeleton=skeleton, people=scale.people)
        for split, limit in zip(("train", "val"), limits, strict=True)
    )
    for split, persons in (("training", train), ("evaluation", val)):
        if not len(persons):
            raise ReproError(f"Data set {name} has no {split} persons under {root}: run `repro data check`.")
    data = Data(
        name=name,
        train_fingerprint=train.fingerprint(),
        train_count=len(train),
        val_fingerprint=val.fingerprint(),
        val_count=len(val),
        drawn=None if data_set(name).needs_root else scale.people.fingerprint(),
    )
    return Samples(_cached(train), _cached(val), data_set(name).measures), data


def _cached(persons: PersonSet) -> PersonSet:
    if not isinstance(persons.images, ImageFiles):
        return persons
    return replace(persons, images=cache_images(persons.images))
