"""Figures of hgr's method notebook: targets, sampling positions, grouping and scoring, drawn from tensors alone.

Maps have ``stride`` px of the input a px, and their px (i, j) lies at input px (stride i, stride j).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from repro.grouping.candidates import Candidates
from repro.grouping.regressed import Cues
from repro.skeletons.draw import draw_pose
from repro.skeletons.skeleton import Skeleton

PEOPLE = sns.color_palette("bright").as_hex()  # a colour a person


def show_input(axis: Axes, image: np.ndarray, title: str = "", alpha: float = 1.0) -> None:
    """An image (H, W, 3) in an axis without ticks whose view is the image's."""
    axis.imshow(image, alpha=alpha)
    height, width = image.shape[:2]
    axis.set(xticks=[], yticks=[], xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), title=title)


def lay_map(axis: Axes, heat: Tensor, stride: int, *, high: float | None = None, alpha: float = 0.75) -> None:
    """Lay a map (h, w) over the input, pixels of value 0 left clear."""
    height, width = heat.shape
    extent = (-0.5 * stride, (width - 0.5) * stride, (height - 0.5) * stride, -0.5 * stride)
    view = axis.get_xlim(), axis.get_ylim()
    shown = np.ma.masked_equal(heat.numpy(), 0)
    axis.imshow(shown, cmap="magma", vmin=0, vmax=high, alpha=alpha, extent=extent, interpolation="nearest")
    axis.set(xlim=view[0], ylim=view[1])


def draw_people(axis: Axes, points: Tensor, shown: Tensor, skeleton: Skeleton, width: float = 1.5) -> None:
    """Poses (P, K, 2) in input px, a colour a person; ``shown`` (P, K) bool are drawn."""
    for person, (one, known) in enumerate(zip(points.numpy(), shown.numpy(), strict=True)):
        draw_pose(axis, one, known, skeleton, PEOPLE[person % len(PEOPLE)], width)


def draw_offsets(axis: Axes, offsets: Tensor, weights: Tensor, stride: int) -> None:
    """Arrows from central pixels to one keypoint, every third one each way: offsets (2, h, w) where weights (h, w) > 0."""
    y, x = weights.nonzero(as_tuple=True)
    axis.plot(x * stride, y * stride, ".", color="tab:orange", markersize=1.5)
    y, x = y[(y % 3 == 0) & (x % 3 == 0)], x[(y % 3 == 0) & (x % 3 == 0)]
    ways = -offsets[:, y, x] * stride  # an offset is pixel - keypoint
    axis.quiver(x * stride, y * stride, *ways, color="white", angles="xy", scale_units="xy", scale=1, width=0.005)


def target_figure(
    image: np.ndarray,
    points: Tensor,
    labelled: Tensor,
    targets: Mapping[str, Tensor],
    skeleton: Skeleton,
    *,
    keypoint: int,
    stride: int,
) -> Figure:
    """An image with its people and what the network has to give for it.

    Args:
        image: (H, W, 3).
        points: (P, K, 2) x, y in input px.
        labelled: (P, K) bool.
        targets: the targets of ``GuidedTargets`` for a batch of this image.
        skeleton: the skeleton of the people.
        keypoint: the keypoint whose offsets are drawn.
        stride: input px a map px.
    """
    figure, axes = plt.subplots(1, 5, figsize=(15, 3.3))
    show_input(axes[0], image, "people")
    draw_people(axes[0], points, labelled, skeleton)
    titles = ("heatmaps H*, all keypoints", "centre map C*", "mask M of the tradeoff loss")
    maps = (targets["heatmaps"][0].amax(0), targets["centres"][0, 0], targets["heatmap_weights"][0, 0])
    for axis, title, heat in zip(axes[1:4], titles, maps, strict=True):
        show_input(axis, image, title, alpha=0.6)
        lay_map(axis, heat, stride, high=1.0)
    name = skeleton.keypoints[keypoint].replace("_", " ")
    show_input(axes[4], image, f"offsets O* to the {name}")
    draw_offsets(
        axes[4],
        targets["offsets"][0, 2 * keypoint : 2 * keypoint + 2],
        targets["offset_weights"][0, keypoint],
        stride,
    )
    figure.tight_layout(pad=0.4)
    return figure


def owner_figure(owners: Mapping[str, Tensor], centres: Tensor) -> Figure:
    """Whose offsets pixels hold, for several rules.

    Args:
        owners: the owners of pixels by each rule, (h, w) whole numbers, 0 for nobody, else the person counted from 1.
        centres: (P, 2) x, y in map px.
    """
    colours = np.array([(1, 1, 1), *sns.color_palette("bright")[: len(centres)]])
    figure, axes = plt.subplots(1, len(owners), figsize=(3 * len(owners), 3.2), squeeze=False)
    for axis, (rule, owner) in zip(axes[0], owners.items(), strict=True):
        axis.imshow(colours[owner.numpy()], interpolation="nearest")
        axis.plot(*centres.T.numpy(), "+", color="black", markersize=12, markeredgewidth=2)
        axis.set(xticks=[], yticks=[], title=rule)
    figure.tight_layout()
    return figure


