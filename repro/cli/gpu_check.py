"""The command ``repro gpu-check``."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

import click

from repro import paths
from repro.errors import ReproError, choice_error
from repro.gpu_check.box import Box
from repro.gpu_check.made import Order, parse_tables, rest_of_tables
from repro.gpu_check.process import Check
from repro.gpu_check.stages import STAGES, go_through

TABLES = "hgr4,fowkal2,cal8:w32,sahg2,skeletal3"


@click.command("gpu-check")
@click.option("--minutes", default="8", show_default=True, help="that all may take")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1")
@click.option("--scale", default="gpu", show_default=True, help="of the tables")
@click.option("--stages", default=",".join(STAGES), show_default=True, help="that are gone through")
@click.option(
    "--tables", default="", help=f"as in hgr4,cal8:w32 (rows with w32 in their name); {TABLES} and the rest when empty"
)
@click.option("--jobs", default="0", show_default=True, help="trainings side by side; 0: 4 on a GPU, 1 on a CPU")
@click.option(
    "--persons", default="0", show_default=True, help="most that are drawn to train on; 0: the scale's number"
)
@click.option("--scenes", default="0", show_default=True, help="most that are drawn to train on; 0: the scale's number")
@click.option("--seeds", default="0", show_default=True, help="of the tables, as in 0 or 0,1,2")
def gpu_check(
    minutes: str, device: str, scale: str, stages: str, tables: str, jobs: str, persons: str, scenes: str, seeds: str
) -> None:
    """Use a GPU's minutes: its tests, its speeds, a warm start, then tables as long as the time allows."""
    from repro.scales.scale import get_scale
    from repro.support.options import parse_number, parse_seeds
    from repro.support.processes import available_cores
    from repro.training.distributed import choose_device

    started = time.monotonic()
    chosen = stages.replace(",", " ").split()
    for stage in chosen:
        if stage not in STAGES:
            raise choice_error("stage", stage, STAGES)
    if not re.fullmatch(r"\d+(\.\d+)?", minutes) or not float(minutes):
        raise ReproError(f"MINUTES is {minutes!r}, expected a positive number as in 8 or 2.5.")
    get_scale(scale)
    wanted = parse_tables(tables or TABLES)
    listed = len(wanted)
    wanted += [] if tables else rest_of_tables(wanted)
    on_gpu = choose_device(device).type == "cuda"
    at_once = parse_number("JOBS", jobs, 0) or (4 if on_gpu else 1)
    order = Order(
        what="", scale=scale, persons=parse_number("PERSONS", persons, 0), scenes=parse_number("SCENES", scenes, 0),
        device="cuda:0" if on_gpu and device == "auto" else device, jobs=at_once,
        workers=max(0, min(12, available_cores() // at_once - 1)) if on_gpu else 0, seeds=parse_seeds(seeds),
    )  # fmt: skip
    seconds = 60 * float(minutes)
    path = os.pathsep.join([str(paths.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was begun is ended too
    folder = Path(os.environ["OUT"]) if os.environ.get("OUT") else paths.runs() / "gpu-check"
    check = Check(Box(folder), started + seconds, seconds, order, environment)
    if not on_gpu:
        check.factors = {"crops": {1: 1.0}, "scenes": {1: 1.0}}
    go_through(check, chosen, wanted, listed)
