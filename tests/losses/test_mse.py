from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from repro.errors import ReproError
from repro.losses.mse import HeatmapMSE, SkeletalLoss, weighted_mse

PROPERTY = settings(derandomize=True, deadline=None, max_examples=30)


def random_maps(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def joints_mse(predicted: Tensor, target: Tensor, weights: Tensor) -> float:
    """HRNet's JointsMSELoss: joint by joint, each the mean over images and pixels, then the mean over joints."""
    batch, joints, height, width = predicted.shape
    total = 0.0
    for k in range(joints):
        squares = 0.0
        for b in range(batch):
            for p, t in zip(predicted[b, k].flatten().tolist(), target[b, k].flatten().tolist(), strict=True):
                squares += (weights[b, k].item() * p - weights[b, k].item() * t) ** 2
        total += 0.5 * squares / (batch * height * width)
    return total / joints


def test_value_by_hand():
    """Errors 1, 2, 0, -3 on one map and 4, 0, 0, 0 on the other: squares 14 and 16. 0.5 x (14 + 16) / 8 = 1.875."""
    target = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]]]])
    predicted = target + torch.tensor([[[[1.0, 2.0], [0.0, -3.0]], [[4.0, 0.0], [0.0, 0.0]]]])
    assert weighted_mse(predicted, target, torch.ones(1, 2)).item() == 1.875
    # The second map does not count, but it stays in the denominator: 0.5 x 14 / 8.
    assert weighted_mse(predicted, target, torch.tensor([[1.0, 0.0]])).item() == 0.875
    # Weights are squared with the error: 0.5 x (14 + 0.25 x 16) / 8.
    assert weighted_mse(predicted, target, torch.tensor([[1.0, 0.5]])).item() == 1.125


@PROPERTY
@given(batch=st.integers(1, 3), joints=st.integers(1, 4), seed=st.integers(0, 1000))
def test_it_is_hrnets_loss_joint_by_joint(batch, joints, seed):
    predicted, target = (random_maps(batch, joints, 3, 2, seed=2 * seed + i) for i in (0, 1))
    weights = (random_maps(batch, joints, seed=seed) > 0).double()
    got = weighted_mse(predicted, target, weights).item()
    assert got == pytest.approx(joints_mse(predicted, target, weights), rel=1e-12, abs=1e-15)


def test_a_perfect_prediction_costs_nothing_and_no_labels_neither():
    maps = random_maps(2, 3, 4, 4, seed=0)
    assert weighted_mse(maps, maps, torch.ones(2, 3)).item() == 0
    assert weighted_mse(maps, -maps, torch.zeros(2, 3)).item() == 0


def test_gradient():
    """d/dp of 0.5 w^2 (p - t)^2 / n is w^2 (p - t) / n; n = 2 x 3 x 4 x 5 = 120."""
    predicted = random_maps(2, 3, 4, 5, seed=1).requires_grad_()
    target, weights = random_maps(2, 3, 4, 5, seed=2), torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.5, 1.0]]).double()
    weighted_mse(predicted, target, weights).backward()
    expected = weights[..., None, None] ** 2 * (predicted.detach() - target) / 120
    torch.testing.assert_close(predicted.grad, expected)
    assert not predicted.grad[0, 1].any() and predicted.grad[0, 0].all()


def test_predictions_in_bfloat16_are_compared_in_float32():
    """1 - 1/1024 is no number of bfloat16; the difference to it must not be rounded away."""
    predicted, target = torch.ones(1, 1, 2, 2, dtype=torch.bfloat16), torch.full((1, 1, 2, 2), 1 - 2**-10)
    loss = weighted_mse(predicted, target, torch.ones(1, 1))
    assert loss.dtype == torch.float32 and loss.item() == 0.5 * 2**-20


@pytest.mark.parametrize("shape", [(1, 3, 2, 2), (1, 2, 4, 2), (2, 2, 2, 2), (1, 1, 2, 2)])
def test_disagreeing_shapes_are_an_error(shape):
    with pytest.raises(ReproError, match=r"shape \(1, 2, 2, 2\) but targets \("):
        weighted_mse(torch.zeros(1, 2, 2, 2), torch.zeros(*shape), torch.zeros(shape[:2]))


def test_heatmap_loss_reads_maps_and_weights_by_name():
    maps, weights = random_maps(1, 2, 3, 3, seed=5), torch.tensor([[1.0, 0.0]]).double()
    outputs = {"heatmaps": maps, "skeletal": maps * 7}
    got = HeatmapMSE()(outputs, {"heatmaps": -maps, "weights": weights})
    # The error is 2 m on the first map: 0.5 x 4 m^2 over 18 values.
    assert set(got) == {"loss"}
    assert got["loss"].item() == pytest.approx(2 * maps[0, 0].square().sum().item() / 18, rel=1e-12)


def skeletal_example() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Keypoints: errors of 2 on one of two maps counted: 0.5 x 4 / 2 = 1. Links: errors of 3 on one of four: 0.5 x 9 / 4."""
    outputs = {"heatmaps": torch.full((1, 2, 3, 3), 2.0), "skeletal": torch.full((1, 4, 3, 3), 3.0)}
    targets = {"heatmaps": torch.zeros(1, 2, 3, 3), "weights": torch.tensor([[1.0, 0.0]])}
    links = {"skeletal": torch.zeros(1, 4, 3, 3), "skeletal_weights": torch.tensor([[0.0, 0.0, 1.0, 0.0]])}
    return outputs, {**targets, **links}


def test_skeletal_total_is_the_keypoint_loss_and_a_fifth_of_the_skeletal_loss():
    got = SkeletalLoss()(*skeletal_example())
    assert got["keypoint_loss"].item() == 1 and got["skeletal_loss"].item() == 1.125
    assert got["loss"].item() == pytest.approx(1 + 0.2 * 1.125, rel=1e-6)


@pytest.mark.parametrize("weight", [0.0, 1.0, 3.0])
def test_the_weight_of_the_skeletal_loss_is_a_setting(weight):
    assert SkeletalLoss(weight=weight)(*skeletal_example())["loss"].item() == 1 + weight * 1.125


def test_both_terms_are_learned_from():
    outputs, targets = skeletal_example()
    outputs = {name: value.requires_grad_() for name, value in outputs.items()}
    SkeletalLoss()(outputs, targets)["loss"].backward()
    # 2 / 18 for each pixel of the counted keypoint map, 0.2 x 3 / 36 for each of the counted link.
    torch.testing.assert_close(outputs["heatmaps"].grad[0, 0], torch.full((3, 3), 2 / 18))
    torch.testing.assert_close(outputs["skeletal"].grad[0, 2], torch.full((3, 3), 0.2 * 3 / 36))
    assert not outputs["heatmaps"].grad[0, 1].any() and not outputs["skeletal"].grad[0, [0, 1, 3]].any()
