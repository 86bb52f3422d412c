"""Suppression of poses that repeat a better one (hgr's released code; the paper mentions only that on the centre map)."""

from __future__ import annotations

import torch
from torch import Tensor


def shared_joints(points: Tensor, distance: float) -> Tensor:
    """(M, M): how many joints of two poses (M, K, 2) lie less than ``distance`` px apart."""
    apart = (points[:, None] - points[None]).square().sum(-1)
    return (apart < distance**2).sum(-1)


def keep_best(points: Tensor, scores: Tensor, *, distance: float = 10.0, joints: int = 10) -> Tensor:
    """Greedy suppression: from the highest score down a pose is kept unless it repeats one that is kept already.

    Two poses are the same if MORE than ``joints`` joints lie within ``distance`` px of the network's input, 10 and 10 in
    the released code. That code also drops poses that repeat a dropped one (a chain) and, over several scales, goes through
    the poses in the order of their scales; here only kept poses suppress.

    Args:
        points: (M, K, 2) in input px.
        scores: (M,). Of equal ones the first goes first.

    Returns:
        (N,) int64 positions of the kept poses, by falling score.
    """
    order = torch.argsort(scores, descending=True, stable=True)
    same = (shared_joints(points, distance) > joints)[order][:, order].cpu()
    kept = torch.ones(len(order), dtype=torch.bool)
    for best in range(len(order)):
        if kept[best]:
            kept[best + 1 :] &= ~same[best, best + 1 :]
    return order[kept.to(order.device)]
