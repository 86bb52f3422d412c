"""All text of the package is UTF-8, whatever the machine's own encoding: no call leaves the encoding to the machine."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from repro import paths

FILES = sorted((paths.ROOT / "repro").rglob("*.py"))
NAMED = {
    "read_text": 0,
    "write_text": 1,
    "fdopen": 2,
}  # methods of text, and where the encoding stands without its name


def without_encoding(source: str) -> list[int]:
    """The lines of calls that read or write text in the machine's encoding."""
    found = []
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        attribute = isinstance(call.func, ast.Attribute)
        name = call.func.attr if attribute else getattr(call.func, "id", "")
        keywords = {keyword.arg for keyword in call.keywords}
        owner = call.func.value.id if attribute and isinstance(call.func.value, ast.Name) else ""
        if name in NAMED:
            wrong = "encoding" not in keywords and len(call.args) <= NAMED[name]
        elif name == "open" and owner not in ("os", "tarfile", "Image", "webbrowser", "PIL"):
            modes = [
                *call.args[(0 if attribute and owner != "io" else 1) :][:1],
                *(k.value for k in call.keywords if k.arg == "mode"),
            ]
            mode = "".join(str(one.value) for one in modes if isinstance(one, ast.Constant))
            wrong = "b" not in mode and "encoding" not in keywords
        elif name in ("TemporaryFile", "NamedTemporaryFile"):
            wrong = (
                any("b" not in str(k.value.value) for k in call.keywords if k.arg == "mode")
                and "encoding" not in keywords
            )
        else:
            wrong = (
                bool(keywords & {"text", "universal_newlines"})
                and name in ("run", "Popen", "check_output")
                and "encoding" not in keywords
            )
        if wrong:
            found.append(call.lineno)
    return found


@pytest.mark.parametrize(
    ("source", "wrong"),
    [("p.read_text()", True), ("p.read_text(encoding='utf-8')", False), ("p.read_text('utf-8')", False),
     ("p.write_text('a')", True), ("p.write_text('a', 'utf-8')", False), ("open('a')", True), ("open('a', 'wb')", False),
     ("open('a', 'w')", True), ("open('a', mode='rb')", False), ("p.open()", True), ("p.open('rb')", False),
     ("os.open(p, 0)", False),
     ("p.open('w', encoding='utf-8')", False), ("subprocess.run(c, text=True)", True),
     ("subprocess.run(c, text=True, encoding='utf-8')", False), ("subprocess.run(c)", False)],
)  # fmt: skip
def test_such_calls_are_found(source: str, wrong: bool) -> None:
    assert bool(without_encoding(source)) is wrong


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(paths.ROOT).as_posix())
def test_no_text_is_read_or_written_in_the_machines_encoding(file: Path) -> None:
    lines = without_encoding(file.read_text(encoding="utf-8"))
    assert not lines, f"{file.relative_to(paths.ROOT)}: give encoding='utf-8' in lines {lines}"
