from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.encoders.coordinates import Coordinates
from repro.errors import ReproError
from repro.losses.integral import JointL1, soft_argmax, weighted_l1
from repro.skeletons.skeleton import COCO17

PROPERTY = settings(derandomize=True, deadline=None, max_examples=30)


def test_mean_by_hand():
    """Shares 1/8, 1/8, 2/8, 4/8 at (0, 0), (1, 0), (0, 1), (1, 1): x = 5/8, y = 6/8; the largest is 1/2."""
    maps = torch.tensor([[0.0, 0.0], [math.log(2), math.log(4)]], dtype=torch.float64)[None, None]
    points, scores = soft_argmax(maps)
    assert points[0, 0].tolist() == pytest.approx([0.625, 0.75]) and scores.item() == pytest.approx(0.5)


def test_an_even_map_gives_its_centre_and_a_sharp_one_its_peak():
    even = torch.zeros(1, 1, 5, 8)
    assert soft_argmax(even)[0][0, 0].tolist() == pytest.approx([3.5, 2.0])
    assert soft_argmax(even)[1].item() == pytest.approx(1 / 40)
    sharp = even.clone()
    sharp[0, 0, 4, 6] = 100
    points, scores = soft_argmax(sharp)
    assert points[0, 0].tolist() == pytest.approx([6, 4]) and scores.item() == pytest.approx(1)


@PROPERTY
@given(x=st.floats(6, 17), y=st.floats(6, 9), sigma=st.floats(0.8, 1.4), level=st.floats(-50, 50))
def test_the_log_of_a_gaussian_gives_its_centre_whatever_its_level(x, y, sigma, level):
    """Softmax of -d^2 / 2 sigma^2 is the Gaussian, and the mean of a sampled Gaussian far from borders is its centre."""
    columns, rows = torch.arange(24).double(), torch.arange(16).double()
    distance = (rows[:, None] - y).square() + (columns - x).square()
    points, scores = soft_argmax((level - distance / (2 * sigma**2))[None, None])
    assert points[0, 0].tolist() == pytest.approx([x, y], abs=1e-3)
    assert 0 < scores.item() <= 1


@PROPERTY
@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 1000))
def test_means_lie_within_the_map(seed, scale):
    maps = scale * torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(seed))
    points, scores = soft_argmax(maps)
    assert points.shape == (2, 3, 2) and scores.shape == (2, 3)
    assert (points >= 0).all() and (points[..., 0] <= 5 + 1e-5).all() and (points[..., 1] <= 3 + 1e-5).all()


def test_l1_by_hand():
    """|1| + |-2| = 3 and |0.5| + |4| = 4.5, of which the second has weight 0; two keypoints in one image."""
    points = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    target = torch.tensor([[[0.0, 4.0], [2.5, 0.0]]])
    assert weighted_l1(points, target, torch.ones(1, 2)).item() == 3.75
    assert weighted_l1(points, target, torch.tensor([[1.0, 0.0]])).item() == 1.5
    assert weighted_l1(points, target, torch.zeros(1, 2)).item() == 0


def test_keypoints_that_do_not_count_may_lie_anywhere():
    points = torch.zeros(1, 2, 2, requires_grad=True)
    target = torch.tensor([[[1.0, 1.0], [math.inf, -math.inf]]])
    loss = weighted_l1(points, target, torch.tensor([[1.0, 0.0]]))
    loss.backward()
    assert loss.item() == 1.0
    assert points.grad.tolist() == [[[-0.5, -0.5], [0.0, 0.0]]]


def test_descending_the_loss_brings_the_mean_to_the_target():
    maps = torch.zeros(1, 1, 8, 8, requires_grad=True)
    targets = {"points": torch.tensor([[[5.3, 1.7]]]), "weights": torch.ones(1, 1)}
    optimiser = torch.optim.Adam([maps], lr=0.1)
    for _ in range(150):
        optimiser.zero_grad()
        loss = JointL1()({"heatmaps": maps}, targets)["loss"]
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.2


def test_outputs_in_bfloat16_are_compared_in_float32():
    maps = torch.zeros(1, 1, 4, 6, dtype=torch.bfloat16)
    targets = {"points": torch.tensor([[[2.5, 1.5 + 2**-10]]]), "weights": torch.ones(1, 1)}
    loss = JointL1()({"heatmaps": maps}, targets)["loss"]
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(2**-10, rel=1e-2)


def test_the_loss_reads_the_encoders_targets():
    points = torch.full((1, 17, 2), 2.0)
    targets = Coordinates()(points, torch.ones(1, 17), size=(5, 5), skeleton=COCO17)
    assert JointL1()({"heatmaps": torch.zeros(1, 17, 5, 5)}, targets)["loss"].item() == pytest.approx(0, abs=1e-5)


def test_disagreeing_shapes_are_an_error():
    with pytest.raises(ReproError, match=r"shape \(1, 2, 2\) but targets \(1, 3, 2\)"):
        weighted_l1(torch.zeros(1, 2, 2), torch.zeros(1, 3, 2), torch.zeros(1, 3))
