"""The commands of result folders: ``repro results list``, ``diff`` and ``judge``."""

from __future__ import annotations

from typing import Any

import click


@click.group()
def results() -> None:
    """Result folders: list, compare and judge them."""


@results.command("list")
def list_results() -> None:
    """List the result folders."""
    from repro.reporting.folders import manifests

    found = manifests()
    for name, m in found.items():
        dirty = ", dirty" if m.get("dirty") else ""
        commit = (m.get("commit") or "no git")[:7]
        click.echo(f"{name}  seeds {m['seeds']}  {len(m['rows'])} rows  {_times(m)}  commit {commit}{dirty}")
    if not found:
        click.echo("No result folders yet: run `make reproduce PAPER=skeletal TABLE=3`.")


def _times(manifest: dict[str, Any]) -> str:
    """What the trainings of a folder took in all, whoever made them, and what the command took that wrote it."""
    trained = manifest.get("training_minutes")
    return (f"trained in {trained} min, " if trained is not None else "") + f"command {manifest.get('minutes')} min"


@results.command("diff")
@click.argument("first")
@click.argument("second")
def diff_results(first: str, second: str) -> None:
    """Show what differs between two result folders: numbers, verdicts, provenance."""
    from repro.reporting.folders import compare_folders, find_folder

    changed, fields = compare_folders(find_folder(first), find_folder(second))
    click.echo("Numbers: none differ." if changed.empty else changed.to_string(index=False, na_rep="–"))
    for name, (a, b) in fields.items():
        click.echo(f"{name}:\n  A {a}\n  B {b}")


@results.command("judge")
def judge_results() -> None:
    """Write the tables of the committed folders and results/README.md anew, by today's rules."""
    from repro import paths
    from repro.reporting.folders import committed_manifests
    from repro.reporting.table_files import judge_again
    from repro.tables.claims_page import write_page

    for name in committed_manifests():
        click.echo(f"{name}: {'its table has changed' if judge_again(paths.results() / name) else 'unchanged'}")
    click.echo(f"Written {write_page()}")
