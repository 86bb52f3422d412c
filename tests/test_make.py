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
    assert 'REPRO_KEEP="1" ' in make("-n", "reproduce", "TABLE=3", "KEEP=1")
    text = make("-n", "reproduce", "TABLE=3", "PAPER=skeletal", "ROW=hrnet", "SCALE=smoke", "LENGTH=1/2", "DATA=lspet",
                "DATA_ROOT=/d", "BOXES=/b.json", "SEEDS=0-2", "START=random", "DEVICE=cpu", "THREADS=2", "JOBS=3",
                "MINUTES=60", "PLAN=1", "STARTS=/s", "WEIGHTS=hrnet=/w.pth")  # fmt: skip
    for option in ('--table "3"', '--paper "skeletal"', '--row "hrnet"', '--scale "smoke"', '--length "1/2"',
                   '--data "lspet"', '--data-root "/d"', '--boxes "/b.json"', '--seeds "0-2"', '--start "random"',
                   '--device "cpu"', '--threads "2"', '--jobs "3"', '--minutes "60"', '--plan="1"', '--starts "/s"',
                   '--weights "hrnet=/w.pth"'):  # fmt: skip
        assert option in text


def test_an_active_environment_can_be_used() -> None:
    assert "python -m pytest -n 2 --dist loadfile" in make("-n", "test", "VENV=active").splitlines()


@pytest.mark.parametrize(
    "value", ["a b", "a'b", 'a"b', "a`touch x`b", "a\\b\\", "a;b", "a&&b", "#", "*", "é", "~/x", "$x", "$(id)", "$$"]
)
def test_a_value_reaches_the_command_as_it_is(value: str, tmp_path) -> None:
    (tmp_path / "repro").write_text("#!/bin/sh\nfor one; do printf '%s\\n' \"$one\"; done\n")
    (tmp_path / "repro").chmod(0o755)
    line = make("-n", "reproduce", "VENV=active", "TABLE=2", f"DATA_ROOT={value}")
    script = line[line.index("repro reproduce") :]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, env=environment
    )
    words = done.stdout.splitlines()
    assert words[words.index("--data-root") + 1] == value


def test_lab_starts_for_root_too_and_folders_keep_their_place(tmp_path) -> None:
    (tmp_path / "jupyter").write_text(
        '#!/bin/sh\necho "$@"\necho "$REPRO_RUNS"\necho "$REPRO_RESULTS"\necho "$REPRO_CACHE"\n'
    )
    (tmp_path / "python").write_text("#!/bin/sh\necho /prefix\n")
    for name in ("jupyter", "python"):
        (tmp_path / name).chmod(0o755)
    line = make("-n", "lab", "VENV=active")
    script = line[line.index("for name in") :]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REPRO_")}
    environment |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REPRO_RUNS": "my runs", "REPRO_RESULTS": "~/r"}
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, env=environment
    )
    arguments, runs, results, cache = done.stdout.splitlines()
    assert arguments == ("lab --allow-root notebooks" if os.geteuid() == 0 else "lab notebooks")
    assert (runs, results, cache) == (f"{tmp_path}/my runs", "~/r", "")
