"""An outcome with the evidence that its folder keeps: metrics by row and seed, and intervals of the steps between rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from repro.metrics.catalogue import METRICS
from repro.metrics.evidence import Evidence
from repro.reporting.evidence_file import read_evidence
from repro.reporting.intervals import Interval, draw_weights, replicates, seeds_interval, step_interval
from repro.reporting.outcome import Outcome

NEAR_ZERO = 2.0  # %: an average precision whose best row is below rests on few people, who pass few of its thresholds


class Measured:
    """What the tables, intervals and verdicts of a table are made of.

    Args:
        outcome: its runs.
        evidence: what metrics rest on, by (row, seed); what is not there makes intervals that know the seeds
            alone.
    """

    def __init__(
        self, outcome: Outcome, evidence: Mapping[tuple[str, int], Mapping[str, Evidence]] | None = None
    ) -> None:
        self.outcome = outcome
        self.evidence = evidence or {}
        self._weights: dict[int, np.ndarray] = {}
        self._drawn: dict[tuple[str, int, str], np.ndarray] = {}
        self._steps: dict[tuple[str, str, str], Interval | None] = {}

    @staticmethod
    def of_folder(folder: Path) -> Measured:
        """Of a result folder. Raises ReproError for a damaged one."""
        return Measured(Outcome.read(folder / "runs.json"), read_evidence(folder))

    def values(self, row: str, metric: str) -> dict[int, float]:
        """A metric of a row by seed, in the unit of tables; empty where no run has it."""
        if METRICS[metric].counted:
            value = self.outcome.counted.get(row, {}).get(metric)
            return {} if value is None else {0: value}
        return {seed: METRICS[metric].factor * value for seed, value in self.outcome.values(row, metric).items()}

    def near_zero(self, metric: str) -> bool:
        """Whether no row of the table has enough of a metric for its steps to be judged by it."""
        means = [np.mean(list(v.values())) for row in self._rows() if (v := self.values(row, metric))]
        return METRICS[metric].unit == "%" and bool(max(means, default=0.0) < NEAR_ZERO)

    def moves(self, baseline: str, row: str, metric: str) -> bool:
        """Whether a metric differs between two rows in any seed: one that does not, as the mean OKS of people who are only ranked
        anew, cannot see the step."""
        before, after = self.values(baseline, metric), self.values(row, metric)
        return any(before[seed] != after[seed] for seed in set(before) & set(after))

    def one_training(self, baseline: str, row: str) -> bool:
        """Whether two rows are evaluations of the same trained networks."""
        keys = {(run.row, run.seed): run.training_key for run in self.outcome.runs}
        both = [(keys.get((baseline, seed)), keys.get((row, seed))) for seed in self.outcome.seeds]
        return bool(both) and all(before is not None and before == after for before, after in both)

    def start_alike(self, baseline: str, row: str) -> bool:
        """Whether the trainings of two rows begin alike: both with a warm start, or both with random weights. Given weights begin
        nothing."""
        warm = {run.row: "initialisation" in run.recipe for run in self.outcome.runs if "weights" not in run.recipe}
        return baseline not in warm or row not in warm or warm[baseline] == warm[row]

    def interval(self, baseline: str, row: str, metric: str) -> Interval | None:
        """The step from a row to another, over people and seeds where evidence of both is kept; None where either was not run."""
        key = (baseline, row, metric)
        if key not in self._steps:
            self._steps[key] = self._interval(*key)
        return self._steps[key]

    def _interval(self, baseline: str, row: str, metric: str) -> Interval | None:
        before, after = self.values(baseline, metric), self.values(row, metric)
        drawn = {}
        for seed in sorted(set(before) & set(after)):
            both = self._replicates(baseline, seed, metric), self._replicates(row, seed, metric)
            if both[0] is None or both[1] is None or both[0][0] != both[1][0]:
                return seeds_interval(
                    before, after
                )  # for one seed without evidence the people of the others do not stand
            drawn[seed] = both[0][1], both[1][1]
        return step_interval(
            {seed: (before[seed], one) for seed, (one, _) in drawn.items()},
            {seed: (after[seed], one) for seed, (_, one) in drawn.items()},
        )

    def _replicates(self, row: str, seed: int, metric: str) -> tuple[int, np.ndarray] | None:
        """The number of images and the metric for each weighting of them, in the unit of tables; None without evidence."""
        found = self.evidence.get((row, seed), {}).get(metric)
        if found is None or found.images < 2:
            return None
        key = (row, seed, metric)
        if key not in self._drawn:
            if found.images not in self._weights:
                self._weights[found.images] = draw_weights(found.images)
            self._drawn[key] = METRICS[metric].factor * replicates(found, self._weights[found.images])[1]
        return found.images, self._drawn[key]

    def _rows(self) -> list[str]:
        return list(dict.fromkeys(run.row for run in self.outcome.runs))
