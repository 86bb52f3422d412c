"""What commands are given: options that several have, and how numbers are parsed."""

from __future__ import annotations

import functools
import operator
import os
import re
import tomllib
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import click

from repro import paths
from repro.errors import ReproError

MOST_SEEDS = 100  # a run each, of every row
LARGEST_SEED = 2**64 - 1  # that torch takes

device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1")


def parse_seeds(given: object) -> tuple[int, ...]:
    """The seeds that a text, a whole number or a list of whole numbers names, on the command line or in a notebook.

    Args:
        given: ``0``, ``0,1,2`` or the three seeds ``0-2``, parts separated by commas or spaces; or 0, or [0, 1, 2].

    Raises:
        ReproError: for anything else, an empty part, a range that goes down, a seed that is named twice or is beyond torch's
            range, and for more than MOST_SEEDS.
    """
    if isinstance(given, str):
        seeds = [seed for part in split_parts(given) for seed in _seeds_of(part, given)]
    else:
        several = isinstance(given, (list, tuple, range)) or getattr(given, "ndim", 0) == 1
        seeds = [_whole(seed, given) for seed in (cast(Iterable[object], given) if several else [given])]
    if not seeds or len(set(seeds)) != len(seeds):
        raise _seed_error(given, "at least one number and none twice")
    if len(seeds) > MOST_SEEDS:
        raise _seed_error(given, f"at most {MOST_SEEDS} numbers")
    if not 0 <= min(seeds) <= max(seeds) <= LARGEST_SEED:
        raise _seed_error(given, f"numbers from 0 to {LARGEST_SEED}")
    return tuple(seeds)


def parse_seed(text: str) -> int:
    """One seed. Raises ReproError for anything else."""
    seeds = parse_seeds(text)
    if len(seeds) > 1:
        raise ReproError(f"seed is {text!r:.200}, expected one whole number.")
    return seeds[0]


def _seeds_of(part: str, given: str) -> range:
    """The seeds of ``3`` or ``0-2``."""
    found = re.fullmatch(r"([0-9]{1,20})(?:-([0-9]{1,20}))?", part)
    if not found:
        raise _seed_error(given, "numbers")
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first:
        raise _seed_error(given, f"a range that goes up in place of {part}")
    if last - first >= MOST_SEEDS:
        raise _seed_error(given, f"at most {MOST_SEEDS} numbers")
    return range(first, last + 1)


def _whole(seed: Any, given: object) -> int:
    try:
        return operator.index(cast(Any, None if isinstance(seed, bool) else seed))
    except TypeError:
        raise _seed_error(given, "whole numbers") from None


def _seed_error(given: object, expected: str) -> ReproError:
    return ReproError(f"SEEDS is {given!r:.200}, expected {expected} as in 0 or 0,1,2 or 0-2.")


def split_parts(text: str) -> list[str]:
    """The parts of a text that commas or spaces separate; one that is empty between two commas stays, as ''."""
    return re.split(r"\s*,\s*|\s+", text.strip()) if text.strip() else []


def parse_rows(text: str) -> tuple[str, ...]:
    """Slugs of rows, separated by commas or spaces; none for an empty text. Raises ReproError for an empty or a double one."""
    rows = split_parts(text)
    if "" in rows or len(set(rows)) != len(rows):
        raise ReproError(
            f"ROW is {text!r:.200}, expected slugs of rows separated by commas, none empty and none twice."
        )
    return tuple(rows)


def parse_number(name: str, text: str, low: int, high: int = 10**6) -> int:
    """A whole number from ``low`` to ``high``; ``name`` is for the message. Raises ReproError for anything else."""
    digits = re.fullmatch(r"[0-9]{1,20}", text)
    if not digits or int(text) < low:
        raise ReproError(f"{name} is {text!r:.200}, expected a whole number of at least {low}.")
    if int(text) > high:
        raise ReproError(f"{name} is {text!r}, expected a whole number of at most {high}.")
    return int(text)


def parse_minutes(text: str, length: str) -> float | None:
    """MINUTES as a number above 0, None where it is empty. Raises ReproError for anything else, and beside a LENGTH."""
    if not text.strip():
        return None
    if length.strip():
        raise ReproError(
            f"MINUTES is {text!r:.200} and LENGTH is {length!r:.200}: each of them chooses the length of trainings, give one."
        )
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text.strip()) or float(text) <= 0:
        raise ReproError(f"MINUTES is {text!r:.200}, expected a number above 0 as in 60 or 7.5.")
    return float(text)


def parse_switch(name: str, text: str) -> bool:
    """Whether a variable is 1; empty and 0 are off. Raises ReproError for anything else."""
    if text.strip() not in ("", "0", "1"):
        raise ReproError(f"{name} is {text!r:.200}, expected 1, or nothing.")
    return text.strip() == "1"


def parse_machine(threads: str, jobs: str, workers: str) -> tuple[int, int, int]:
    """THREADS, JOBS and WORKERS. Raises ReproError for what is no number, or more than any machine like this one has use for."""
    most = max(64, 4 * (os.cpu_count() or 1))
    return (
        parse_number("THREADS", threads, 1, most),
        parse_number("JOBS", jobs, 0, most),
        parse_number("WORKERS", workers, 0, most),
    )


def text_of(what: str, given: object) -> str:
    """A notebook's parameter that is text, or a path; '' for None. Raises ReproError for another type."""
    if given is None:
        return ""
    if not isinstance(given, (str, Path)) or "\0" in str(given):
        raise ReproError(f"{what} is {given!r:.200}, expected a text.")
    return str(given)


def optional_path(what: str, given: object) -> Path | None:
    """A path as a user gives it, on the command line or in a notebook; None for an empty one. Raises ReproError."""
    text = text_of(what, given)
    return paths.user_path(what, text) if text else None


def writing(*variables: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator of commands that write, at their end, to folders that variables name: this is tried before they begin."""

    def wrap(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def tried(*arguments: object, **named: object) -> None:
            paths.check_writable(*variables)
            command(*arguments, **named)

        return tried

    return wrap


def check_keep(keep: bool) -> None:
    """Raise ReproError where weights are to be kept in a package that cannot be written."""
    place = paths.ROOT / "repro" / "weights"
    if keep and not os.access(place, os.W_OK):
        raise ReproError(
            f"--keep writes to {place}, which cannot be written: leave it out, or make the folder writable."
        )


def say_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Print the package's version and end, where it was asked for: that of the installed package, or of the checkout."""
    if not asked or context.resilient_parsing:
        return
    try:
        version = metadata.version("repro-pose")
    except metadata.PackageNotFoundError:
        version = tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    click.echo(f"repro, version {version}")
    context.exit()
