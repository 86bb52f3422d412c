"""The command ``repro reproduce``: what is asked for is read, planned and made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from repro.cli.group import end_orderly
from repro.errors import ReproError, choice_error
from repro.scales.lengths import parse_length, written
from repro.support import processes
from repro.support.options import (
    device_option,
    optional_path,
    parse_machine,
    parse_minutes,
    parse_number,
    parse_rows,
    parse_seeds,
    parse_switch,
)

if TYPE_CHECKING:
    from repro.runs.schedule import Machine
    from repro.tables.request import Request


@dataclass(frozen=True)
class Given:
    """The options as they are given, an option a field."""

    paper: str
    table: str
    rows: str
    scale: str
    length: str
    minutes: str
    plan: str
    data: str
    data_root: str
    boxes: str
    seeds: str
    start: str
    starts: str
    weights: str
    device: str
    threads: str
    jobs: str
    workers: str
    compiled: str
    skeleton: str = ""


@dataclass(frozen=True)
class Asked:
    """What can be read of the options without torch."""

    number: int
    papers: list[str]
    seeds: tuple[int, ...]
    rows: tuple[str, ...]
    length: float
    minutes: float | None
    plan: bool
    threads_jobs_workers: tuple[int, int, int]


@click.command()
@click.option(
    "--paper", default="", help="key of the paper, or your package that holds one; all that have this table when empty"
)
@click.option("--table", required=True, help="number of the table")
@click.option("--row", "rows", default="", help="slugs of rows, separated by commas; all when empty")
@click.option("--scale", default="laptop", show_default=True, help="smoke, laptop, gpu or paper")
@click.option(
    "--length", default="", help="of all trainings: 1/8, 1/4, 1/2, 1, 2, 4 or 8 times the scale's; 1 when empty"
)
@click.option("--minutes", default="", help="that all may take here: the largest length that fits is taken")
@click.option(
    "--plan", default="", is_flag=False, flag_value="1", help="say what would be made, with its costs, and stop"
)
@click.option("--data", default="people", show_default=True, help="name of the data set")
@click.option("--data-root", default="", help="folder of the data set")
@click.option("--skeleton", default="", help="TOML on own keypoints, of --data coco-format")
@click.option(
    "--boxes", default="", help="detector's file in COCO's result format, for tables evaluated with its boxes"
)
@click.option("--seeds", default="0", show_default=True, help="as in 0 or 0,1,2 or 0-2")
@click.option(
    "--start", default="warm", show_default=True, help="warm, random, a checkpoint, or w32=file,w48=file,r50=random"
)
@click.option("--starts", default="", help="folder with a checkpoint a backbone, in place of --start")
@click.option("--weights", default="", help="row=file,row=file or a folder: rows that are evaluated and not trained")
@device_option
@click.option("--threads", default="1", show_default=True, help="threads a training computes with on a CPU")
@click.option("--jobs", default="0", show_default=True, help="trainings side by side; 0: one a core or GPU")
@click.option("--workers", default="0", show_default=True, help="processes a training reads images with")
@click.option(
    "--compile", "compiled", default="off", show_default=True, help="off, auto, graphs (on a GPU) or inductor"
)
def reproduce(**options: str) -> None:
    """Train and evaluate the rows of a table, of one paper or of all that have it, and write their result folders."""
    given = Given(**options)
    asked = read_options(given)
    machine = chosen_machine(given, asked)
    requests = asked_requests(given, asked)
    if requests and asked.minutes is not None:
        requests = _fitted(requests, machine, asked.minutes)
    if requests and processes.leads():
        _say_asked(given, requests)
    if asked.plan:
        from repro.tables.budget import say_plan
        from repro.tables.gpu_hours import parse_gpus

        say_plan(requests, machine, parse_gpus("") if given.scale in ("gpu", "paper") else ())
    else:
        _make(requests, machine, advise=not (given.length or given.minutes))


def read_options(given: Given) -> Asked:
    """What is asked for. Raises ReproError for an option that cannot be read."""
    if not given.table.strip():
        raise ReproError("TABLE is missing: name one as in TABLE=2; `repro list` shows all.")
    number = parse_number("TABLE", given.table, 1, 99)
    return Asked(
        number=number,
        papers=papers_with(given.paper, number),
        seeds=parse_seeds(given.seeds),
        rows=parse_rows(given.rows),
        length=parse_length(given.length or 1),
        minutes=parse_minutes(given.minutes, given.length),
        plan=parse_switch("PLAN", given.plan),
        threads_jobs_workers=parse_machine(given.threads, given.jobs, given.workers),
    )


def chosen_machine(given: Given, asked: Asked) -> Machine:
    """The machine that runs are made with. Raises ReproError for a scale, data set or device that does not exist."""
    from repro.data.catalogue import data_set
    from repro.runs.schedule import Machine
    from repro.scales.scale import get_scale
    from repro.training.device import checked_compiled
    from repro.training.distributed import choose_device

    get_scale(given.scale)
    machine = Machine(given.device, *asked.threads_jobs_workers, checked_compiled(given.compiled))
    data_set(given.data)
    choose_device(given.device)
    processes.check_started()
    return machine


def asked_requests(given: Given, asked: Asked) -> list[Request]:
    """A request for each paper's table that has recipes; tables without are said. Raises ReproError for what cannot be made."""
    from repro.data.catalogue import skeleton_given
    from repro.papers.recipes import table_rows
    from repro.scales.scale import get_scale
    from repro.tables.given import with_given
    from repro.tables.request import Request, check_requests

    scale = get_scale(given.scale).of_length(asked.length)
    root, boxes = optional_path("DATA_ROOT", given.data_root), optional_path("BOXES", given.boxes)
    skeleton = skeleton_given(given.data, root, optional_path("SKELETON", given.skeleton))
    requests = []
    for key in asked.papers:
        if table_rows(key, asked.number) is not None:
            where = (key, asked.number, scale, given.data, root, asked.seeds, asked.rows)
            requests.append(Request(*where, boxes=boxes, skeleton=skeleton))
            continue
        text = f"{key} table {asked.number}: not yet reproducible, no row of it has a recipe."
        if given.paper:
            raise ReproError(text + " `repro list` shows the tables that have.")
        click.echo(text)
    if not requests:
        return []
    check_requests(requests, planned=asked.plan)
    return with_given(requests, start=given.start, starts=given.starts, weights=given.weights, planned=asked.plan)


