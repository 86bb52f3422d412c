from __future__ import annotations

import math

import pytest
import torch

from repro.encoders.gaussian import gaussian_heatmaps
from repro.errors import ReproError
from repro.losses.redistributed import RedistributedLoss, redistribution_weights

ONES = torch.ones(1, 1, 1, 1, dtype=torch.float64)


@pytest.mark.parametrize(
    ("heat", "weight"),
    [
        (0.0, 0.01375),
        (0.01, 0.03399),  # the threshold belongs to the lower branch
        (0.0100001, 1.13737),
        (0.1, 1.0797),
        (0.2, 1.0092),
        (0.5, 0.75),
        (0.7, 0.5286),
        (0.9, 0.2582),
        (1.0, 0.1013),
        (math.log(2) - 0.7, 0.0),
        (0.5 + math.log(1.75), 0.0),
    ],
)
def test_weights_of_equation_9(heat, weight):
    got = redistribution_weights(torch.tensor(heat, dtype=torch.float64)).item()
    assert got == pytest.approx(weight, abs=6e-5)


@pytest.mark.parametrize(("threshold", "below", "above"), [(0.005, 0.0238, 1.1404), (0.015, 0.0442, 1.1343)])
def test_weights_at_the_other_thresholds_of_table_3(threshold, below, above):
    heat = torch.tensor([threshold, threshold + 1e-7], dtype=torch.float64)
    assert redistribution_weights(heat, threshold).tolist() == pytest.approx([below, above], abs=6e-5)


def loss_of(predicted: float, target: float, **choices) -> torch.Tensor:
    return RedistributedLoss(**choices).maps(ONES * predicted, ONES * target, ONES)


def test_a_missed_peak_costs_less_than_a_half_detected_one():
    """.01375 x 1 at an estimate of 0, .75 x .25 = .1875 at one of a half; the weight from the target is .1013 for both."""
    assert loss_of(0, 1).item() == pytest.approx(0.01375, abs=5e-6)
    assert loss_of(0.5, 1).item() == pytest.approx(0.1875, abs=5e-6)
    assert loss_of(0, 1, weight_from="target").item() == pytest.approx(0.1013, abs=5e-5)


def test_the_weight_is_clamped_and_not_learned_through():
    """d/dp of w (p - t)^2 with w fixed is 2 w (p - t): at p = .5 and t = 1 it is -.75; as printed w' (p - t)^2 comes in,
    -e^0 x .25."""
    for form, slope in (("detached", -0.75), ("printed", -0.75 - 0.25)):
        predicted = (ONES * 0.5).requires_grad_()
        RedistributedLoss(form=form).maps(predicted, ONES, ONES).backward()
        assert predicted.grad.item() == pytest.approx(slope)
    assert loss_of(-3, 0).item() == pytest.approx(9 * 0.01375, abs=5e-5)  # the weight of 0
    assert loss_of(3, 0).item() == pytest.approx(9 * 0.1013, abs=5e-4)  # the weight of 1


def test_the_printed_form_is_unbounded_below():
    """Below -.00685 and above 1.0596 the weight is negative, so the loss falls as the error grows."""
    for sign in (-1, 1):
        values = [loss_of(sign * size, 0, form="printed").item() for size in (2.0, 4.0, 8.0)]
        assert 0 > values[0] > values[1] > values[2]
    assert loss_of(-1000, 0, form="printed").item() < -1e6


def descend(**choices) -> tuple[torch.Tensor, torch.Tensor]:
    """A free map of 16 x 16 after 400 steps of Adam, and its target with a peak at (8, 7)."""
    target = gaussian_heatmaps(torch.tensor([[[8.0, 7.0]]]), (16, 16), 2.0, truncated=True)
    generator = torch.Generator().manual_seed(0)
    free = (0.001 * torch.randn(1, 1, 16, 16, generator=generator)).requires_grad_()
    optimiser = torch.optim.Adam([free], lr=0.02)
    loss = RedistributedLoss(**choices)
    for _ in range(400):
        optimiser.zero_grad()
        loss.maps(free, target, torch.ones(1, 1, 16, 16)).backward()
        optimiser.step()
    return free.detach(), target


@pytest.mark.parametrize("choices", [{}, {"weight_from": "target"}])
def test_both_trainable_readings_converge_on_a_free_map(choices):
    free, target = descend(**choices)
    assert (free - target).abs().max() < 0.05


def test_the_printed_form_diverges_on_a_free_map():
    free, target = descend(form="printed")
    assert free.min() < -1 and (free - target).abs().max() > 1


def test_the_mask_multiplies_and_the_mean_is_over_everything():
    predicted, target = torch.full((1, 2, 1, 2), 0.5), torch.ones(1, 2, 1, 2)
    mask = torch.tensor([[[[1.0, 0.0]]]])
    got = RedistributedLoss()({"heatmaps": predicted}, {"heatmaps": target, "heatmap_weights": mask})
    assert set(got) == {"loss"} and got["loss"].item() == pytest.approx(0.1875 / 2)


def test_errors():
    with pytest.raises(ReproError, match="estimate, target"):
        RedistributedLoss(weight_from="truth")
    with pytest.raises(ReproError, match="detached, printed"):
        RedistributedLoss(form="clamped")
    with pytest.raises(ReproError, match="but targets"):
        RedistributedLoss().maps(ONES, ONES.repeat(1, 2, 1, 1), ONES)
