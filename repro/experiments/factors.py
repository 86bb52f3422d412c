"""The adaptive factors of the whole-body paper over a training: what its Fig. 5 shows, with their absolute size.

Fig. 5 of Keypoint-wise Adaptive Loss for Whole-Body Human Pose Estimation (Seong, Lee, Lee) colours the factors of single
poses at several moments of the training, scaled to [0, 1] between the least and the greatest of each pose. So it shows which
keypoints have the greater factors but not how great they are, and factors that have all but vanished look like factors that
choose. Here are the means by part that the loss writes into the log of a run, as they are, and scaled between the parts as the
paper scales them between keypoints.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from repro import paths
from repro.encoders.whole_body import PARTS
from repro.errors import ReproError
from repro.plan import table_recipes, table_samples
from repro.runs import folder, is_trained, read_log
from repro.scales import Scale
from repro.training.checkpoints import write_json

TABLE = 2
ROWS = {"kal": "KAL", "fowkal": "FoWKAL"}  # rows of the table with a head that predicts factors
START = 0.5  # the factors of a new head


def run_factors(scale: Scale, seeds: Sequence[int]) -> Path:
    """Collect the factors of the complete runs of table 2 and write ``results/fowkal/factors.json``.

    Args:
        scale: of the runs, on drawn people.
        seeds: of the runs; those that are not complete are left out.

    Returns:
        the file's path.

    Raises:
        ReproError: when none of the runs is complete, naming the command that makes them.
    """
    _, data = table_samples("fowkal", TABLE, "people", None, scale)
    recipes = table_recipes("fowkal", TABLE, scale, data, seeds, list(ROWS))
    runs = [
        {"row": row, "seed": seed, "run": recipe.training_key, "log": factor_log(read_log(folder(recipe)))}
        for (row, seed), recipe in recipes.items()
        if is_trained(recipe)
    ]
    if not runs:
        raise ReproError(
            f"None of the runs {', '.join(ROWS)} of table {TABLE} of fowkal at scale {scale.name}, seeds "
            f"{', '.join(map(str, seeds))}, is complete: run `make reproduce PAPER=fowkal TABLE={TABLE} "
            f"ROW={','.join(ROWS)} SCALE={scale.name}` first."
        )
    path = paths.results() / "fowkal" / "factors.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"data": "people", "scale": scale.name, "runs": runs})
    return path


def factor_log(log: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """Of each line of a log ``persons`` seen and the mean factor of each part in that epoch, to 3 significant digits.

    Raises:
        ReproError: for the log of a loss without factors.
    """
    names = [f"factor_{part}" for part in PARTS]
    if not log or not set(names) <= set(log[0]):
        raise ReproError("This run's log has no adaptive factors: take one of the keypoint-wise adaptive loss.")
    return [
        {"persons": line["persons"]} | {part: float(f"{line[n]:.3g}") for part, n in zip(PARTS, names, strict=True)}
        for line in log
    ]


def scaled_between_parts(factors: np.ndarray) -> np.ndarray:
    """(T, 4) factors scaled at each time from 0, the least of the parts, to 1, the greatest; all 0 where they are equal."""
    low, high = factors.min(1, keepdims=True), factors.max(1, keepdims=True)
    return (factors - low) / np.where(high > low, high - low, 1)


def mean_factors(runs: Sequence[dict[str, Any]], row: str) -> tuple[np.ndarray, np.ndarray]:
    """(T,) persons seen and (T, 4) factors by part, averaged over the seeds of a row.

    Raises:
        ReproError: when the row has no run, or its runs saw different numbers of persons.
    """
    logs = [run["log"] for run in runs if run["row"] == row]
    seen = {tuple(line["persons"] for line in log) for log in logs}
    if len(seen) != 1:
        raise ReproError(
            f"Row {row!r} has {len(logs)} runs with {len(seen)} different lengths: collect runs of one scale with "
            "`repro factors`."
        )
    values = np.array([[[line[part] for part in PARTS] for line in log] for log in logs])
    return np.array(seen.pop()), values.mean(0)


def factor_curves(found: dict[str, Any]) -> Figure:
    """Factors by part against persons seen, a column a row of the table: above as they are, below scaled between the parts.

    Args:
        found: as ``read_factors`` gives it.
    """
    rows = [row for row in ROWS if any(run["row"] == row for run in found["runs"])]
    figure, axes = plt.subplots(2, len(rows), figsize=(4.2 * len(rows), 5), sharex=True, squeeze=False)
    for column, row in enumerate(rows):
        persons, factors = mean_factors(found["runs"], row)
        for color, part, real, scaled in zip(
            sns.color_palette(), PARTS, factors.T, scaled_between_parts(factors).T, strict=False
        ):
            axes[0, column].plot(persons / 1000, real, color=color, label=part)
            axes[1, column].plot(persons / 1000, scaled, color=color)
        axes[0, column].axhline(START, color="grey", linestyle=":", linewidth=1)
        axes[0, column].set(title=ROWS[row], yscale="log")
        axes[1, column].set(xlabel="thousand persons seen", ylim=(-0.05, 1.05))
    axes[0, 0].set_ylabel("mean factor (0 MSE, 1 AWing)")
    axes[1, 0].set_ylabel("scaled between parts, as in Fig. 5")
    axes[0, -1].legend(frameon=False)
    figure.tight_layout()
    return figure


def read_factors() -> dict[str, Any]:
    """The committed outcome."""
    return json.loads((paths.RESULTS / "fowkal" / "factors.json").read_text())
