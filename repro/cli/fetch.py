"""The command ``repro fetch``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from repro.errors import ReproError


@click.command("fetch")
@click.argument("name", default="")
@click.option("--root", default="", help="folder that the files go to")
@click.option("--dry-run", is_flag=True, help="say what would be fetched, and stop")
@click.option("--keep", is_flag=True, help="keep archives after they are unpacked")
def fetch_command(name: str, root: str, dry_run: bool, keep: bool) -> None:
    """Fetch a data set or weights, or one file of them; without a NAME, list what there is.

    A call that broke off is gone on with by the next one.
    """
    from repro.fetch.fetching import chosen, fetch, is_there, state
    from repro.support.options import optional_path

    if not name:
        if root or dry_run or keep:
            raise ReproError("NAME is missing, expected a data set or a file: `repro fetch` lists them.")
        _list()
        return
    bundle, folder = chosen(name), optional_path("root", root)
    if folder is None:
        raise ReproError(f"--root is missing, expected a folder for {name}, as in --root /data/{name}.")
    if folder.exists() and not folder.is_dir():
        raise ReproError(f"--root is {root!r}, which is a file, expected a folder.")
    for item in bundle.items:
        said = state(item, folder)
        if not dry_run and not item.by_hand and not is_there(item, folder):
            click.echo(f"{item.name}: {said}; licence: {item.licence}")
            said = fetch(item, folder, keep=keep)
        click.echo(f"{item.name}: {said}")
    if not dry_run:
        _say_then(
            bundle.then, folder, [item.file for item in bundle.items if item.by_hand and not is_there(item, folder)]
        )


def _say_then(then: str, folder: Path, missing: list[str]) -> None:
    if missing:
        click.echo(f"Fetch by hand, as said above: {', '.join(missing)}. Then:")
    click.echo(then.format(root=shlex.quote(str(folder))))


def _list() -> None:
    from repro.fetch.fetching import BUNDLES
    from repro.fetch.items import written_size

    for bundle in BUNDLES:
        click.echo(f"{bundle.name}: {bundle.what}")
        for item in bundle.items:
            size = written_size(item.expected, exact=item.size is not None)
            where = f"by hand: {item.file} from {item.page}" if item.by_hand else item.url
            click.echo(f"  {item.name}: {item.what}; {size}; {item.licence}")
            click.echo(f"    {where}")
            click.echo(f"    {item.checked}")
    click.echo(
        "repro fetch NAME --root FOLDER fetches a set or one file; no address was opened when this list was made."
    )
