"""What commands are given: options that several have, and the reading of numbers."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import click

from repro import paths
from repro.errors import ReproError

device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1")


def parse_seeds(text: str) -> tuple[int, ...]:
    """``0``, ``0,1,2`` or ``3`` seeds as in ``0-2``. Raises ReproError for anything else."""
    seeds: list[int] = []
    for part in text.replace(",", " ").split():
        first, _, last = part.partition("-")
        if not re.fullmatch(r"\d+(-\d+)?", part):
            raise ReproError(f"SEEDS is {text!r}, expected numbers as in 0 or 0,1,2 or 0-2.")
        seeds.extend(range(int(first), int(last or first) + 1))
    if not seeds or len(set(seeds)) != len(seeds):
        raise ReproError(f"SEEDS is {text!r}, expected at least one number and none twice, as in 0 or 0,1,2 or 0-2.")
    return tuple(seeds)


def parse_number(name: str, text: str, low: int) -> int:
    """A whole number of at least ``low``; ``name`` is for the message. Raises ReproError for anything else."""
    if not text.isdecimal() or int(text) < low:
        raise ReproError(f"{name} is {text!r}, expected a whole number of at least {low}.")
    return int(text)


def say_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Print the package's version and end, where it was asked for: that of the installed package, or of the checkout."""
    if not asked or context.resilient_parsing:
        return
    try:
        version = metadata.version("repro-pose")
    except metadata.PackageNotFoundError:
        version = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]["version"]
    click.echo(f"repro, version {version}")
    context.exit()
