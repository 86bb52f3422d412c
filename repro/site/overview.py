"""The first page and the pages of the papers: every table, what it shows, its steps with their verdicts, data and scale."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from repro.papers import PAPERS
from repro.papers.spec import Paper
from repro.reporting.labels import typeset
from repro.reporting.outcome import Outcome
from repro.site.markdown import cell, pipe_table, toctree, verdict_text
from repro.site.table_page import page_name
from repro.tables.view import TableView

HEADS = ("Table", "What it shows", "Data, scale, seeds", "A step: printed, ours", "Steps judged")


def step_text(view: TableView) -> str:
    """The first step that is judged: its rows, metric, change in the paper and ours with its interval."""
    steps = view.steps()
    if steps.empty:
        return ""
    first = steps.iloc[0]
    interval = f" {first['95 % interval']}" if str(first["95 % interval"]).startswith("[") else ""
    said = f"{first['step']}, {first['metric']}: {first['printed']}, {first['ours']}{interval}"
    return f"{typeset(cell(said))} {verdict_text(first['verdict'])}"


def steps_text(view: TableView) -> str:
    """How many steps of a table have which verdict."""
    steps = view.steps()
    if steps.empty:
        return "counts alone" if not view.outcome.runs else "none"
    counts = Counter(steps["verdict"])
    return ", ".join(f"{count} {verdict_text(verdict)}" for verdict, count in counts.items())


def made_with(outcome: Outcome) -> str:
    """Data, scale and seeds of an outcome in a few words."""
    if not outcome.runs:
        return "counted at the printed size"
    seeds = outcome.seeds
    many = f"seeds {seeds[0]}–{seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    return f"{outcome.data}, {outcome.scale_text}, {many}"


def table_lines(paper: Paper, shown: dict[int, TableView]) -> list[list[str]]:
    """A line a table of a paper, in the columns of HEADS.

    Args:
        paper: the paper.
        shown: the result folder that is shown of each table, by its number.
    """
    lines = []
    for spec in paper.tables:
        name, what = f"{paper.key} {spec.number}", typeset(cell(spec.caption))
        if spec.number not in shown:
            lines.append([name, what, "no result folder yet", "", ""])
            continue
        view, page = shown[spec.number], page_name(paper.key, spec.number)
        lines.append([f"[{name}](/{page}.md)", what, made_with(view.outcome), step_text(view), steps_text(view)])
    return lines


def write_paper_page(paper: Paper, pages: Path, lines: list[list[str]], notebooks: list[str]) -> None:
    """Write the page of a paper: its claims, its tables, its notebooks."""
    parts = [
        f"# {paper.key}: {paper.title}",
        f"{', '.join(paper.authors)}.\n",
        "[What the paper claims, and what these results say of it](/claims.md)\n",
        "## Tables\n",
        pipe_table(HEADS, lines),
        *(["## Notebooks\n", toctree(notebooks)] if notebooks else []),
        toctree([page_name(paper.key, spec.number) for spec in paper.tables], hidden=True),
    ]
    target = pages / "papers" / f"{paper.key}.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(parts), encoding="utf-8")


def write_index(
    pages: Path, lines: dict[str, list[list[str]]], others: list[str], studies: dict[str, list[str]] | None = None
) -> None:
    """Write the first page.

    Args:
        pages: folder of all pages.
        lines: the lines of ``table_lines``, by key of the paper.
        others: notebooks that belong to no paper.
        studies: the line of each study, by the name of its page.
    """
    count = sum(map(len, lines.values()))
    parts = [
        "# Five papers on human pose estimation, reproduced",
        f"The {count} tables of five papers on heatmap-based human pose estimation, re-implemented on one data path and one "
        "evaluator. Each table is one command away, `make reproduce PAPER=... TABLE=...`; these pages are made of the result "
        "folders that are kept with the code.\n",
        "Absolute numbers of a reduced scale on drawn people are far below the papers'. What is compared is each step from one "
        "row to another: its direction and size, with a 95 % interval. [What the papers claim, and what holds](/claims.md) lists "
        "each claim with the steps that test it.\n",
    ]
    for key, paper in PAPERS.items():
        parts += [f"## [{paper.title}](/papers/{key}.md)\n", pipe_table(HEADS, lines[key])]
    if studies:
        parts += ["## Studies: parts of different papers together\n", pipe_table(HEADS, studies.values())]
        parts.append(toctree(studies, caption="Studies", hidden=True))
    parts += [
        toctree(["claims"], hidden=True),
        toctree([f"papers/{key}" for key in PAPERS], caption="Papers", hidden=True),
        toctree([*others, "api/repro"], caption="Package", hidden=True),
    ]
    (pages / "index.md").write_text("\n".join(parts), encoding="utf-8")
