"""What a reproduction of one table found: the metrics of its runs, as plain data that a result folder keeps.

Tables, verdicts and figures are functions of this alone, so a committed folder can be rebuilt and checked anywhere.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repro.errors import ReproError
from repro.recipe import Recipe
from repro.reporting.folders import check_kept
from repro.scales.lengths import written


@dataclass(frozen=True)
class RunOutcome:
    """One run of one row.

    Args:
        row: slug of the row.
        seed: the seed of the run.
        recipe: its recipe as JSON values.
        key: the recipe's hash.
        training_key: hash of what was trained.
        metrics: the metrics as fractions.
        curve: metrics of the snapshots, with ``persons`` seen.
        seconds: the seconds that its training took, all stages; rows that share a training name the same ones.
        factors: mean adaptive factor of each part of the body by epoch, with ``persons`` seen (``reporting.factors``); empty
            where the loss learns none.
        precision: the precision that its network computed in; None in folders that do not say it.
        gains: AP with each kind of error corrected, ``cumulative`` and ``alone`` (``metrics.error_gains``), and how many
            ``images`` that is ``of``; empty where it was not measured.
    """

    row: str
    seed: int
    recipe: dict[str, Any]
    key: str
    training_key: str
    metrics: dict[str, float]
    curve: list[dict[str, float]]
    seconds: float
    factors: list[dict[str, float]] = field(default_factory=list)
    precision: str | None = None
    gains: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """All runs of a table.

    Args:
        paper: key of the paper.
        table: its number.
        scale: the scale that the recipes were brought to.
        data: name of the data set.
        divisor: the divisor that the table's inputs were divided by.
        runs: the runs in the order of rows and seeds.
        counted: ``params_M`` and ``gflops`` by row, at paper size.
        start: ``warm``, ``random`` or the name of imported weights: what the networks start from.
        length: the length of all trainings against the scale's (``scales.lengths``).
    """

    paper: str
    table: int
    scale: str
    data: str
    divisor: int
    runs: tuple[RunOutcome, ...]
    counted: dict[str, dict[str, float]] = field(default_factory=dict)
    start: str = "random"
    length: float = 1.0

    @property
    def scale_text(self) -> str:
        """The scale, with the length where that is another than the scale's own."""
        return self.scale if self.length == 1 else f"{self.scale} at length {written(self.length)}"

    @property
    def seeds(self) -> list[int]:
        """The seeds, in ascending order."""
        return sorted({run.seed for run in self.runs})

    def values(self, row: str, metric: str) -> dict[int, float]:
        """The metric of a row by seed; empty where no run has it."""
        found = {r.seed: r.metrics[metric] for r in self.runs if r.row == row and r.metrics.get(metric) is not None}
        return {seed: value for seed, value in found.items() if not math.isnan(value)}

    def write(self, path: Path) -> None:
        """Write as JSON; metrics and curves keep six digits, nan becomes null."""
        plain = {**vars(self), "runs": [_rounded(vars(run)) for run in self.runs]}
        path.write_text(json.dumps(plain, indent=1, allow_nan=False) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path) -> Outcome:
        """Read what ``write`` wrote. Raises ReproError for a file that does not exist, is something else, or is altered."""
        check_kept(path)
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            return Outcome(**{**plain, "runs": tuple(RunOutcome(**run) for run in plain["runs"])})
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ReproError(
                f"{path} does not hold the runs of a table ({error}): reproduce the table again."
            ) from error


def stale_runs(outcome: Outcome, current: dict[tuple[str, int], Recipe]) -> list[str]:
    """The runs whose recipe is not today's, as ``row seed``.

    Args:
        outcome: the outcome of an earlier reproduction.
        current: today's recipes by (row, seed), for the same scale and samples.
    """
    known = {(run.row, run.seed): run.key for run in outcome.runs}
    keys = set(known) | set(current)
    return [
        f"{row} seed {seed}"
        for row, seed in sorted(keys)
        if (row, seed) not in known or (row, seed) not in current or known[row, seed] != current[row, seed].key
    ]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: v if k == "recipe" else _rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    return value
