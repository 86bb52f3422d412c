"""Figures of sahg's method notebook: kernels, where they end, near keypoints, weights of the loss and maps that it optimises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from repro.papers.hgr.figures import lay_map, show_input


def heatmap_figure(image: np.ndarray, maps: Mapping[str, Tensor], stride: int) -> Figure:
    """An image (H, W, 3) and, beside it, maps (h, w) laid over it (Fig. 1)."""
    figure, axes = plt.subplots(1, 1 + len(maps), figsize=(3.6 * (1 + len(maps)), 3.8))
    show_input(axes[0], image, "image")
    for axis, (title, heat) in zip(axes[1:], maps.items(), strict=True):
        show_input(axis, image, title, alpha=0.6)
        lay_map(axis, heat, stride, high=1.0)
    figure.tight_layout(pad=0.4)
    return figure


def kernel_figure(kernels: Mapping[str, Mapping[str, Tensor]]) -> Figure:
    """Kernels (S, S): a row a generator, a column a keypoint, the number of pixels above 0 below each; S is odd."""
    rows, columns = len(kernels), len(next(iter(kernels.values())))
    figure, axes = plt.subplots(rows, columns, figsize=(1.7 * columns, 1.95 * rows), squeeze=False)
    for line, (generator, own) in zip(axes, kernels.items(), strict=True):
        for axis, values in zip(line, own.values(), strict=True):
            axis.imshow(np.ma.masked_equal(values.numpy(), 0), cmap="magma", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[], xlabel=f"{int((values > 0).sum())} px")
        line[0].set_ylabel(generator)
    for axis, keypoint in zip(axes[0], next(iter(kernels.values())), strict=True):
        axis.set_title(keypoint)
    figure.tight_layout(pad=0.4)
    return figure


def truncation_figure(sigmas: Mapping[str, float], radii: Mapping[str, float], threshold: float) -> Figure:
    """Where Gaussians of peak 1 end: at 3 sigma, or where they fall to the threshold (Fig. 5).

    Args:
        sigmas: px, by keypoint.
        radii: px, the latter end of each.
        threshold: theta.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.2))
    x = np.linspace(0, 12, 400)
    for (name, sigma), colour in zip(sigmas.items(), sns.color_palette("viridis", len(sigmas)), strict=True):
        values = np.exp(-(x**2) / (2 * sigma**2))
        for axis in axes:
            axis.plot(x, values, color=colour, label=f"{name}: sigma {sigma:.2f}")
        axes[1].axvline(3 * sigma, color=colour, linestyle=":", linewidth=1)
        axes[1].plot(radii[name], threshold, "o", color=colour, markersize=5)
    axes[1].axhline(threshold, color="grey", linestyle="--", linewidth=1)
    axes[0].set(xlabel="distance in map px", ylabel="heat")
    axes[0].legend(frameon=False, fontsize=8)
    axes[1].set(xlim=(5, 9), ylim=(0, 4 * threshold), xlabel="distance in map px", title="the ends, enlarged")
    sns.despine()
    figure.tight_layout()
    return figure


def scale_figure(thresholds: Sequence[float], sizes: Mapping[str, Sequence[float]], marked: Sequence[float]) -> Figure:
    """A size of each keypoint's kernel against the scale threshold s_thr; ``marked`` thresholds are those of Table 4."""
    figure, axis = plt.subplots(figsize=(6.5, 3.2))
    for (name, values), colour in zip(sizes.items(), sns.color_palette("viridis", len(sizes)), strict=True):
        axis.plot(thresholds, values, color=colour, label=name)
    for threshold in marked:
        axis.axvline(threshold, color="grey", linestyle="--", linewidth=0.8)
    axis.set(xlabel="s_thr", ylabel="sigma in map px")
    axis.legend(frameon=False, fontsize=8)
    sns.despine()
    figure.tight_layout()
    return figure


