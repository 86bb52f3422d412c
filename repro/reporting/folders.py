"""Result folders: written under a hidden name and renamed when complete, so that one which is there is whole.

New ones go to ``paths.new_results()``. A folder's name is its path relative to the results, as ``cal/table8/<version>`` for a
committed one and ``local/cal/table8/<version>`` for one that git ignores.

The manifest is sealed when the folder is complete, and holds the checksums of the files that are read again (``CHECKED``). Those
of older folders carry none and are taken as they are.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from repro import paths
from repro.errors import ReproError
from repro.support.checkout import known_to_git
from repro.support.locks import Hold, locked, remove_left
from repro.support.sealed import (
    Damaged,
    about_file,
    check_file,
    read_json,
    sealed,
    tell,
    unsealed,
    writable,
    write_json,
)

MOST_NAMED = 4  # folders that a sentence names
KIND = "result folder"  # of the sealed manifest
SEAL = ("kind", "version", "files", "seal")  # fields of a manifest that sealing it adds
CHECKED = ("runs.json", "evidence.npz", "table.csv", "examples.json", "factors.json", "factor_poses.json")
NEEDED: dict[str, Any] = {"paper": str, "table": int, "seeds": list, "rows": (dict, list), "created": str}  # that all have
GIVEN: dict[str, Any] = {"commit": (str, type(None)), "length": (int, float), "data": str}  # that some have
INDEX_COLUMNS = ("folder", "paper", "table", "scale", "data", "seeds", "rows", "created", "commit", "dirty", "minutes")


def table_folder(paper: str, number: int) -> Path:
    """Where new versions of a table go."""
    return paths.new_results() / paper / f"table{number}"


@contextmanager
def new_folder(paper: str, number: int, version: str) -> Iterator[Path]:
    """A folder to fill; it gets its name, and its line in the index, when the block ends without an error.

    Whatever ends the block early, Ctrl-C and a full disk included, the folder is removed. Where another process fills or has
    filled a folder of that version, this one's gets a number: ``folder_name`` tells. What killed processes left is removed.
    """
    root, place = paths.new_results(), table_folder(paper, number)
    with writable(root, "REPRO_RESULTS", "runs are kept and only the folder is made again"):
        with locked(root / ".lock", "the index of results"):
            remove_left(root.glob("*/table*/.*.partial"))
            partial = place / f".{_free_version(place, version)}.{os.getpid()}.partial"
            partial.mkdir(parents=True)
            hold = Hold(partial)
        try:
            yield partial
            seal_folder(partial)
            os.replace(partial, place / folder_name(partial))
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        finally:
            hold.close()
        write_index(root)


def seal_folder(folder: Path) -> None:
    """Seal the manifest of a folder, with the checksums of its files as they are now."""
    file = folder / "manifest.json"
    content = {name: value for name, value in read_json(file).items() if name not in SEAL}
    files = {name: about_file(folder / name) for name in CHECKED if (folder / name).exists()}
    whole = sealed(KIND, {**content, "version": folder_name(folder), "files": files})
    write_json(file, {**content, **{name: whole[name] for name in SEAL}})


def read_manifest(folder: Path, *, named: bool = False) -> dict[str, Any]:
    """The manifest of a result folder.

    Args:
        folder: the folder, which may be a copy under another name unless it is ``named``.
        named: whether the folder must have the name that it was made with.

    Raises:
        Damaged: where the manifest is not there, is none, or does not fit its checksum.
    """
    file = folder / "manifest.json"
    try:
        content = read_json(file)
        if not isinstance(content, dict) or not set(content) >= set(NEEDED) or not _is_typed(content):
            raise Damaged(file, "is no manifest of a result folder")
        identity = {"version": folder_name(folder)} if named else {}
        return unsealed(content, file, KIND, **identity) if set(SEAL) & set(content) else content
    except Damaged as damaged:
        raise Damaged(file, damaged.why, advice=_advice(folder)) from damaged


def _is_typed(manifest: dict[str, Any]) -> bool:
    """Whether the fields that are read have the types that they are written with."""
    return all(isinstance(manifest[name], kind) for name, kind in {**GIVEN, **NEEDED}.items() if name in manifest)


def check_kept(file: Path) -> None:
    """Compare a file of a result folder with its checksum, where the folder has one.

    Raises:
        Damaged: when it does not fit, or the manifest beside it does not.
    """
    manifest = read_manifest(file.parent) if (file.parent / "manifest.json").exists() else {}
    if file.name in manifest.get("files", {}):
        try:
            check_file(file, manifest["files"][file.name])
        except Damaged as damaged:
            raise Damaged(file, damaged.why, advice=_advice(file.parent)) from damaged


def _advice(folder: Path) -> str:
    return f"restore the file, as by `git checkout`, or delete {folder} and reproduce the table again"


def _free_version(place: Path, version: str) -> str:
    """The version, with a number behind it where it is taken: two reproductions often end in the same second."""
    number, name = 1, version
    while (place / name).exists() or any(place.glob(f".{name}.*.partial")):
        number += 1
        name = f"{version}-{number}"
    return name


def folder_name(folder: Path) -> str:
    """The version that a result folder has, or will have when it is complete."""
    name = folder.name
    return name.removeprefix(".").rsplit(".", 2)[0] if name.endswith(".partial") else name


def manifests() -> dict[str, dict[str, Any]]:
    """The manifests of all result folders by the folders' names, local ones last; damaged ones are said and left out."""
    return {name_of(place / name): one for place in paths.result_places() for name, one in _manifests_in(place).items()}


