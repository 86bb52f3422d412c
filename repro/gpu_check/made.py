"""What a check makes in processes of their own: a warm start, and one table as long as its seconds allow.

``python -m repro.gpu_check.made '<JSON>'`` does one of them and prints, last, a line that begins with RESULT. Trainings are as
long as the estimate of ``runs.costs`` allows, corrected by what was measured on the device; all rows of a table have the same
length.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from repro.errors import ReproError
from repro.support import processes

STARTING = {"cuda": 25.0, "cpu": 8.0}  # s: processes that train side by side begin, a GPU loads its kernels
WARM_SHARE = 0.6  # of a warm start's seconds, in which it trains: it is read, measured and written in the rest


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a process is to make.

    Args:
        what: ``table``, ``warm`` for a warm start, or ``draw`` for people alone.
        scale: name of the scale.
        persons, scenes: most that are drawn to train on, and a tenth as many to evaluate; 0 for the scale's numbers.
        paper, table, only: the table, and what the slugs of its rows have to contain.
        device, jobs, workers: as of ``repro reproduce``.
        seeds: the seeds of the table's runs.
        seconds: the seconds that a warm start may take.
        rate: crops a second of a warm start.
        compiled: how trainings start a network's kernels, see ``training.device``.
    """

    what: str
    scale: str
    persons: int = 0
    scenes: int = 0
    paper: str = ""
    table: int = 0
    only: str = ""
    device: str = "auto"
    jobs: int = 1
    workers: int = 0
    seeds: tuple[int, ...] = (0,)
    seconds: float = 0.0
    rate: float = 2500.0
    compiled: str = "auto"


def main() -> None:
    """Do what the first argument says."""
    import matplotlib

    matplotlib.use("Agg")
    processes.end_with_parent()
    given = json.loads(sys.argv[1])
    order = Order(**{**given, "seeds": tuple(given.get("seeds", (0,)))})
    try:
        result = {"table": make_table, "warm": make_warm, "draw": draw}[order.what](order)
    except ReproError as error:
        result = {"state": str(error)}
    print(f"RESULT {json.dumps(result)}", flush=True)


