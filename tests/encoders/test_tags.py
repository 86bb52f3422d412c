from __future__ import annotations

import pytest
import torch

from repro.encoders.tags import AssociativeTargets, tag_positions

from .some_people import SIZE, THREE, people_of


def test_positions_are_truncated_pixels_of_labelled_keypoints_in_the_map():
    people = people_of([[(3.9, 7.2), None, (39.9, 31.9)], [(-0.5, 5), (40, 5), (-1, 5)]])
    positions, read = tag_positions(people, SIZE)
    assert positions.dtype == torch.int64
    assert read.tolist() == [[[True, False, True], [True, False, False]]]  # int(-0.5) is 0
    assert positions[0].tolist() == [[[3, 7], [0, 0], [39, 31]], [[0, 5], [0, 0], [0, 0]]]


def test_heatmaps_peak_at_whole_pixels_of_each_size():
    """(10.75, 7.25): pixel (10, 7); twice as large (21.5, 14.5): pixel (21, 14)."""
    targets = AssociativeTargets()(people_of([[(10.75, 7.25), None, None]]), size=SIZE, skeleton=THREE)
    assert targets["heatmaps"].shape == (1, 3, 32, 40) and targets["heatmaps_2x"].shape == (1, 3, 64, 80)
    assert targets["heatmaps"][0, 0, 7, 10] == 1 and targets["heatmaps_2x"][0, 0, 14, 21] == 1
    # HigherHRNet's window: radius 3 sigma + 1 = 7.
    assert int((targets["heatmaps_2x"] > 0).sum()) == 15 * 15
    assert targets["heatmap_weights_2x"].shape == (1, 1, 64, 80)


@pytest.mark.parametrize("higher", [True, False])
def test_names(higher):
    targets = AssociativeTargets(higher=higher)(people_of([[(1, 2)] * 3]), size=SIZE, skeleton=THREE)
    assert set(targets) == {"heatmaps", "heatmap_weights", "tag_positions", "tags_read"} | (
        {"heatmaps_2x", "heatmap_weights_2x"} if higher else set()
    )
