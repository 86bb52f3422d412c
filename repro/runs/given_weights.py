"""Trained weights from a file in place of a training: published ones, or a checkpoint that this package made.

A row with given weights is only evaluated. Its recipe names the weights by their SHA-256 and leaves out all that only a training
reads, so that its run has a folder of its own, apart from those of trainings, and one file evaluated by one protocol is one run
whatever the row would have been trained with. The folder is filled before anything is evaluated and then looks like that of a
complete training of no steps, so that evaluations, learning curves (of one point) and checks are those of all runs.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from repro import paths
from repro.approaches.base import approach_of
from repro.approaches.bottom_up.scoring import SCORING, scorer_name
from repro.errors import ReproError
from repro.grouping.scores import ScoringNetwork
from repro.models.base import built
from repro.models.checkpoints import KeyDiff, file_sha256, fitting_weights, key_diff, read_metadata, rename_keys
from repro.models.foreign_weights import named_hash, read_weights
from repro.models.guided import GuidedHigherNetwork
from repro.models.published import convert, recognise
from repro.recipe import GivenWeights, Method, Optimisation, Recipe, Scoring
from repro.runs.files import MODEL, folder, is_intact, partial_folder
from repro.skeletons.skeleton import Skeleton
from repro.support.environment import describe
from repro.support.locks import locked
from repro.support.sealed import (
    Damaged,
    about_file,
    check_file,
    file_checksum,
    read_sealed,
    replacing,
    writable,
    write_json,
    write_sealed,
)
from repro.training.checkpoints import TRAINING, snapshot_file
from repro.training.warm_start import check_finite

_SHOWN = 3  # names of tensors in a message


def evaluated_with(recipe: Recipe, weights: GivenWeights, scoring: GivenWeights | None = None) -> Recipe:
    """The recipe evaluated with given weights: what only a training reads is left out of it.

    Args:
        recipe: the recipe with data.
        weights: the weights of its network.
        scoring: the weights of its scoring network, where its protocol has one; None to train that on what the network finds.
    """
    evaluation = recipe.evaluation
    scored = approach_of(recipe).scoring(recipe) is not None
    if scored and scoring is not None:
        evaluation = replace(recipe.scene_evaluation, scoring=Scoring(weights=scoring))
    data = recipe.samples
    if not scored or scoring is not None:
        data = replace(data, train_fingerprint="", train_count=0)
    return recipe.but(
        method=_as_released(recipe.method, weights),
        data=data,
        augmentation=type(recipe.augmentation)(),
        optimisation=Optimisation(epochs=1, precision=recipe.optimisation.precision),
        second_stage=None,
        initialisation=None,
        weights=weights,
        evaluation=evaluation,
        seed=0,
    )


def _as_released(method: Method, weights: GivenWeights) -> Method:
    """The method as the released code tests published weights: of HrHRNet's branches it takes the maximum."""
    if weights.network is not None and isinstance(method.network, GuidedHigherNetwork):
        return method.but(network=replace(method.network, tested="maximum"))
    return method


def needs_training_samples(recipe: Recipe) -> bool:
    """Whether a recipe is made with training samples: all but those that are evaluated with given weights alone."""
    if recipe.weights is None:
        return True
    scoring = approach_of(recipe).scoring(recipe)
    return scoring is not None and scoring.weights is None


def read_given(network: nn.Module, path: Path) -> tuple[GivenWeights, dict[str, Tensor]]:
    """A file of trained weights, as a network takes them.

    Args:
        network: the network that they are for, which may be without values (``torch.device("meta")``).
        path: the path of a published file or of a checkpoint of this package.

    Returns:
        what recipes call the weights, and the tensors by the network's names.

    Raises:
        ReproError: when the file cannot be read, is another one than its name says, or is not whole. The message ends with the
            tensors that differ.
    """
    digest, expected = file_sha256(path) if path.is_file() else "", named_hash(path)
    if digest and expected is not None and not digest.startswith(expected):
        raise ReproError(
            f"its name says that its SHA-256 begins with {expected}, and it begins with {digest[: len(expected)]}"
        )
    given = read_weights(path)
    family = None if _is_ours(path) else recognise(given)
    tensors = {new: given[old] for old, new in rename_keys(given, {}).items()}
    if family is not None and (own := _differences(network, tensors)):
        try:
            tensors = convert(given, family, origin=path.name)
        except ReproError as error:
            if own.missing or own.unexpected:
                raise ReproError(" ".join(str(error).split()).rstrip(".")) from error
            family = None  # it has the names of this network, and no published one's shapes
    return GivenWeights(sha256=digest, network=family), _fitted(network, tensors, path, family)


def _is_ours(path: Path) -> bool:
    """Whether a file is a checkpoint that this package wrote."""
    return path.suffix == ".safetensors" and bool(read_metadata(path))


def _differences(network: nn.Module, tensors: Mapping[str, Tensor]) -> KeyDiff:
    """How tensors differ from those of a network."""
    ours, theirs = ({name: tuple(t.shape) for name, t in part.items()} for part in (network.state_dict(), tensors))
    return key_diff(ours, theirs)


