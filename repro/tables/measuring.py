"""Measuring this machine: a few steps of each network that a command trains, before it begins.

Measured on a few drawn people, whatever the data set: a training step as ``training.loop`` does it, loading of images and
targets included, and a pass of evaluation. What weighs most in the command comes first, and after some seconds the rest is left
to the estimate, corrected by what the measured steps took of theirs. Nothing here may fail a run: what cannot be measured is
estimated, in a sentence. Seconds are those of one training alone; side by side it takes longer, which the bar's pace shows.

What was measured is kept. A machine that was busy then, or is now, takes other seconds: so of the steps that were measured
together the one that weighs most is measured again by each command, and where it differs all of them are.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from itertools import chain, count, islice

import click
import torch
from torch import nn

from repro.approaches.base import approach_of
from repro.approaches.samples import Samples
from repro.data.resident import Residence
from repro.recipe import Recipe
from repro.runs.costs import Cost, crop_seconds, shown_pixel_seconds, task_cost
from repro.runs.run import Task, evaluated_together
from repro.runs.schedule import Machine, pending_tasks
from repro.runs.speeds import (
    AT,
    UNMEASURED,
    Speeds,
    evaluation_step,
    keep_speeds,
    machine_name,
    read_speeds,
    training_step,
)
from repro.scales.scale import Scale
from repro.skeletons.skeleton import Skeleton
from repro.support import processes
from repro.support.progress import pixels_seen
from repro.tables.plan import table_samples
from repro.tables.request import PlannedTable
from repro.training.distributed import choose_device
from repro.training.feed import Feed
from repro.training.loop import build_network, train_step

TINY = 30.0  # s: a command that is estimated shorter than this is not worth measuring for
BUDGET = 15.0  # s: of measuring at most
SHARE = 0.1  # of a command that measuring may take, by the estimate alone
LONGEST = {"cpu": 0.3, "cuda": 2.0}  # s: a step that is estimated longer is measured with fewer crops, but at least FEWEST
FEWEST = 4
REPEATED = 0.4  # s: that a step is repeated for; once at least
AGREES = 1.3  # factor that a kept step may differ by from what it takes now
SHOWN = {"cpu": 16, "cuda": 64}  # persons that a pass of evaluation is measured with, and a quarter as many whole images


@dataclass
class Work:
    """A step and what it weighs.

    Args:
        recipe: one that has it.
        skeleton: the skeleton of its keypoints.
        table: the table that it belongs to.
        training: whether it is a step of training; else it is a pass of evaluation.
        estimate: seconds of a crop, or of a pixel.
        weight: estimated seconds of the command that are made of such steps.
    """

    recipe: Recipe
    skeleton: Skeleton
    table: PlannedTable
    training: bool
    estimate: float
    weight: float = 0.0


def measured_speeds(tables: Iterable[PlannedTable], machine: Machine) -> Speeds:
    """The speeds of the steps that are still to be made for tables; from the cache where it has them and they are still right.

    Nothing is measured for what is estimated to take less than ``TINY`` seconds, and under ``torchrun``, whose processes have to
    agree, nothing is read either.
    """
    works, total = pending_work(tables, machine.kind)
    if not works or processes.count() > 1:
        return UNMEASURED
    name = machine_name(choose_device(machine.device), machine.threads)
    known = read_speeds(name)
    if total < TINY:
        return speeds_of(works, known)
    stopwatch = _Stopwatch(machine, min(BUDGET, SHARE * total))
    with _as_before(machine.threads):
        gone = _outdated(works, known, stopwatch)
        known = {step: seconds for step, seconds in known.items() if step not in gone}
        found = stopwatch.take({step: work for step, work in works.items() if step not in known})
    stopwatch.say()
    if found or gone:
        try:
            keep_speeds(name, found, gone)
        except OSError as error:
            click.echo(f"What was measured cannot be kept ({error}).", err=True)
    return speeds_of(works, known | found)


def _outdated(works: dict[str, Work], known: dict[str, dict[str, float]], stopwatch: _Stopwatch) -> set[str]:
    """The steps that were kept at a time when the machine was as fast or as busy as it is not now, of this command and of others.

    Of the steps that were measured together the heaviest is measured again.
    """
    gone: set[str] = set()
    for at in {known[step].get(AT, 0.0) for step in works if step in known}:
        together = {step for step, seconds in known.items() if seconds.get(AT, 0.0) == at}
        heaviest = max(together & set(works), key=lambda step: works[step].weight)
        now = stopwatch.seconds(heaviest, works[heaviest])
        if now is not None and not _agree(now, known[heaviest]):
            gone |= together
    return gone


def _agree(now: dict[str, float], before: dict[str, float]) -> bool:
    """Whether two measurements of a step, seconds of a crop or of a pixel, differ by less than ``AGREES``."""
    unit = "crop" if "crop" in now else "pixel"
    return 1 / AGREES < now[unit] / before.get(unit, math.inf) < AGREES


def pending_work(tables: Iterable[PlannedTable], kind: str) -> tuple[dict[str, Work], float]:
    """The steps that are still to be made for tables, by their identity, and the seconds of all by the estimate alone."""
    works: dict[str, Work] = {}
    seen, total = set(), 0.0
    for table in tables:
        if table.samples is None:
            continue
        for task in pending_tasks(recipe for recipe in table.recipes.values() if recipe.key not in seen):
            seen |= {recipe.key for recipe in task.evaluated}
            cost = task_cost(task, table.samples, kind)
            total += cost.seconds
            _add_work(works, task, cost, table, kind)
    return works, total


def _add_work(works: dict[str, Work], task: Task, cost: Cost, table: PlannedTable, kind: str) -> None:
    """Add the steps of one task."""
    skeleton, recipe = table.counted.val.skeleton, task.training
    if task.crops:
        estimate = crop_seconds(recipe, skeleton, kind)
        work = works.setdefault(training_step(recipe, skeleton), Work(recipe, skeleton, table, True, estimate))
        work.weight += cost.crops * cost.crop
    shown = [recipes[0] for recipes in evaluated_together(task)]
    for one in shown:
        estimate = shown_pixel_seconds(one, skeleton, kind)
        work = works.setdefault(evaluation_step(one, skeleton), Work(one, skeleton, table, False, estimate))
        work.weight += cost.evaluation / len(shown)


class _Stopwatch:
    """Measures steps, each once, for about ``budget`` seconds."""

    def __init__(self, machine: Machine, budget: float) -> None:
        self.machine, self.budget, self.started = machine, budget, time.perf_counter()
        self.taken: dict[str, dict[str, float]] = {}
        self.failed: list[str] = []
        self.left = 0

    def seconds(self, step: str, work: Work) -> dict[str, float] | None:
        """What a step takes now; None where it cannot be measured, or the time for measuring is over."""
        if step not in self.taken and time.perf_counter() - self.started <= self.budget:
            try:
                self.taken[step] = _measure(work, self.machine)
            except Exception as error:  # whatever it is, the training itself will tell
                self.failed.append(f"{type(error).__name__}: {error}".splitlines()[0][:200])
        return self.taken.get(step)

    def take(self, works: dict[str, Work]) -> dict[str, dict[str, float]]:
        """Measure steps, those that weigh most first, and put the time to them; the rest is left to the estimate."""
        found, now = {}, time.time()
        for step, work in sorted(works.items(), key=lambda one: -one[1].weight):
            seconds = self.seconds(step, work)
            if seconds is not None:
                found[step] = {**seconds, AT: now}
        self.left += len(works) - len(found)
        return found

    def say(self) -> None:
        """Say how long it took and what failed."""
        if self.machine.kind == "cuda":
            torch.cuda.empty_cache()  # the trainings are made in other processes
        kinds = f"{len(self.taken)} kind{'' if len(self.taken) == 1 else 's'} of steps"
        text = f"Measuring this machine took {time.perf_counter() - self.started:.0f} s ({kinds}"
        click.echo(text + (f"; {self.left} more are estimated)." if self.left else ")."))
        if self.failed:
            click.echo(f"{len(self.failed)} of them could not be measured, the first by {self.failed[0]}", err=True)


@contextmanager
def _as_before(threads: int) -> Iterator[None]:
    """Within it torch computes with so many threads; afterwards random numbers and settings are as before."""
    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        with torch.random.fork_rng():
            torch.set_num_threads(threads)
            yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(strict, warn_only=warns)


def _measure(work: Work, machine: Machine) -> dict[str, float]:
    """Seconds of a crop and the memory, or seconds of a pixel."""
    device, request = choose_device(machine.device), work.table.request
    own = replace(work.recipe, initialisation=None)
    batch = own.optimisation.batch
    if work.training:
        batch = min(batch, max(FEWEST, int(LONGEST[machine.kind] / max(work.estimate, 1e-9))), 128)
        own = own.but(optimisation=replace(own.optimisation, batch=batch))
    samples = _few_people(request.paper, request.table, request.scale, max(batch, 8), SHOWN[machine.kind])
    network = build_network(own, samples.train, device)
    if work.training:
        return training_seconds(own, network, samples, device)
    return {"pixel": evaluation_seconds(own, network, samples, device)}


def _few_people(paper: str, number: int, scale: Scale, train: int, val: int) -> Samples:
    """Drawn people for a table, in silence: so many to train on, and to evaluate."""
    scenes = replace(scale.scenes, train=min(train, 32), val=max(1, val // 4))
    few = replace(scale.of_length(1.0), drawn_train=train, drawn_val=val, scenes=scenes)
    with redirect_stderr(io.StringIO()):
        return table_samples(paper, number, "people", None, few)[0]


def training_seconds(
    recipe: Recipe, network: nn.Module, samples: Samples, device: torch.device, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Seconds of a crop in training, loading and targets included, and on a GPU the bytes at the peak as ``memory``.

    Args:
        recipe: the recipe whose batch is no larger than the samples.
        network: the recipe's.
        samples: the samples to train on.
        device: the device that the network is on.
        clock: gives seconds.
    """
    batch = min(recipe.optimisation.batch, len(samples.train))
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-6, fused=True)
    approach = approach_of(recipe)
    batches = approach.batches(recipe.but(seed=0), samples.train, 0, Residence(device))
    feed = Feed(approach, recipe, samples.train.skeleton, device)
    steps = feed.steps(chain.from_iterable(batches(epoch=epoch, batch=batch) for epoch in count()))
    network.train()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)

    def take() -> None:
        train_step(recipe, network, optimiser, next(steps), feed)

    found = {"crop": _repeated(take, device, clock) / batch}
    if device.type == "cuda":
        found["memory"] = torch.cuda.max_memory_allocated(device)
    return found


