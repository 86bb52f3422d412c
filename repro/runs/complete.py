"""A complete run of a recipe, read from its files (see ``runs.run`` for what there is, ``runs.files`` for how it is checked)."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from repro.approaches.base import approach_of
from repro.metrics.evidence import Evidence, unpacked
from repro.recipe import Recipe
from repro.runs.files import evaluation_file, read_evaluation, read_training
from repro.support.sealed import Damaged


@dataclass(frozen=True)
class Run:
    """A complete run of a recipe: its metrics as fractions, its learning curve, its log, and what it was computed with."""

    recipe: Recipe
    metrics: dict[str, float]
    curve: list[dict[str, float]]
    log: list[dict[str, float]]
    environment: dict[str, Any]
    seconds: float

    @property
    def evidence(self) -> dict[str, Evidence]:
        """What its metrics rest on, image by image; empty for runs that did not keep it."""
        return unpacked(self.arrays())

    @property
    def precision(self) -> str | None:
        """What its network computed in; None for runs that did not record it."""
        fast = self.environment.get("fast_precision")
        return fast if self.recipe.optimisation.precision == "bfloat16" else fast and "float32"

    def arrays(self, *names: str) -> dict[str, np.ndarray]:
        """The named arrays beside the evaluation's JSON, in that order; all without names. Raises Damaged."""
        file = evaluation_file(self.recipe).with_suffix(".npz")
        try:
            with np.load(file) as arrays:
                return {name: arrays[name] for name in names or arrays.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise Damaged(file, f"cannot be read ({error})", evaluation_file(self.recipe)) from error


def load_run(recipe: Recipe) -> Run:
    """The complete run of a recipe; log and seconds are those of all its stages."""
    stored = read_evaluation(recipe)
    about = [read_training(stage) for stage in recipe.stages]
    log = [line for one in about for line in one["log"]]
    seconds = sum(one["seconds"] for one in about)
    everyone = approach_of(recipe).curve_samples(recipe.samples.val_count)
    curve = [{"of": everyone, **point} for point in stored["curve"]]  # older runs do not say it
    return Run(recipe, stored["metrics"], curve, log, about[-1]["environment"], seconds)


def training_of(recipe: Recipe) -> dict[str, Any]:
    """``environment`` and ``seconds`` of one complete training, a recipe's last stage. Raises Damaged where there is none."""
    about = read_training(recipe)
    return {name: about[name] for name in ("environment", "seconds")}