def name_of(folder: Path) -> str:
    """The name of a result folder: its path relative to the results."""
    return folder.relative_to(paths.results()).as_posix()


def _manifests_in(place: Path) -> dict[str, dict[str, Any]]:
    """The manifests of the result folders in one of ``paths.result_places``, by folder relative to it, sorted."""
    found = {}
    for file in sorted(place.glob("*/table*/*/manifest.json")):
        if not file.parent.name.startswith("."):
            try:
                found[file.parent.relative_to(place).as_posix()] = read_manifest(file.parent, named=True)
            except Damaged as damaged:
                tell(damaged, f"the folder is left out; {damaged.advice}")
    return found


def write_index(place: Path) -> None:
    """Write ``index.csv`` of one of ``paths.result_places``, one line a folder, from the manifests that are there."""
    with locked(place / ".lock", "the index of results"):
        index = place / "index.csv"
        for left in place.glob(".index.*"):  # by killed processes: only the one that has the lock writes
            left.unlink(missing_ok=True)
        temporary = index.with_name(f".index.{os.getpid()}.csv")
        try:
            with temporary.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, INDEX_COLUMNS, extrasaction="ignore", lineterminator="\n")
                writer.writeheader()
                for folder, manifest in _manifests_in(place).items():
                    seeds = " ".join(map(str, manifest["seeds"]))
                    writer.writerow({**manifest, "folder": folder, "seeds": seeds, "rows": len(manifest["rows"])})
            os.replace(temporary, index)
        finally:
            temporary.unlink(missing_ok=True)


def committed_manifests() -> dict[str, dict[str, Any]]:
    """The manifests of the folders that git knows (committed or staged); where it knows none, of all that are not local."""
    known = known_to_git(paths.results())
    own = _manifests_in(paths.results())
    return {name: m for name, m in own.items() if not known or f"{name}/manifest.json" in known}


def newest_folder(paper: str, number: int, data: str = "") -> Path:
    """The newest version of a table at its scale's own length, on a data set if one is named and was reproduced, else on any.

    Shorter and longer ones (``scales.lengths``) are shown where they are named.

    Of the versions that git knows (committed or staged), where it knows any results: a reproduction on somebody's machine does
    not change what the committed notebooks show. Raises ReproError when there is none.
    """
    own = {name: m for name, m in committed_manifests().items() if m["paper"] == paper and m["table"] == number}
    own = {name: m for name, m in own.items() if m.get("length", 1) == 1}
    if not own:
        raise ReproError(
            f"Table {number} of {paper} has no result folder: run `make reproduce PAPER={paper} TABLE={number}`."
        )
    own = {name: m for name, m in own.items() if m.get("data") == data} or own
    return paths.results() / max(own, key=lambda name: (own[name]["created"], name))


