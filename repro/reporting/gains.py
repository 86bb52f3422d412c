"""What AP the kinds of errors cost, drawn: the second half of the error diagnosis that Fig. 4 of hgr rests on.

Fig. 4 of Bottom-Up Human Pose Estimation by Ranking Heatmap-Guided Adaptive Keypoint Estimates (Sun et al.) shows how often four
kinds of errors are made. Its tool, coco-analyze, also tells what AP would be without each kind (``metrics.error_gains``): that
is what is drawn here, of final poses.
"""

from __future__ import annotations

from typing import Any, cast

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from repro.metrics.error_gains import ERRORS
from repro.reporting.colours import row_colours
from repro.reporting.figures import not_measured, row_labels
from repro.reporting.outcome import Outcome

NONE = "No run of this folder kept what AP gains where errors are corrected: reproduce the table again to see it."
SHOWN = {"score": "scores", "background": "poses of\nnobody", "missed": "people\nnot found"}  # the others as they are called
PANELS = {"alone": "each kind alone", "cumulative": "one kind after the other, from AP to 100"}


def has_gains(outcome: Outcome) -> bool:
    """Whether a run kept AP with errors corrected."""
    return any(run.gains for run in outcome.runs)


def gain_frame(outcome: Outcome) -> pd.DataFrame:
    """What AP gains in each run, in points, one line a kind of error and a way of correcting it.

    Columns: ``row`` (as the paper calls it), ``seed``, ``way`` (``alone`` or ``cumulative``), ``error`` and ``gain``: over AP as
    it is, and over AP with the kinds before it corrected. ``missed`` alone is left out: it leaves precision 1 throughout.
    """
    labels, lines = row_labels(outcome), []
    for run in outcome.runs:
        for way in PANELS if run.gains else ():
            values = run.gains[way]
            before = values["AP"]
            for error in ERRORS if way == "cumulative" else ERRORS[:-1]:
                if values[error] is not None and before is not None:  # there are people
                    gain = 100 * (values[error] - before)
                    lines.append({"row": labels[run.row], "seed": run.seed, "way": way, "error": error, "gain": gain})
                before = values[error] if way == "cumulative" else before
    return pd.DataFrame(lines, columns=["row", "seed", "way", "error", "gain"])


def gain_bars(outcome: Outcome) -> Figure:
    """AP gained where each kind of error is corrected, a bar a row, a whisker over seeds; a panel a way of correcting."""
    frame = gain_frame(outcome)
    if frame.empty:
        return not_measured(NONE)
    rows = list(dict.fromkeys(frame["row"]))
    widths = [len(ERRORS) - 1, len(ERRORS)]
    figure, axes = plt.subplots(1, 2, figsize=(14, 4.4), width_ratios=widths, layout="constrained")
    for axis, (way, title) in zip(axes, PANELS.items(), strict=True):
        own = frame[frame["way"] == way]
        order = [error for error in ERRORS if error in set(own["error"])]
        kinds = {"x": "error", "hue": "row", "order": order, "hue_order": rows, "palette": row_colours(rows)}
        sns.barplot(own, y="gain", errorbar="sd", ax=axis, **kinds)
        axis.set(xlabel=None, ylabel="AP gained, points", title=title)
        axis.set_xticks(range(len(order)), [SHOWN.get(error, error) for error in order])
        axis.get_legend().remove()
    handles, names = axes[0].get_legend_handles_labels()
    cast(Any, figure).legend(handles, names, loc="outside upper center", ncol=2, frameon=False)
    return figure
