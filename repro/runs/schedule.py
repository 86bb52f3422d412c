"""What is still to be made of some recipes, and making it: several trainings side by side where the machine allows."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, cast

import click
import torch

from repro import paths
from repro.approaches.samples import Samples
from repro.errors import ReproError
from repro.recipe import Recipe
from repro.runs.costs import Cost, Counted, TaskProgress, task_cost, wall_seconds
from repro.runs.files import restore_text
from repro.runs.holds import hold_runs
from repro.runs.run import Task, begun_share, has_state, is_evaluated, is_intact, is_trained, make_task
from repro.runs.speeds import UNMEASURED, Speeds
from repro.support import processes
from repro.support.processes import available_cores
from repro.support.progress import Progress
from repro.support.wording import counted
from repro.training.device import Compiled
from repro.training.distributed import World, choose_device, join_world, share_of_batch


@dataclass(frozen=True)
class Machine:
    """What runs may use; of this only the kind of device and the number of threads can alter their numbers.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        threads: a training on a CPU computes with. One by default: two trainings side by side on one core each do far more
            than one on two, and numbers do not depend on how many trainings are pending.
        jobs: trainings side by side; 0 for one a core (over ``threads``), or one a GPU.
        workers: processes a training reads images with; images that stay on a GPU need none.
        compiled: how a network's kernels are started in training, see ``training.device``; it alters numbers by rounding at most.
    """

    device: str = "auto"
    threads: int = 1
    jobs: int = 0
    workers: int = 0
    compiled: Compiled = "off"

    @property
    def kind(self) -> str:
        """``cpu`` or ``cuda``."""
        return choose_device(self.device).type

    @property
    def side_by_side(self) -> int:
        """How many trainings are made at once; under ``torchrun`` all processes work on one."""
        return 1 if processes.count() > 1 else len(self.devices())

    def devices(self) -> list[str]:
        """The device of each job."""
        if self.kind == "cuda":
            gpus = torch.cuda.device_count()
            if ":" in self.device:
                return [self.device] * max(1, self.jobs)
            return [f"cuda:{i % gpus}" for i in range(self.jobs or gpus)]
        return ["cpu"] * (self.jobs or max(1, available_cores() // self.threads))


def pending_tasks(recipes: Iterable[Recipe]) -> list[Task]:
    """What is still to be done for the recipes to be complete.

    Equal recipes and those that share a training make one task.
    """
    groups: dict[str, list[Recipe]] = {}
    for recipe in {recipe.key: recipe for recipe in recipes}.values():
        groups.setdefault(recipe.training_key, []).append(recipe)
    pending = [group for group in groups.values() if not all(is_evaluated(recipe) for recipe in group)]
    stages: dict[str, Task] = {}
    for last in (group[0] for group in pending if group[0].second_stage):
        first, kept = last.first_stage, not is_intact(last)  # whose state the second stage, if it is to be trained, goes on from
        if not (has_state(first) if kept else is_intact(first)):
            before = stages.get(first.training_key)
            stages[first.training_key] = Task(first, kept=kept or (before is not None and before.kept))
    tasks = []
    for group in pending:
        stage = stages.get(group[0].training_key)
        tasks.append(Task(group[0], tuple(group), kept=stage is not None and stage.kept))
    shown = {task.training.training_key for task in tasks}
    return tasks + [stage for key, stage in stages.items() if key not in shown]


def plan_tasks(
    recipes: Iterable[Recipe], samples: Counted, kind: str, speeds: Speeds = UNMEASURED
) -> list[tuple[Task, Cost]]:
    """The pending tasks with their costs on a kind of device: first stages first, then by falling cost."""
    tasks = [(task, task_cost(task, samples, kind, speeds=speeds)) for task in pending_tasks(recipes)]
    return sorted(tasks, key=lambda one: (one[0].training.second_stage is not None, -one[1].seconds))


def pending_seconds(
    tables: Iterable[tuple[Iterable[Recipe], Counted | None]],
    kind: str,
    jobs: int = 1,
    speeds: Speeds = UNMEASURED,
) -> list[float]:
    """The estimated seconds that each table adds to those before it: what they share is made for the first that needs it.

    Args:
        tables: recipes and samples of each; no samples where there are no recipes.
        kind: the kind of the device.
        jobs: trainings side by side.
        speeds: the speeds of the machine at hand.
    """
    seconds, made, trained = [], set(), set()
    for recipes, samples in tables:
        tasks = pending_tasks(recipe for recipe in recipes if recipe.key not in made)
        costs = [
            task_cost(task, cast(Counted, samples), kind, trained=task.training.training_key in trained, speeds=speeds)
            for task in tasks
        ]
        seconds.append(wall_seconds(sorted((cost.seconds for cost in costs), reverse=True), jobs))
        made |= {recipe.key for task in tasks for recipe in task.evaluated}
        trained |= {task.training.training_key for task in tasks}
    return seconds


def make_runs(
    recipes: Iterable[Recipe],
    samples: Samples,
    machine: Machine,
    progress: Progress | None = None,
    speeds: Speeds = UNMEASURED,
) -> None:
    """Train and evaluate the recipes that are not complete yet, several side by side where the machine allows.

    Equal recipes and those that share a training are made once. Under ``torchrun`` all processes work on one training at a
    time.

    Args:
        recipes: the recipes with data.
        samples: the persons that the recipes' ``data`` names.
        machine: device, threads, and how many at once.
        progress: the bar of a larger whole, in one of its parts; None for one over these runs alone.
        speeds: the speeds of the machine, which the bar goes by.
    """
    hold_runs()
    recipes = list(recipes)
    for stage in {stage.training_key: stage for recipe in recipes for stage in recipe.stages}.values():
        restore_text(stage)
    tasks = plan_tasks(recipes, samples, machine.kind, speeds)
    if not tasks:
        return
    if progress is None:
        seconds = wall_seconds((cost.seconds for _, cost in tasks), machine.side_by_side)
        with Progress(seconds, shown=processes.leads()) as progress, progress.part("", seconds):
            _make_tasks(tasks, samples, machine, progress)
    else:
        _make_tasks(tasks, samples, machine, progress)


def _make_tasks(tasks: list[tuple[Task, Cost]], samples: Samples, machine: Machine, progress: Progress) -> None:
    """Make tasks one by one, or side by side."""
    devices = machine.devices()[: len(tasks)]
    if processes.count() == 1 and len(devices) > 1:
        progress.say(f"{len(tasks)} runs, {len(devices)} at once")
        _make_side_by_side(tasks, samples, machine, devices, progress)
        return
    torch.set_num_threads(machine.threads)
    world = join_world(machine.device, machine.compiled)
    _say_shares(world, tasks[0][0].training)
    for number, (task, cost) in enumerate(tasks, 1):
        progress.say(f"run {number}/{len(tasks)}")
        counter = TaskProgress(cost, progress.add)
        make_task(task, samples, world, machine.workers, counter.trained, counter.evaluated)
        counter.complete()


def _say_shares(world: World, recipe: Recipe) -> None:
    """Under torchrun, say what becomes of batch and learning rate."""
    if world.size > 1 and world.leads:
        optimisation = recipe.optimisation
        click.echo(
            f"{world.size} processes share each batch of {optimisation.batch}, {share_of_batch(optimisation.batch, world)} "
            f"persons each: the total batch is the recipe's, so its learning rate {optimisation.learning_rate:g} stays."
        )


def _make_side_by_side(
    tasks: list[tuple[Task, Cost]], samples: Samples, machine: Machine, devices: list[str], progress: Progress
) -> None:
    """Make tasks in one process a device, each with its own threads; second stages begin when their first one is there."""
    context = multiprocessing.get_context("spawn")
    try:
        done_seconds, free = context.Array("d", len(tasks)), context.Queue()
    except OSError as error:  # locks between processes lie in shared memory
        raise ReproError(
            f"Trainings side by side need shared memory in /dev/shm ({error.strerror}): start again with JOBS=1, or with more."
        ) from error
    costs = [cost.seconds for _, cost in tasks]
    total = wall_seconds(costs, len(devices))
    for device in devices:
        free.put((device, devices.count(device)))
    others = multiprocessing.active_children()
    with ProcessPoolExecutor(len(devices), context, _start_job, (done_seconds, free, machine.threads)) as pool:
        try:
            waiting = list(enumerate(tasks))
            running: set[Future[None]] = set()
            while waiting or running:
                ready = [one for one in waiting if one[1][0].is_ready]
                waiting = [one for one in waiting if one not in ready]
                running |= {pool.submit(_make_in_job, *task, n, samples, machine) for n, task in ready}
                done, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                left = (max(0.0, cost - made) for cost, made in zip(costs, done_seconds[:], strict=True))
                progress.reach(total - wall_seconds(left, len(devices)))
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


_job: dict[str, Any] = {}  # of a process that _start_job prepared: device, jobs on it, and the seconds that are done of each task


def _start_job(done_seconds: Any, free: Any, threads: int) -> None:
    """Prepare a process: it leaves Ctrl-C to the one that started it, and ends when that one does, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    device, sharing = free.get()
    _job.update(device=device, sharing=sharing, done_seconds=done_seconds)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "a job has a process that started it"
    parent.join()
    os._exit(1)