def _fitted(network: nn.Module, tensors: Mapping[str, Tensor], path: Path, family: str | None) -> dict[str, Tensor]:
    """The tensors by the network's names. Raises ReproError, in half a sentence, for those that differ."""
    try:
        taken, _ = fitting_weights(network, tensors, path)
    except ReproError as error:
        differences = said_differences(_differences(network, tensors))
        if not differences:
            raise ReproError(" ".join(str(error).split()).rstrip(".")) from error
        said = f"its network is {family}, with {differences}" if family else differences
        raise ReproError(f"{said}; give weights of a network of the same kind, width and keypoints") from error
    check_finite(taken, path)
    return taken


def said_differences(diff: KeyDiff) -> str:
    """The differences of names and shapes in one line, the first of each kind by name."""
    shapes = [f"{name} is {theirs}, expected {ours}" for name, ours, theirs in diff.reshaped]
    groups = (("missing", list(diff.missing)), ("left over", list(diff.unexpected)), ("of another shape", shapes))
    return "; ".join(
        f"{len(names)} {what}: {', '.join(names[:_SHOWN])}{', ...' * (len(names) > _SHOWN)}"
        for what, names in groups
        if names
    )


def keep_given(recipe: Recipe, path: Path, skeleton: Skeleton, device: torch.device) -> None:
    """Fill the folder of a recipe whose weights are given, unless it is there and whole.

    Args:
        recipe: the recipe of ``evaluated_with``.
        path: the file, whose SHA-256 is the recipe's.
        skeleton: the skeleton of its keypoints.
        device: the device that it will be evaluated on, for the record of what numbers are computed with.

    Raises:
        ReproError: when the file has changed since it was looked at, or the folder cannot be written.
    """
    assert recipe.weights is not None, "the weights are given"
    with _held(recipe):
        if is_intact(recipe):
            return
        tensors = _same(path, recipe.weights, recipe.method.network, skeleton)
        partial, final = partial_folder(recipe), folder(recipe)
        shutil.rmtree(partial, ignore_errors=True)
        (partial / "snapshots").mkdir(parents=True)
        _save(tensors, partial / MODEL)
        snapshot = snapshot_file(partial, recipe.epochs.stop)
        try:
            os.link(partial / MODEL, snapshot)
        except OSError:  # a file system without links
            shutil.copyfile(partial / MODEL, snapshot)
        about = about_file(partial / MODEL)
        log = [json.dumps({"epoch": recipe.epochs.stop, "persons": 0, "seconds": 0.0})]
        (partial / "log.jsonl").write_text("".join(f"{line}\n" for line in log), encoding="utf-8")
        write_json(partial / "recipe.json", recipe.to_plain())
        content = {"training": recipe.training_key, "environment": describe(device), "seconds": 0.0}
        files = {MODEL: about, f"snapshots/{snapshot.name}": about}
        write_sealed(partial / "run.json", TRAINING, {**content, "files": files, "log": log})
        shutil.rmtree(final, ignore_errors=True)
        os.replace(partial, final)


def keep_given_scoring(recipe: Recipe, path: Path, skeleton: Skeleton) -> None:
    """Put the given weights of a recipe's scoring network where its evaluation finds them, after ``keep_given``.

    The arguments and errors are those of ``keep_given``.
    """
    scoring = recipe.scene_evaluation.scoring
    weights = scoring.weights if scoring is not None else None
    assert weights is not None, "the weights are given"
    place = folder(recipe)
    file, network = place / scorer_name(recipe), file_checksum(place / MODEL)
    note = file.with_suffix(".json")
    with _held(recipe):
        try:
            check_file(file, read_sealed(note, SCORING, training=recipe.training_key, weights=network)["tensors"])
            return
        except Damaged:
            _save(_same(path, weights, ScoringNetwork(), skeleton), file)
        content = {"training": recipe.training_key, "weights": network, "tensors": about_file(file)}
        write_sealed(note, SCORING, content)


@contextmanager
def _held(recipe: Recipe) -> Iterator[None]:
    """The lock of a recipe's run; says in one sentence that runs cannot be written."""
    lock = paths.runs() / f"{recipe.training_key}.lock"
    with writable(paths.runs(), "REPRO_RUNS"), locked(lock, f"run {recipe.training_key}"):
        yield


def _same(path: Path, weights: GivenWeights, settings: object, skeleton: Skeleton) -> dict[str, Tensor]:
    """The tensors of a file that was looked at before. Raises ReproError when it is another one now."""
    with torch.device("meta"):
        network = built(settings, skeleton)
    found, tensors = read_given(network, path)
    if found != weights:
        raise ReproError(f"The weights file {path} has changed since it was looked at: start again.")
    return tensors


def _save(tensors: Mapping[str, Tensor], file: Path) -> None:
    """Save tensors, which may share memory, as safetensors."""
    with replacing(file) as temporary:
        save_file({n: t.clone(memory_format=torch.contiguous_format) for n, t in tensors.items()}, temporary)
