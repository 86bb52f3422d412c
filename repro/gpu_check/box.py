"""The few files that a check leaves, each replaced in one piece as soon as there is more to keep."""

from __future__ import annotations

import json
import os
import tarfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from repro import paths

PACKED = (
    14_000_000  # bytes of an archive of results: what is brought home from elsewhere is often limited to 16 MiB a file
)


class Box:
    """The few files that a check leaves."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.notes: dict[str, Any] = {}
        self._archives: list[list[Path]] = [[]]
        self._log = (folder / "log.txt").open("a", encoding="utf-8")
        self._started = time.monotonic()
        self._lock = threading.RLock()

    def say(self, text: str) -> None:
        """A line for the log, and for who is looking on."""
        with self._lock:
            self._log.write(f"{time.monotonic() - self._started:7.1f}  {text}\n")
            self._log.flush()
            click.echo(text)

    def note(self, stage: str, **values: Any) -> None:
        """What a stage came to."""
        with self._lock:
            self.notes.setdefault(stage, {}).update(values)
            self._replace("check.json", json.dumps(self.notes, indent=1).encode())

    def add_result(self, folder: Path) -> None:
        """Pack a result folder; a further archive is begun where one would grow too large."""
        with self._lock:
            self._add_result(folder)

    def _add_result(self, folder: Path) -> None:
        self._archives[-1].append(folder)
        name = f"results-{len(self._archives)}.tar.gz"
        packed = _pack(self.folder / f".{name}", self._archives[-1], paths.new_results())
        if packed.stat().st_size > PACKED and len(self._archives[-1]) > 1:
            packed.unlink()
            self._archives[-1].pop()
            self._archives.append([])
            self._add_result(folder)
            return
        os.replace(packed, self.folder / name)

    def add_trainings(self) -> None:
        """Pack what is small of the runs: recipes, logs and metrics, of unfinished ones too."""
        wanted = ("*/recipe.json", "*/log.jsonl", "*/run.json", "*/evaluations/*.json", "weights/*.json")
        files = sorted(file for pattern in wanted for file in paths.runs().glob(pattern))
        files = [file for file in files if self.folder not in file.parents]
        with self._lock:
            os.replace(_pack(self.folder / ".trainings.tar.gz", files, paths.runs()), self.folder / "trainings.tar.gz")

    def _replace(self, name: str, content: bytes) -> None:
        temporary = self.folder / f".{name}"
        temporary.write_bytes(content)
        os.replace(temporary, self.folder / name)


def _pack(target: Path, members: Iterable[Path], root: Path) -> Path:
    """An archive of files and folders, named from a root."""
    with tarfile.open(target, "w:gz") as archive:
        for member in members:
            with suppress(FileNotFoundError):  # of a run that got its final name in between
                archive.add(member, member.relative_to(root))
    return target
