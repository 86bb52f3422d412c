"""Runs: recipes trained and evaluated, each once, in folders named by the recipe's hash.

    runs/<training key>/            recipe.json, log.jsonl, model.safetensors, snapshots/, run.json
    runs/<training key>/evaluations/<recipe key>.json and .npz

Of bottom-up recipes a run also keeps what its evaluations share, ``scoring-*`` and ``curve-*.json``.

A recipe with a second stage of training has a run for each stage: that of the first, which other recipes may share, also keeps
the state that the second goes on from.

A training works in ``<training key>.partial`` and is renamed when complete; killed at any moment it goes on where it was.
An evaluation's JSON is moved into place last. What is complete is never computed again, unless it is damaged (``runs.files``).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from repro import paths
from repro.approaches.base import approach_of
from repro.approaches.samples import Evaluated, Samples, Trained
from repro.data.sample_set import SampleSet
from repro.errors import ReproError
from repro.metrics.evidence import packed
from repro.recipe import Recipe
from repro.runs.complete import Run, load_run, training_of
from repro.runs.files import (
    EVALUATION,
    evaluation_file,
    files_of,
    folder,
    has_state,
    is_evaluated,
    is_intact,
    is_trained,
    partial_folder,
    snapshots,
)
from repro.runs.holds import hold_runs
from repro.support.environment import describe
from repro.support.locks import locked
from repro.support.sealed import Damaged, about_file, file_checksum, replacing, tell, writable, write_json, write_sealed
from repro.training.checkpoints import TRAINING, open_ledger, read_pointer
from repro.training.device import about_gpu
from repro.training.distributed import World
from repro.training.loop import Job, snapshot_epochs, train

# What others take from here, though it lies elsewhere.
__all__ = [
    "Run",
    "folder",
    "has_state",
    "is_evaluated",
    "is_intact",
    "is_trained",
    "load_run",
    "training_of",
]

@dataclass(frozen=True)
class Task:
    """A training, and the recipes that are evaluated with it.

    Args:
        training: its recipe.
        evaluated: recipes that differ from it in decoder and evaluation alone; none for a first stage that no row shows.
        kept: whether the state at its end is kept, for second stages to go on from.
    """

    training: Recipe
    evaluated: tuple[Recipe, ...] = ()
    kept: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether it can begin: there is no stage before it, or that is complete."""
        recipe = self.training
        if not recipe.second_stage:
            return True
        return is_intact(recipe.first_stage) if is_done(self) else has_state(recipe.first_stage)

    @property
    def crops(self) -> int:
        """The crops that are still to be shown; those of the epochs that an earlier session ended are not."""
        if is_done(self):
            return 0
        crops, epochs = crops_of(self.training), self.training.epochs
        return crops - crops // len(epochs) * _ended_epochs(self.training)


