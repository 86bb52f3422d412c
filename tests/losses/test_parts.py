"""Cross-entropy on body parts against hand calculation."""

import math

import pytest
import torch

from repro.losses.parts import PartCrossEntropy


def loss_of(balance: float, targets: list[int], logits: torch.Tensor) -> dict[str, torch.Tensor]:
    """The loss of one row of pixels."""
    parts = torch.tensor(targets)[None, None]
    return PartCrossEntropy(balance=balance)({"parts": logits}, {"parts": parts})


def test_equal_logits_cost_the_logarithm_of_the_number_of_classes():
    assert loss_of(0.0, [0, 1, 2, 3], torch.zeros(1, 4, 1, 4))["loss"].item() == pytest.approx(math.log(4))


def test_balance_weighs_classes_by_their_share():
    # three pixels of class 0 (share 3/4), one of class 1 (share 1/4); class 0 is always predicted with odds e
    logits = torch.zeros(1, 2, 1, 4)
    logits[:, 0] = 1.0
    right, wrong = math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))
    assert loss_of(0.0, [0, 0, 0, 1], logits)["loss"].item() == pytest.approx((3 * right + wrong) / 4)
    assert loss_of(1.0, [0, 0, 0, 1], logits)["loss"].item() == pytest.approx((right + wrong) / 2, rel=1e-6)
    assert loss_of(0.0, [0, 0, 0, 1], logits)["pixel_accuracy"].item() == 0.75
