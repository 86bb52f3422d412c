"""Which results rest on which runs, by the keys that result folders and the files of experiments hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from repro import paths

_KEY = re.compile(r'"([0-9a-f]{12})"')


class Uses:
    """Where each key of a recipe or a training stands in the results, those of the checkout and those of ``REPRO_RESULTS``."""

    def __init__(self) -> None:
        self.folders: dict[str, set[str]] = {}  # by key; files of experiments count as folders
        self.rows: dict[str, set[str]] = {}  # by key of a recipe, as in skeletal/3/hrnet:0
        for results in {paths.RESULTS, paths.RESULTS / paths.LOCAL, *paths.result_places()}:
            for file in _files(results):
                place = file.parent if file.name == "manifest.json" else file
                local = f"{paths.LOCAL}/" if paths.is_local(results) else ""
                self._read(file, place.relative_to(results).as_posix(), local)

    def _read(self, file: Path, name: str, local: str) -> None:
        """Every key in the text counts, so that what a damaged file names is not taken for unused."""
        text = file.read_text(encoding="utf-8", errors="replace")
        for key in _KEY.findall(text):
            self.folders.setdefault(key, set()).add(local + name)
        for row, key in _recipes(text).items():
            self.rows.setdefault(key, set()).add(f"{name.split('/table')[0]}/{_number(name)}/{row}")

    def folders_of(self, *keys: str) -> list[str]:
        """The result folders, and files of experiments, that name one of the keys."""
        return sorted(set().union(*(self.folders.get(key, set()) for key in keys)))

    def rows_of(self, *keys: str) -> list[str]:
        """The rows whose recipe has one of the keys, as in ``skeletal/3/hrnet:0``."""
        return sorted(set().union(*(self.rows.get(key, set()) for key in keys)))


def _files(results: Path) -> Iterator[Path]:
    yield from results.glob("*/table*/*/manifest.json")
    yield from results.glob("*/*.json")


def _recipes(text: str) -> dict[str, str]:
    """The keys of a manifest's recipes by row and seed, ``hrnet:0``; none of a text that is no manifest."""
    try:
        recipes = json.loads(text)["recipes"]
        return {name.replace(" seed ", ":"): str(key) for name, key in recipes.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _number(name: str) -> str:
    found = re.search(r"/table(\w+)/", f"{name}/")
    return found[1] if found else "?"
