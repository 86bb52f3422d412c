"""The Makefile's own words, without making anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from repro import paths

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> str:
    """What make prints."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # `make test` runs this
    done = subprocess.run(["make", *arguments], cwd=paths.ROOT, capture_output=True, text=True, check=True, env=outer)
    return done.stdout


def test_help_lists_every_target_and_variable() -> None:
    text = make("help")
    makefile = (paths.ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split())
    variables = set(re.findall(r"^([A-Z_]+) \?=", makefile, re.M))
    words = {line.split()[0] for line in text.splitlines() if line.startswith("  ")}
    assert targets | variables <= words


def test_reproduce_hands_every_variable_to_the_command() -> None:
    text = make("-n", "reproduce", "TABLE=3", "PAPER=skeletal", "ROW=hrnet", "SCALE=smoke", "DATA=lspet", "DATA_ROOT=/d",
                "BOXES=/b.json", "SEEDS=0-2", "START=random", "DEVICE=cpu", "THREADS=2", "JOBS=3")  # fmt: skip
    for option in ('--table "3"', '--paper "skeletal"', '--row "hrnet"', '--scale "smoke"', '--data "lspet"',
                   '--data-root "/d"', '--boxes "/b.json"', '--seeds "0-2"', '--start "random"', '--device "cpu"',
                   '--threads "2"', '--jobs "3"'):  # fmt: skip
        assert option in text


def test_an_active_environment_can_be_used() -> None:
    assert "python -m pytest" in make("-n", "test", "VENV=active").splitlines()
