"""What a command says at its end of the result folders that it made: their steps, where they lie, and how to open them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from repro import paths
from repro.reporting.folders import committed_manifests, name_of
from repro.tables.last_step import notebook_of

ALIKE = ("paper", "table", "scale", "data")  # fields of manifests whose folders are worth comparing, and their length


def say_result(folder: Path) -> None:
    """Print the table's steps, where its results lie and how to open them."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    click.echo((folder / "table.md").read_text(encoding="utf-8"))
    click.echo(f"{manifest['minutes']} minutes; results in {folder}")
    click.echo("\n".join(ways_to_open(folder, manifest)))


def ways_to_open(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Lines that say how a result folder is opened, compared with the committed one, and kept for git."""
    name, notebook = name_of(folder), notebook_of(manifest["paper"], manifest["table"])
    lines = []
    if paths.CHECKOUT and notebook.is_relative_to(paths.NOTEBOOKS):
        shown = (Path("notebooks") / notebook.relative_to(paths.NOTEBOOKS)).as_posix()
        lines.append(f'To look at it: its notebook.ipynb, or {shown} with folder = "{name}".')
    else:
        lines.append("To look at it: its notebook.ipynb.")
    if paths.is_local(folder):
        if other := _committed(manifest):
            lines.append(f"To compare it with the committed one: repro results diff {other} {name}")
        lines.append("Git ignores it. The same command with KEEP=1 (REPRO_KEEP=1) makes one to commit; nothing is trained anew.")
    return lines


def _committed(manifest: Mapping[str, Any]) -> str:
    """The newest committed folder of the same table, scale, data and length; "" for none."""
    alike = {
        name: one
        for name, one in committed_manifests().items()
        if all(one.get(field) == manifest.get(field) for field in ALIKE) and one.get("length", 1) == manifest.get("length", 1)
    }
    return max(alike, key=lambda name: (alike[name]["created"], name), default="")


def say_where(folders: Iterable[Path]) -> None:
    """Print where the results of several tables lie."""
    click.echo("Results")
    for folder in folders:
        click.echo(f"  {folder.parent.parent.name} {folder.parent.name}  {folder}")
