"""The adaptive factors of the whole-body paper by keypoint and by pose: what its Fig. 5 shows, kept in a result folder.

Fig. 5 of Keypoint-wise Adaptive Loss for Whole-Body Human Pose Estimation (Seong, Lee, Lee) colours the keypoints of single poses
by their factors as the training goes on, scaled to [0, 1] between the least and the greatest of each pose: white is close to MSE,
blue to Adaptive Wing. That is drawn here with the numbers that are scaled, and beside it each keypoint's factor over all persons.
``factors.json`` holds the numbers; the persons that are drawn are kept as ``factor_poses.json``, as examples are. Of factors by
part over a training ``reporting.factors`` tells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from repro.approaches.examples import Example
from repro.encoders.whole_body import keypoint_parts
from repro.errors import ReproError
from repro.reporting.examples import read_examples, write_examples
from repro.reporting.folders import check_kept
from repro.skeletons.skeleton import Skeleton
from repro.skeletons.wholebody import BODY_PARTS
from repro.support.sealed import read_json

FILE = "factors.json"
POSES = "factor_pose"  # name of the examples
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
DIGITS = 4  # significant ones that are kept
NONE = "This folder keeps no adaptive factors by keypoint: reproduce the table again to see them."
WHITE_TO_BLUE = LinearSegmentedColormap.from_list("white to blue", ["white", "#7fb2f0", "#0b3fc4"])
CELL = 2.2  # inches: width of a pose


@dataclass(frozen=True)
class RowFactors:
    """The factors of one run of a row, of K keypoints.

    Args:
        seed: the seed of the run.
        mean: (K,) means over the evaluation persons at the end of the training.
        quantiles: (5, K) the QUANTILES over the same persons.
        seen: the crops seen at each of M moments of the training.
        poses: (M, P, K) factors of the P persons that are drawn.
    """

    seed: int
    mean: np.ndarray
    quantiles: np.ndarray
    seen: tuple[int, ...]
    poses: np.ndarray


@dataclass(frozen=True)
class KeptFactors:
    """What a result folder keeps of adaptive factors.

    Args:
        persons: how many persons means and quantiles are over.
        rows: the factors by row.
        drawn: the persons that are drawn, with their truth.
    """

    persons: int
    rows: dict[str, RowFactors]
    drawn: list[Example]


def row_factors(seed: int, factors: np.ndarray, poses: Mapping[int, np.ndarray]) -> RowFactors:
    """What is kept of a run.

    Args:
        seed: its seed.
        factors: (N, K) of the evaluation persons, at the end of the training.
        poses: (P, K) of the persons that are drawn, by the crops seen until then.
    """
    return RowFactors(
        seed, factors.mean(0), np.quantile(factors, QUANTILES, axis=0), tuple(poses), np.stack(list(poses.values()))
    )


def write_factors(kept: KeptFactors, folder: Path, *, images: bool) -> None:
    """Write factors to a result folder; pictures of persons go to ``private/`` unless ``images``."""
    rows = {
        row: {
            "seed": one.seed,
            "seen": list(one.seen),
            **{name: _short(getattr(one, name)) for name in ("mean", "quantiles", "poses")},
        }
        for row, one in kept.rows.items()
    }
    content = {"persons": kept.persons, "levels": QUANTILES, "rows": rows}
    (folder / FILE).write_text(json.dumps(content) + "\n", encoding="utf-8")
    write_examples(kept.drawn, folder, images=images, name=POSES)


def read_factors(folder: Path, *, private: bool = False) -> KeptFactors | None:
    """The factors of a result folder; None for one that keeps none. ``private`` adds pictures as ``read_examples`` does.

    Raises:
        ReproError: for a damaged file.
    """
    file = folder / FILE
    if not file.exists():
        return None
    check_kept(file)
    try:
        content = read_json(file)
        rows = {
            row: RowFactors(
                one["seed"],
                **{name: np.array(one[name], dtype=float) for name in ("mean", "quantiles", "poses")},
                seen=tuple(one["seen"]),
            )
            for row, one in content["rows"].items()
        }
        return KeptFactors(content["persons"], rows, read_examples(folder, private=private, name=POSES))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReproError(f"{file} does not hold adaptive factors ({error}): reproduce the table again.") from error


def _short(values: np.ndarray) -> list[Any]:
    """Values as nested lists of few digits."""
    texts = np.vectorize(lambda value: float(f"{value:.{DIGITS}g}"), otypes=[float])(values)
    return texts.tolist()


def factor_spread(kept: KeptFactors, labels: Mapping[str, str], skeleton: Skeleton) -> Figure:
    """The factor of each keypoint over the evaluation persons, a panel a row of the table, the keypoints by part (Fig. 5).

    A dot is the mean; thick lines reach from the lower to the upper quartile, thin ones from the 5th to the 95th percentile.
    """
    parts = np.array(keypoint_parts(skeleton))
    order = np.argsort(parts, kind="stable")
    colours = np.array(sns.color_palette(n_colors=len(BODY_PARTS)))
    x = np.arange(len(order)) + 3.0 * parts[order]  # a gap between the parts
    figure, axes = plt.subplots(
        len(kept.rows), figsize=(14, 0.7 + 2.5 * len(kept.rows)), squeeze=False, sharex=True, layout="constrained"
    )
    for axis, (row, one) in zip(axes[:, 0], kept.rows.items(), strict=True):
        low, lower, _, upper, high = one.quantiles[:, order]
        own = colours[parts[order]]
        axis.vlines(x, low, high, colors=own, linewidth=1)
        axis.vlines(x, lower, upper, colors=own, linewidth=3.5, alpha=0.6)
        axis.scatter(x, one.mean[order], s=10, color=own, edgecolors="black", linewidths=0.4, zorder=3)
        axis.set(yscale="log", ylabel="factor (0 MSE, 1 AWing)", title=f"{labels[row]}, seed {one.seed}")
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.yaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.margins(x=0.01)
    middles = [x[parts[order] == part].mean() for part in range(len(BODY_PARTS))]
    counts = np.bincount(parts, minlength=len(BODY_PARTS))
    names = [f"{name} ({count})" for name, count in zip(BODY_PARTS, counts, strict=True)]
    axes[-1, 0].set_xticks(middles, names)
    axes[-1, 0].set_xlabel("keypoints, in the order of COCO-WholeBody")
    return figure


def factor_poses(kept: KeptFactors, labels: Mapping[str, str]) -> Figure:
    """Single persons with their keypoints coloured by factors, a line a row of the table, at moments of the training (Fig. 5).

    The colours of each picture go from its least factor, white, to its greatest, blue; both are written into it.
    """
    moments = max(len(one.seen) for one in kept.rows.values())
    shape = (len(kept.rows), len(kept.drawn) * moments)
    width, height = kept.drawn[0].size
    size = (CELL * shape[1] + 0.5, CELL * height / width * shape[0] + 1.0)
    figure, axes = plt.subplots(*shape, figsize=size, squeeze=False, layout="constrained")
    for number, (row, one) in enumerate(kept.rows.items()):
        axes[number, 0].set_ylabel(labels[row])
        for place, axis in enumerate(axes[number]):
            person, moment = divmod(place, moments)
            if moment < len(one.seen):
                _draw_factors(axis, kept.drawn[person], one.poses[moment, person])
                axis.set_title(f"after {one.seen[moment]:,} crops" if number == 0 else "", fontsize=10)
            axis.set(xticks=[], yticks=[])
    shades = plt.cm.ScalarMappable(cmap=WHITE_TO_BLUE)
    bar = cast(Any, figure).colorbar(shades, ax=axes, location="bottom", shrink=0.4, aspect=40, pad=0.02)
    bar.set_ticks([0, 1], labels=["the pose's least factor: nearest to MSE", "its greatest: nearest to AWing"])
    return figure


def _draw_factors(axis: Axes, person: Example, factors: np.ndarray) -> None:
    """Draw the labelled keypoints of a person over its dimmed picture, coloured between the least and the greatest factor."""
    width, height = person.size
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal", facecolor="0.6")
    if person.image is not None:
        axis.imshow(person.image, alpha=0.45)
    shown = person.visibility > 0
    low, high = factors[shown].min(initial=1.0), factors[shown].max(initial=0.0)
    style: dict[str, Any] = {"s": 12, "edgecolors": "black", "linewidths": 0.35, "cmap": WHITE_TO_BLUE}
    x, y = person.truth[shown].T
    axis.scatter(x, y, c=factors[shown], vmin=low, vmax=high, **style)
    digits = 2 if f"{low:.2g}" != f"{high:.2g}" else DIGITS
    axis.set_xlabel(f"{low:.{digits}g} to {high:.{digits}g}", fontsize=10, labelpad=2)
