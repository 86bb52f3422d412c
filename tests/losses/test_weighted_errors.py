from __future__ import annotations

import pytest
import torch
from torch import Tensor

from repro.losses import weighted_errors
from repro.losses.adaptive_wing import AdaptiveWing
from repro.losses.foreground import FWAHR, WAHR
from repro.losses.weighted_errors import squared_error_and_slope, weighted_sums

WEIGHTS = [
    WAHR(),
    WAHR(gamma=0.7, detach=True),
    FWAHR(),
    FWAHR(condition="target", tau=0.3),
    FWAHR(background="prediction", gamma=0.3),
    FWAHR(condition="target", background="prediction", detach=True),
]
WING = AdaptiveWing(omega=10.0, theta=0.4, epsilon=0.8, alpha=2.3)


def example(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Predictions on both sides of 0 and 1, and Gaussians whose tails end in numbers near 0 and in 0 itself."""
    generator = torch.Generator().manual_seed(0)
    predicted = torch.randn(5, 6, 7, generator=generator).to(dtype)
    target = torch.exp(-torch.linspace(0, 110, 5 * 6 * 7)).view(5, 6, 7).to(dtype)
    assert (target.float() == 0).any() and ((target.float() > 0) & (target.float() < 1e-39)).any()
    return predicted.requires_grad_(), target


def by_autograd(value: Tensor, predicted: Tensor) -> Tensor:
    if not value.requires_grad:
        return torch.zeros_like(predicted)
    return torch.autograd.grad(value.sum(), predicted)[0]


@pytest.mark.parametrize("weigh", WEIGHTS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_and_their_slope_are_those_of_autograd(weigh, dtype):
    predicted, target = example(dtype)
    expected = weigh(predicted, target)
    weights, slope = weigh.with_slope(predicted.detach(), target)
    near = {torch.float32: {"rtol": 1e-6, "atol": 1e-37}, torch.float64: {"rtol": 1e-12, "atol": 1e-300}}[dtype]
    torch.testing.assert_close(weights, expected.detach(), **near)
    assert (slope is None) == weigh.detach
    if slope is not None:
        torch.testing.assert_close(slope, by_autograd(expected, predicted), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("wing", [AdaptiveWing(), WING], ids=str)
def test_adaptive_wing_and_its_slope_are_those_of_autograd(wing):
    predicted, target = example()
    expected = wing(predicted, target)
    values, slope = wing.with_slope(predicted.detach(), target)
    torch.testing.assert_close(values, expected.detach(), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(slope, by_autograd(expected, predicted), rtol=1e-12, atol=1e-14)


def test_adaptive_wing_has_no_slope_where_the_prediction_is_right():
    values, slope = AdaptiveWing().with_slope(torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.0, 0.5, 1.0]))
    assert values.tolist() == [0, 0, 0] and slope.tolist() == [0, 0, 0]


def test_adaptive_wing_stays_finite_for_large_errors():
    """The slopes A: 14 x 2.1 x .5^1.1 / (1 + .5^2.1) and 14 x 1.1 x .5^.1 / (1 + .5^1.1)."""
    values, slope = AdaptiveWing().with_slope(torch.tensor([1e36, -1e36]), torch.tensor([0.0, 1.0]))
    assert values.isfinite().all()
    assert slope.tolist() == pytest.approx([11.121423, -9.797850], rel=1e-5)


@pytest.mark.parametrize("tile", [1, 90, 10_000])
@pytest.mark.parametrize("weigh", [None, *WEIGHTS], ids=str)
def test_sums_and_gradients_are_those_of_autograd(weigh, tile, monkeypatch):
    monkeypatch.setattr(weighted_errors, "TILE", tile)
    predicted, target = example()
    weights = 1 if weigh is None else weigh(predicted, target)
    expected = [(weights * e).sum((1, 2)) for e in ((predicted - target).square(), WING(predicted, target))]
    errors = (squared_error_and_slope, WING.with_slope)
    found = weighted_sums(predicted, target, None if weigh is None else weigh.with_slope, errors)
    factors = torch.linspace(-1, 2, 10, dtype=torch.float64).view(2, 5)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.detach(), other.detach(), rtol=1e-12, atol=1e-14)
    gradients = [
        torch.autograd.grad((torch.stack(list(sums)) * factors).sum(), predicted)[0] for sums in (found, expected)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-13)


def test_maps_that_are_not_learned_from_and_none_at_all():
    predicted, target = example()
    (sums,) = weighted_sums(predicted.detach(), target, None, (squared_error_and_slope,))
    assert not sums.requires_grad
    (none,) = weighted_sums(predicted[:0], target[:0], None, (squared_error_and_slope,))
    none.sum().backward()
    assert none.shape == (0,) and not predicted.grad.any()
