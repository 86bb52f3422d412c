"""The result folders of the checkout: their tables are what the folders give today, and their evidence gives their metrics."""

from __future__ import annotations

import numpy as np
import pytest

from repro import paths
from repro.reporting.evidence_file import read_evidence
from repro.reporting.folders import committed_manifests
from repro.reporting.measured import Measured
from repro.reporting.outcome import Outcome
from repro.reporting.table import long_table
from repro.reporting.table_files import table_text

FOLDERS = sorted(committed_manifests())
KEPT = [name for name in FOLDERS if (paths.results() / name / "evidence.npz").exists()]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folders_table_is_what_it_gives(name: str) -> None:
    measured = Measured.of_folder(paths.results() / name)
    advice = "write it anew by `repro results judge`"
    assert (paths.results() / name / "table.csv").read_text() == long_table(measured).to_csv(index=False), advice
    assert (paths.results() / name / "table.md").read_text() == table_text(measured), advice


@pytest.mark.parametrize("name", KEPT)
def test_the_evidence_of_a_run_gives_its_metrics(name: str) -> None:
    evidence = read_evidence(paths.results() / name)
    outcome = Outcome.read(paths.results() / name / "runs.json")
    compared = 0
    for run in outcome.runs:
        for metric, one in evidence.get((run.row, run.seed), {}).items():
            if metric in run.metrics:
                whole = one.values(np.ones((1, one.images), dtype=np.uint16))
                assert whole[0] == pytest.approx(run.metrics[metric], abs=2e-6), (run.row, run.seed, metric)
                compared += 1
    assert compared
