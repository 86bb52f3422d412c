"""What a command makes of the environment that it is started in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from repro import paths
from repro.cli.main import main
from repro.errors import ReproError
from repro.support import processes
from repro.support.surroundings import settle


def command(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """A command of its own process; variables that are '' are left out."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("REPRO_", "LC_", "LANG"))}
    outer |= {"PYTHONPATH": str(paths.ROOT), **environment}
    done = [sys.executable, "-m", "repro", *arguments]
    return subprocess.run(done, cwd=folder, env=outer, capture_output=True, timeout=120)


def test_folders_become_absolute_and_stay_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPRO_RUNS", "mine")
    monkeypatch.setenv("REPRO_RESULTS", "~/results")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("REPRO_CACHE", raising=False)
    settle()
    assert os.environ["REPRO_RUNS"] == str(tmp_path / "mine")
    assert os.environ["REPRO_RESULTS"] == str(tmp_path / "results")
    assert "REPRO_CACHE" not in os.environ
    monkeypatch.chdir("/")
    assert paths.runs() == tmp_path / "mine"


@pytest.mark.parametrize("variable", paths.FOLDERS)
@pytest.mark.parametrize("given", ["", "/dev/null"])
def test_every_command_refuses_a_folder_that_is_none(variable, given, monkeypatch):
    monkeypatch.setenv(variable, given)
    result = CliRunner().invoke(main, ["list"])
    assert result.exit_code == 2 and f"{variable} is " in result.output and isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("backend", ["module://ipykernel.pylab.backend_inline", "no such one", "Qt5Agg"])
def test_figures_go_to_files_whatever_is_inherited(backend, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", backend)
    settle()
    assert os.environ["MPLBACKEND"] == "Agg"


def test_a_user_without_a_name_gets_one(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "")

    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr("pwd.getpwuid", unknown)
    settle()
    assert os.environ["USER"] == str(os.getuid())


def test_a_terminal_that_lacks_letters_ends_no_command(tmp_path):
    done = command("list", folder=tmp_path, PYTHONIOENCODING="ascii:strict", LC_ALL="C", PYTHONUTF8="0")
    assert done.returncode == 0 and b"table 9" in done.stdout and b"Traceback" not in done.stderr
    done = command("reproduce", "--table", "é→", folder=tmp_path, PYTHONIOENCODING="latin-1", PYTHONUTF8="1")
    assert done.returncode == 2 and b"TABLE is '\xe9\\u2192', expected" in done.stderr


@pytest.mark.parametrize("variable", ["RANK", "WORLD_SIZE", "LOCAL_RANK"])
def test_the_numbers_of_processes_are_numbers(variable, monkeypatch):
    read = {"RANK": processes.rank, "WORLD_SIZE": processes.count, "LOCAL_RANK": processes.local_rank}[variable]
    monkeypatch.setenv(variable, "")
    assert read() == (1 if variable == "WORLD_SIZE" else 0)
    monkeypatch.setenv(variable, "3")
    assert read() == 3
    monkeypatch.setenv(variable, "one")
    with pytest.raises(ReproError, match=f"{variable} is 'one', expected a whole number"):
        read()
