"""Metrics of weighted images: AP beside COCOeval on replicates that are drawn by hand, ratios by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.metrics.coco import evaluate_coco, run_coco
from repro.metrics.evidence import Matches, Ratio, from_arrays, matches_of, ratio_of, to_arrays

DOT = [0.5]  # one keypoint with (2 sigma)^2 = 1


def some_images(rng: np.random.Generator, images: int) -> tuple[list[dict], list[dict]]:
    """Annotations and predictions of images with 0 to 3 people, crowds among them, and 0 to 4 predictions each."""
    truth, found = [], []
    for image in range(1, images + 1):
        for _ in range(rng.integers(0, 4)):
            x, area = float(rng.uniform(0, 900)), float(rng.choice([2000.0, 5000.0, 2e4]))
            crowd = int(rng.random() < 0.15)
            labelled = 0 if rng.random() < 0.15 else 2
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "keypoints": [x, 50, labelled],
                    "num_keypoints": int(labelled > 0),
                    "area": area,
                    "bbox": [x - 25, 0, 50, 100],
                    "iscrowd": crowd,
                }
            )
            if rng.random() < 0.8:
                found.append(prediction(image, x + float(rng.normal(0, 40)), rng))
        for _ in range(rng.integers(0, 2)):
            found.append(prediction(image, float(rng.uniform(0, 900)), rng))
    return truth, found


def prediction(image: int, x: float, rng: np.random.Generator) -> dict:
    """A prediction at (x, 50) with a score that no other has."""
    return {"image_id": image, "category_id": 1, "keypoints": [x, 50, 1], "score": float(rng.random())}


def replicate(truth: list[dict], found: list[dict], times: np.ndarray) -> tuple[list[dict], list[int], list[dict]]:
    """The images as often as they count, under new ids, as COCOeval would have to be given them."""
    annotations, images, predictions = [], [], []
    for image, count in enumerate(times, start=1):
        for _ in range(count):
            images.append(len(images) + 1)
            annotations += [{**a, "image_id": images[-1]} for a in truth if a["image_id"] == image]
            predictions += [{**p, "image_id": images[-1]} for p in found if p["image_id"] == image]
    return [{**a, "id": i} for i, a in enumerate(annotations, start=1)], images, predictions


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_weighted_precision_is_that_of_coco_on_the_replicate(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 12))
    truth, found = some_images(rng, count)
    matches = matches_of(run_coco(truth, range(1, count + 1), found, DOT))
    weights = rng.multinomial(count, np.full(count, 1 / count), size=4)
    weights[0] = 1
    for times, value in zip(weights, matches.values(weights), strict=True):
        expected = evaluate_coco(*replicate(truth, found, times), DOT)["AP"]
        assert value == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_weighted_precision_by_hand():
    """A hit and a better-scored false alarm: AP is 1/2 with both once, 1/3 with the false one twice, 1 without it."""
    both = np.ones((2, 10), dtype=bool)
    both[0] = False
    matches = Matches(np.array([0, 1]), both, ~both, np.array([0, 1]))
    np.testing.assert_allclose(matches.values(np.array([[1, 1], [2, 1], [0, 1]])), [1 / 2, 1 / 3, 1], rtol=1e-12)
    assert np.isnan(matches.values(np.array([[2, 0]]))).all()


def test_weighted_ratio_by_hand():
    """Persons with 0.5 and nan in image 0, 1 and 0.75 in image 2."""
    ratio = ratio_of(np.array([0.5, np.nan, 1, 0.75]), np.array([0, 0, 2, 2]), 3)
    assert ratio.numerator.tolist() == [0.5, 0, 1.75] and ratio.denominator.tolist() == [1, 0, 2]
    np.testing.assert_allclose(ratio.values(np.array([[1, 1, 1], [2, 0, 1], [0, 3, 0]])), [0.75, 0.6875, np.nan])


def test_a_ratio_counts_keypoints_where_it_is_told():
    """12 of 16 and 3 of 4 keypoints: 15 / 20."""
    ratio = ratio_of(np.array([12.0, 3]), np.array([0, 1]), 2, counts=np.array([16, 4]))
    assert ratio.values(np.ones((1, 2), dtype=int)).tolist() == [0.75]


def test_evidence_survives_being_written():
    rng = np.random.default_rng(3)
    truth, found = some_images(rng, 9)
    matches = matches_of(run_coco(truth, range(1, 10), found, DOT))
    weights = rng.multinomial(9, np.full(9, 1 / 9), size=5)
    np.testing.assert_array_equal(from_arrays(to_arrays(matches)).values(weights), matches.values(weights))
    ratio = Ratio(np.array([0.25, 3]), np.array([1.0, 4]))
    np.testing.assert_array_equal(from_arrays(to_arrays(ratio)).values(np.eye(2)), ratio.values(np.eye(2)))


def test_what_is_no_evidence_is_refused():
    with pytest.raises(ReproError, match="no evidence"):
        from_arrays({"numerator": np.zeros(2)})
    with pytest.raises(ReproError, match=r"shape \(1, 3\), expected \(B, 2\)"):
        Ratio(np.zeros(2), np.ones(2)).values(np.ones((1, 3)))


def test_nothing_found_and_nobody_there():
    truth, _ = some_images(np.random.default_rng(1), 4)
    assert matches_of(run_coco(truth, range(1, 5), [], DOT)).values(np.ones((1, 4), dtype=int)).tolist() == [0.0]
    empty = matches_of(run_coco([], [1, 2], [], DOT))
    assert empty.images == 2 and np.isnan(empty.values(np.ones((1, 2), dtype=int))).all()
