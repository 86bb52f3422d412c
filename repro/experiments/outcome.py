"""What experiments leave: one JSON file each under ``results/<paper>/``, which notebooks read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from repro import paths
from repro.runs.schedule import Machine
from repro.support.environment import describe
from repro.support.sealed import Damaged, read_json, unsealed, write_sealed
from repro.training.distributed import choose_device

KIND = "experiment"  # of the sealed files


def keep(paper: str, name: str, found: dict[str, Any], machine: Machine) -> Path:
    """Write ``<paper>/<name>.json`` in the folder of new results, sealed, with what was found and what it was computed with.

    Returns its path.
    """
    path = paths.new_results() / paper / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sealed(path, KIND, {**found, **describe(choose_device(machine.device)), "threads": machine.threads})
    return path


def rounded(figures: dict[str, float], names: Sequence[str]) -> dict[str, float]:
    """The named figures, as they are kept: with four digits."""
    return {name: round(figures[name], 4) for name in names}


def kept(paper: str, name: str) -> dict[str, Any]:
    """The committed outcome of an experiment. Raises Damaged where it does not fit its checksum; older ones have none."""
    file = paths.RESULTS / paper / f"{name}.json"
    try:
        content = read_json(file)
        if {"kind", "seal"} & set(content):
            content = unsealed(content, file, KIND)
            del content["kind"]
    except Damaged as damaged:
        raise Damaged(file, damaged.why, advice="restore the file, as by `git checkout`") from damaged
    return content
