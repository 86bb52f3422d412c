"""Train a row of a table, or a recipe of one's own."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from repro.api.find import Place
from repro.api.trained import TrainedRun
from repro.approaches.base import approach_of
from repro.approaches.fit import check_fit
from repro.approaches.samples import Samples, describe_samples
from repro.data.catalogue import skeleton_given
from repro.errors import ReproError
from repro.papers import PAPERS
from repro.papers.recipes import runnable_rows
from repro.recipe import Recipe
from repro.runs.files import folder
from repro.runs.schedule import Machine, make_runs
from repro.scales.scale import get_scale
from repro.skeletons.skeleton import COCO17, Skeleton
from repro.support.options import parse_seeds
from repro.tables.given import with_given
from repro.tables.request import Request, check_requests, plan_tables


def train(
    recipe: str | Recipe,
    data: str | Samples = "people",
    root: str | Path | None = None,
    *,
    scale: str = "laptop",
    seed: int = 0,
    start: str = "warm",
    boxes: str | Path | None = None,
    skeleton: Skeleton | str | Path | None = None,
    device: str = "auto",
    threads: int = 1,
) -> TrainedRun:
    """Train and evaluate a recipe, unless that is done already, with a progress bar.

    Args:
        recipe: a row, ``skeletal/3/attention``, which is brought to the scale; or a recipe of the size that it is to have.
        data: name of a data set, or, for a recipe, samples in memory.
        root: the folder of the data set.
        scale: ``smoke``, ``laptop``, ``gpu`` or ``paper``: of a recipe it says how many samples are taken alone.
        seed: the seed of a row; a recipe has its own.
        start: the start of a row: ``warm``, ``random`` or a checkpoint, as START takes it; a recipe has its own.
        boxes: a detector's file, where the recipe is evaluated with one.
        skeleton: the path of a TOML on own keypoints (``coco-format``), None for what their files tell; for a recipe the skeleton
            that people are drawn with, COCO's when it is left out.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        threads: number of threads that a CPU trains with.

    Raises:
        ReproError: for a row, data or recipe that cannot be trained, and for parts of a recipe that do not fit.
    """
    machine = Machine(device=device, threads=threads, jobs=1)
    folders = tuple(None if given is None else Path(given) for given in (root, boxes))
    toml = Path(skeleton) if isinstance(skeleton, (str, Path)) else None
    own = skeleton_given(data, folders[0], toml) if isinstance(data, str) else None
    if isinstance(recipe, str):
        if not isinstance(data, str):
            raise ReproError(
                "A row is trained on a data set by its name: give the name, or a Recipe with these samples."
            )
        samples, chosen = _row(recipe, data, folders, scale, seed, start, own)
    else:
        drawn = skeleton if isinstance(skeleton, Skeleton) else COCO17
        samples, chosen = _opened(recipe, data, folders, scale, own or drawn)
    make_runs([chosen], samples, machine)
    return TrainedRun(Place(folder(chosen), chosen), device, samples.val.skeleton)


def _row(
    row: str, data: str, folders: tuple[Path | None, ...], scale: str, seed: int, start: str, own: Skeleton | None
) -> tuple[Samples, Recipe]:
    """The samples and the recipe of ``paper/table/row``."""
    named = re.fullmatch(r"([\w-]+)/([0-9]{1,2})/([^/:]+)", row)
    if named is None:
        raise ReproError(
            f"The row is {row!r}, expected paper/table/row as in skeletal/3/attention; `repro list` shows all."
        )
    paper, number, slug = named[1], int(named[2]), named[3]
    PAPERS[paper].table(number)
    runnable_rows(paper, number)
    root, boxes = folders
    (chosen,) = parse_seeds(seed)
    request = Request(paper, number, get_scale(scale), data, root, (chosen,), (slug,), boxes=boxes, skeleton=own)
    check_requests([request])
    (planned,) = plan_tables(with_given([request], start=start))
    if planned.opened is None:
        raise ReproError(f"The row {row} is not trained: its table prints counts alone; choose another one.")
    return planned.opened, planned.recipes[slug, chosen]


def _opened(
    recipe: Recipe, data: str | Samples, folders: tuple[Path | None, ...], scale: str, skeleton: Skeleton
) -> tuple[Samples, Recipe]:
    """Samples and a recipe that names them. Raises ReproError where it names others."""
    approach, (root, boxes) = approach_of(recipe), folders
    if isinstance(data, str):
        sizes = get_scale(scale).for_skeleton(skeleton)
        samples, about = approach.open_samples([recipe], data, root, sizes, 1, skeleton, boxes)
    else:
        samples = data
        name = "samples" if recipe.data is None else recipe.data.name
        about = describe_samples(name, root, samples.train, samples.val, approach.samples, None)  # type: ignore[arg-type]
    if recipe.data is not None and recipe.data.skeleton is None:
        about = replace(about, skeleton=None)
    if recipe.data is not None and recipe.data != about:
        raise ReproError(
            f"The recipe names {recipe.data.train_count} and {recipe.data.val_count} samples of {recipe.data.name}, and others "
            "were given: leave them out with recipe.but(data=None), or give those."
        )
    if recipe.weights is None:
        check_fit(recipe, samples.val.skeleton)
    return samples, recipe.but(data=about)
