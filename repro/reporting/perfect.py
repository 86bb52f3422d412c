"""Steps that perfect maps decide: what two rows' targets do before anything is learned.

Where the maps that a network without error would give differ between two rows by as much as the step is expected to be, the
encoder alone moves the metric at that scale, and trained networks say nothing of the idea: the step is not testable there. What
perfect maps give is measured by an experiment (``experiments.perfect_maps``) and kept in ``results/<paper>/perfect_maps.json``.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from repro import paths
from repro.metrics.catalogue import METRICS
from repro.reporting.outcome import Outcome
from repro.support.sealed import read_json, unsealed


@lru_cache
def _kept(file: Path) -> tuple[dict[str, Any], ...]:
    """The lines of a file of perfect maps; none where there is no file. Raises Damaged."""
    return tuple(unsealed(read_json(file), file, "experiment")["rows"]) if file.exists() else ()


def perfect_value(outcome: Outcome, row: str, metric: str) -> float | None:
    """A metric of a row's perfect maps, in the unit of tables; None where they were not measured with the recipe of its runs."""
    recipe = next((run.recipe for run in outcome.runs if run.row == row), {})
    method = recipe.get("method", {})
    own = {"encoder": method.get("encoder"), "decoder": method.get("decoder"), "input": recipe.get("input")}
    for line in _kept(paths.RESULTS / outcome.paper / "perfect_maps.json"):
        if line["scale"] == outcome.scale and line["maps"] == own and metric in line:
            return METRICS[metric].factor * line[metric]
    return None


def perfect_change(outcome: Outcome, baseline: str, row: str, metric: str) -> float | None:
    """The change of a metric from the perfect maps of one row to those of another; None where either was not measured."""
    if outcome.data != "people":
        return None
    before, after = (perfect_value(outcome, one, metric) for one in (baseline, row))
    return None if before is None or after is None else round(after - before, 4)


def decided_by_targets(outcome: Outcome, baseline: str, row: str, metric: str, expected: float | None) -> bool:
    """Whether perfect maps of two rows differ by as much as the step between them is ``expected`` to be, or more."""
    change = perfect_change(outcome, baseline, row, metric)
    return bool(change and expected and abs(change) >= abs(expected))
