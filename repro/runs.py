"""Runs: recipes trained and evaluated, each once, in folders named by the recipe's hash.

    runs/<training key>/            recipe.json, log.jsonl, model.safetensors, snapshots/, run.json
    runs/<training key>/evaluations/<recipe key>.json and .npz

A training works in ``<training key>.partial`` and is renamed when complete; killed at any moment it goes on where it was.
An evaluation's JSON is moved into place last. What is complete is never computed again.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from tqdm import tqdm

from repro import paths, processes
from repro.data.persons import PersonSet
from repro.environment import describe
from repro.errors import ReproError
from repro.locks import locked
from repro.models.checkpoints import load_weights
from repro.recipe import Recipe
from repro.training.checkpoints import write_json
from repro.training.distributed import World, choose_device, join_world, share_of_batch
from repro.training.evaluate import Poses, measure, predict
from repro.training.loop import Job, build_network, train


@dataclass(frozen=True)
class Samples:
    """What runs are made on: training and evaluation persons, and what the data set allows to be measured."""

    train: PersonSet
    val: PersonSet
    measures: frozenset[str]


@dataclass(frozen=True)
class Run:
    """A complete run of a recipe: its metrics as fractions, its learning curve, its log, and what it was computed with."""

    recipe: Recipe
    metrics: dict[str, float]
    curve: list[dict[str, float]]
    log: list[dict[str, float]]
    environment: dict[str, Any]
    seconds: float

    @property
    def poses(self) -> Poses:
        """The predicted poses of the evaluation persons."""
        with np.load(_evaluation(self.recipe).with_suffix(".npz")) as file:
            return Poses(file["points"], file["scores"])


def folder(recipe: Recipe) -> Path:
    """Where the recipe's training lies, or will lie."""
    return paths.runs() / recipe.training_key


def is_trained(recipe: Recipe) -> bool:
    """Whether the recipe's training is complete."""
    return (folder(recipe) / "run.json").exists()


def _evaluation(recipe: Recipe) -> Path:
    return folder(recipe) / "evaluations" / f"{recipe.key}.json"