def _make_in_job(task: Task, cost: Cost, number: int, samples: Samples, machine: Machine) -> None:
    def add(seconds: float) -> None:
        _job["done_seconds"][number] += seconds  # of this process alone

    counter = TaskProgress(cost, add)
    world = World(0, 1, choose_device(_job["device"]), _job["sharing"], machine.compiled)
    make_task(task, samples, world, machine.workers, counter.trained, counter.evaluated)
    counter.complete()


def announce(recipes: list[Recipe], tables: int = 1) -> None:
    """Say how many trainings there are and how many of them are complete already; of how many tables where of several."""
    if not processes.leads():
        return
    trained = [recipe for recipe in recipes if recipe.weights is None]
    trainings = {stage.training_key: stage for recipe in trained for stage in recipe.stages}
    done = sum(is_trained(r) for r in trainings.values())
    of = f" of {tables} tables" if tables > 1 else ""
    text = f"{counted(len(recipes), 'run')}{of} from {counted(len(trainings), 'training')}"
    given = len(recipes) - len(trained)
    text += f", {done} of them complete already" if done else ""
    text += said_begun([share for one in trainings.values() if (share := begun_share(one))])
    click.echo(text + (f", {given} evaluated with given weights" if given else "") + f", in {paths.runs()}")


def said_begun(shares: list[float]) -> str:
    """The end of a sentence that tells of unfinished trainings: how much of each is done; "" for none."""
    if not shares:
        return ""
    low, high = (int(100 * share) for share in (min(shares), max(shares)))
    done = f"{low} % done" if low == high else f"{low} to {high} % done"
    return f", {'one' if len(shares) == 1 else len(shares)} of them begun and {done}"
