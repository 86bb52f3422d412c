"""What WEIGHTS names: trained weights of rows, which are evaluated and not trained; checked before anything is read or drawn.

    WEIGHTS=hrnet-w32-256x192=pose_hrnet_w32_256x192.pth,hrnet-w48-256x192=pose_hrnet_w48_256x192.pth
    WEIGHTS=/data/weights          a folder with a file a row, <row>.pth or <row>.safetensors; others in it are left alone
    ROW=hrnet-w32-256x192 WEIGHTS=pose_hrnet_w32_256x192.pth      a file, where one row alone is asked for

Rows that share the training of a named row share its weights: ``hgr-hrnet-w32`` names those of ``hgr-hrnet-w32-multi`` too.
``scoring`` stands in the place of a row for the scoring network of the heatmap-guided method, which is trained on what the given
network finds in the training images where no weights of it are given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from repro import paths
from repro.approaches.base import approach_of
from repro.errors import ReproError, choice_error
from repro.grouping.scores import ScoringNetwork
from repro.models.base import built
from repro.recipe import Data, GivenWeights, Recipe
from repro.runs.given_weights import evaluated_with, keep_given, keep_given_scoring, read_given
from repro.skeletons.skeleton import Skeleton
from repro.support import processes

SCORING = "scoring"  # in the place of a row
SUFFIXES = (".pth", ".pt", ".safetensors")
Recipes = dict[tuple[str, int], Recipe]


@dataclass(frozen=True)
class RowWeights:
    """The weights of rows, taken in: by row what recipes call them and the file, and the same of the scoring network."""

    rows: Mapping[str, tuple[GivenWeights, Path]]
    scoring: tuple[GivenWeights, Path] | None = None


NONE = RowWeights({})


def named_files(given: str, rows: Sequence[str]) -> dict[str, Path]:
    """The file of each row that WEIGHTS names, as it is written.

    Args:
        given: ``row=file,row=file``, a folder, or one file.
        rows: the rows that are asked for.

    Raises:
        ReproError: for a text of another form, a path that is not there, and a folder or a file that is no row's.
    """
    text = given.strip()
    if re.match(r"[^/=,]+=", text):
        parts = [part.partition("=") for part in re.split(r",(?=[^/=,]+=)", text)]
        names = [name.strip() for name, _, _ in parts]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ReproError(f"WEIGHTS names {doubled[0]} more than once: give a row one file.")
        return {name.strip(): _existing(file.strip(), name.strip()) for name, _, file in parts}
    path = paths.user_path("WEIGHTS", text)
    if path.is_dir():
        return _in_folder(path, rows)
    if not path.is_file():
        raise ReproError(
            f"WEIGHTS is {given}, which is no file and no folder: give row=file, several separated by commas, or a folder with "
            "<row>.pth or <row>.safetensors."
        )
    if len(rows) != 1:
        raise ReproError(
            f"WEIGHTS is the one file {given}, and {len(rows)} rows are asked for: name its row, as in "
            f"WEIGHTS={rows[0] if rows else 'row'}={given}, or choose one by ROW=."
        )
    return {rows[0]: path}


def _existing(file: str, row: str) -> Path:
    path = paths.user_path("WEIGHTS", file)
    if not path.is_file():
        raise ReproError(f"WEIGHTS names {file!r} for {row}, and there is no such file: give the path of its weights.")
    return path


def _in_folder(folder: Path, rows: Sequence[str]) -> dict[str, Path]:
    """The files of a folder that are named by rows."""
    files = [file for file in sorted(folder.iterdir()) if file.suffix in SUFFIXES and file.is_file()]
    found: dict[str, Path] = {}
    for file in files:
        if file.stem not in (*rows, SCORING):
            continue
        if file.stem in found:
            raise ReproError(f"WEIGHTS has {found[file.stem].name} and {file.name} in {folder}: leave one file a row.")
        found[file.stem] = file
    if not set(found) - {SCORING}:
        others = f" (it has {', '.join(file.name for file in files[:3])})" if files else ""
        raise ReproError(
            f"WEIGHTS is the folder {folder}, which has no file that is named by a row{others}: name files as in "
            f"{rows[0]}.pth, or give row=file; rows are {', '.join(rows)}."
        )
    return found


def take_weights(files: Mapping[str, Path], recipes: Recipes, skeleton: Skeleton) -> RowWeights:
    """The weights of a table's rows, each looked at whether it fits its row.

    Args:
        files: the files of ``named_files``; names of other tables' rows are left alone.
        recipes: the recipes of the rows that are asked for, as they would be trained.
        skeleton: the skeleton of the table.

    Raises:
        ReproError: naming the row and the tensors that differ, for a file that does not fit.
    """
    first = _first_of_rows(recipes)
    taken: dict[str, tuple[GivenWeights, Path]] = {}
    for name, file in files.items():
        if name in first:
            taken[name] = (_looked_at(name, file, first[name].method.network, skeleton), file)
    for name in [name for name in first if name not in taken]:
        sharing = [other for other in taken if first[other].training_key == first[name].training_key]
        if sharing and files.get(name) is None:
            taken[name] = taken[sharing[0]]
    scoring = files.get(SCORING)
    scored = [row for row in taken if approach_of(first[row]).scoring(first[row]) is not None]
    if scoring is None or not scored:
        return RowWeights(taken)
    return RowWeights(taken, (_looked_at(SCORING, scoring, ScoringNetwork(), skeleton), scoring))


def check_used(files: Mapping[str, Path], taken: Iterable[RowWeights], rows: Sequence[str]) -> None:
    """Raise ReproError for a name that no row which was asked for has."""
    taken = list(taken)
    known = {row for one in taken for row in one.rows} | {SCORING for one in taken if one.scoring is not None}
    for name in files:
        if name == SCORING and name not in known:
            raise ReproError(
                "WEIGHTS names a scoring network, and no row with given weights is scored by one: leave it out, or give the "
                "weights of such a row too."
            )
        if name not in known:
            raise choice_error("row in WEIGHTS", name, (*rows, SCORING))


def _looked_at(name: str, file: Path, settings: object, skeleton: Skeleton) -> GivenWeights:
    with torch.device("meta"):
        network = built(settings, skeleton)
    try:
        return read_given(network, file)[0]
    except ReproError as error:
        what = "the scoring network" if name == SCORING else f"row {name}"
        raise ReproError(f"WEIGHTS names {file} for {what}, which does not fit: {str(error).rstrip('.')}.") from error


def _first_of_rows(recipes: Recipes) -> dict[str, Recipe]:
    first: dict[str, Recipe] = {}
    for (row, _), recipe in recipes.items():
        first.setdefault(row, recipe)
    return first


def given_recipes(recipes: Recipes, weights: RowWeights) -> Recipes:
    """The recipes with those of rows whose weights are given in their place, at the lowest seed alone: they have none."""
    if not weights.rows:
        return recipes
    lowest = min((seed for _, seed in recipes), default=0)
    scoring = None if weights.scoring is None else weights.scoring[0]
    made: Recipes = {}
    for (row, seed), recipe in recipes.items():
        if row not in weights.rows:
            made[row, seed] = recipe
        elif seed == lowest:
            made[row, seed] = evaluated_with(recipe, weights.rows[row][0], scoring)
    return made


def keep_weights(recipes: Recipes, weights: RowWeights, skeleton: Skeleton, device: torch.device) -> None:
    """Put the weights of rows where their runs find them; only the process that leads does."""
    if not processes.leads():
        return
    for (row, _), recipe in recipes.items():
        if recipe.weights is None:
            continue
        keep_given(recipe, weights.rows[row][1], skeleton, device)
        scoring = approach_of(recipe).scoring(recipe)
        if scoring is not None and scoring.weights is not None and weights.scoring is not None:
            keep_given_scoring(recipe, weights.scoring[1], skeleton)


def weights_of(recipes: Iterable[tuple[str, Recipe]]) -> RowWeights:
    """What rows were evaluated with, read from their recipes, without the files: to compare with today's recipes."""
    rows: dict[str, tuple[GivenWeights, Path]] = {}
    scoring: tuple[GivenWeights, Path] | None = None
    for row, recipe in recipes:
        if recipe.weights is not None:
            rows[row] = (recipe.weights, Path())
            used = approach_of(recipe).scoring(recipe)
            scoring = (used.weights, Path()) if used is not None and used.weights is not None else scoring
    return RowWeights(rows, scoring)


def stand_in_data(name: str) -> Data:
    """What recipes say about samples that nobody has read."""
    return Data(name=name, train_fingerprint="", train_count=1, val_fingerprint="", val_count=1)