@dataclass(frozen=True)
class Machine:
    """What runs may use; of this only the kind of device and the number of threads can alter their numbers.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        threads: a training on a CPU computes with. One by default: two trainings side by side on one core each do far more
            than one on two, and numbers do not depend on how many trainings are pending.
        jobs: trainings side by side; 0 for one a core (over ``threads``), or one a GPU.
        workers: processes a training reads images with.
    """

    device: str = "auto"
    threads: int = 1
    jobs: int = 0
    workers: int = 0

    def devices(self) -> list[str]:
        """The device of each job."""
        kind = choose_device(self.device)
        if kind.type == "cuda":
            gpus = torch.cuda.device_count()
            return [self.device] if ":" in self.device else [f"cuda:{i % gpus}" for i in range(self.jobs or gpus)]
        return ["cpu"] * (self.jobs or max(1, available_cores() // self.threads))


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_runs(recipes: Iterable[Recipe], samples: Samples, machine: Machine) -> None:
    """Train and evaluate the recipes that are not complete yet, several side by side where the machine allows.

    Equal recipes and those that share a training are made once. One progress bar counts the crops of all trainings
    together, so that its estimate is that of the whole. Under ``torchrun`` all processes work on one training at a time.

    Args:
        recipes: with data.
        samples: the persons that the recipes' ``data`` names.
        machine: device, threads, and how many at once.
    """
    groups: dict[str, list[Recipe]] = {}
    for recipe in {recipe.key: recipe for recipe in recipes}.values():
        groups.setdefault(recipe.training_key, []).append(recipe)
    pending = [group for group in groups.values() if not all(_evaluation(recipe).exists() for recipe in group)]
    if not pending:
        return
    total = sum(crops_of(group[0]) for group in pending if not is_trained(group[0]))
    torchrun = processes.count() > 1
    devices = machine.devices()[: len(pending)]
    hidden = None if processes.leads() else True
    with tqdm(total=total, unit="crop", unit_scale=True, disable=hidden, smoothing=0.05) as bar:
        if torchrun or len(devices) == 1:
            torch.set_num_threads(machine.threads)
            world = join_world(machine.device)
            _say_shares(world, pending)
            for number, group in enumerate(pending, 1):
                bar.set_description(f"run {number}/{len(pending)}")
                make_group(group, samples, world, machine.workers, bar.update)
        else:
            _make_side_by_side(pending, samples, machine, devices, bar)


def _say_shares(world: World, pending: list[list[Recipe]]) -> None:
    """Under torchrun, say what becomes of batch and learning rate."""
    if world.size > 1 and world.leads:
        optimisation = pending[0][0].optimisation
        click.echo(
            f"{world.size} processes share each batch of {optimisation.batch}, {share_of_batch(optimisation.batch, world)} "
            f"persons each: the total batch is the recipe's, so its learning rate {optimisation.learning_rate:g} stays."
        )


def _make_side_by_side(
    pending: list[list[Recipe]], samples: Samples, machine: Machine, devices: list[str], bar: tqdm
) -> None:
    """Make groups in one process a device, each with its own threads."""
    context = multiprocessing.get_context("spawn")
    counter, free = context.Value("q", 0), context.Queue()
    for device in devices:
        free.put(device)
    bar.set_description(f"{len(pending)} runs, {len(devices)} at once")
    others = multiprocessing.active_children()
    with ProcessPoolExecutor(len(devices), context, _start_job, (counter, free, machine.threads)) as pool:
        try:
            left = {pool.submit(_make_in_job, group, samples, machine.workers) for group in pending}
            while left:
                done, left = wait(left, timeout=0.5, return_when=FIRST_EXCEPTION)
                bar.update(counter.value - bar.n)
                for future in done:
                    future.result()
        except BaseException as error:  # Ctrl-C too: the pool alone would begin the runs that are still queued
            for job in set(multiprocessing.active_children()) - set(others):
                job.terminate()
            if isinstance(error, BrokenProcessPool):
                raise ReproError(
                    "A process that trained ended unexpectedly, as when memory runs out: start again with fewer side by "
                    "side, as in JOBS=1; trainings go on from their last epoch."
                ) from error
            raise


_job: dict[str, Any] = {}  # of a process that _start_job prepared: its device and the shared counter of crops


def _start_job(counter: Any, free: Any, threads: int) -> None:
    """Prepare a process: it leaves Ctrl-C to the one that started it, and ends when that one does, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    _job.update(device=free.get(), counter=counter)


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _make_in_job(group: list[Recipe], samples: Samples, workers: int) -> None:
    def progress(crops: int) -> None:
        with _job["counter"].get_lock():
            _job["counter"].value += crops

    make_group(group, samples, World(0, 1, choose_device(_job["device"])), workers, progress)


def crops_of(recipe: Recipe) -> int:
    """The crops that a training shows."""
    batch = recipe.optimisation.batch
    return recipe.optimisation.epochs * (recipe.data.train_count // batch * batch)


def make_group(
    group: list[Recipe], samples: Samples, world: World, workers: int, progress: Callable[[int], object]
) -> None:
    """Train what the recipes of ``group`` share, unless it is complete, and evaluate those that are not."""
    recipe = group[0]
    if not world.leads:
        world.wait()
        if not is_trained(recipe):
            train(recipe, samples.train, _partial(recipe), Job(world, workers))
        world.wait()
        return
    with locked(paths.runs() / f"{recipe.training_key}.lock", f"run {recipe.training_key}"):
        if not is_trained(recipe):
            _partial(recipe).mkdir(parents=True, exist_ok=True)
            write_json(_partial(recipe) / "recipe.json", recipe.to_plain())
        world.wait()
        if not is_trained(recipe):
            train(recipe, samples.train, _partial(recipe), Job(world, workers, progress))
            _finish(recipe, describe(world.device, world.size))
        for one in group:
            if not _evaluation(one).exists():
                evaluate(one, samples, world.device, workers)
        world.wait()


def make_training(recipe: Recipe, persons: PersonSet, world: World) -> Path:
    """Train a recipe that no table evaluates, with a progress bar, unless it is complete; returns its folder."""
    with (
        locked(paths.runs() / f"{recipe.training_key}.lock", f"run {recipe.training_key}"),
        tqdm(total=crops_of(recipe), unit="crop", unit_scale=True, disable=None, smoothing=0.05) as bar,
    ):
        if not is_trained(recipe):
            _partial(recipe).mkdir(parents=True, exist_ok=True)
            write_json(_partial(recipe) / "recipe.json", recipe.to_plain())
            train(recipe, persons, _partial(recipe), Job(world, progress=bar.update))
            _finish(recipe, describe(world.device, world.size))
    return folder(recipe)


def _partial(recipe: Recipe) -> Path:
    return paths.runs() / f"{recipe.training_key}.partial"


def _finish(recipe: Recipe, environment: dict[str, Any]) -> None:
    """Write ``run.json``, give the folder its name, and only then drop the state that was needed to go on."""
    seconds = sum(line["seconds"] for line in _log(_partial(recipe)))  # of all sessions that the training took
    write_json(_partial(recipe) / "run.json", {"environment": environment, "seconds": round(seconds, 1)})
    os.replace(_partial(recipe), folder(recipe))
    for pattern in ("state*", ".*"):  # hidden are the halves of files that a kill left
        for file in folder(recipe).glob(pattern):
            file.unlink()


def evaluate(recipe: Recipe, samples: Samples, device: torch.device, workers: int = 0) -> None:
    """Evaluate a trained recipe: its poses, its metrics, and the metrics of its snapshots, which make the learning curve."""
    place = folder(recipe)
    network = build_network(recipe, samples.val, device)
    log = _log(place)
    curve = []
    for file in sorted((place / "snapshots").glob("epoch-*.safetensors")):
        load_weights(network, file)
        poses = predict(network, samples.val, recipe, device, workers)
        metrics = measure(samples.val, poses, recipe, samples.measures)
        epoch = int(file.stem.removeprefix("epoch-"))
        overall = {name: value for name, value in metrics.items() if "/" not in name}
        curve.append({"epoch": epoch, "persons": log[epoch - 1]["persons"], **overall})
    target = _evaluation(recipe)  # the last snapshot is the final network
    target.parent.mkdir(exist_ok=True)
    temporary = target.with_name(f".{recipe.key}.{os.getpid()}.npz")
    np.savez_compressed(temporary, points=poses.points.astype(np.float32), scores=poses.scores.astype(np.float32))
    os.replace(temporary, target.with_suffix(".npz"))
    write_json(target, {"recipe": recipe.to_plain(), "metrics": metrics, "curve": curve})


def load_run(recipe: Recipe) -> Run:
    """The complete run of a recipe."""
    stored = json.loads(_evaluation(recipe).read_text())
    place = folder(recipe)
    about = json.loads((place / "run.json").read_text())
    return Run(recipe, stored["metrics"], stored["curve"], _log(place), about["environment"], about["seconds"])


def _log(place: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (place / "log.jsonl").read_text().splitlines()]


def announce(recipes: list[Recipe]) -> None:
    """Say how many trainings there are and how many of them are complete already."""
    if not processes.leads():
        return
    trainings = {r.training_key: r for r in recipes}
    done = sum(is_trained(r) for r in trainings.values())
    text = f"{len(recipes)} runs from {len(trainings)} trainings"
    click.echo(text + (f", {done} of them complete already" if done else "") + f", in {paths.runs()}")
    if any(recipe.initialisation is None for recipe in recipes):
        click.echo("Some of them start from random weights: no warm start was asked for, or none is there for their backbone.")
