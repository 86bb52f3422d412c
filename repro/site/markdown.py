"""Pieces of pages in MyST Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from repro.reporting.labels import typeset


def cell(value: object) -> str:
    """A value as the text of a table's cell; '' for nothing."""
    text = "" if value is None or value != value else str(value)
    return (
        re.sub(r"\s*\n\s*", " ", text).replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;").replace("~", "\\~")
    )


def pipe_table(columns: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A table of cells that are Markdown already."""
    heads = list(columns)
    rows = [f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *lines)]
    return "\n".join(rows) + "\n"


def together(text: str) -> str:
    """A text whose numbers ``printed / ours ± deviation`` stay in one line."""
    return re.sub(r" ([/±]) ", "\u00a0\\1\u00a0", text)


def frame_table(frame: pd.DataFrame) -> str:
    """A table of a frame, its labels typeset, its numbers unbroken, a column ``verdict`` in colours."""
    lines = [
        [
            verdict_text(str(value)) if name == "verdict" else together(typeset(cell(value)))
            for name, value in line.items()
        ]
        for line in frame.to_dict("records")
    ]
    return pipe_table([typeset(cell(name)) for name in frame.columns], lines)


def verdict_text(verdict: str) -> str:
    """A verdict as a word in its colour."""
    if not verdict:
        return ""
    return f"[{cell(verdict)}]{{.verdict .{re.sub(r'[^a-z]+', '-', verdict.lower())}}}"


def folded(title: str, content: str) -> str:
    """Content that is shown when its title is clicked."""
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>\n"


def image(path: str, alt: str) -> str:
    """A figure with its alternative text; a click shows it in full size."""
    told = alt.replace("[", "(").replace("]", ")").replace("\n", " ")
    return f"[![{told}]({path})]({path})\n"


def bullet_list(lines: Iterable[str]) -> str:
    """Lines as a list."""
    return "\n".join(f"- {line}" for line in lines) + "\n"


def toctree(entries: Iterable[str], caption: str = "", *, hidden: bool = False) -> str:
    """The pages that lie below a page; '' for none."""
    listed = [f"/{entry}" for entry in entries]
    options = [f":caption: {caption}"] if caption else []
    options += [":hidden:"] if hidden else []
    return "\n".join(["```{toctree}", *options, "", *listed, "```", ""]) if listed else ""
