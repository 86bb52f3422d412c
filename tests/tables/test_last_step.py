"""What the last step needs is tried before the first one."""

from __future__ import annotations

import pytest

from repro import paths
from repro.errors import ReproError
from repro.papers import PAPERS
from repro.tables import last_step
from repro.tables.last_step import check_last_step, notebook_of

NOTEBOOKS = [notebook_of(key, spec.number) for key, paper in PAPERS.items() for spec in paper.tables]


@pytest.fixture(autouse=True)
def _kernel(monkeypatch):
    """No kernel is started here: tests of notebooks do."""
    monkeypatch.setattr(last_step, "try_kernel", lambda: None)


def test_a_whole_checkout_passes(places):
    check_last_step(NOTEBOOKS)
    assert not (places / "runs").exists()
    check_last_step(NOTEBOOKS, training=True)
    assert (places / "runs").is_dir() and (places / "results").is_dir()


def test_a_notebook_that_is_missing_is_named(places, tmp_path):
    with pytest.raises(ReproError, match="table3.ipynb does not exist"):
        check_last_step([*NOTEBOOKS, tmp_path / "table3.ipynb"])


def test_a_kernel_is_tried_only_before_a_training(places, monkeypatch):
    def broken() -> None:
        raise ReproError("There is no kernel.")

    monkeypatch.setattr(last_step, "try_kernel", broken)
    check_last_step(NOTEBOOKS)
    with pytest.raises(ReproError, match="no kernel"):
        check_last_step(NOTEBOOKS, training=True)


def test_folders_that_cannot_be_written_are_named_together(places, monkeypatch):
    refused = {places / name for name in ("runs", "results")}
    written = paths.tempfile.TemporaryFile

    def refuse(dir):
        if dir in refused:
            raise OSError(30, "Read-only file system")
        return written(dir=dir)

    monkeypatch.setattr(paths.tempfile, "TemporaryFile", refuse)
    with pytest.raises(ReproError, match="that of runs.*that of results.*name other ones in REPRO_RUNS, REPRO_RESULTS"):
        check_last_step(NOTEBOOKS)
    refused.remove(places / "results")
    check_last_step(NOTEBOOKS)  # complete runs are only read
    with pytest.raises(ReproError, match="that of runs.*name other ones in REPRO_RUNS"):
        check_last_step(NOTEBOOKS, training=True)
