"""Docstrings describe arguments by noun phrases."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "repro"
FILES = sorted(ROOT.rglob("*.py"))
LOOSE = "of|with|for|in|to|from|by|on|at|that|whose|which|as|over|where|see|before|after|between|under"


def dangling(text: str) -> list[str]:
    """The lines of arguments, under ``Args:``, that begin with a preposition, a relative pronoun or ``see``."""
    found: list[str] = []
    margin = None
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        if line.strip() == "Args:":
            margin = indent
        elif margin is not None and (not line.strip() or indent <= margin):
            margin = None
        elif margin is not None and indent == margin + 4 and re.match(rf"\s+\w+: ({LOOSE})\b", line):
            found.append(line.strip())
    return found


def test_dangling_words_are_found():
    text = "    Args:\n        cost: of the task.\n        size: the size, of which\n            some.\n\n        seed: of it.\n"
    assert dangling(text) == ["cost: of the task."]
    assert dangling("    Args:\n        starts: see there.\n    Returns:\n        key: see there.") == ["starts: see there."]


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(ROOT)) for file in FILES])
def test_arguments_are_noun_phrases(file):
    found = dangling(file.read_text(encoding="utf-8"))
    assert not found, f"{found[0]!r}: begin with what it is, as 'the cost of the task', not with a loose word."