def interference_figure(x: Tensor, single: Sequence[Tensor], together: Mapping[str, Tensor]) -> Figure:
    """Gaussians of one keypoint type of several people along a line, and what becomes of them together (Fig. 4)."""
    figure, axes = plt.subplots(1, len(together), figsize=(3.7 * len(together), 2.9), sharey=True, squeeze=False)
    for axis, (title, values) in zip(axes[0], together.items(), strict=True):
        for one, colour in zip(single, sns.color_palette("bright"), strict=False):
            axis.plot(x, one, color=colour, linewidth=1, alpha=0.7)
        axis.plot(x, values, color="black", linestyle=":", linewidth=2)
        axis.set(title=title, xlabel="x in map px")
    axes[0, 0].set_ylabel("heat")
    sns.despine()
    figure.tight_layout()
    return figure


def weight_figure(heat: Tensor, weights: Mapping[str, Tensor], losses: Mapping[str, Tensor]) -> Figure:
    """The weight of equation 9 against the value it is a function of, and a pixel's loss against the estimate.

    Args:
        heat: (N,) rising values.
        weights: the weights, by the name of a curve.
        losses: the losses, by the name of a curve.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.4))
    for axis, curves, label in ((axes[0], weights, "weight"), (axes[1], losses, "loss of a pixel")):
        for name, values in curves.items():
            _broken_line(axis, heat.numpy(), values.numpy(), name)
        axis.axhline(0, color="grey", linewidth=0.8)
        axis.legend(frameon=False, fontsize=8)
        axis.set(ylabel=label)
    axes[0].set_xlabel("heat h")
    axes[1].set_xlabel("estimate h")
    sns.despine()
    figure.tight_layout()
    return figure


def _broken_line(axis: Axes, x: np.ndarray, y: np.ndarray, label: str) -> None:
    """A line that is interrupted where the values jump."""
    jump = np.abs(np.diff(y, prepend=y[0])) > 20 * np.median(np.abs(np.diff(y))) + 1e-3
    axis.plot(x, np.where(jump, np.nan, y), label=label)


def optimisation_figure(courses: Mapping[str, tuple[Tensor, Tensor]], target: Tensor) -> Figure:
    """How free maps change under losses: loss, least value, and the value where the target's peak is.

    Args:
        courses: the maps before each step (N, H, W) and the losses (N,), by loss.
        target: (H, W).
    """
    place = int(target.argmax())
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.4))
    for name, (maps, losses) in courses.items():
        for axis, values in zip(axes, (losses, maps.flatten(1).amin(1), maps.flatten(1)[:, place]), strict=True):
            axis.plot(values, label=name)
    axes[2].axhline(float(target.max()), color="grey", linestyle="--", linewidth=0.8)
    axes[0].set_yscale("symlog", linthresh=1e-5)
    axes[1].set_yscale("symlog", linthresh=0.1)
    for axis, title in zip(axes, ("loss", "lowest value of the map", "value at the peak"), strict=True):
        axis.set(title=title, xlabel="step")
    axes[2].legend(frameon=False, fontsize=8, loc="lower left")
    sns.despine()
    figure.tight_layout()
    return figure


def rate_figure(rates: Mapping[str, Mapping[str, float]], label: str = "PCKh@0.5, %") -> Figure:
    """A rate by kind of keypoint, a line a network (Fig. 2); kinds in the order of the first network's rates."""
    first = next(iter(rates.values()))
    kinds = sorted(first, key=lambda kind: first[kind])
    figure, axis = plt.subplots(figsize=(7.5, 3.2))
    for (name, own), colour in zip(rates.items(), sns.color_palette("bright"), strict=False):
        axis.plot(kinds, [own[kind] for kind in kinds], "o-", color=colour, label=name, markersize=4)
    axis.set(ylabel=label)
    axis.legend(frameon=False, fontsize=8)
    sns.despine()
    figure.tight_layout()
    return figure
