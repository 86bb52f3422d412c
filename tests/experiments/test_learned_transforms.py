"""Where a network reads at people's centres, for transforms that are set by hand."""

from __future__ import annotations

from dataclasses import replace

import torch

from repro.experiments.learned_transforms import learned_of, learned_positions
from repro.training.loop import build_network

from ..reporting.test_table import scene_outcome
from ..tiny_scenes import scene_data, scene_recipe, tiny_scenes


def test_nine_places_around_each_centre():
    """T = 2 I everywhere: the places lie 2 px of the features apart, the middle one on the centre's px."""
    images = tiny_scenes(2)
    recipe = scene_recipe(scene_data(images, images), adaptive=True)
    network = build_network(recipe, images, torch.device("cpu"))
    with torch.no_grad():
        network.regression_blocks.transform1.biases[0].copy_(torch.tensor([2.0, 0, 0, 2]))
    found = learned_positions(network, images, recipe, (1, 0))
    assert len(found.images) == len(found.positions) == len(found.centres) == 2
    for positions, centres in zip(found.positions, found.centres, strict=True):
        assert positions.shape == (2, 9, 2) and centres.shape == (2, 2)
        torch.testing.assert_close(positions[:, 4], (centres / 4).round())
        torch.testing.assert_close(positions[:, 8] - positions[:, 0], torch.full((2, 2), 4.0))
        order = positions - positions[:, 4:5]
        assert order[0, 5].tolist() == [2, 0] and order[0, 7].tolist() == [0, 2]  # x to the right, y down


def test_what_is_missing_is_said():
    outcome = scene_outcome("hgr", 4, ("baseline", "guidance-tradeoff-art"))
    assert learned_of(outcome, "guidance") == "The row guidance was not run here."
    assert "drawn people" in learned_of(replace(outcome, data="coco"), "baseline")


def test_a_row_whose_weights_are_not_here(places):
    images = tiny_scenes(2)
    plain = scene_recipe(scene_data(images, images), adaptive=True).to_plain()
    outcome = scene_outcome("hgr", 4, ("guidance-tradeoff-art",))
    outcome = replace(outcome, runs=tuple(replace(run, recipe=plain) for run in outcome.runs))
    assert "are not among the runs" in learned_of(outcome, "guidance-tradeoff-art")
