"""Figures of hgr's method notebook: what is drawn where, on tiny tensors."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from repro.grouping.candidates import keypoint_candidates
from repro.grouping.regressed import Cues
from repro.papers.hgr import figures
from repro.skeletons.skeleton import LSPET14

IMAGE = np.full((32, 48, 3), 90, np.uint8)
POSES = torch.rand(2, 14, 2, generator=torch.Generator().manual_seed(0)) * 28


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_maps_lie_over_the_input_px_that_they_stand_for():
    """Px (1, 2) of a map of stride 4 lies at input px (4, 8) and is 4 px wide."""
    _, axis = plt.subplots()
    figures.show_input(axis, IMAGE)
    heat = torch.zeros(8, 12)
    heat[2, 1] = 1
    figures.lay_map(axis, heat, 4)
    left, right, low, high = axis.images[1].get_extent()
    assert ((right - left) / 12, (low - high) / 8) == (4, 4)
    assert (left + 1.5 * 4, high + 2.5 * 4) == (4, 8)
    assert axis.get_xlim() == (-0.5, 47.5) and axis.get_ylim() == (31.5, -0.5)


def test_arrows_lead_from_central_pixels_to_the_keypoint():
    _, axis = plt.subplots()
    weights, offsets = torch.zeros(8, 12), torch.zeros(2, 8, 12)
    weights[3, 6] = 1
    offsets[:, 3, 6] = torch.tensor([4.0, -2.0])  # pixel - keypoint: the keypoint is at (2, 5)
    figures.draw_offsets(axis, offsets, weights, 4)
    (arrow,) = axis.collections
    assert (arrow.X + arrow.U).tolist() == [8] and (arrow.Y + arrow.V).tolist() == [20]


def test_targets_have_five_panels():
    targets = {
        "heatmaps": torch.rand(1, 14, 8, 12),
        "centres": torch.rand(1, 1, 8, 12),
        "heatmap_weights": torch.ones(1, 1, 8, 12),
        "offsets": torch.rand(1, 28, 8, 12),
        "offset_weights": torch.ones(1, 14, 8, 12),
    }
    labelled = torch.ones(2, 14, dtype=torch.bool)
    figure = figures.target_figure(IMAGE, POSES, labelled, targets, LSPET14, keypoint=1, stride=4)
    assert [axis.get_title() for axis in figure.axes][-1] == "offsets O* to the right knee"
    assert np.array_equal(figure.axes[2].images[1].get_array(), targets["centres"][0, 0].numpy())


def test_owners_have_a_colour_each():
    owner = torch.tensor([[0, 1], [2, 2]])
    figure = figures.owner_figure({"one": owner, "two": owner}, torch.tensor([[0.0, 1.0], [1.0, 1.0]]))
    colours = figure.axes[0].images[0].get_array()
    assert (
        (colours[0, 0] == 1).all() and (colours[1, 0] == colours[1, 1]).all() and (colours[0, 1] != colours[1, 1]).any()
    )


def test_nine_positions_are_drawn_in_px_of_the_input():
    grid = torch.tensor([[x, y] for y in (-1.0, 0, 1) for x in (-1.0, 0, 1)])
    figure = figures.sampling_figure([IMAGE], [(grid + 5)[None]], [torch.tensor([[20.0, 20.0]])], 4)
    drawn = figure.axes[0].collections[0].get_offsets()
    assert np.allclose(drawn, 4 * (grid.numpy() + 5))
    assert len(figures.lattice_figure({"a": grid, "b": 2 * grid}).axes) == 2


def test_what_a_keypoint_absorbs_and_where_it_stays_is_marked():
    """Of two cues one absorbs a candidate; the other keypoint and the rest stay where they were, with red rings."""
    heatmaps = torch.zeros(14, 8, 12)
    heatmaps[3, 2, 5] = 1
    candidates = keypoint_candidates(heatmaps, stride=4)
    absorbed = torch.zeros(2, 14, dtype=torch.bool)
    absorbed[0, 3] = True
    cues = Cues(points=POSES, scores=torch.ones(2))
    figure = figures.grouping_figure(IMAGE, candidates, cues, POSES, absorbed, LSPET14, radius=9.0, keypoint=3)
    assert [patch.radius for patch in figure.axes[2].patches] == [9.0, 9.0]
    assert len(figure.axes[2].texts) == 1  # the arrow
    assert figure.axes[2].collections[0].get_offsets().tolist() == [[20, 8]]
    assert len(figure.axes[3].collections[-1].get_offsets()) == 27


def test_scores_are_drawn_apart_for_right_and_wrong_poses():
    wrong = torch.tensor([True, False, False])
    figure = figures.score_figure(torch.rand(3), torch.rand(3), torch.rand(3), wrong)
    assert [len(points.get_offsets()) for points in figure.axes[1].collections] == [2, 1]
