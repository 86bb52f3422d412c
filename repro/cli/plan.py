"""The command ``repro plan``: what tables would cost, before anything is drawn, trained or handed in."""

from __future__ import annotations

from dataclasses import replace

import click

from repro.cli.asked import given_tables, requests_of, table_options
from repro.cli.reproduce import chosen_machine, read_options

GPU_SCALES = ("gpu", "paper")  # whose GPU-hours are told where no GPU is named


def plan_options() -> list[click.Parameter]:
    """Those of ``reproduce`` but the choice of a length, and GPUs."""
    names = "whose hours are told, as in A100 or H100,V100; several at scales gpu and paper when empty"
    return [*table_options(without=("plan", "minutes")), click.Option(["--gpu"], default="", help=names)]


@click.command("plan", params=plan_options())
def plan(gpu: str, **options: str) -> None:
    """Say what tables would cost: trainings, steps, GPU-hours, memory, disk, and what is complete already."""
    from repro.tables.budget import say_plan
    from repro.tables.gpu_hours import parse_gpus

    gpus = parse_gpus(gpu) if gpu or options["scale"] in GPU_SCALES else []
    given = [replace(one, plan="1") for one in given_tables(options)]
    machine = chosen_machine(given[0], read_options(given[0]))
    say_plan(requests_of(given), machine, gpus)
