"""Seconds that the verdicts of a table take: 1,000 replicates of every step, on one thread.

The evidence is that of a result folder, as that of cal's table 8 at gpu scale, whose 4,000 people and 14 rows are given as many
seeds as are asked for. Run as ``python benchmarks/verdicts.py [FOLDER [SEEDS]]``.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from repro import paths
from repro.reporting.evidence_file import read_evidence
from repro.reporting.folders import committed_manifests
from repro.reporting.intervals import REPLICATES
from repro.reporting.measured import Measured
from repro.reporting.outcome import Outcome
from repro.reporting.table import long_table


def with_seeds(folder: Path, seeds: int) -> Measured:
    """The runs of a folder's first seed, once for each of so many seeds."""
    outcome, evidence = Outcome.read(folder / "runs.json"), read_evidence(folder)
    first = [run for run in outcome.runs if run.seed == outcome.seeds[0]]
    runs = tuple(replace(run, seed=seed) for run in first for seed in range(seeds))
    kept = {(run.row, run.seed): evidence[run.row, outcome.seeds[0]] for run in runs}
    return Measured(replace(outcome, runs=runs), kept)


def main() -> None:
    """Time the table of a folder."""
    kept = [name for name in committed_manifests() if (paths.results() / name / "evidence.npz").exists()]
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else paths.results() / kept[0]
    measured = with_seeds(folder, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
    began = time.perf_counter()
    table = long_table(measured)
    seconds = time.perf_counter() - began
    runs = len(measured.outcome.runs)
    print(f"{folder.name}: {len(table)} lines from {runs} runs, {REPLICATES} replicates, {seconds:.1f} s")


if __name__ == "__main__":
    main()
