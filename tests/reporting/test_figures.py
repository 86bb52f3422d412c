"""Figures are drawn from an outcome alone, and show what it holds."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from repro.reporting.figures import Example, keypoint_bars, learning_curves, pose_grid, row_labels
from repro.skeletons import LSPET14

from .sample_outcome import PCKH, make_outcome

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close() -> None:
    yield
    plt.close("all")


def test_learning_curves_have_a_line_a_row_and_reach_the_mean_over_seeds() -> None:
    figure = learning_curves(make_outcome())
    first, second = figure.axes
    assert (first.get_ylabel(), second.get_ylabel()) == ("PCKh@0.5", "mean OKS")
    lines = [line for line in first.get_lines() if len(line.get_xdata())]
    assert [line.get_ydata()[-1] for line in lines] == pytest.approx([50 * sum(values) for values in PCKH.values()])


def test_keypoint_bars_show_each_row() -> None:
    figure = keypoint_bars(make_outcome())
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["hip"]
    heights = [patch.get_height() for container in axis.containers for patch in container if hasattr(patch, "get_height")]
    assert [h for h in heights if h] == pytest.approx([50.0] * 3)


def test_poses_are_drawn_with_and_without_an_image() -> None:
    labels = row_labels(make_outcome())
    points = np.random.default_rng(0).uniform(0, 60, (14, 2))
    image = np.zeros((64, 64, 3), np.uint8)
    examples = [Example(points, np.full(14, 2), dict.fromkeys(labels, points), i, (64, 64)) for i in (image, None)]
    figure = pose_grid(examples, labels, LSPET14)
    assert len(figure.axes) == 6
    assert [len(axis.images) for axis in figure.axes] == [1, 0] * 3
    assert all(len(axis.lines) == 2 * len(LSPET14.links) for axis in figure.axes)
    assert figure.axes[0].get_ylabel() == "HRNet-w32"
