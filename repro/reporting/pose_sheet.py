"""The sheet of poses: evaluated persons or images in columns, the rows of a table below each other, each pose with its score."""

from __future__ import annotations

import textwrap
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from repro.approaches.examples import Example, similarities
from repro.reporting.colours import row_colours
from repro.skeletons.draw import draw_pose
from repro.skeletons.skeleton import Skeleton

DPI = 100
CELL, LABEL = 2.05, 1.7  # inches: width of an example, and of the rows' names; six examples are 1400 px
FINE = 30  # keypoints of a skeleton above which poses are drawn with thin lines, so that faces and hands are not blots
ABOUT = "Grey: the truth. Number: the similarity (OKS) of the pose to the truth"
BY_RULE = ", with 0.53 of the box around the joints for the person's area, which this folder does not keep"


def save_photograph(figure: Figure, target: Path | BytesIO) -> None:
    """Save a figure that shows images as JPEG, small enough to be kept: a PNG of it would be ten times as large."""
    figure.savefig(target, format="jpeg", dpi=DPI, pil_kwargs={"quality": 70, "optimize": True})


def pose_grid(examples: list[Example], labels: dict[str, str], skeleton: Skeleton) -> Figure:
    """Examples in columns, the rows of ``labels`` below each other: the truth in grey, the poses in colour with their scores."""
    rows = list(labels)
    width, height = LABEL + CELL * len(examples), CELL * len(rows) * examples[0].size[1] / examples[0].size[0] + 0.3
    figure, axes = plt.subplots(len(rows), len(examples), figsize=(width, height), squeeze=False)
    colours = row_colours(labels.values())
    for line, row in enumerate(rows):
        for axis, example in zip(axes[line], examples, strict=True):
            _draw_example(axis, example, row, skeleton, to_hex(colours[labels[row]]))
        axes[line][0].set_ylabel(textwrap.fill(labels[row], 20), fontsize=9, rotation=0, ha="right", va="center")
    left, bottom = LABEL / width, 0.25 / height
    figure.subplots_adjust(left=left, right=0.998, bottom=bottom, top=0.998, wspace=0.03, hspace=0.03)
    rule = BY_RULE if examples[0].areas is None else ""
    figure.text(left, 0.3 * bottom, f"{ABOUT}{rule}.", fontsize=9)
    return figure


def _draw_example(axis: Axes, example: Example, row: str, skeleton: Skeleton, color: str) -> None:
    width, height = example.size
    thin = 0.4 if len(skeleton) > FINE else 1.0
    if example.image is not None:
        axis.imshow(example.image)
    scores = similarities(example, row, skeleton)
    if example.truth.ndim == 2:
        shown = example.visibility > 0
        draw_pose(axis, example.truth, shown, skeleton, "0.75", 2.6 * thin)
        draw_pose(axis, example.poses[row], shown, skeleton, color, 1.3 * thin)
        _write_score(axis, (3, height - 4), float(scores))
    else:
        for truth, visibility in zip(example.truth, example.visibility, strict=True):
            draw_pose(axis, truth, visibility > 0, skeleton, "0.75", 2.6)
        for pose, score in zip(example.poses[row], scores, strict=True):
            draw_pose(axis, pose, np.ones(len(pose), dtype=bool), skeleton, color, 1.0)
            place = np.clip([pose[:, 0].mean(), pose[:, 1].min() - 2], [3, 14], [width - 24, height - 4])
            _write_score(axis, place, float(score))
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[], aspect="equal")


def _write_score(axis: Axes, place: tuple[float, float] | np.ndarray, score: float) -> None:
    """Write a similarity at x, y px of the example; nothing where it is not known."""
    if not np.isnan(score):
        outline = [withStroke(linewidth=2, foreground="black")]
        axis.text(float(place[0]), float(place[1]), f"{score:.2f}", color="white", fontsize=9, path_effects=outline, zorder=4)
