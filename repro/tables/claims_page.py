"""``results/README.md``: what the papers claim, what they print, and what the committed result folders say of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro import paths
from repro.papers import PAPERS
from repro.papers.claims import Claim, ClaimStep, claims_of
from repro.reporting.claims import ON_CLAIMS, UNTRIED, claim_verdict, judged_step
from repro.reporting.folders import committed_manifests
from repro.reporting.labels import shown_label
from repro.reporting.measured import Measured
from repro.reporting.steps import UNJUDGED_SCALES, Step
from repro.reporting.verdicts import VERDICTS
from repro.tables.current import earlier_rule

DRAWN, UNJUDGED = "people", "not judged"
GROUPS = {DRAWN: "drawn people", "": "photographs"}
PAGE = "README.md"
ABOUT = """# What the papers claim, and what these results say of it

Written by `repro results judge` from `repro/papers/*/claims.toml` and the result folders here. *Printed* is the change that the
paper prints between two rows of a table; ours is the same change, with its 95 % interval, in the newest folder in which both rows
were run at the scale's own length. Absolute numbers at a reduced scale or on other data are not the paper's: the sign of a change
is what is compared. Where a metric stands behind ours, it stands in for the claim's own, of which no row reaches much yet.

{steps}

Intervals are over evaluation people and seeds together where the folder keeps evidence of single people. The others say what
they know: *seeds alone* is too narrow by what other people would change, *people alone* (one seed) by another training.
Neither decides, except between two evaluations of one training. *Earlier rule* marks folders whose recipes are no longer those of
their scale; the heading of the table's notebook says what has changed. Notebooks inside folders show verdicts by the rule of the
day when they were made.

A claim is {claims}. A step whose metric is too near zero, and has no other in its place, is not judged and does not count.
"""


@dataclass(frozen=True)
class Shown:
    """A result folder that the page may show.

    Args:
        name: relative to the results.
        scale: the scale with the data set, where it is another than drawn people.
        measured: its runs.
        earlier: whether it is of an earlier rule.
    """

    name: str
    scale: str
    measured: Measured
    earlier: bool


def write_page() -> Path:
    """Write the page of claims and return its path."""
    file = paths.results() / PAGE
    file.write_text(page(), encoding="utf-8")
    return file


def page() -> str:
    """The page of claims, from the result folders that git knows, where it knows any."""
    steps = "\n".join(f"- **{name}**: {meaning}." for name, meaning in VERDICTS.items())
    claims = "; ".join(f"**{name}** where {meaning}" for name, meaning in ON_CLAIMS.items())
    parts, counts = [], []
    manifests = committed_manifests()
    for key, paper in PAPERS.items():
        folders = {number.number: _folders(manifests, key, number.number) for number in paper.tables}
        lines, told = [], []
        for claim in claims_of(key):
            own, verdicts = _claim_lines(claim, folders)
            lines += own
            told.append(verdicts)
        counts += [_count(key, group, [verdicts[group] for verdicts in told if verdicts]) for group in GROUPS]
        parts += [f"## {paper.title} (`{key}`)", "", _as_table(lines), ""]
    return "\n".join([ABOUT.format(steps=steps, claims=claims), _as_table(counts), "", *parts])


def _as_table(lines: list[dict[str, str]]) -> str:
    """A table in Markdown without padding, so that one changed number changes one line."""
    cells = [list(lines[0]), ["---"] * len(lines[0]), *(list(line.values()) for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _count(paper: str, group: str, verdicts: list[str]) -> dict[str, str]:
    counts = Counter(verdicts)
    return {"paper": f"`{paper}`", "claims on": GROUPS[group], **{name: str(counts[name]) for name in ON_CLAIMS}}


def _folders(manifests: dict[str, dict[str, Any]], paper: str, number: int) -> dict[str, list[Shown]]:
    """The folders of a table on drawn people and on photographs, newest first."""
    found: dict[str, list[Shown]] = {group: [] for group in GROUPS}
    own = [(name, m) for name, m in manifests.items() if (m["paper"], m["table"]) == (paper, number)]
    for name, m in sorted(own, key=lambda one: (one[1]["created"], one[0]), reverse=True):
        if m.get("length", 1) != 1 or m["scale"] in UNJUDGED_SCALES:
            continue
        measured = Measured.of_folder(paths.results() / name)
        drawn = m["data"] == DRAWN
        scale = m["scale"] if drawn else f"{m['scale']}, {m['data']}"
        found[DRAWN if drawn else ""].append(Shown(name, scale, measured, bool(earlier_rule(measured.outcome))))
    return found


def _claim_lines(
    claim: Claim, folders: dict[int, dict[str, list[Shown]]]
) -> tuple[list[dict[str, str]], dict[str, str]]:
    """The lines of a claim, one a step, and its verdict by group; no verdicts for a claim that no step tests."""
    says = f"{claim.says} ({claim.where})"
    if not claim.steps:
        heads = [head for name in GROUPS.values() for head in (name, f"verdict on {name}")]
        return [{"claim": says, "step": claim.untested, "printed": "–", **dict.fromkeys(heads, "–")}], {}
    lines: list[dict[str, str]] = []
    verdicts: dict[str, list[str]] = {group: [] for group in GROUPS}
    for place, step in enumerate(claim.steps):
        line = {
            "claim": "" if place else says,
            "step": f"table {step.table}: {step.baseline} → {step.row}",
            "printed": f"{shown_label(step.metric)} " + ("not printed" if step.printed is None else f"{step.printed:+.1f}"),
        }
        for group, name in GROUPS.items():
            cell, told = _cells(step, folders[step.table][group])
            line |= {name: cell, f"verdict on {name}": told}
            if told not in (UNTRIED, UNJUDGED):
                verdicts[group].append(told)
        lines.append(line)
    return lines, {group: claim_verdict(told) for group, told in verdicts.items()}


def _cells(step: ClaimStep, folders: list[Shown]) -> tuple[str, str]:
    """Our change with its interval and folder, and the verdict."""
    for one in folders:
        found = judged_step(one.measured, step)
        if found is not None:
            return _cell(step, found, one), found.verdict or UNJUDGED
    return "–", UNTRIED


def _cell(step: ClaimStep, found: Step, one: Shown) -> str:
    interval = found.interval
    assert interval is not None, "only steps that were run are shown"
    parts = [f"{interval.mean:+.2f}" + ("" if found.label == step.metric else f" {shown_label(found.label)}")]
    if interval.over:
        parts.append(f"[{interval.low:+.2f}, {interval.high:+.2f}]")
    if interval.over != "people and seeds":
        parts.append(f"({interval.over or 'one seed, no interval'})")
    return " ".join(parts) + f" [{one.scale}]({one.name}/table.md)" + (", earlier rule" if one.earlier else "")
