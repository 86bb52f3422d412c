"""The commands of trained runs: ``repro runs list``, ``show`` and ``clean``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from repro.errors import ReproError
from repro.support.wording import counted

if TYPE_CHECKING:
    from repro.reporting.uses import Uses
    from repro.runs.disk import DiskRun

STATE, SHOWN = 28, 3  # width of the column of states, and rows that are named of a run


@click.group()
def runs() -> None:
    """Trained runs: what they take on the disk, what uses them, and removing some."""


@runs.command("list")
def list_runs() -> None:
    """List the trainings with their sizes and the rows that use them, the largest first."""
    from repro import paths
    from repro.reporting.uses import Uses
    from repro.runs.disk import other_bytes, runs_on_disk

    found, uses = runs_on_disk(), Uses()
    for run in found:
        click.echo(f"{run.key}  {_written(run.size):>9}  {_state(run):<{STATE}}  {_used_by(run, uses)}")
    if not found:
        click.echo(f"No trainings in {paths.runs()} yet: run `make reproduce PAPER=skeletal TABLE=3`.")
        return
    kinds = {kind: sum(run.sizes[kind] for run in found) for kind in found[0].sizes}
    listed = ", ".join(f"{kind} {_written(size)}" for kind, size in kinds.items() if size)
    click.echo(f"{counted(len(found), 'training')} in {paths.runs()}, {_written(sum(kinds.values()))}: {listed}.")
    if others := other_bytes():
        click.echo(f"Beside them warm starts, reports and locks: {_written(others)}.")
    size = _spare(found, uses).size
    click.echo(f"`repro runs clean` would free {_written(size)}." if size else "None can be spared.")


@runs.command()
@click.argument("key")
def show(key: str) -> None:
    """Show what a training holds and which results use it; KEY is its name or the beginning of it, or a row.

    A row, as skeletal/3/attention:0 (seed 0 where it is left out), may have several trainings, of several scales: all are shown.
    """
    from repro.reporting.uses import Uses
    from repro.runs.disk import runs_on_disk

    uses = Uses()
    if "/" in key:
        row = key if re.search(r":\d+$", key) else f"{key}:0"
        found = [run for run in runs_on_disk() if row in uses.rows_of(*run.evaluations)]
    else:
        found = [run for run in runs_on_disk() if run.key.startswith(key)]
    if not found or ("/" not in key and len(found) > 1):
        raise ReproError(
            f"{key!r:.200} names {len(found) or 'no'} trainings, expected a row as in skeletal/3/attention:0 or the first digits "
            "of one training: `repro runs list` shows all."
        )
    for run in found:
        _show(run, uses)


def _show(run: DiskRun, uses: Uses) -> None:
    """Print what a training holds."""
    click.echo(f"{run.place}\n  {run.about}\n  {_state(run)}{', a process works on it' if run.locked else ''}")
    if run.seconds is not None:
        click.echo(f"  trained in {run.seconds / 60:.1f} minutes, {len(run.evaluations)} evaluations")
    for kind, size in run.sizes.items():
        click.echo(f"  {kind:<12}{_written(size):>9}")
    for title, names in (
        ("rows", uses.rows_of(*run.evaluations)),
        ("results", uses.folders_of(run.key, *run.evaluations)),
    ):
        click.echo(f"  {title}: {', '.join(names) or 'none'}")


@runs.command()
@click.option("--snapshots", "only_snapshots", is_flag=True, help="remove weights of between alone, runs stay")
@click.option("--unused", "only_unused", is_flag=True, help="remove complete runs that no result needs alone")
@click.option(
    "--unfinished", is_flag=True, help="remove trainings that have not ended too; they cannot be gone on with"
)
@click.option("--yes", is_flag=True, help="do not ask")
def clean(only_snapshots: bool, only_unused: bool, unfinished: bool, yes: bool) -> None:
    """Remove runs that no result folder needs, and the weights of between of those that stay.

    Numbers stay: only learning curves of rows that are evaluated later, with a training that is there, get shorter. Nothing is
    removed that a process works on, nothing at all while one makes runs.
    """
    from repro import paths
    from repro.reporting.uses import Uses
    from repro.runs.disk import drop_snapshots, remove_halves, remove_run, runs_on_disk
    from repro.runs.holds import runs_alone

    if not paths.runs().is_dir():
        click.echo(f"There is nothing to remove: {paths.runs()} does not exist.")
        return
    both = only_snapshots == only_unused
    with runs_alone():
        remove_halves()
        found = [run for run in runs_on_disk() if not run.locked]
        spare = _spare(found, Uses(), both or only_snapshots, both or only_unused, unfinished)
        if not spare.size:
            click.echo("There is nothing to remove.")
            return
        spare.say()
        if not yes:
            click.confirm(f"Remove {_written(spare.size)}?", abort=True)
        freed = sum(map(remove_run, spare.runs)) + sum(map(drop_snapshots, spare.thinned))
    click.echo(f"{_written(freed)} were freed.")


@dataclass(frozen=True)
class Spare:
    """What can be removed: whole runs, and the snapshots of others."""

    runs: list[DiskRun]
    thinned: list[DiskRun]

    @property
    def size(self) -> int:
        """Bytes of all of it."""
        return sum(run.size for run in self.runs) + sum(run.sizes["snapshots"] for run in self.thinned)

    def say(self) -> None:
        """Name it."""
        for run in self.runs:
            click.echo(f"{run.key}  {_written(run.size):>9}  {_state(run):<{STATE}}  {run.about}")
        if self.runs:
            minutes = sum(run.seconds or 0 for run in self.runs) / 60
            click.echo(f"{counted(len(self.runs), 'run')} that no result needs; training took {minutes:.1f} minutes.")
        if self.thinned:
            size = sum(run.sizes["snapshots"] for run in self.thinned)
            click.echo(f"Snapshots kept of {counted(len(self.thinned), 'run')}: {_written(size)}.")


def _spare(
    found: list[DiskRun], uses: Uses, snapshots: bool = True, unused: bool = True, unfinished: bool = False
) -> Spare:
    """What can be removed of these runs: of snapshots, of complete runs that no result needs, of unfinished ones."""
    from repro.runs.disk import spare_snapshots

    needless = [
        run
        for run in found
        if (unused and run.complete and not uses.folders_of(run.key, *run.evaluations))
        or (unfinished and not run.complete)
    ]
    staying = [run for run in found if run not in needless]
    return Spare(needless, [run for run in staying if spare_snapshots(run)] if snapshots else [])


def _state(run: DiskRun) -> str:
    if run.complete:
        return "complete"
    return f"unfinished, {run.epochs}{f' of {run.recipe.epochs.stop}' if run.recipe else ''} epochs"


def _used_by(run: DiskRun, uses: Uses) -> str:
    """The rows, or else the results, that a training is used by; else what it is of."""
    names = uses.rows_of(*run.evaluations) or uses.folders_of(run.key, *run.evaluations)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else f"no result; {run.about}"


def _written(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