def lattice_figure(positions: Mapping[str, Tensor]) -> Figure:
    """Sampling positions about one pixel for several transforms: (9, 2) x, y each, in px of the features from the pixel."""
    figure, axes = plt.subplots(1, len(positions), figsize=(2.6 * len(positions), 2.9), squeeze=False)
    for axis, (name, nine) in zip(axes[0], positions.items(), strict=True):
        axis.scatter(*np.mgrid[-4:5, -4:5].reshape(2, -1), s=6, color="lightgrey")
        _draw_nine(axis, nine.numpy(), 1.0, "tab:red")
        axis.set(xlim=(-4.5, 4.5), ylim=(4.5, -4.5), aspect="equal", xticks=[], yticks=[], title=name)
    figure.tight_layout()
    return figure


def _draw_nine(axis: Axes, nine: np.ndarray, width: float, colour: str) -> None:
    """The nine positions (9, 2) of a kernel as a net, the first one filled white, so that a turn can be seen."""
    net = nine.reshape(3, 3, 2)
    for line in (*net, *net.swapaxes(0, 1)):
        axis.plot(line[:, 0], line[:, 1], color=colour, linewidth=width)
    axis.scatter(nine[:, 0], nine[:, 1], s=14 * width, color=colour, zorder=3)
    axis.scatter(nine[0, 0], nine[0, 1], s=5 * width, color="white", zorder=4)


def sampling_figure(
    images: Sequence[np.ndarray], positions: Sequence[Tensor], points: Sequence[Tensor], stride: int
) -> Figure:
    """Where adaptive convolutions sample at the centres of people (Fig. 3).

    Args:
        images: (H, W, 3) each.
        positions: the positions in each image, (P, 9, 2), x, y in px of the features.
        points: the centres (P, 2) in each image, in input px.
        stride: input px a px of the features.
    """
    figure, axes = plt.subplots(1, len(images), figsize=(3.2 * len(images), 3.3), squeeze=False)
    for axis, image, own, centres in zip(axes[0], images, positions, points, strict=True):
        show_input(axis, image)
        for person, nine in enumerate(own):
            _draw_nine(axis, nine.numpy() * stride, 1.0, PEOPLE[person % len(PEOPLE)])
        axis.plot(*centres.T.numpy(), "+", color="white", markersize=9)
    figure.tight_layout(pad=0.4)
    return figure


def grouping_figure(
    image: np.ndarray,
    candidates: Candidates,
    cues: Cues,
    points: Tensor,
    absorbed: Tensor,
    skeleton: Skeleton,
    *,
    radius: float,
    keypoint: int,
) -> Figure:
    """Heatmap-guided grouping: cues, candidates, what one keypoint of each cue absorbs, and the result.

    Args:
        image: (H, W, 3).
        candidates: the candidates of the K types, in input px.
        cues: M regressed poses.
        points: (M, K, 2) grouped poses.
        absorbed: (M, K) bool, False where a keypoint stayed where it was regressed.
        skeleton: the skeleton of the people.
        radius: the radius of absorption, input px.
        keypoint: the keypoint whose absorption is drawn.
    """
    figure, axes = plt.subplots(1, 4, figsize=(15, 4))
    everything = cues.points.new_ones(cues.points.shape[:2], dtype=torch.bool)
    name = skeleton.keypoints[keypoint].replace("_", " ")
    titles = ("1. regressed poses G", "2. candidates S", f"3. {name}: within the radius", "4. grouped poses")
    for axis, title in zip(axes, titles, strict=True):
        show_input(axis, image, title, alpha=0.7)
    draw_people(axes[0], cues.points, everything, skeleton)
    colours = sns.color_palette("husl", len(skeleton))
    for colour, places, valid in zip(colours, candidates.points, candidates.valid, strict=True):
        axes[1].scatter(*places[valid].T.numpy(), s=12, color=colour)
    for person, (start, end, found) in enumerate(
        zip(cues.points[:, keypoint], points[:, keypoint], absorbed[:, keypoint], strict=True)
    ):
        colour = PEOPLE[person % len(PEOPLE)]
        axes[2].add_patch(Circle(start.tolist(), radius, fill=False, color=colour, linestyle="--", linewidth=0.8))
        axes[2].plot(*start.tolist(), "x", color=colour, markersize=7)
        if found:
            axes[2].annotate("", end.tolist(), start.tolist(), arrowprops={"arrowstyle": "->", "color": colour})
    places = candidates.points[keypoint][candidates.valid[keypoint]]
    axes[2].scatter(*places.T.numpy(), s=26, facecolors="none", edgecolors="white")
    draw_people(axes[3], points, everything, skeleton)
    axes[3].scatter(*points[~absorbed].T.numpy(), s=60, facecolors="none", edgecolors="red", linewidths=1.5, zorder=4)
    figure.tight_layout(pad=0.4)
    return figure


def score_figure(similarity: Tensor, naive: Tensor, learnt: Tensor, wrong: Tensor) -> Figure:
    """Two scores of poses against the OKS that they reach, (N,) each; ``wrong`` marks those that are grouped wrongly."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharex=True)
    for axis, values, title in zip(axes, (naive, learnt), ("naive score", "estimate of the network"), strict=True):
        for chosen, colour, label in (
            (~wrong, "tab:blue", "right keypoints"),
            (wrong, "tab:red", "keypoints exchanged"),
        ):
            axis.scatter(similarity[chosen], values[chosen], s=7, color=colour, alpha=0.5, linewidths=0, label=label)
        axis.set(xlabel="OKS", title=title)
    axes[1].legend(frameon=False, fontsize=8, loc="lower right")
    sns.despine()
    figure.tight_layout()
    return figure
