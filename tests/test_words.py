"""Docstrings describe arguments by noun phrases; a reading is of a paper's text (``docs/reference/words.md``)."""

from __future__ import annotations

import ast
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


def called_reading(source: str) -> set[str]:
    """The kinds of nodes that give something a name with ``reading`` in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        name = getattr(node, {ast.Name: "id", ast.Attribute: "attr", ast.alias: "asname"}.get(type(node), "name"), None)
        name = node.arg if isinstance(node, ast.arg | ast.keyword) else name
        if re.search(r"(?<!th)(?<!sp)reading", str(name or "").lower()):
            found.add(type(node).__name__)
    return found


def test_names_are_found_whatever_they_name():
    assert called_reading("readings = 1\nthreading.Lock()\nspreading = 2") == {"Name"}
    assert called_reading("def reading_of(reading): pass") == {"FunctionDef", "arg"}
    assert called_reading("f(reading=x.reading)") == {"keyword", "Attribute"}


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(ROOT)) for file in FILES])
def test_nothing_but_a_field_of_recipes_is_called_reading(file):
    """``SceneEvaluation.reading`` is part of keys: it is given by keyword and read as an attribute."""
    allowed = {"keyword", "Attribute"} | ({"Name"} if file == ROOT / "recipe.py" else set())
    assert called_reading(file.read_text(encoding="utf-8")) <= allowed, "docs/reference/words.md has another word for it."
