from __future__ import annotations

import math

import numpy as np
import pytest

from repro.metrics.pose_labels import pose_labels
from repro.skeletons.skeleton import COCO17

AREA = 5000.0  # medium: 32^2 to 96^2 px^2
TRUTH = np.stack([100.0 * np.arange(17), 50.0 * (np.arange(17) % 4)], 1)[None]
SEEN = np.full((1, 17), 2)


def moved(similarity: float) -> np.ndarray:
    """The true pose with every joint where its similarity is this, so that OKS is this."""
    step = np.sqrt(-2 * AREA * (2 * COCO17.sigma_array) ** 2 * math.log(similarity))
    return TRUTH[0] + np.stack([step, np.zeros(17)], 1)


def test_the_label_is_the_oks():
    points = np.stack([moved(0.5), moved(0.954), TRUTH[0] + 5000])
    rows, labels = pose_labels(points, np.array([0.2, 0.9, 0.5]), TRUTH, SEEN, np.array([AREA]), COCO17)
    assert rows.tolist() == [1, 2, 0]
    assert labels == pytest.approx([0.954, 0, 0.5])


def test_an_exact_pose_keeps_its_label_of_one():
    assert pose_labels(TRUTH, np.ones(1), TRUTH, SEEN, np.array([AREA]), COCO17)[1].tolist() == [1]


def test_the_released_rows_contradict_each_other():
    """One good detection of a medium person: all .954, medium .954, large 0."""
    arguments = (moved(0.954)[None], np.ones(1), TRUTH, SEEN, np.array([AREA]), COCO17)
    rows, labels = pose_labels(*arguments, dedup_area_ranges=False)
    assert rows.tolist() == [0, 0, 0] and labels == pytest.approx([0.954, 0.954, 0])


def test_who_does_not_count():
    points, one = moved(0.9)[None], np.ones(1)
    ignored = pose_labels(points, one, TRUTH, SEEN, np.array([AREA]), COCO17, ignored=np.array([True]))
    assert ignored[1].tolist() == [0]
    assert pose_labels(points, one, TRUTH, 0 * SEEN, np.array([AREA]), COCO17)[1].tolist() == [0]
    nobody = pose_labels(points, one, TRUTH[:0], SEEN[:0], np.zeros(0), COCO17)
    assert len(nobody[0]) == len(nobody[1]) == 0


def test_at_most_so_many_poses():
    points = np.repeat(TRUTH, 30, 0)
    rows, labels = pose_labels(points, np.arange(30.0), TRUTH, SEEN, np.array([AREA]), COCO17)
    assert rows.tolist() == list(range(29, 9, -1)) and (labels == 1).all()