@torch.inference_mode()
def evaluation_seconds(
    recipe: Recipe, network: nn.Module, samples: Samples, device: torch.device, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of a pixel that evaluation shows to the network, of whole images without the grouping of their people."""
    network.eval()
    seen: list[int] = []

    def take() -> None:
        seen.clear()
        approach_of(recipe).show(network, samples, recipe, device)

    with pixels_seen(network, seen.append):
        seconds = _repeated(take, device, clock)
    return seconds / sum(seen)


def _repeated(take: Callable[[], None], device: torch.device, clock: Callable[[], float]) -> float:
    """Seconds of what ``take`` does: after a first time, which sets things up, the mean over ``REPEATED`` seconds, or of once."""
    take()
    _wait_for(device)
    started = clock()
    for times in islice(count(1), 64):
        take()
        if device.type == "cuda" and times % 4:  # its steps overlap
            continue
        _wait_for(device)
        if clock() - started >= REPEATED:
            break
    return (clock() - started) / times


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def speeds_of(works: dict[str, Work], known: dict[str, dict[str, float]]) -> Speeds:
    """What is known of steps; the others are taken to miss their estimate by the same factor as the known ones together."""
    crops = {step: one["crop"] for step, one in known.items() if "crop" in one}
    pixels = {step: one["pixel"] for step, one in known.items() if "pixel" in one}
    memory = {step: int(one["memory"]) for step, one in known.items() if "memory" in one}
    return Speeds(crops, pixels, _factor(works, crops), _factor(works, pixels), memory)


def _factor(works: dict[str, Work], known: dict[str, float]) -> float:
    """What the known steps take of their estimate, each as it weighs; 1 where none is known."""
    weighed = {step: works[step] for step in known if step in works and works[step].weight > 0}
    total = sum(work.weight for work in weighed.values())
    if not total:
        return 1.0
    return sum(work.weight * known[step] / work.estimate for step, work in weighed.items()) / total
