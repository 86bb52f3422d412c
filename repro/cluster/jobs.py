"""What the jobs of a submission do: make one training, or look at what is complete and go on from there."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
import torch

from repro.cluster.progress import ended_epochs
from repro.cluster.slurm import array_limit, array_parts, hand_in, job_states
from repro.cluster.submission import (
    ADVANCE,
    Rounds,
    Submission,
    Training,
    keep_rounds,
    keep_written,
    read_rounds,
    read_written,
    said,
    say,
)
from repro.errors import ReproError
from repro.runs.holds import hold_runs
from repro.runs.run import Task, make_task
from repro.runs.schedule import Machine, pending_tasks
from repro.support import processes
from repro.support.locks import locked
from repro.tables.reproduce import reproduce_tables
from repro.tables.request import PlannedTable, Request, plan_tables
from repro.tables.say_results import say_result
from repro.training.distributed import join_world

MOST_IN_VAIN = 5  # jobs in a row that end no epoch of a training
PLAIN = Machine("cpu", jobs=1)  # that a job without a GPU writes results with


def make_training(submission: Submission, number: int, asked: Callable[[], tuple[Sequence[Request], Machine]]) -> None:
    """Make a training of a submission and evaluate it, going on where an earlier job was stopped.

    Args:
        submission: the submission that it belongs to.
        number: the number of the training.
        asked: gives what the submission asks for, and the machine that it is made with; what it raises counts as the training's.

    Raises:
        ReproError: for an unknown number, and for whatever the training cannot be made for.
    """
    trainings = read_rounds(submission.place).trainings
    if number >= len(trainings):
        raise ReproError(
            f"Submission {submission.name} has no training {number}, expected a number below {len(trainings)}."
        )
    training = trainings[number]
    about: dict[str, Any] = {
        "job": _own_job(),
        "node": socket.gethostname(),
        "since": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "restarts": int(os.environ.get("SLURM_RESTART_COUNT") or 0),
    }
    about |= _since_before(submission, training)
    _tell(submission, training, "begun", **about)
    try:
        _check_progress(about["in_vain"])
        requests, machine = asked()
        _make(training, [requests[table] for table in training.tables], machine)
    except Exception as error:
        _tell(submission, training, "failed", **about, reason=_reason(error))
        raise
    _tell(submission, training, "complete", **about)


def _since_before(submission: Submission, training: Training) -> dict[str, int]:
    """The epochs that have ended, and how many jobs in a row ended none of them: they had been told to have begun, no more."""
    before, epochs = said(submission.place, training.number), ended_epochs(training) or 0
    same = before.get("state") == "begun" and before.get("epochs") == epochs
    return {"epochs": epochs, "in_vain": before.get("in_vain", 0) + 1 if same else 0}


def _check_progress(in_vain: int) -> None:
    """Raise ReproError where job after job ends before an epoch does, as under a short time limit."""
    if in_vain >= MOST_IN_VAIN:
        raise ReproError(
            f"The last {in_vain} jobs of the training ended before an epoch of it, or its evaluation, did: give jobs more time "
            "(--time) in a new submission; what is complete is not made again."
        )


def _own_job() -> str:
    """The number of the job that this process belongs to, as Slurm writes it."""
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array and index else os.environ.get("SLURM_JOB_ID", "")


def _tell(submission: Submission, training: Training, state: str, **about: object) -> None:
    if processes.leads():
        say(submission.place, training.number, state, **about)
        click.echo(f"Training {training.number} ({training.title}): {state} in job {about['job']} on {about['node']}.")


def _reason(error: Exception) -> str:
    text = str(error).strip().splitlines()
    what = text[0] if text else "no more is known"
    return (what if isinstance(error, ReproError) else f"{type(error).__name__}: {what}")[:500]


def _make(training: Training, requests: list[Request], machine: Machine) -> None:
    """Make the training for the first of the requests that still lacks it."""
    hold_runs()
    for table in (tables := plan_tables(requests)):
        recipes = (recipe for one in tables for recipe in one.recipes.values())
        task = next((task for task in pending_tasks(recipes) if task.training.training_key == training.key), None)
        if task is None:
            return
        if any(training.key == key for key in _keys(table)) and table.opened is not None:
            torch.set_num_threads(machine.threads)
            make_task(
                task, table.opened, join_world(machine.device, machine.compiled), machine.workers, lambda crops: None
            )
            return
    raise ReproError(
        f"The training {training.key} is not part of what was asked for: data or code have changed since it was handed in; "
        "hand the tables in again."
    )


def _keys(table: PlannedTable) -> Iterable[str]:
    """The keys of all trainings of a table."""
    for recipe in table.recipes.values():
        yield recipe.training_key
        if recipe.second_stage:
            yield recipe.first_stage.training_key


@contextmanager
def failure_told(submission: Submission) -> Iterator[None]:
    """Within it, what ends the job that goes on with a submission is kept for ``repro status``."""
    try:
        yield
    except Exception as error:
        say(submission.place, ADVANCE, "failed", job=_own_job(), reason=_reason(error))
        raise


def advance(submission: Submission, requests: Sequence[Request]) -> None:
    """Write the result folders of tables whose runs are complete, and hand in the trainings that are still to be made.

    People are drawn, and photographs decoded, before any training is handed in. A training that failed by an error of its own is
    not handed in again; one whose job was killed is, as often as the submission says. A further job of this kind is handed in
    behind them, so that this goes on until nothing is left.

    Args:
        submission: the submission that is advanced.
        requests: what it asks for.

    Raises:
        ReproError: at the end, where trainings are left that are not tried again.
    """
    with locked(submission.place / "lock", f"submission {submission.name}"):
        tables = plan_tables(list(requests))
        _write_tables(submission, tables)
        rounds = read_rounds(submission.place)
        active = {job for job, state in job_states(submission.job_name).items() if state.is_active}
        new, behind, left = _sorted_out(submission, rounds, _pending(rounds, tables), active)
        behind |= set(_hand_in_trainings(submission, new))
        keep_rounds(submission.place, rounds)
        if behind:
            dependency = "--dependency=afterany:" + ":".join(sorted(behind, key=int))
            rounds.advances.append(hand_in(submission.place / "advance.sh", options=[dependency]))
            keep_rounds(submission.place, rounds)
            click.echo(f"{len(new)} trainings are handed in; job {rounds.advances[-1]} goes on behind them.")
    if left and not behind:
        listed = "; ".join(f"{one.number} ({one.title}), {one.log}" for one in left)
        raise ReproError(
            f"{len(left)} trainings are not complete and are not tried again: {listed}. `repro status {submission.name}` tells "
            f"why; mend that, and try them again by `repro submit --again {submission.name}`."
        )


def _write_tables(submission: Submission, tables: Sequence[PlannedTable]) -> None:
    """Write the folders of complete tables, each once."""
    written = read_written(submission.place)
    for table in tables:
        title = table.request.title
        if title in written or pending_tasks(table.recipes.values()):
            continue
        (folder,) = reproduce_tables([table.request], PLAIN)
        if folder is not None:
            say_result(folder)
            keep_written(submission.place, written := {**written, title: str(folder)})


def _pending(rounds: Rounds, tables: Sequence[PlannedTable]) -> list[tuple[Task, Training]]:
    """What is still to be made for tables, each training once."""
    tasks = pending_tasks(recipe for table in tables for recipe in table.recipes.values())
    found = []
    for task in tasks:
        key = task.training.training_key
        of = [number for number, table in enumerate(tables) if key in _keys(table)]
        found.append((task, rounds.training(key, _title(task, tables, of), task.training.epochs.stop, of)))
    return found


def _title(task: Task, tables: Sequence[PlannedTable], of: list[int]) -> str:
    """What a training is for: of the first table that needs it, the rows and seeds."""
    key, table = task.training.training_key, tables[of[0]]
    named = [name for name, recipe in table.recipes.items() if recipe.training_key == key]
    stage = ""
    if not named:
        stage = " (first stage)"
        named = [n for n, r in table.recipes.items() if r.second_stage and r.first_stage.training_key == key]
    rows = dict.fromkeys(row for row, _ in named)
    return f"{table.request.title} {', '.join(rows)} seed {named[0][1]}{stage}"


def _sorted_out(
    submission: Submission, rounds: Rounds, pending: list[tuple[Task, Training]], active: set[str]
) -> tuple[list[Training], set[str], list[Training]]:
    """Of what is pending: what is to be handed in now, the jobs that are waited for, and what is not tried again."""
    new: list[Training] = []
    left: list[Training] = []
    waited: set[str] = set()
    for task, training in pending:
        jobs = active & set(training.jobs)
        if jobs:
            waited |= {job.partition("_")[0] for job in jobs}
            continue
        failed = said(submission.place, training.number).get("state") == "failed"
        may_be_tried = not failed and training.tries < submission.resources.attempts
        (new if may_be_tried and task.is_ready else left).append(training)  # the stage before it comes first
    return new, waited, left


def _hand_in_trainings(submission: Submission, trainings: list[Training]) -> list[str]:
    """Hand in trainings as arrays; returns these."""
    arrays, by_number, own = [], {one.number: one for one in trainings}, submission.resources
    limit = array_limit() if trainings else 1
    for first, indexes in array_parts(by_number, limit):
        at_once = f"%{own.at_once}" if own.at_once else ""
        array = hand_in(submission.place / "train.sh", str(first), options=[f"--array={indexes}{at_once}"])
        arrays.append(array)
        for number in (n for n in by_number if n // limit * limit == first):
            by_number[number].jobs.append(f"{array}_{number - first}")
            by_number[number].tries += 1
    return arrays


def try_again(submission: Submission) -> str:
    """Hand in a submission's next look at what is to be made, with all trainings that failed; returns the job."""
    rounds = read_rounds(submission.place)
    for training in rounds.trainings:
        training.tries = 0
        if said(submission.place, training.number).get("state") == "failed":
            (submission.place / "said" / f"{training.number}.json").unlink()
    rounds.advances.append(hand_in(submission.place / "advance.sh"))
    keep_rounds(submission.place, rounds)
    return rounds.advances[-1]
