"""The commands of a cluster: ``repro submit``, ``repro status``, and ``repro job``, which their batch scripts call."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro import paths
from repro.cli.asked import given_tables, requests_of, table_options
from repro.cli.reproduce import Given, read_options
from repro.errors import ReproError, choice_error
from repro.support.options import parse_number

if TYPE_CHECKING:
    from repro.cluster.submission import Resources, Submission
    from repro.runs.schedule import Machine
    from repro.tables.request import Request

CLUSTERS = ("slurm",)
NOT_HANDED_IN = ("minutes", "plan", "jobs")  # options of ``reproduce`` that a submission has no use for
ON_GPUS = ("gpu", "paper")  # scales whose trainings get a GPU where nothing is said


def _submit_options() -> list[click.Parameter]:
    """The options that say what a training's job gets."""
    texts = {
        "--cluster": ("slurm", "the kind of cluster"),
        "--gpus": ("", "of a training on each node, as 1 or a100:4; 0 at smoke and laptop scale, else 1"),
        "--nodes": ("1", "that one training is spread over"),
        "--processes": ("0", "of a training on each node; 0: one a GPU"),
        "--cpus": ("1", "cores of each process"),
        "--memory": ("", "of each node, as 32G"),
        "--time": ("", "limit of a job, as 24:00:00; a training goes on in a new one"),
        "--partition": ("", "of the cluster"),
        "--plain-partition": ("", "of the jobs that need no GPU"),
        "--account": ("", "that jobs are charged to"),
        "--setup": ("", "lines of the shell before each command, as 'module load cuda'"),
        "--at-once": ("0", "jobs of trainings at most; 0: any number"),
        "--attempts": ("3", "how often a training is handed in whose jobs are killed"),
        "--again": ("", "name of a submission whose trainings that failed are to be tried again"),
    }
    found: list[click.Parameter] = [
        click.Option([name], default=default, show_default=True, help=what) for name, (default, what) in texts.items()
    ]
    option = click.Option(
        ["--option", "more"], multiple=True, help="of sbatch, as --option=--qos=long; any number of times"
    )
    here = click.Option(
        ["--here"], is_flag=True, help="draw people, decode photographs and hand in trainings in this process"
    )
    return [*found, option, here]


@click.command("submit", params=[*table_options(table=False, without=NOT_HANDED_IN), *_submit_options()])
def submit(here: bool, again: str, cluster: str, more: tuple[str, ...], **options: str) -> None:
    """Hand the trainings of tables to a Slurm cluster, and a job that writes their result folders when they are complete.

    A first job draws people or decodes photographs and hands in what is not complete yet, a training a job. `repro status` shows
    how far it is.
    """
    from repro.cluster.submission import Submission, new_name

    if cluster not in CLUSTERS:
        raise choice_error("CLUSTER", cluster, CLUSTERS)
    if again:
        _try_again(again)
        return
    asked = {name: options[name] for name in (one.name for one in fields(Given)) if name in options}
    given = given_tables(asked)
    resources = _resources(options, more)
    requests = requests_of(given)
    if not requests:
        return
    paths.check_writable("REPRO_RUNS", "REPRO_RESULTS", "REPRO_CACHE")
    titles = [request.title for request in requests]
    stored = tuple({one.name: getattr(table, one.name) for one in fields(Given)} for table in given)
    submission = Submission(new_name(titles), stored, resources, str(Path.cwd()))
    _write_scripts(submission)
    click.echo(f"Submission {submission.name}: {', '.join(titles)}; in {submission.place}")
    _first_job(submission, requests, here=here)
    click.echo(f"`repro status {submission.name}` shows how far it is.")