def find_folder(name: str) -> Path:
    """A result folder by its path, or by its name or the last part of it. Raises ReproError, with how to choose, for another."""
    given = Path(name)
    if (given / "manifest.json").exists():
        return given
    known = manifests()
    matches = [folder for folder in known if folder == name or folder.endswith("/" + name)]
    if len(matches) != 1:
        raise ReproError(_how_to_choose(name, matches, known))
    return paths.results() / matches[0]


def _how_to_choose(name: str, matches: list[str], known: dict[str, dict[str, Any]]) -> str:
    """Why a name names no result folder or several, with the newest of those that it may mean."""
    if not known:
        return f"There is no result folder {name!r:.200}, and none at all yet: run `make reproduce PAPER=skeletal TABLE=3`."
    said = f"{name!r} names {len(matches)} result folders" if matches else f"There is no result folder {name!r:.200}"
    meant = matches or [folder for folder in known if name in folder]
    newest = sorted(meant or known, key=lambda folder: (known[folder]["created"], folder), reverse=True)
    more = f" and {len(newest) - MOST_NAMED} more" if len(newest) > MOST_NAMED else ""
    which = "of these" if matches else f"whose names have {name!r} in them" if meant else "that there are"
    return (
        f"{said}: give one folder of one table, by its name as `repro results list` shows it or by the last part of that. Those "
        f"{which}, the newest first: {', '.join(newest[:MOST_NAMED])}{more}."
    )


def compare_folders(first: Path, second: Path) -> tuple[pd.DataFrame, dict[str, tuple[Any, Any]]]:
    """What differs between two result folders.

    Returns:
        the lines of the two tables side by side where our numbers or verdicts differ, one a row, baseline and metric, so that
        steps which the paper argues for are among them; and the fields of the manifests that differ, as (first, second).

    Raises:
        ReproError: for folders of different tables, and for damaged ones.
    """
    keys = ["row", "baseline", "metric"]
    manifest_a, manifest_b = (_without_seal(read_manifest(folder)) for folder in (first, second))
    tables_of = [f"{one['paper']} table {one['table']}" for one in (manifest_a, manifest_b)]
    if tables_of[0] != tables_of[1]:
        raise ReproError(
            f"{first.name} is of {tables_of[0]} and {second.name} of {tables_of[1]}: give two folders of one table, as "
            "`repro results list` shows them."
        )
    tables = [_read_table(folder / "table.csv")[[*keys, "ours", "spread", "verdict"]] for folder in (first, second)]
    both = tables[0].merge(tables[1], on=keys, how="outer", suffixes=(" A", " B"), sort=False)
    same = _equal(both["ours A"], both["ours B"]) & _equal(both["verdict A"], both["verdict B"])
    changed = both[~same].assign(change=lambda t: t["ours B"] - t["ours A"]).reset_index(drop=True)
    fields = {
        name: (manifest_a.get(name), manifest_b.get(name))
        for name in sorted(set(manifest_a) | set(manifest_b))
        if manifest_a.get(name) != manifest_b.get(name)
    }
    return changed, fields


def _without_seal(manifest: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in manifest.items() if name not in SEAL}


def _read_table(file: Path) -> pd.DataFrame:
    """A ``table.csv``. Raises Damaged when it does not fit its checksum or is no such table."""
    check_kept(file)
    try:
        table = pd.read_csv(file, keep_default_na=False, na_values={"ours": [""], "spread": [""]})
        if "baseline" not in table:
            table["baseline"] = ""
        table[["row", "metric", "ours", "spread", "verdict"]]
    except (OSError, ValueError, KeyError) as error:
        raise Damaged(file, f"cannot be read ({error})", advice=_advice(file.parent)) from error
    return table


def _equal(first: pd.Series, second: pd.Series) -> pd.Series:
    return (first == second) | (first.isna() & second.isna())
