"""Synthetic persons that tests of training, runs and reports share, and folders of their own for what these write."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.data.persons import PersonSet
from repro.recipe import Data
from repro.runs import Samples

from .tiny_runs import tiny_data, tiny_persons


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
