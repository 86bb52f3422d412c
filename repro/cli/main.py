"""The command line: ``repro reproduce``, ``list``, ``data``, ``results``, ``notebooks``, ``warm-start`` and the experiments.

A command imports what it needs when it runs, so that listing tables does not wait for torch.

A mistake of the user ends in one sentence on stderr and exit code 2, never in a traceback.
"""

from __future__ import annotations

import click

from repro.cli.cluster import job, status, submit
from repro.cli.data import data
from repro.cli.experiments import COMMANDS
from repro.cli.fetch import fetch_command
from repro.cli.gpu_check import gpu_check
from repro.cli.group import Group
from repro.cli.plan import plan
from repro.cli.predict import export, predict
from repro.cli.pretraining import enlarger, warm_start
from repro.cli.reproduce import reproduce
from repro.cli.results import results
from repro.cli.run import run
from repro.cli.runs import runs
from repro.cli.site import site
from repro.cli.tables import list_tables, notebooks
from repro.support.options import say_version
from repro.support.surroundings import settle


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=say_version, help="Show the version."
)
def main() -> None:
    """Reproduce the tables of five papers on heatmap-based human pose estimation."""
    settle()


for command in (
    *(reproduce, run, predict, export, plan, submit, status, job, list_tables, results, runs),
    *(notebooks, site, data, fetch_command),
    *(warm_start, enlarger, gpu_check, *COMMANDS),
):
    main.add_command(command)
