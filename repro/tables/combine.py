"""Parts of different papers together: studies that a command or a notebook puts together, each row tried before it is trained."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from repro import paths
from repro.approaches.fit import check_fit
from repro.errors import ReproError
from repro.papers import PAPERS
from repro.papers.recipes import combined, row_of, runnable_rows
from repro.papers.studies import (
    FILE,
    HERE,
    Combination,
    RowName,
    Study,
    find_study,
    keep_in_mind,
    make_study,
    read_study,
)


@dataclass(frozen=True)
class Put:
    """A study that was put together, and the combinations that were left out of it, each with its reason."""

    study: Study
    left_out: tuple[str, ...] = ()


def combinations(
    base: str, parts: Mapping[str, Sequence[str]], *, one_stage: bool = False, name: str = "", question: str = ""
) -> Put:
    """Every combination of the parts that are given, compared with the base.

    Args:
        base: a row, ``cal/8/dark-w32-64x48``.
        parts: the texts of the parts to try, by ``encoder``, ``network``, ``loss`` and ``decoder``; each is combined with each
            of the other kinds.
        one_stage: whether combinations leave a second stage of training out.
        name: the name of the study; empty for one that is made of what is combined.
        question: the question that it answers; empty for none.

    Raises:
        ReproError: where a part cannot be read, or nothing fits: with the reason.
    """
    row = RowName.parse(base)
    recipe, skeleton = row_of(row).recipe, runnable_rows(row.paper, row.table).skeleton
    kinds = [kind for kind, texts in parts.items() if texts]
    rows: dict[str, Combination] = {}
    left_out, reasons = [], []
    for texts in itertools.product(*(parts[kind] for kind in kinds)):
        chosen = dict(zip(kinds, texts, strict=True))
        made = combined(recipe, chosen, one_stage=one_stage)
        try:
            check_fit(made, skeleton)
        except ReproError as error:
            left_out.append(f"{', '.join(texts)}: {error}")
            reasons.append(error)
            continue
        rows[_slug(texts, rows, one_stage=one_stage)] = Combination(row, chosen, one_stage)
    if reasons and not rows:
        raise reasons[0]
    whole = make_study(name or "study", question or _question(row, kinds, one_stage=one_stage), row, rows)
    if not name:
        whole = replace(whole, key=f"study-{hashlib.sha256(whole.text().encode()).hexdigest()[:8]}")
    _check_name(whole.key)
    keep_in_mind(whole)
    return Put(whole, tuple(left_out))


def open_study(given: str) -> Study:
    """The study of a name or of a file. Raises ReproError for none, and for one with a row whose parts do not fit."""
    path = Path(given)
    if path.suffix == ".toml":
        study = read_study(path, path.parent.name if path.name == FILE else path.stem)
        _check_name(study.key)
        standing = (HERE / path.name, *(place / study.key / FILE for place in paths.result_places()))
        if path.resolve() not in {one.resolve() for one in standing}:
            study = replace(study, file=None)
        keep_in_mind(study)
    else:
        found = find_study(given)
        if found is None:
            known = ", ".join(sorted(file.stem for file in HERE.glob("*.toml")))
            raise ReproError(f"There is no study {given!r:.100}: name a file that ends in .toml, or one of {known}.")
        study = found
    check_study(study)
    return study


def check_study(study: Study) -> None:
    """Raise ReproError, naming the row, where the parts of a study's rows do not fit."""
    rows = runnable_rows(study.key, 1)
    for slug, row in rows.rows.items():
        try:
            check_fit(row.recipe, rows.skeleton)
        except ReproError as error:
            raise ReproError(f"Row {slug!r} of the study {study.key}: {error}") from error


def _check_name(name: str) -> None:
    if name in PAPERS and PAPERS.study(name) is None:
        raise ReproError(f"The study cannot be called {name!r}, which is a paper: give it another name.")


def _slug(texts: Sequence[str], taken: Mapping[str, object], *, one_stage: bool) -> str:
    """A short name of a combination that no other has."""
    words = [re.sub(r"[^\w.]+", "-", re.sub(r'\{\s*"type"\s*:\s*', "", text)).strip("-").lower() for text in texts]
    name = "-".join(word[:40] for word in words) or "one-stage"
    name += "-one-stage" if one_stage and texts else ""
    numbered = (f"{name}-{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if one not in taken)


def _question(base: RowName, kinds: Sequence[str], *, one_stage: bool) -> str:
    changed = " and ".join([f"another {kind}" for kind in kinds] + (["one stage"] if one_stage else []))
    return f"What {changed or 'nothing'} does to {base}"
