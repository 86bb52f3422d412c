from __future__ import annotations

import pytest
import torch

from repro.errors import ReproError
from repro.grouping.regressed import heat_at, offsets_by_joint, poses_at, regressed_cues


def test_a_joint_is_the_pixel_less_the_offset():
    """Centre at (3, 2), offset of the second joint (-1.5, 2): joint (4.5, 0) in map px, (18, 0) in input px."""
    centres, offsets = torch.zeros(1, 6, 8), torch.zeros(4, 6, 8)
    centres[0, 2, 3] = 0.7
    offsets[:, 2, 3] = torch.tensor([1.0, 0.5, -1.5, 2.0])
    cues = regressed_cues(centres, offsets, stride=4)
    assert cues.points.tolist() == [[[8, 6], [18, 0]]]
    assert cues.scores.tolist() == [pytest.approx(0.7)]


def test_both_layouts():
    offsets = torch.rand(6, 4, 5)
    assert torch.equal(offsets_by_joint(offsets)[2, 1], offsets[5])
    assert offsets_by_joint(offsets.view(3, 2, 4, 5)).shape == (3, 2, 4, 5)
    with pytest.raises(ReproError, match="\\(5, 4, 5\\)"):
        offsets_by_joint(torch.rand(5, 4, 5))


def test_poses_at_pixels():
    offsets = torch.zeros(1, 2, 4, 5)
    offsets[0, 0], offsets[0, 1] = 1, -2
    assert poses_at(offsets, torch.tensor([[3.0, 1.0], [0.0, 0.0]])).tolist() == [[[2, 3]], [[-1, 2]]]


def test_no_centre_no_cue():
    assert regressed_cues(torch.zeros(1, 4, 4), torch.zeros(4, 4, 4), stride=4).points.shape == (0, 2, 2)


def test_heat_is_read_at_x_and_y():
    """The map is 0.1 * x at stride 2: (6, 2) in input px is pixel (3, 1), 0.3; half way to the next 0.35; outside 0."""
    heatmaps = (0.1 * torch.arange(5.0)).expand(2, 4, 5).clone()
    heatmaps[1] = 0
    points = torch.tensor([[[6.0, 2.0], [6, 2]], [[7, 2], [0, 0]], [[9, 2], [0, 0]]])
    heats = heat_at(heatmaps, points, 2)
    torch.testing.assert_close(heats[:, 0], torch.tensor([0.3, 0.35, 0.0]))
    assert not heats[:, 1].any()
