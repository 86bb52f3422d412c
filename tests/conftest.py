"""Synthetic persons that tests of training, runs and reports share, and folders of their own for what these write."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.approaches.samples import Samples
from repro.data.persons import PersonSet
from repro.recipe import Data

from .tiny_runs import tiny_data, tiny_persons

# Files of tests that train, or count or repeat much: together more than half of the time of all.
SLOW = {
    *("test_damage.py", "test_end_to_end.py", "test_loop.py", "test_runs.py", "test_evaluate.py", "test_start.py"),
    *("test_surroundings.py", "test_device.py", "test_methods_on_gpu.py", "test_schedule.py", "test_weights.py"),
    *("test_counts_cal.py", "test_counts_hgr.py", "test_counts_table1.py", "test_hrnet.py", "test_intervals.py"),
    *("test_sixth_paper.py", "test_one_wrong_value.py", "test_notebooks.py", "test_distributed.py", "test_fit.py"),
    *("test_bottom_up_rows.py", "test_load_run.py", "test_predicting.py", "test_export.py", "test_published.py"),
    *("test_combine.py", "test_own_keypoints.py", "test_overfit_photographs.py", "test_overfit_scenes.py"),
}
QUICK = "skeletal/table3.ipynb"  # the one notebook that is not slow
FIRST = ("test_site.py", "test_real_slurm.py")  # the longest files, which would be waited for at the end


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow files, and bring the longest files to the front."""
    for item in items:
        notebook = item.path.suffix == ".ipynb" and not item.path.as_posix().endswith(QUICK)
        if item.path.name in SLOW or notebook:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.path.name not in FIRST)


@pytest.fixture(scope="session")
def persons(tmp_path_factory) -> PersonSet:
    """24 synthetic persons to train on."""
    return tiny_persons(tmp_path_factory.mktemp("train"), 24, seed=0)


@pytest.fixture(scope="session")
def val_persons(tmp_path_factory) -> PersonSet:
    """Eight synthetic persons to evaluate."""
    return tiny_persons(tmp_path_factory.mktemp("val"), 8, seed=1)


@pytest.fixture(scope="session")
def data(persons, val_persons) -> Data:
    """What recipes say about them."""
    return tiny_data(persons, val_persons)


@pytest.fixture(scope="session")
def tiny_samples(persons, val_persons) -> Samples:
    """Both sets, as runs take them."""
    return Samples(persons, val_persons, frozenset({"oks", "pckh"}))


@pytest.fixture
def places(tmp_path, monkeypatch) -> Path:
    """Runs, results and caches go to ``runs``, ``results`` and ``cache`` in this folder."""
    for name in ("runs", "results", "cache"):
        monkeypatch.setenv(f"REPRO_{name.upper()}", str(tmp_path / name))
    return tmp_path
