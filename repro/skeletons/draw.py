"""Poses drawn into a figure."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from repro.skeletons.skeleton import Skeleton


def draw_pose(axis: Axes, points: np.ndarray, shown: np.ndarray, skeleton: Skeleton, color: str, width: float) -> None:
    """Draw links and keypoints (K, 2) that ``shown`` (K,) marks."""
    links = [points[[a, b]] for a, b in skeleton.link_indices if shown[a] and shown[b]]
    axis.add_collection(LineCollection(links, colors=color, linewidths=width, capstyle="round", zorder=2))
    axis.scatter(points[shown, 0], points[shown, 1], s=6 * width, color=color, zorder=3)