def _resources(options: dict[str, str], more: tuple[str, ...]) -> Resources:
    """What a training's job gets. Raises ReproError for an option that cannot be read."""
    from repro.cluster.submission import Resources

    text = options["gpus"] or ("1" if options["scale"] in ON_GPUS else "0")
    found = re.fullmatch(r"(?:([A-Za-z0-9_.-]+):)?([0-9]{1,3})", text)
    if not found:
        raise ReproError(f"GPUS is {text!r:.200}, expected a number as in 4, or a kind and a number as in a100:4.")
    named = ("memory", "time", "partition", "plain_partition", "account")
    for name in named:
        if re.search(r"\s", options[name]):
            raise ReproError(f"{name.upper()} is {options[name]!r:.200}, expected one word as sbatch takes it.")
    for one in more:
        if not re.fullmatch(r"--?\w[^\n]*", one):
            raise ReproError(f"OPTION is {one!r:.200}, expected an option of sbatch as in --option=--qos=long.")
    return Resources(
        gpus=int(found[2]),
        gpu_kind=found[1] or "",
        nodes=parse_number("NODES", options["nodes"], 1, 1000),
        processes=parse_number("PROCESSES", options["processes"], 0, 1000),
        cpus=parse_number("CPUS", options["cpus"], 1, 1000),
        options=more,
        setup=options["setup"],
        at_once=parse_number("AT_ONCE", options["at_once"], 0),
        attempts=parse_number("ATTEMPTS", options["attempts"], 1, 100),
        **{name: options[name] for name in named},
    )


def _write_scripts(submission: Submission) -> None:
    """Make the folder of a submission."""
    from repro.cluster.scripts import advance_script, train_script

    submission.keep()
    given = (sys.executable, job_environment())
    for name, text in (("train", train_script(submission, *given)), ("advance", advance_script(submission, *given))):
        script = submission.place / f"{name}.sh"
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)


def job_environment() -> dict[str, str]:
    """The variables that jobs are given: the three folders, this package, and what numbers depend on."""
    own = str(paths.ROOT) if (paths.ROOT / "pyproject.toml").exists() else None
    code = os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
    kept = ("OMP_NUM_THREADS", "ONEDNN_MAX_CPU_ISA", "REPRO_CACHE_LIMIT", "REPRO_COMMIT", "REPRO_KEEP")
    return {
        **{name: os.environ[name] for name in kept if os.environ.get(name)},
        **{name: str(folder) for name, folder in paths.folders().items()},
        **({"PYTHONPATH": code} if code else {}),
        "PYTHONUNBUFFERED": "1",
    }


def _first_job(submission: Submission, requests: list[Request], *, here: bool) -> None:
    """Hand in the job that everything begins with, or do its work."""
    from repro.cluster.jobs import advance
    from repro.cluster.slurm import hand_in
    from repro.cluster.submission import Rounds, keep_rounds

    if here:
        advance(submission, requests)
        return
    job = hand_in(submission.place / "advance.sh")
    keep_rounds(submission.place, Rounds([job]))
    click.echo(f"Job {job} reads or draws the samples and hands in the trainings.")


def _try_again(name: str) -> None:
    from repro.cluster.jobs import try_again
    from repro.cluster.submission import read_submission

    click.echo(f"Job {try_again(read_submission(name))} hands in what is not complete.")


@click.command("status")
@click.argument("names", nargs=-1)
def status(names: tuple[str, ...]) -> None:
    """Show how far submissions are: those of NAMES, or the last one."""
    from repro.cluster.status import submission_status
    from repro.cluster.submission import read_submission, submission_names

    for name in names or submission_names()[-1:] or [""]:
        click.echo("\n".join(submission_status(read_submission(name))))


@click.group("job", hidden=True)
def job() -> None:
    """What the jobs of a submission do."""


@job.command("train")
@click.argument("name")
@click.argument("number")
def train_job(name: str, number: str) -> None:
    """Make the training NUMBER of the submission NAME."""
    from repro.cluster.jobs import make_training
    from repro.cluster.submission import read_submission

    submission = read_submission(name)

    def asked() -> tuple[list[Request], Machine]:
        given = _given(submission)
        return requests_of(given), _machine(given[0])

    make_training(submission, parse_number("NUMBER", number, 0), asked)


@job.command("advance")
@click.argument("name")
def advance_job(name: str) -> None:
    """Write the results of the submission NAME that are complete, and hand in the rest."""
    import matplotlib

    from repro.cluster.jobs import advance, failure_told
    from repro.cluster.submission import read_submission

    matplotlib.use("Agg")  # figures go to files
    submission = read_submission(name)
    with failure_told(submission):
        advance(submission, requests_of(_given(submission)))


def _given(submission: Submission) -> list[Given]:
    """What a submission asks for, an option a field."""
    return [Given(**options) for options in submission.options]


def _machine(given: Given) -> Machine:
    """The machine that a job makes its training with."""
    from repro.cli.reproduce import chosen_machine

    found: Any = chosen_machine(given, read_options(given))
    return replace(found, jobs=1)
