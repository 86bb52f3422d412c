from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.losses.adaptive_wing import AdaptiveWing

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60)


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def scalar(predicted: float, target: float, omega=14.0, theta=0.5, epsilon=1.0, alpha=2.1) -> float:
    """Eq. 2 with Python's numbers."""
    d, x = abs(target - predicted), alpha - target
    if d < theta:
        return omega * math.log(1 + (d / epsilon) ** x)
    a = omega * (1 / (1 + (theta / epsilon) ** x)) * x * (theta / epsilon) ** (x - 1) * (1 / epsilon)
    c = theta * a - omega * math.log(1 + (theta / epsilon) ** x)
    return a * d - c


@pytest.mark.parametrize(
    ("target", "distances", "expected"),
    [
        (0.0, (0.01, 0.1, 0.5, 1.0), (0.000883, 0.110767, 2.935235, 8.495946)),
        (1.0, (0.01, 0.1, 0.5, 1.0), (0.088057, 1.070100, 5.360458, 10.259383)),
        (0.5, (0.1, 0.5), (0.347320, 3.991210)),
    ],
)
def test_values_with_the_papers_parameters(target, distances, expected):
    targets = double(*([target] * len(distances)))
    for side in (1, -1):
        got = AdaptiveWing()(targets + side * double(*distances), targets)
        assert got.tolist() == pytest.approx(expected, abs=6e-7)


@PROPERTY
@given(
    predicted=st.floats(-3, 3), target=st.floats(0, 1), theta=st.floats(0.1, 2), epsilon=st.floats(0.2, 3),
    omega=st.floats(0.5, 20), alpha=st.floats(2.05, 4),
)  # fmt: skip
def test_it_is_equation_2(predicted, target, theta, epsilon, omega, alpha):
    loss = AdaptiveWing(omega=omega, theta=theta, epsilon=epsilon, alpha=alpha)
    expected = scalar(predicted, target, omega, theta, epsilon, alpha)
    assert loss(double(predicted), double(target)).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_value_and_slope_are_continuous_at_theta(target):
    """d/dd of omega ln(1 + d^x) at theta is omega x theta^(x - 1) / (1 + theta^x), the A of the paper."""
    loss, x = AdaptiveWing(), 2.1 - target
    slope = 14 * x * 0.5 ** (x - 1) / (1 + 0.5**x)
    predicted = (target + double(0.5 - 1e-9, 0.5 + 1e-9)).requires_grad_()
    below, above = loss(predicted, double(target, target))
    (gradient,) = torch.autograd.grad(below + above, predicted)
    assert (above - below).item() == pytest.approx(2e-9 * slope, rel=1e-4)
    assert gradient.tolist() == pytest.approx([slope, slope], rel=1e-7)


def test_nothing_is_lost_or_learned_where_the_prediction_is_right():
    target = torch.linspace(0, 1, 11)
    predicted = target.clone().requires_grad_()
    loss = AdaptiveWing()(predicted, target)
    loss.sum().backward()
    assert not loss.any() and not predicted.grad.any()


def test_large_errors_stay_finite_in_float32():
    predicted = torch.tensor([1e36, -1e36]).requires_grad_()
    loss = AdaptiveWing()(predicted, torch.tensor([0.0, 1.0]))
    loss.sum().backward()
    assert loss.isfinite().all() and predicted.grad.isfinite().all()
    # The slopes A: 14 x 2.1 x .5^1.1 / (1 + .5^2.1) and 14 x 1.1 x .5^.1 / (1 + .5^1.1).
    assert predicted.grad.tolist() == pytest.approx([11.121423, -9.797850], rel=1e-5)


def test_gradient_against_differences():
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(40, generator=generator, dtype=torch.float64)
    predicted = torch.randn(40, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: AdaptiveWing()(p, target), predicted)


def test_targets_get_no_gradient():
    target = double(0.4).requires_grad_()
    AdaptiveWing()(double(0.6).requires_grad_(), target.detach()).sum().backward()
    assert target.grad is None


@pytest.mark.parametrize(
    ("field", "value"), [("omega", 0.0), ("theta", -0.5), ("epsilon", 0.0), ("alpha", 2.0), ("alpha", float("nan"))]
)
def test_parameters_that_make_no_loss_are_refused(field, value):
    with pytest.raises(ReproError, match=f"AdaptiveWing {field} is {value}: give a"):
        AdaptiveWing(**{field: value})