def short_scale(order: Order) -> Any:
    """The scale, with no more drawn people than the order wants."""
    from repro.scales.scale import get_scale

    scale = get_scale(order.scale)
    if order.scenes:
        train = _least(scale.scenes.train, order.scenes)
        val = _least(scale.scenes.val, max(8, order.scenes // 10))
        scale = replace(scale, scenes=replace(scale.scenes, train=train, val=val))
    if order.persons:
        val = _least(scale.drawn_val, max(32, order.persons // 10))
        scale = replace(scale, drawn_train=_least(scale.drawn_train, order.persons), drawn_val=val)
    return scale


def _least(number: int | None, most: int) -> int:
    return most if number is None else min(number, most)


def request_of(order: Order, length: float) -> Any:
    """The request of the order's table at a length."""
    from repro.papers.recipes import table_rows
    from repro.tables.request import Request

    rows = table_rows(order.paper, order.table)
    if rows is None:
        raise ReproError(f"Table {order.table} of {order.paper} has no recipes.")
    chosen = tuple(slug for slug in rows.rows if order.only in slug) if order.only else ()
    if order.only and not chosen:
        raise ReproError(f"No row of table {order.table} of {order.paper} has {order.only!r} in its name.")
    scale = short_scale(order).of_length(length)
    return Request(order.paper, order.table, scale, "people", None, order.seeds, chosen)


def draw(order: Order) -> dict[str, Any]:
    """Draw the people of a table: those of its scale's length, and those of a short one, which may be fewer."""
    from repro.scales.lengths import LENGTHS
    from repro.tables.request import plan_tables

    started, counts = time.perf_counter(), []
    for length in (1.0, min(LENGTHS)):
        (planned,) = plan_tables([request_of(order, length)])
        counts += [len(planned.samples.train)] if planned.samples is not None else []
    return {"state": "drawn", "train": counts, "seconds": round(time.perf_counter() - started, 1)}


def make_table(order: Order) -> dict[str, Any]:
    """Train and evaluate a table as long as its seconds allow, and write its result folder.

    Says READY when everything is planned, and waits for a line on its standard input: ``seconds``, its share of the time,
    ``most``, what is left of all, and ``factors``. Says TRAINED when the device is free again.
    """
    from repro.runs.schedule import Machine, make_runs, pending_tasks
    from repro.tables.reproduce import reproduce_tables
    from repro.tables.request import plan_tables
    from repro.training.device import checked_compiled

    machine = Machine(order.device, 1, order.jobs, order.workers, checked_compiled(order.compiled))
    (whole,) = plan_tables([request_of(order, 1.0)])
    if whole.samples is None:
        training, evaluation, tasks = 0.0, 0.0, 0
    else:
        training, evaluation = estimated(whole, machine.kind)
        tasks = len(pending_tasks(whole.recipes.values()))
    print("READY", flush=True)
    told = json.loads(sys.stdin.readline())
    started, seconds = time.perf_counter(), told["seconds"]
    factor, starting = factor_for(told["factors"], min(order.jobs, tasks)), STARTING[machine.kind]
    within, most = (told[name] - starting for name in ("seconds", "most"))
    length = fitting_length(within, most, factor, training, evaluation)
    about = {"length": length, "tasks": tasks, "training": round(training, 1), "evaluation": round(evaluation, 1)}
    about |= {"factor": round(factor, 4), "whole": round(factor * (training + evaluation), 1)}
    if not length:
        return about | {"state": f"not enough time: a whole one takes about {about['whole']:.0f} s"}
    text = f"length {length:g} of {order.scale} in {seconds:.0f} s, a whole one takes about {about['whole']:.0f} s"
    print(f"{order.paper} {order.table}: {text}", flush=True)
    request = request_of(order, length)
    (planned,) = plan_tables([request])
    if planned.opened is not None:
        make_runs(planned.recipes.values(), planned.opened, machine)
    about["made_in"] = round(time.perf_counter() - started, 1)
    if training and about["made_in"] > 2 * starting:
        about["ratio"] = round((about["made_in"] - starting) / factor / (length * training + evaluation), 3)
    print(f"TRAINED {json.dumps(about)}", flush=True)
    (folder,) = reproduce_tables([request], machine)
    about["written_in"] = round(time.perf_counter() - started - about["made_in"], 1)
    return about | {"state": "written", "folder": str(folder)}


def factor_for(factors: dict[str, float], side_by_side: int) -> float:
    """The factor of so many trainings side by side: that of the largest number not above it, else of the smallest."""
    known = {int(count): factor for count, factor in factors.items()}
    below = [count for count in known if count <= side_by_side]
    return known[max(below) if below else min(known)]


def estimated(planned: Any, kind: str) -> tuple[float, float]:
    """Seconds of training and of evaluation that a table's pending runs are estimated to take on a kind of device."""
    from repro.runs.costs import task_cost
    from repro.runs.schedule import pending_tasks

    costs = [task_cost(task, planned.samples, kind) for task in pending_tasks(planned.recipes.values())]
    return sum(c.crops * c.crop for c in costs), sum(c.evaluation for c in costs)


def fitting_length(seconds: float, most: float, factor: float, training: float, evaluation: float) -> float:
    """The largest of ``scales.lengths.LENGTHS`` that fits, 0 for none: ``factor * (length * training + evaluation) <= seconds``.

    The shortest is taken too where it fits in the seconds that are left of all, ``most``. Without anything to train it is 1.
    """
    from repro.scales.lengths import LENGTHS

    if not training:
        return 1.0
    fits = [length for length in LENGTHS if factor * (length * training + evaluation) <= seconds]
    short = [min(LENGTHS)] if factor * (min(LENGTHS) * training + evaluation) <= most else [0.0]
    return max(fits or short)


def make_warm(order: Order) -> dict[str, Any]:
    """Train the warm start of W32, as long as its seconds allow."""
    from repro.models.backbones.hrnet import HRNet
    from repro.pretraining.warm_start import make_warm_start

    started = time.perf_counter()
    scale, crops = short_scale(order), int(WARM_SHARE * order.seconds * order.rate)
    whole = 5 * (scale.drawn_crops or crops)
    scale = replace(scale, drawn_crops=max(1, min(crops, whole) // 5))
    place = make_warm_start(scale, HRNet(), order.device, keep=False)
    manifest = json.loads(place.read_text(encoding="utf-8"))
    seconds = time.perf_counter() - started
    kept = {name: manifest[name] for name in ("pixel_accuracy", "mean_iou", "minutes")}
    return {"state": "made", "crops": min(crops, whole), "seconds": round(seconds, 1), "file": place.name, **kept}


def parse_tables(text: str) -> list[tuple[str, int, str]]:
    """Paper, number and part of the rows' names of each table in a list as ``hgr4,cal8:w32``.

    Raises:
        ReproError: for what is not such a list, or names no table.
    """
    from repro.papers import PAPERS

    found = []
    for one in text.replace(",", " ").split():
        name, _, only = one.partition(":")
        paper = name.rstrip("0123456789")
        number = name[len(paper) :]
        if paper not in PAPERS or not number:
            raise ReproError(f"{one!r} names no table: expected paper and number, as in hgr4 or cal8:w32.")
        PAPERS[paper].table(int(number))
        found.append((paper, int(number), only))
    return found


def rest_of_tables(known: Iterable[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """The tables with recipes that are not among the known ones: those with the fewest rows first."""
    from repro.papers import PAPERS
    from repro.papers.recipes import table_rows

    taken = {(paper, number) for paper, number, _ in known}
    all_tables = [(key, table.number) for key, paper in PAPERS.items() for table in paper.tables]
    rest = {one: rows for one in all_tables if one not in taken and (rows := table_rows(*one)) is not None}
    return [(*one, "") for one in sorted(rest, key=lambda one: len(rest[one].rows))]


if __name__ == "__main__":
    main()
