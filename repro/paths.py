"""Where things lie. Every path of the package starts here, so that nothing depends on the working directory."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
RESULTS = ROOT / "results"


def runs() -> Path:
    """The folder of trained runs: ``$REPRO_RUNS``, or ``runs/`` in the checkout."""
    return Path(os.environ.get("REPRO_RUNS", ROOT / "runs"))


def results() -> Path:
    """The folder that new result folders go to: ``$REPRO_RESULTS``, or ``results/`` in the checkout."""
    return Path(os.environ.get("REPRO_RESULTS", RESULTS))


def cache() -> Path:
    """The folder of what can be drawn or decoded again: ``$REPRO_CACHE``, or ``cache/`` in the checkout."""
    return Path(os.environ.get("REPRO_CACHE", ROOT / "cache"))
