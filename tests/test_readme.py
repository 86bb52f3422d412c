"""What README and docs say: findings stand in the folders that they link, links lead somewhere, commands and variables exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from repro import paths
from repro.cli.main import main

README = paths.ROOT / "README.md"
PAGES = [README, paths.ROOT / "CONTRIBUTING.md", *sorted((paths.ROOT / "docs").rglob("*.md"))]
FINDING = re.compile(r"\[([+-][\d.]+) (\[[+-][\d.]+, [+-][\d.]+\])\]\((results/\S+?)\)")
LINK = re.compile(r"\]\(([^()\s]+)\)")
WORDS_OF_HTML = re.compile(r"[^\w\- ]")


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as git hosts make them."""
    headings = re.findall(r"^#+ (.+)$", text(page), re.M)
    return {WORDS_OF_HTML.sub("", heading.lower()).replace(" ", "-") for heading in headings}


def code(page: Path) -> list[str]:
    """The lines of a page's blocks without a language, continued lines joined, comments left out."""
    blocks = re.findall(r"^```\n(.*?)^```", text(page), re.M | re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split("  #")[0].strip() for line in lines]


def test_findings_stand_in_their_folders():
    section = text(README).split("## Findings")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    findings = FINDING.findall(section)
    assert len(findings) == len(rows) >= 5  # each row names its figure, and each paper has one
    for change, interval, table in findings:
        cells = [re.sub(r"\s+", "", line) for line in text(paths.ROOT / table).splitlines()]
        assert any(f"|{change}|{interval.replace(' ', '')}|" in line for line in cells), (change, interval, table)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(paths.ROOT).as_posix())
def test_links_lead_somewhere(page):
    for link in LINK.findall(text(page)):
        if not link.startswith(("http://", "https://")):
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(paths.ROOT).as_posix())
def test_commands_and_options_exist(page):
    for line in code(page):
        words = line.split()
        if words[:1] == ["repro"]:
            command: click.Command = main
            while isinstance(command, click.Group) and len(words) > 1:
                found = command.get_command(click.Context(command), words[1])
                assert found is not None, line
                command, words = found, words[1:]
            options = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
            assert {word.split("=")[0] for word in words if word.startswith("--")} <= options | {"--help"}, line


def test_targets_and_variables_of_make_exist():
    makefile = text(paths.ROOT / "Makefile")
    targets, variables = set(re.findall(r"^([a-z-]+):", makefile, re.M)), set(re.findall(r"^([A-Z_]+) \?=", makefile, re.M))
    for line in (line for page in PAGES for line in code(page) if line.startswith("make ")):
        target, *given = line.split()[1:]
        assert target in targets, line
        assert {word.split("=")[0] for word in given if "=" in word} <= variables, line
