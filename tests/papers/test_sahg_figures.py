"""Figures of sahg's method notebook, on tiny tensors."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from repro.papers.sahg import figures


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_maps_stand_beside_the_image():
    image = np.zeros((16, 16, 3), np.uint8)
    figure = figures.heatmap_figure(image, {"a": torch.rand(4, 4), "b": torch.rand(4, 4)}, 4)
    assert [axis.get_title() for axis in figure.axes] == ["image", "a", "b"]


def test_kernels_are_named_and_counted():
    values = torch.zeros(5, 5)
    values[2, 1:4] = 0.5
    figure = figures.kernel_figure({"one": {"eye": values, "hip": values}, "two": {"eye": values, "hip": 2 * values}})
    assert [axis.get_title() for axis in figure.axes] == ["eye", "hip", "", ""]
    assert [axis.get_xlabel() for axis in figure.axes] == ["3 px"] * 4
    assert (figure.axes[0].get_ylabel(), figure.axes[2].get_ylabel()) == ("one", "two")


def test_the_end_of_a_gaussian_lies_on_its_curve():
    """exp(-R^2 / (2 sigma^2)) is theta at R = sigma sqrt(2 ln(1 / theta))."""
    figure = figures.truncation_figure({"eye": 2.0}, {"eye": 2 * np.sqrt(2 * np.log(100))}, 0.01)
    curve = figure.axes[1].lines[0].get_xydata()
    (end,) = [line.get_xydata()[0] for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert np.interp(end[0], curve[:, 0], curve[:, 1]) == pytest.approx(end[1], abs=1e-4)


def test_thresholds_of_the_table_are_marked():
    figure = figures.scale_figure([0.03, 0.1], {"eye": [2, 2], "hip": [3, 2]}, (0.035, 0.062))
    assert [line.get_xdata()[0] for line in figure.axes[0].lines[2:]] == [0.035, 0.062]


def test_gaussians_are_shown_with_what_becomes_of_them():
    x = torch.linspace(0, 1, 5)
    figure = figures.interference_figure(x, [x, 1 - x], {"sum": torch.ones(5), "larger": x})
    assert [len(axis.lines) for axis in figure.axes] == [3, 3]
    assert figure.axes[0].lines[2].get_ydata().tolist() == [1] * 5


def test_lines_are_broken_where_weights_jump():
    heat = torch.linspace(-1, 1, 201)
    weight = torch.where(heat <= 0.005, heat, heat + 1)
    figure = figures.weight_figure(heat, {"w": weight}, {"l": weight})
    drawn = figure.axes[0].lines[0].get_ydata()
    assert np.flatnonzero(np.isnan(drawn)).tolist() == [101]


def test_courses_show_loss_lowest_value_and_the_peak():
    target = torch.zeros(3, 3)
    target[1, 2] = 1
    maps = torch.arange(18.0).view(2, 3, 3)
    figure = figures.optimisation_figure({"one": (maps, torch.tensor([4.0, 3.0]))}, target)
    shown = [axis.lines[0].get_ydata().tolist() for axis in figure.axes]
    assert shown == [[4, 3], [0, 9], [5, 14]]


def test_rates_are_a_line_a_network_in_the_order_of_the_first():
    figure = figures.rate_figure({"one": {"hip": 80.0, "wrist": 60.0}, "two": {"wrist": 70.0, "hip": 75.0}})
    (axis,) = figure.axes
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["wrist", "hip"]
    assert [list(line.get_ydata()) for line in axis.get_lines()] == [[60.0, 80.0], [70.0, 75.0]]
