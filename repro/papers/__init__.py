"""The papers: what each claims, and how each row of its tables is run.

A paper of another package is named by the package's import name, as in ``make reproduce PAPER=wide_peaks TABLE=1``; this name
is its key. The package holds what the folders of the papers here hold: ``PAPER`` in ``__init__``, ``TABLES`` in ``rows``,
``reported/table<N>.csv``, and, where it likes, ``notebooks/table<N>.ipynb``.

A study (``papers.studies``) is taken for a paper with one table, which nobody has printed; its name is its key.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from repro.errors import ReproError
from repro.papers import cal, fowkal, hgr, sahg, skeletal
from repro.papers.spec import Paper
from repro.papers.studies import Study, find_study


class Papers(Mapping[str, Paper]):
    """Papers by key: those of this package, which are counted, and those of any package that can be imported."""

    def __init__(self, *papers: Paper) -> None:
        self._own = {paper.key: paper for paper in papers}

    def __getitem__(self, key: str) -> Paper:
        """The paper of that key. Raises KeyError where there is none, ReproError where a package's is no paper."""
        if key in self._own:
            return self._own[key]
        study = self.study(key)
        return _imported(key) if study is None else study.paper(self[study.base.paper].table(study.base.table))

    def study(self, key: str) -> Study | None:
        """The study of that name; None where it is that of a paper, or of nothing."""
        return None if key in self._own else find_study(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)

    def module(self, key: str) -> str:
        """The name of the package that holds a paper."""
        return f"{__name__}.{key}" if key in self._own else key

    def folder(self, key: str) -> Path:
        """The folder of that package, or the one that holds a study's file."""
        study = self.study(key)
        if study is not None:
            return study.folder
        return Path(str(importlib.import_module(self.module(key)).__file__)).parent


def module_of_paper(name: str) -> Any:
    """A module of a paper's package, imported.

    Raises:
        ModuleNotFoundError: where there is no such module.
        ReproError: where a module that it needs is not there, or its lines end with an error.
    """
    try:
        return importlib.import_module(name)
    except ReproError:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise
        raise ReproError(
            f"The paper {name.removesuffix('.rows')} needs the module {error.name!r}, which is not installed: install it."
        ) from error
    except (Exception, SystemExit) as error:
        if name.startswith("repro."):
            raise
        raise ReproError(
            f"The module {name} of a paper ends with {type(error).__name__} when it is imported ({error}): mend it."
        ) from error


def _imported(key: str) -> Paper:
    """The paper of the package ``key``; KeyError where there is no such package, or it holds no paper."""
    if not key or not all(part.isidentifier() for part in key.split(".")):
        raise KeyError(key)
    try:
        module = module_of_paper(key)
    except ModuleNotFoundError as error:
        raise KeyError(key) from error
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
