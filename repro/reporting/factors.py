"""The adaptive factors of the whole-body paper over a training: what its Fig. 5 shows, with their absolute size.

Fig. 5 of Keypoint-wise Adaptive Loss for Whole-Body Human Pose Estimation (Seong, Lee, Lee) colours the factors of single
poses at several moments of the training, scaled to [0, 1] between the least and the greatest of each pose. So it shows which
keypoints have the greater factors but not how great they are, and factors that have all but vanished look like factors that
choose. Here are the means by part that the loss writes into the log of a run, as they are, and scaled between the parts as the
paper scales them between keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from repro.reporting.figures import not_measured, row_labels
from repro.reporting.outcome import Outcome
from repro.skeletons.wholebody import BODY_PARTS

START = 0.5  # the factors of a new head
DIGITS = 4  # significant ones that are kept


def factor_log(log: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """What a result folder keeps of a training's log: for each epoch ``persons`` seen and the mean factor of each part.

    Empty for the log of a loss that learns no factors: one without any, or one that gives all parts the same throughout.
    """
    names = {f"factor_{part}": part for part in BODY_PARTS}
    lines = [line for line in log if set(names) <= set(line)]
    if len({line[name] for line in lines for name in names}) < 2:
        return []
    return [
        {"persons": line["persons"]} | {part: float(f"{line[name]:.{DIGITS}g}") for name, part in names.items()}
        for line in lines
    ]


def factor_frame(outcome: Outcome) -> pd.DataFrame:
    """The kept factors of all runs, one line a run, epoch and part.

    Columns: ``row`` (as the paper calls it), ``seed``, ``persons`` seen, ``part``, ``factor``, and ``scaled``, which goes from 0,
    the least part of the epoch, to 1, the greatest, and is 0 where all are equal.
    """
    labels = row_labels(outcome)
    frame = pd.DataFrame(
        [
            {"row": labels[run.row], "seed": run.seed, "persons": line["persons"], "part": part, "factor": line[part]}
            for run in outcome.runs
            for line in run.factors
            for part in BODY_PARTS
        ],
        columns=["row", "seed", "persons", "part", "factor"],
    )
    epochs = frame.groupby(["row", "seed", "persons"])["factor"]
    low, high = epochs.transform("min"), epochs.transform("max")
    return frame.assign(scaled=(frame["factor"] - low) / (high - low).where(high > low, 1))


def factor_curves(outcome: Outcome) -> Figure:
    """Factors by part against crops seen, a column a row of the table that learns them: above as they are, below scaled.

    A line a part, with a band over seeds where there are several; the dotted line is where the factors begin.
    """
    frame = factor_frame(outcome)
    rows, lowest = list(dict.fromkeys(frame["row"])), frame["factor"].where(frame["factor"] > 0).min()
    if not rows:
        return not_measured("No run kept adaptive factors.")
    figure, axes = plt.subplots(2, len(rows), figsize=(4.6 * len(rows), 5.6), sharex=True, sharey="row", squeeze=False)
    for column, row in enumerate(rows):
        for axis, value in zip(axes[:, column], ("factor", "scaled"), strict=True):
            own = frame[frame["row"] == row]
            sns.lineplot(
                own, x="persons", y=value, hue="part", marker="o", errorbar="sd", legend=axis is axes[0, -1], ax=axis
            )
        axes[0, column].axhline(START, color="grey", linestyle=":", linewidth=1)
        axes[0, column].set(title=row, yscale="log", ylim=(min(0.1, 0.8 * lowest), 1))
        axes[1, column].set(xlabel="crops seen", ylim=(-0.05, 1.05))
        axes[1, column].xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k")
    axes[0, 0].set_ylabel("mean factor (0 MSE, 1 AWing)")
    axes[1, 0].set_ylabel("scaled between parts, as in Fig. 5")
    axes[0, -1].get_legend().set(title=None, frame_on=False)
    figure.tight_layout()
    return figure


def factor_table(outcome: Outcome) -> pd.DataFrame:
    """The factors of each row after its first and its last epoch, means over seeds, and the part nearest to AWing."""
    frame, lines = factor_frame(outcome), []
    for row, own in frame.groupby("row", sort=False):
        for persons in (own["persons"].min(), own["persons"].max()):
            means = own[own["persons"] == persons].groupby("part", sort=False)["factor"].mean()
            shown = {part: f"{value:.{DIGITS}g}" for part, value in means.items()}
            lines.append({"row": row, "crops seen": int(persons), **shown, "nearest to AWing": means.idxmax()})
    return pd.DataFrame(lines)
