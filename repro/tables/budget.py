"""What a command costs here, before it begins: the length that fits a number of minutes, what other lengths take, and its plan.

Estimates for a choice of length count everything as still to be made, so that the same command, given again after an
interruption, chooses the same length and goes on with the same runs. They leave out the drawing of people.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from repro import paths
from repro.data.drawn.cache import PictureSet, is_complete
from repro.data.drawn.crops import crop_image_size
from repro.data.persons import ImageFiles
from repro.errors import ReproError
from repro.recipe import Recipe
from repro.runs.costs import WRITTEN, shaped_network
from repro.runs.run import is_trained
from repro.runs.schedule import Machine, pending_seconds
from repro.runs.speeds import UNMEASURED, Speeds, training_step
from repro.scales.lengths import LENGTHS, written
from repro.scales.scale import Scale
from repro.support import processes
from repro.support.wording import counted
from repro.tables.gpu_hours import GPU, Pending, basis_text, hours_text, memory_text, pending_work
from repro.tables.measuring import TINY, measured_speeds
from repro.tables.plan import drawn_sets, lacks_boxes
from repro.tables.request import Numbers, PlannedTable, Request, outline_tables, plan_tables
from repro.training.loop import snapshot_epochs

BESIDE = 1.1  # what a training takes longer beside others on cores of their own
PICTURE_BYTES = 0.35  # a pixel of a drawn picture, with its body parts and labels


def table_seconds(tables: Iterable[PlannedTable], machine: Machine, speeds: Speeds) -> list[float]:
    """The seconds that each table takes, what it shares with those before it left out, with its result folder.

    Trainings that share a GPU, or have fewer cores than threads, are taken to share its time too.
    """
    own = [(table.recipes.values(), table.samples) for table in tables]
    jobs = machine.side_by_side
    alone = pending_seconds(own, machine.kind, 1, speeds)
    beside = pending_seconds(own, machine.kind, jobs, speeds)
    slower = _slow_down(machine) if jobs > 1 else 1.0
    return [min(one, slower * several) + WRITTEN for one, several in zip(alone, beside, strict=True)]


def _slow_down(machine: Machine) -> float:
    devices = machine.devices()
    if machine.kind == "cuda":
        return len(devices) / len(set(devices))
    return BESIDE * max(1.0, len(devices) * machine.threads / processes.available_cores())


def length_seconds(requests: list[Request], machine: Machine, speeds: Speeds) -> dict[float, float]:
    """The seconds that a command takes at each length, when nothing of it is made yet."""
    found = {}
    for length in LENGTHS:
        asked = [replace(request, scale=request.scale.of_length(length)) for request in requests]
        found[length] = sum(table_seconds(outline_tables(asked), machine, speeds))
    return found


def fitting_length(requests: list[Request], machine: Machine, minutes: float) -> float:
    """The largest length that is estimated to fit; says so.

    Raises:
        ReproError: where not even the shortest fits, with what that takes, and at ``paper`` scale.
    """
    if any(request.scale.name == "paper" for request in requests):
        raise ReproError("MINUTES chooses a length of trainings, which scale paper prints: leave MINUTES out.")
    seconds = length_seconds(requests, machine, measured_speeds(outline_tables(requests), machine))
    fits = [length for length, needed in seconds.items() if needed <= 60 * minutes]
    if not fits:
        short = min(LENGTHS)
        raise ReproError(
            f"MINUTES is {minutes:g}, and the shortest trainings, LENGTH={written(short)}, take about "
            f"{said_minutes(seconds[short])} here: give more, fewer tables or rows (PAPER, ROW), or that LENGTH itself."
        )
    chosen = max(fits)
    if processes.leads():
        click.echo(
            f"MINUTES={minutes:g}: trainings of length {written(chosen)}, about {said_minutes(seconds[chosen])} here."
        )
    return chosen


def say_costs(tables: list[PlannedTable], machine: Machine, speeds: Speeds, *, advise: bool) -> None:
    """Say what is still to be made takes here and, asked for advice, what all would with other lengths; silent for little.

    Args:
        tables: the tables of a command.
        machine: the machine that they are made with.
        speeds: the speeds of the machine.
        advise: whether other lengths are told, which scale ``paper`` has none of.
    """
    pending = sum(table_seconds(tables, machine, speeds))
    if not processes.leads() or pending < TINY + WRITTEN * len(tables):
        return
    click.echo(f"About {said_minutes(pending)} here{f', {machine.side_by_side} at once' if machine.side_by_side > 1 else ''}.")
    if not advise or any(table.request.scale.name == "paper" for table in tables):
        return
    for length, needed in length_seconds([table.request for table in tables], machine, speeds).items():
        if length != 1:
            click.echo(f"  with LENGTH={written(length)} all would take about {said_minutes(needed)}")


def say_plan(requests: list[Request], machine: Machine, gpus: Sequence[GPU] = ()) -> None:
    """Say what a command would do: tables, trainings, what is complete of them, steps, time, disk and memory; trains nothing.

    People that are not drawn yet stay so, and photographs that were never read too: then nothing counts as complete.

    Args:
        requests: the tables.
        machine: the machine that they would be made with; scale ``paper`` is told in GPU-hours alone, and nothing is measured
            for it.
        gpus: the GPUs that hours are told for.
    """
    undrawn = _still_drawn(requests)
    known = not undrawn
    tables = plan_tables(requests, decode=False) if known else outline_tables(requests)
    unread = [table.request.title for table in tables if _is_unread(table)]
    printed = any(request.scale.name == "paper" for request in requests)
    speeds = UNMEASURED if printed else measured_speeds(tables, machine)
    seconds = [] if printed else table_seconds(tables, machine, speeds)
    if not processes.leads():
        return
    work = pending_work(tables) if gpus else []
    shown: set[str] = set()
    total = 0
    for number, table in enumerate(tables):
        trained = [one for one in table.recipes.values() if one.weights is None]
        stages = {stage.training_key: stage for one in trained for stage in one.stages}
        new = {key: stage for key, stage in stages.items() if key not in shown}
        shown |= set(new)
        pending = [stage for stage in new.values() if not (known and is_trained(stage))]
        disk = sum(run_bytes(stage, table) for stage in pending)
        total += disk
        text = _plan_text(table, stages, new, pending, speeds)
        here = [f"about {said_minutes(seconds[number])}"] if seconds else []
        click.echo(f"{table.request.title}: {', '.join([*text, *here, said_bytes(disk)])}")
        _say_hours(work[number] if work else [], gpus, "  ")
        if lacks_boxes(*_asked(table.request)):
            click.echo("  To be made it needs BOXES, a detector's file, whose boxes are more than the persons counted here.")
    everything = [one for own in work for one in own]
    here = [f"about {said_minutes(sum(seconds))} here"] if seconds else []
    click.echo(f"In all {', '.join([*here, f'{said_bytes(total)} in {paths.runs()}'])}.")
    if everything:
        _say_hours(everything if len(tables) > 1 else [], gpus, "")
        click.echo(basis_text(everything))
    if unread:
        click.echo(f"Photographs of {', '.join(unread)} were never read here; what is complete already is known then.")
    if undrawn:
        drawing = sum(map(picture_bytes, undrawn))
        click.echo(
            f"People have to be drawn first, about {said_bytes(drawing)} in {paths.cache()}; what is complete already is known "
            "then."
        )


def _is_unread(table: PlannedTable) -> bool:
    """Whether a table is run on photographs that nobody has looked at, so that its recipes do not name their content."""
    samples = table.samples
    if samples is None or isinstance(samples, Numbers):
        return False
    sources = [getattr(part, "images", None) for part in (samples.train, samples.val)]
    return any(isinstance(one, ImageFiles) and one.digests is None for one in sources)


def _asked(request: Request) -> tuple[str, int, Scale, str, Path | None, tuple[str, ...]]:
    return request.paper, request.table, request.scale, request.data, request.boxes, request.rows


def _say_hours(pending: Sequence[Pending], gpus: Sequence[GPU], indent: str) -> None:
    """Hours on GPUs, and their memory, of what is pending; silent for nothing."""
    if pending:
        said = filter(None, (hours_text(pending, gpus), memory_text(pending, gpus)))
        click.echo(f"{indent}GPU-hours: {'; '.join(said)}")


def _plan_text(
    table: PlannedTable, stages: dict[str, Recipe], new: dict[str, Recipe], pending: list[Recipe], speeds: Speeds
) -> list[str]:
    """Runs, trainings, steps and memory of a table."""
    if not table.recipes:
        return ["counts alone, nothing is trained"]
    steps = sum(len(stage.epochs) * (stage.samples.train_count // stage.optimisation.batch) for stage in pending)
    parts = [f"{counted(len(table.recipes), 'run')} from {counted(len(stages), 'training')}"]
    if given := sum(one.weights is not None for one in table.recipes.values()):
        parts.append(f"{given} evaluated with given weights")
    if len(new) < len(stages):
        parts.append(f"{len(stages) - len(new)} shared with tables before")
    if len(pending) < len(new):
        parts.append(f"{len(new) - len(pending)} complete already")
    parts.append(counted(steps, "step"))
    skeleton = table.counted.val.skeleton
    memory = [speeds.memory.get(training_step(stage, skeleton), 0) for stage in pending]
    if any(memory):
        parts.append(f"up to {said_bytes(max(memory))} of GPU memory each")
    return parts


def _still_drawn(requests: list[Request]) -> list[PictureSet]:
    """The sets of pictures that requests need and that are not drawn yet, each once."""
    needed = [one for r in requests for one in drawn_sets(r.paper, r.table, r.data, r.scale)]
    missing = {one.folder: one for one in needed if not is_complete(one.folder, one.description())}
    return list(missing.values())


def picture_bytes(pictures: PictureSet) -> float:
    """What a set of drawn pictures takes on disk, about."""
    width, height = crop_image_size(pictures.size) if pictures.kind == "crop" else pictures.size
    return pictures.count * width * height * PICTURE_BYTES


def run_bytes(recipe: Recipe, table: PlannedTable) -> int:
    """What a training leaves on disk: weights at its end and those of its snapshots."""
    network = shaped_network(recipe.method.network, table.counted.val.skeleton)
    weights = sum(value.numel() * value.element_size() for value in network.state_dict().values())
    return weights * (1 + len(snapshot_epochs(recipe.epochs)))


def said_minutes(seconds: float) -> str:
    """As ``40 seconds``, ``12 minutes``, ``3.5 hours`` or ``4 days``."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"


def said_bytes(number: float) -> str:
    """As ``12 MB`` or ``3.4 GB``."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{math.ceil(number / 1e6)} MB"
