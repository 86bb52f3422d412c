"""The claims of a paper: each a sentence, with the steps of its tables that test it, read from ``<paper>/claims.toml``.

A claim has ``name``, ``says``, ``where`` (section, table or figure of the paper) and either ``steps`` or ``untested``, the
reason why no step tests it. A step has ``table``, ``baseline``, ``row`` and ``metric``, the label of a column, and ``sign`` (+1
or -1) where the paper does not print the change or claims another sign than it prints.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro.errors import ReproError, choice_error
from repro.metrics.catalogue import BESIDE, COUNTED
from repro.papers import PAPERS
from repro.papers.recipes import shown_rows
from repro.papers.spec import printed_value


@dataclass(frozen=True)
class ClaimStep:
    """A step of a table that tests a claim.

    Args:
        table: its number.
        baseline: slug of the row that it starts from.
        row: the slug of the row that it leads to.
        metric: label of the column that the claim speaks of.
        sign: +1 where the claim says that the metric rises, -1 where it falls.
        printed: the printed change; None where either number is not printed.
    """

    table: int
    baseline: str
    row: str
    metric: str
    sign: int
    printed: float | None


@dataclass(frozen=True)
class Claim:
    """A claim of a paper.

    Args:
        name: short, unique in the paper.
        says: the claim in a sentence.
        where: section, table or figure of the paper.
        steps: the steps that test it.
        untested: why none does; empty where some do.
    """

    name: str
    says: str
    where: str
    steps: tuple[ClaimStep, ...]
    untested: str = ""


def claims_of(paper: str) -> list[Claim]:
    """The claims of a paper in the order of its text; none where the package of another paper has no such file.

    Raises:
        ReproError: for an unknown paper or a file that does not fit its tables.
    """
    if paper not in PAPERS:
        raise choice_error("paper", paper, PAPERS)
    file = PAPERS.folder(paper) / "claims.toml"
    return read_claims(paper, file) if paper in list(PAPERS) or file.exists() else []


def read_claims(paper: str, file: Path) -> list[Claim]:
    """The claims in a file, checked against the tables of the paper. Raises ReproError, naming file and claim."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))["claims"]
    except (OSError, ValueError, KeyError) as error:
        raise ReproError(f"{file} does not hold the claims of a paper ({error}): restore the file.") from error
    claims = [_claim(paper, one, f"{file}, claim {one.get('name', number)!r}") for number, one in enumerate(content, 1)]
    for claim in claims:
        if sum(other.name == claim.name for other in claims) > 1:
            raise ReproError(f"{file} names the claim {claim.name!r} twice: make every name unique.")
    return claims


def _claim(paper: str, plain: dict[str, Any], where: str) -> Claim:
    """A claim from its entry."""
    expected = {"name", "says", "where", "untested" if "untested" in plain else "steps"}
    if set(plain) != expected:
        raise ReproError(
            f"{where} has the fields {', '.join(sorted(plain))}: give {', '.join(sorted(expected))}, and either steps or "
            "untested."
        )
    steps = tuple(_step(paper, one, where) for one in plain.get("steps", ()))
    if not steps and not plain.get("untested"):
        raise ReproError(f"{where} has no steps: name some, or say under untested why there are none.")
    return Claim(plain["name"], plain["says"], plain["where"], steps, plain.get("untested", ""))


def _step(paper: str, plain: dict[str, Any], where: str) -> ClaimStep:
    """A step of a claim from its entry; its table, rows and metric exist."""
    missing = {"table", "baseline", "row", "metric"} - set(plain)
    if missing or set(plain) - {"table", "baseline", "row", "metric", "sign"}:
        raise ReproError(f"{where} has a step {plain}: give table, baseline, row, metric and, if need be, sign.")
    number, metric = plain["table"], plain["metric"]
    spec = PAPERS[paper].table(number)
    rows = shown_rows(paper, number).set_index("row")
    for name in ("baseline", "row"):
        if plain[name] not in rows.index:
            raise choice_error(f"{name} of {where}", plain[name], rows.index)
    heads = [c.label for c in spec.columns if c.metric is not None and c.metric not in COUNTED]
    if metric not in heads + [one.label for one in BESIDE]:
        raise choice_error(f"metric of {where}", metric, heads)
    printed = None
    if metric in heads:
        before, after = (printed_value(rows.loc[plain[name], metric]) for name in ("baseline", "row"))
        printed = None if before is None or after is None else round(after - before, 6)
    sign = plain.get("sign", 0 if not printed else (1 if printed > 0 else -1))
    if sign not in (1, -1):
        raise ReproError(f"{where}: the paper prints no change of {metric}, give the step's sign as 1 or -1.")
    return ClaimStep(number, plain["baseline"], plain["row"], metric, sign, printed)
