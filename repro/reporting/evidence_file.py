"""What the metrics of a result folder rest on, image by image, for intervals: ``evidence.npz``."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from repro.errors import ReproError
from repro.metrics.evidence import Evidence, packed, unpacked
from repro.reporting.folders import check_kept

FILE = "evidence.npz"


def write_evidence(folder: Path, evidence: Mapping[tuple[str, int], Mapping[str, Evidence]]) -> None:
    """Keep the evidence of the runs of a table by (row, seed); no file where no run has any."""
    arrays: dict[str, Any] = {}
    for (row, seed), metrics in evidence.items():
        arrays |= packed(metrics, f"{row}|{seed}")
    if arrays:
        with (folder / FILE).open("wb") as file:
            np.savez_compressed(file, **arrays)


def read_evidence(folder: Path) -> dict[tuple[str, int], dict[str, Evidence]]:
    """The evidence of each (row, seed) by metric; empty for a folder without. Raises ReproError for a damaged file."""
    if not (folder / FILE).exists():
        return {}
    check_kept(folder / FILE)
    try:
        with np.load(folder / FILE) as file:
            runs = sorted({tuple(name.split("|")[:2]) for name in file})
            return {(row, int(seed)): unpacked(file, f"{row}|{seed}") for row, seed in runs}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ReproError(f"{folder / FILE} cannot be read ({error}): reproduce the table again.") from error
