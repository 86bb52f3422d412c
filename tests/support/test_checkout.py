"""What is said of the code: by git of its own checkout, by REPRO_COMMIT where there is none, never by a foreign repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from repro import paths
from repro.cli.main import main
from repro.errors import ReproError
from repro.reporting.folders import manifests
from repro.support.checkout import code_state, known_to_git

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git(place: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    done = subprocess.run(["git", *who, *arguments], cwd=place, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A checkout with one commit."""
    place = tmp_path / "own checkout"
    (place / "results" / "hgr").mkdir(parents=True)
    (place / "code.py").write_text("x = 1\n")
    (place / "results" / "hgr" / "a é.json").write_text("{}")
    git(tmp_path, "init", "-q", str(place))
    git(place, "add", ".")
    git(place, "commit", "-q", "-m", "one")
    monkeypatch.setattr(paths, "ROOT", place)
    monkeypatch.delenv("REPRO_COMMIT", raising=False)
    return place


def booby_trap(place: Path, tmp_path: Path) -> Path:
    """Let the repository's configuration name commands; the file that they would leave."""
    trap = tmp_path / "ran"
    script = tmp_path / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch '{trap}'\nexit 1\n")
    script.chmod(0o755)
    (place / "hooks").mkdir()
    for hook in ("post-index-change", "fsmonitor-watchman", "reference-transaction"):
        (place / "hooks" / hook).symlink_to(script)
    git(place, "config", "core.fsmonitor", str(script))
    git(place, "config", "core.hooksPath", str(place / "hooks"))
    return trap


def test_git_tells_commit_and_changes_and_results_are_no_changes(checkout):
    commit = git(checkout, "rev-parse", "HEAD")
    assert code_state() == {"commit": commit, "dirty": False}
    (checkout / "results" / "new.json").write_text("{}")
    assert code_state() == {"commit": commit, "dirty": False}
    (checkout / "new.py").write_text("")
    assert code_state() == {"commit": commit, "dirty": True}


def test_what_git_says_goes_before_what_is_stated(checkout, monkeypatch):
    monkeypatch.setenv("REPRO_COMMIT", COMMIT)
    assert code_state() == {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": False}


def test_variables_of_another_repository_do_not_lead_astray(checkout, monkeypatch, tmp_path):
    git(tmp_path, "init", "-q", str(tmp_path / "other"))
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path / "other" / ".git"))
    commit = subprocess.run(["env", "-u", "GIT_DIR", "-u", "GIT_INDEX_FILE", "-u", "GIT_OBJECT_DIRECTORY", "git", "rev-parse",
                             "HEAD"], cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    assert code_state() == {"commit": commit, "dirty": False}


def test_a_worktree_is_a_checkout_too(checkout, monkeypatch, tmp_path):
    git(checkout, "worktree", "add", "-q", str(tmp_path / "tree"))
    monkeypatch.setattr(paths, "ROOT", tmp_path / "tree")
    assert code_state() == {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": False}


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside another repository"])
def test_without_git_the_stated_commit_counts_and_a_repository_around_does_not(tmp_path, monkeypatch, inside):
    if inside:
        git(tmp_path, "init", "-q", ".")
        git(tmp_path, "commit", "-q", "--allow-empty", "-m", "foreign")
    (tmp_path / "export" / "results").mkdir(parents=True)
    monkeypatch.setattr(paths, "ROOT", tmp_path / "export")
    monkeypatch.delenv("REPRO_COMMIT", raising=False)
    assert code_state() == {"commit": None, "dirty": None}
    monkeypatch.setenv("REPRO_COMMIT", "")
    assert code_state() == {"commit": None, "dirty": None}
    monkeypatch.setenv("REPRO_COMMIT", COMMIT.upper())
    assert code_state() == {"commit": COMMIT, "dirty": False, "commit_stated": True}
    assert known_to_git(tmp_path / "export" / "results") == set()


@pytest.mark.parametrize("given", ["main", COMMIT[:39], COMMIT + "0", COMMIT[:39] + "g", "٣" * 40])
def test_another_stated_commit_is_refused_at_once(monkeypatch, given):
    monkeypatch.setenv("REPRO_COMMIT", given)
    with pytest.raises(ReproError, match="REPRO_COMMIT is .*, expected the 40 hex digits"):
        code_state()
    result = CliRunner().invoke(main, ["list"])
    assert result.exit_code == 2 and "REPRO_COMMIT" in result.output


def test_files_that_git_knows_are_named_below_the_folder(checkout):
    (checkout / "results" / "hgr" / "new.json").write_text("{}")
    assert known_to_git(checkout / "results") == {"hgr/a é.json"}
    assert known_to_git(checkout) == {"code.py", "results/hgr/a é.json"}
    git(checkout, "add", "results")
    assert known_to_git(checkout / "results" / "hgr") == {"a é.json", "new.json"}
    assert known_to_git(checkout / "resul") == set()


def test_a_repository_that_results_lie_in_is_not_asked(checkout, tmp_path, monkeypatch):
    inside, outside = checkout / "results", tmp_path / "elsewhere"
    outside.mkdir()
    for number, place in enumerate((inside, outside)):
        git(place, "init", "-q", ".")
        (tmp_path / str(number)).mkdir()
        trap = booby_trap(place, tmp_path / str(number))
        monkeypatch.setenv("REPRO_RESULTS", str(place))
        known_to_git(place)
        code_state()
        manifests()
        assert not trap.exists()


def test_the_checkouts_own_configuration_starts_no_command(checkout, tmp_path):
    trap = booby_trap(checkout, tmp_path)
    git(checkout, "config", "--unset", "core.hooksPath")
    git(checkout, "config", "core.hooksPath", "hooks")
    trap.unlink(missing_ok=True)
    (checkout / "code.py").write_text("x = 1\n")  # touched, so that git would write its index anew
    assert code_state()["commit"] is not None
    assert known_to_git(checkout / "results") == {"hgr/a é.json"}
    assert not trap.exists()
