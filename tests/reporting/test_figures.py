"""Figures are drawn from an outcome alone, and show what it holds."""

from __future__ import annotations

from dataclasses import replace

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
    heights = [
        patch.get_height() for container in axis.containers for patch in container if hasattr(patch, "get_height")
    ]
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


def test_bars_are_means_of_left_and_right_and_over_seeds() -> None:
    outcome = make_outcome()
    metrics = {"OKS/left_hip": 0.2, "OKS/right_hip": 0.4, "OKS/head": 0.9}
    outcome = replace(outcome, runs=tuple(replace(run, metrics=metrics) for run in outcome.runs))
    axis = keypoint_bars(outcome).axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["hip", "head"]
    assert [[bar.get_height() for bar in bars] for bars in axis.containers] == 3 * [pytest.approx([30.0, 90.0])]
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels == ["HRNet-w32", "+ skeletal attention module", "+ weighted inference"]


def test_what_was_not_measured_is_said_and_not_drawn() -> None:
    outcome = make_outcome()
    none = replace(outcome, runs=tuple(replace(run, metrics={"pckh@0.5": None}) for run in outcome.runs))
    for figure, text in ((learning_curves(none), "No metric"), (keypoint_bars(none), "with ground-truth boxes alone")):
        assert text in figure.axes[0].texts[0].get_text()
    one = replace(outcome, runs=tuple(replace(run, metrics={"pckh@0.5": 0.5}) for run in outcome.runs))
    assert [axis.get_ylabel() for axis in learning_curves(one).axes] == ["PCKh@0.5"]
