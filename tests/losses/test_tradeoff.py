from __future__ import annotations

import pytest
import torch

from repro.errors import ReproError
from repro.losses.tradeoff import TradeoffLoss, tradeoff_mse


def example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Errors 1, 2, 3, 4 with weights 1, 0.1, 0, 0.1."""
    return torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]]), torch.zeros(1, 1, 1, 4), torch.tensor([[[[1.0, 0.1, 0.0, 0.1]]]])


def test_values_by_hand():
    """Code: (1 + .4 + 0 + 1.6) / 4 = .75. Paper, weights squared: (1 + .04 + 0 + .16) / 4 = .3."""
    assert tradeoff_mse(*example()).item() == pytest.approx(0.75)
    assert tradeoff_mse(*example(), "paper").item() == pytest.approx(0.3)


def test_one_mask_serves_all_channels():
    predicted, target, weights = example()
    both = tradeoff_mse(predicted.repeat(2, 3, 1, 1), target.repeat(2, 3, 1, 1), weights.repeat(2, 1, 1, 1))
    assert both.item() == pytest.approx(0.75)


def test_gradient_of_the_background_is_a_tenth():
    """d/dp of m (p - t)^2 / n is 2 m (p - t) / n."""
    predicted, target, weights = example()
    tradeoff_mse(predicted.requires_grad_(), target, weights).backward()
    torch.testing.assert_close(predicted.grad.flatten(), torch.tensor([0.5, 0.1, 0.0, 0.2]))


def test_errors():
    predicted, target, weights = example()
    with pytest.raises(ReproError, match=r"\(1, 1, 1, 4\) but targets \(1, 1, 1, 3\)"):
        tradeoff_mse(predicted, target[..., :3], weights)
    with pytest.raises(ReproError, match="code, paper"):
        tradeoff_mse(predicted, target, weights, "text")


def test_the_loss_reads_maps_by_name():
    predicted, target, weights = example()
    got = TradeoffLoss(mode="paper")({"heatmaps": predicted}, {"heatmaps": target, "heatmap_weights": weights})
    assert set(got) == {"loss"} and got["loss"].item() == pytest.approx(0.3)
