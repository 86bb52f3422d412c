"""Which run a name stands for, and the skeleton of its keypoints."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from repro import paths
from repro.data.catalogue import DATA_SETS
from repro.data.drawn.formats import SKELETONS
from repro.errors import ReproError
from repro.models.base import built
from repro.recipe import Recipe
from repro.reporting.uses import Uses
from repro.runs.files import EVALUATION, EVALUATION_BEFORE, MODEL
from repro.skeletons.skeleton import Skeleton
from repro.support.sealed import Damaged, check_file, read_json, read_sealed
from repro.tables.plan import table_skeleton
from repro.training.checkpoints import TRAINING, TRAINING_BEFORE, check_tensors

_KEY = re.compile(r"[0-9a-f]{12}")
HOW = (
    "name a row as in skeletal/3/attention:0, the 12 digits of a recipe or a training as `repro runs list` shows them, or the "
    "path of a run's folder"
)


@dataclass(frozen=True)
class Place:
    """Where a complete run lies.

    Args:
        folder: the folder of its training.
        recipe: the recipe, with its decoder and protocol.
    """

    folder: Path
    recipe: Recipe

    @property
    def weights(self) -> Path:
        """The file of its weights, which fits its checksum. Raises Damaged where it does not."""
        key = self.recipe.training_key
        about = read_sealed(self.folder / "run.json", TRAINING, before=TRAINING_BEFORE, training=key)
        file = self.folder / MODEL
        if "kind" in about:
            check_file(file, about["files"][MODEL], delete=self.folder)
        else:
            check_tensors(file, delete=self.folder)
        return file

    @property
    def metrics(self) -> dict[str, float]:
        """What its evaluation measured; empty where it was not evaluated."""
        file = self.folder / "evaluations" / f"{self.recipe.key}.json"
        if not file.is_file():
            return {}
        return dict(read_sealed(file, EVALUATION, before=EVALUATION_BEFORE)["metrics"])


def find_run(given: str | Path) -> Place:
    """The complete run that a name stands for.

    Args:
        given: a row of a result folder, ``skeletal/3/attention:0`` (seed 0 where it is left out), of which the run that was
            evaluated last is taken; 12 hex digits of a recipe or of a training; the path of a run's folder or of one of its
            evaluations.

    Raises:
        ReproError: for a name that stands for no complete run here.
    """
    text = os.fspath(given)
    if _KEY.fullmatch(text):
        return _by_key(text)
    path = paths.user_path("The run", text)
    if path.is_dir():
        return _in_folder(path)
    if path.is_file() and path.parent.name == "evaluations":
        return _evaluation(path.with_suffix(".json"))
    if isinstance(given, str) and re.fullmatch(r"[\w-]+/\w+/[^/]+", text):
        return _by_row(text if re.search(r":\d+$", text) else f"{text}:0")
    raise ReproError(f"There is no run {text!r}: {HOW}.")


def _by_key(key: str) -> Place:
    if (paths.runs() / key / "run.json").is_file():
        return _in_folder(paths.runs() / key)
    files = sorted(paths.runs().glob(f"*/evaluations/{key}.json"))
    if not files:
        raise ReproError(f"There is no complete run {key} in {paths.runs()}: {HOW}.")
    return _evaluation(files[0])


def _by_row(row: str) -> Place:
    keys = [key for key, rows in Uses().rows.items() if row in rows]
    files = [file for key in keys for file in paths.runs().glob(f"*/evaluations/{key}.json")]
    if files:
        return _evaluation(max(files, key=lambda file: file.stat().st_mtime))
    paper, table, slug = row.split("/")
    slug, _, seed = slug.rpartition(":")
    made = f"`make reproduce PAPER={paper} TABLE={table} ROW={slug} SEEDS={seed}`"
    if keys:
        raise ReproError(
            f"The row {row} stands in result folders, but its weights are not in {paths.runs()}, they were trained elsewhere: "
            f"train it with {made}."
        )
    raise ReproError(f"No result folder has a row {row}: train it with {made}, or {HOW}.")


def _in_folder(folder: Path) -> Place:
    file = folder / "recipe.json"
    if not (folder / "run.json").is_file() or not file.is_file():
        raise ReproError(f"{folder} holds no complete run, which has a recipe.json and a run.json: {HOW}.")
    return Place(folder, Recipe.from_plain(read_json(file)))


def _evaluation(file: Path) -> Place:
    stored = read_sealed(file, EVALUATION, before=EVALUATION_BEFORE)
    return Place(file.parent.parent, Recipe.from_plain(stored["recipe"]))


def skeleton_of(place: Place) -> Skeleton:
    """The skeleton of a run's keypoints: that of its data set, or, of drawn people, the one that its weights fit.

    Raises:
        ReproError: for a data set that is not known here, or weights that fit none of the skeletons that people are drawn with,
            or several where no row of a result folder says which.
    """
    if place.recipe.samples.skeleton is not None:
        return place.recipe.samples.skeleton
    name = place.recipe.samples.name
    known = DATA_SETS.get(name)
    if known is not None and known.skeleton is not None:
        return known.skeleton
    if known is not None:
        shapes = _shapes(place.weights)
        fitting = [one for one in SKELETONS.values() if _built_shapes(place.recipe, one) == shapes]
        if len(fitting) > 1:
            fitting = [one for one in fitting if one in _of_rows(place.recipe)]
        if len(fitting) == 1:
            return fitting[0]
    raise ReproError(
        f"The run in {place.folder} was trained on {name!r}, and which skeleton that has is not known here: give it, as in "
        "load_run(..., skeleton=repro.Skeleton(...))."
    )


def _of_rows(recipe: Recipe) -> set[Skeleton]:
    """The skeletons of the tables whose rows have a recipe."""
    tables = {tuple(row.split("/")[:2]) for row in Uses().rows_of(recipe.key)}
    return {table_skeleton(paper, int(number), recipe.samples.name) for paper, number in tables if number.isdigit()}


def _shapes(file: Path) -> Mapping[str, tuple[int, ...]]:
    try:
        with safe_open(file, "pt") as tensors:
            return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise Damaged(file, f"cannot be read ({error})", file.parent) from error


def _built_shapes(recipe: Recipe, skeleton: Skeleton) -> Mapping[str, tuple[int, ...]]:
    with torch.device("meta"):
        network: Any = built(recipe.method.network, skeleton)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
