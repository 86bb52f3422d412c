"""What a command says at its end: how its result folder is opened, compared and kept."""

from __future__ import annotations

import shutil

import pytest

from repro import paths
from repro.reporting.folders import committed_manifests, read_manifest
from repro.tables.say_results import ways_to_open
from repro.tables.view import open_table


@pytest.fixture
def committed() -> str:
    """A committed result folder of a paper's table."""
    return max(name for name in committed_manifests() if name.startswith("skeletal/table3/"))


def test_a_local_folder_is_opened_by_the_name_that_is_said(committed, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path / "results"))
    for name in (committed, f"local/{committed}"):
        shutil.copytree(paths.ROOT / "results" / committed, tmp_path / "results" / name)
    folder = tmp_path / "results" / "local" / committed
    opening, comparing, keeping = ways_to_open(folder, read_manifest(folder))
    assert opening == f'To look at it: its notebook.ipynb, or notebooks/skeletal/table3.ipynb with folder = "local/{committed}".'
    assert comparing == f"To compare it with the committed one: repro results diff {committed} local/{committed}"
    assert "KEEP=1" in keeping
    assert open_table("skeletal", 3, folder=f"local/{committed}").folder == folder
    assert open_table("skeletal", 3).folder == tmp_path / "results" / committed


def test_of_a_folder_elsewhere_nothing_is_said_of_git(committed, tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path))
    shutil.copytree(paths.RESULTS / committed, tmp_path / committed)
    (opening,) = ways_to_open(tmp_path / committed, read_manifest(tmp_path / committed))
    assert f'folder = "{committed}"' in opening