def crops_of(recipe: Recipe) -> int:
    """The crops that the last stage of a training shows; none where its weights are given."""
    if recipe.weights is not None:
        return 0
    batch = recipe.optimisation.batch
    return len(recipe.epochs) * (recipe.samples.train_count // batch * batch)


def make_task(
    task: Task,
    samples: Samples,
    world: World,
    workers: int,
    progress: Callable[[int], object],
    watch: Callable[[int], object] = lambda pixels: None,
) -> None:
    """Train what a task names, unless it is complete, and evaluate those of its recipes that are not.

    Args:
        task: the training and what is evaluated with it.
        samples: the samples that it is done on.
        world: processes and device.
        workers: processes that read images.
        progress: called with the crops of each step; before the first with those of an earlier session.
        watch: called with the pixels of each forward pass of the evaluation.
    """
    recipe = task.training
    if not world.leads:
        world.wait()
        if not is_done(task):
            check_trainable(recipe)
            _train(recipe, samples, Job(world, workers))
        world.wait()
        return
    kept = "trainings go on from their last whole epoch"
    lock = paths.runs() / f"{recipe.training_key}.lock"
    with writable(paths.runs(), "REPRO_RUNS", kept), locked(lock, f"run {recipe.training_key}"):
        if not is_done(task):
            check_trainable(recipe)
            _drop_damaged(recipe)
            partial_folder(recipe).mkdir(parents=True, exist_ok=True)
            write_json(partial_folder(recipe) / "recipe.json", recipe.to_plain())
        world.wait()
        if not is_done(task):
            _train(recipe, samples, Job(world, workers, progress))
            about = describe(world.device, world.size) | about_gpu(world.device, world.compiled)
            _finish(recipe, about, kept=task.kept)
        _remove_halves(folder(recipe))
        for recipes in evaluated_together(task):
            evaluate(recipes, samples, world.device, workers, watch)
        world.wait()


def check_trainable(recipe: Recipe) -> None:
    """Raise ReproError for a recipe whose weights are given, and not there: it is never trained."""
    if recipe.weights is not None:
        raise ReproError(
            f"The given weights of run {recipe.training_key}, SHA-256 {recipe.weights.sha256[:8]}, are not in {folder(recipe)}: "
            "name their file in WEIGHTS again."
        )


def is_done(task: Task) -> bool:
    """Whether nothing is left to be trained. A complete run whose state is needed and was not kept is trained again."""
    return is_intact(task.training) and (not task.kept or has_state(task.training))


def _train(recipe: Recipe, samples: Samples, job: Job) -> None:
    """Train the last stage of a recipe; a second one goes on from the folder of the first."""
    before = folder(recipe.first_stage) if recipe.second_stage else None
    train(recipe, approach_of(recipe), samples.train, partial_folder(recipe), job, before)


def evaluated_together(task: Task) -> list[list[Recipe]]:
    """The recipes of a task that are not evaluated yet, those whose networks see the same images together."""
    found: dict[Any, list[Recipe]] = {}
    for recipe in task.evaluated:
        if not is_evaluated(recipe):
            found.setdefault(approach_of(recipe).together(recipe), []).append(recipe)
    return list(found.values())


def make_training(recipe: Recipe, persons: SampleSet, world: World) -> Path:
    """Train a recipe that no table evaluates, with a progress bar, unless it is complete; returns its folder."""
    hold_runs()
    with tqdm(total=crops_of(recipe), unit="crop", unit_scale=True, disable=None, smoothing=0.05) as bar:
        make_task(Task(recipe), Samples(persons, persons, frozenset()), world, 0, bar.update)
    return folder(recipe)


def begun_share(recipe: Recipe) -> float:
    """The share of a recipe's last stage that an unfinished training has ended; 0 where none was begun."""
    return 0.0 if is_trained(recipe) else _ended_epochs(recipe) / len(recipe.epochs)


def _ended_epochs(recipe: Recipe) -> int:
    """How many epochs of a recipe's last stage an unfinished training has ended."""
    try:
        pointer = read_pointer(partial_folder(recipe), recipe.training_key)
    except Damaged:
        return 0
    return max(0, pointer["epoch"] - recipe.epochs.start) if pointer else 0


def _drop_damaged(recipe: Recipe) -> None:
    """Remove what a kill left half written of an unfinished training, and all of it where its state cannot be gone on from."""
    place = partial_folder(recipe)
    _remove_halves(place)
    try:
        open_ledger(place, recipe.training_key, recipe.epochs, snapshot_epochs(recipe.epochs))
    except Damaged as damaged:
        tell(damaged, "the training begins again", in_jobs=True)
        shutil.rmtree(place)


def _remove_halves(place: Path) -> None:
    """Remove the halves of files that a kill left in a run's folder, which are hidden."""
    for file in place.rglob(".*"):
        if file.is_file():
            file.unlink(missing_ok=True)


def _finish(recipe: Recipe, environment: dict[str, Any], *, kept: bool) -> None:
    """Write ``run.json``, give the folder its name, and only then drop the state that was needed to go on.

    Args:
        recipe: the recipe that was trained.
        environment: the environment that it was trained in.
        kept: whether the state stays, for a second stage.
    """
    partial, final = partial_folder(recipe), folder(recipe)
    ledger = open_ledger(partial, recipe.training_key, recipe.epochs, snapshot_epochs(recipe.epochs))
    seconds = sum(json.loads(line)["seconds"] for line in ledger.log)  # of all sessions that the training took
    about = {"training": recipe.training_key, "environment": environment, "seconds": round(seconds, 1)}
    files = files_of(partial, ledger.snapshots)
    write_sealed(partial / "run.json", TRAINING, {**about, "files": files, "log": ledger.log})
    if final.exists():  # damaged, or without the state that a second stage needs: evaluations of the same weights stay
        if (final / "evaluations").exists():
            os.replace(final / "evaluations", partial / "evaluations")
        shutil.rmtree(final)
    os.replace(partial, final)
    if not kept:
        for file in final.glob("state*"):
            file.unlink()


def evaluate(
    recipes: list[Recipe],
    samples: Samples,
    device: torch.device,
    workers: int = 0,
    watch: Callable[[int], object] = lambda pixels: None,
) -> None:
    """Evaluate trained recipes and keep their poses, their metrics, and those of the snapshots, which make the learning curve.

    Args:
        recipes: recipes of one training that are ``evaluated_together``.
        samples: the samples that they are evaluated on.
        device: the device that computes.
        workers: number of processes that read images.
        watch: called with the pixels of each forward pass.
    """
    first = recipes[0]
    trained = Trained(folder(first), snapshots(first))
    for one in approach_of(first).evaluate(recipes, samples, trained, device, workers, watch):
        _write_evaluation(one, trained.snapshots[-1][0])


def _write_evaluation(evaluated: Evaluated, weights: Path) -> None:
    """Keep an evaluation of the ``weights``; the JSON, which says that it is complete, comes last."""
    recipe, target = evaluated.recipe, evaluation_file(evaluated.recipe)
    target.parent.mkdir(exist_ok=True)
    short = {n: c.astype(np.float32) if c.dtype.kind == "f" else c for n, c in evaluated.poses.items()}
    with replacing(target.with_suffix(".npz")) as temporary, temporary.open("wb") as file:
        arrays: dict[str, Any] = {**short, **packed(evaluated.evidence)}
        np.savez_compressed(file, **arrays)
    about = {"key": recipe.key, "weights": file_checksum(weights), "poses": about_file(target.with_suffix(".npz"))}
    content = {"recipe": recipe.to_plain(), "metrics": evaluated.metrics, "curve": evaluated.curve}
    write_sealed(target, EVALUATION, {**about, **content})
