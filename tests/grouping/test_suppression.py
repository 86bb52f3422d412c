from __future__ import annotations

import torch

from repro.grouping.suppression import keep_best, shared_joints


def poses(*shifts: float) -> torch.Tensor:
    """Poses of 17 joints, each moved along x by its shift."""
    base = torch.arange(34.0).view(17, 2) * 50
    return torch.stack([base + torch.tensor([s, 0.0]) for s in shifts])


def test_the_higher_score_remains():
    kept = keep_best(poses(0, 4, 500), torch.tensor([0.5, 0.8, 0.2]))
    assert kept.tolist() == [1, 2]


def test_ten_joints_in_common_are_not_enough():
    """More than 10 joints must lie within 10 px."""
    for moved, expected in ((7, 2), (6, 1)):  # 10 and 11 joints in common
        both = poses(0, 3)
        both[1, :moved] += 100
        assert shared_joints(both, 10)[0, 1] == 17 - moved
        assert len(keep_best(both, torch.ones(2))) == expected


def test_ten_px_apart_is_not_within():
    assert len(keep_best(poses(0, 10), torch.ones(2))) == 2
    assert len(keep_best(poses(0, 9.99), torch.ones(2))) == 1


def test_a_dropped_pose_suppresses_nobody():
    """0 drops 8, which repeats 16; 16 does not repeat 0 and stays."""
    assert keep_best(poses(0, 8, 16), torch.tensor([0.9, 0.8, 0.7])).tolist() == [0, 2]


def test_equal_scores_keep_their_order_and_nobody_stays_nobody():
    assert keep_best(poses(0, 4, 500), torch.ones(3)).tolist() == [0, 2]
    assert len(keep_best(torch.zeros(0, 17, 2), torch.zeros(0))) == 0
