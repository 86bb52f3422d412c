"""The papers: what each claims, and how each row of its tables is run.

A paper of another package is named by the package's import name, as in ``make reproduce PAPER=wide_peaks TABLE=1``; this name
is its key. The package holds what the folders of the papers here hold: ``PAPER`` in ``__init__``, ``TABLES`` in ``rows``,
``reported/table<N>.csv``, and, where it likes, ``notebooks/table<N>.ipynb``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from repro.errors import ReproError
from repro.papers import cal, fowkal, hgr, sahg, skeletal
from repro.papers.spec import Paper


class Papers(Mapping[str, Paper]):
    """Papers by key: those of this package, which are counted, and those of any package that can be imported."""

    def __init__(self, *papers: Paper) -> None:
        self._own = {paper.key: paper for paper in papers}

    def __getitem__(self, key: str) -> Paper:
        """The paper of that key. Raises KeyError where there is none, ReproError where a package's is no paper."""
        return self._own[key] if key in self._own else _imported(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)

    def module(self, key: str) -> str:
        """The name of the package that holds a paper."""
        return f"{__name__}.{key}" if key in self._own else key

    def folder(self, key: str) -> Path:
        """The folder of that package."""
        return Path(str(importlib.import_module(self.module(key)).__file__)).parent


def _imported(key: str) -> Paper:
    """The paper of the package ``key``; KeyError where there is no such package, or it holds no paper."""
    if not key or not all(part.isidentifier() for part in key.split(".")):
        raise KeyError(key)
    try:
        module = importlib.import_module(key)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{key}.".startswith(f"{error.name}."):
            raise KeyError(key) from error
        raise ReproError(
            f"The paper {key} needs the module {error.name!r}, which is not installed: install it."
        ) from error
    paper = getattr(module, "PAPER", None)
    if not isinstance(paper, Paper):
        raise KeyError(key)
    if paper.key != key:
        raise ReproError(
            f"The package {key} holds a paper with the key {paper.key!r}: give it the import name of its package as key."
        )
    return paper


PAPERS = Papers(skeletal.PAPER, cal.PAPER, hgr.PAPER, sahg.PAPER, fowkal.PAPER)
ANY = "the import name of a package that holds a paper"  # what may be given besides their keys