def _fitted(requests: list[Request], machine: Machine, minutes: float) -> list[Request]:
    """The requests at the largest length of their trainings that fits into so many minutes."""
    from repro.tables.budget import fitting_length

    length = fitting_length(requests, machine, minutes)
    return [replace(request, scale=request.scale.of_length(length)) for request in requests]


def _say_asked(given: Given, requests: list[Request]) -> None:
    scale, names = requests[0].scale, ", ".join(request.paper for request in requests)
    at = "" if scale.length == 1 else f" at length {written(scale.length)}"
    click.echo(
        f"Table {requests[0].table} of {names} on {given.data}, scale {scale.name}{at} ({scale.description}), "
        f"seeds {given.seeds}"
    )


def _make(requests: list[Request], machine: Machine, *, advise: bool) -> None:
    """Make the tables and say where their results lie."""
    import matplotlib

    from repro.tables.last_step import check_notebooks
    from repro.tables.reproduce import reproduce_tables
    from repro.tables.say_results import say_result, say_where

    end_orderly()
    matplotlib.use("Agg")  # figures go to files; a notebook that reproduces keeps its own way of showing them
    folders = []
    for folder in reproduce_tables(requests, machine, advise=advise):
        if folder is not None:
            say_result(folder)
            folders.append(folder)
    if len(folders) > 1:
        say_where(folders)
    check_notebooks(folders)


def papers_with(paper: str, number: int) -> list[str]:
    """The papers asked for that have a table of this number. Raises ReproError for none."""
    from repro.papers import ANY, PAPERS

    if paper and paper not in PAPERS:
        raise choice_error("PAPER", paper, (*PAPERS, ANY))
    if paper:
        PAPERS[paper].table(number)
        return [paper]
    have = [key for key, p in PAPERS.items() if number in {t.number for t in p.tables}]
    if not have:
        raise choice_error("TABLE", number, sorted({t.number for p in PAPERS.values() for t in p.tables}))
    return have
