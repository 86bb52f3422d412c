from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.losses.foreground import FWAHR, WAHR

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60)
VALUES = st.floats(-2, 2).filter(lambda v: v == 0 or abs(v) > 1e-20)


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def wahr(y: float, t: float, gamma: float = 0.01) -> float:
    return t**gamma * abs(1 - y) + abs(y) * (1 - t**gamma)


def test_wahr_by_hand():
    """Peak: |1 - y|. Empty background: |y|. In between with gamma 1/2 and t = 1/4: (|1 - y| + |y|) / 2."""
    got = WAHR()(double(0.25, 1.5, -0.25, 0.0, -0.5, 0.75), double(1, 1, 1, 0, 0, 0))
    assert got.tolist() == pytest.approx([0.75, 0.5, 1.25, 0, 0.5, 0.75])
    assert WAHR(gamma=0.5)(double(0.25, -0.5), double(0.25, 0.25)).tolist() == pytest.approx([0.5, 1.0])


def test_soft_boundary():
    """t^gamma is 1/2 at t = 2^-100, where a prediction of any height in [0, 1] weighs 1/2."""
    assert WAHR()(double(0.0, 0.3, 1.0), double(*[2.0**-100] * 3)).tolist() == pytest.approx([0.5] * 3)


@PROPERTY
@given(y=VALUES, t=st.floats(0, 1))
def test_fwahr_is_equation_9_as_printed(y, t):
    expected = wahr(y, t) if y >= 2**-100 else 0.01 * t
    assert FWAHR()(double(y), double(t)).item() == pytest.approx(expected, rel=1e-9, abs=1e-15)


@PROPERTY
@given(y=VALUES, t=st.floats(0, 1), tau=st.floats(0, 1))
def test_the_other_readings_of_equation_9(y, t, tau):
    on_target = wahr(y, t) if t >= 2**-100 else None
    got = FWAHR(condition="target", tau=tau)(double(y), double(t)).item()
    assert got == pytest.approx(tau * t if on_target is None else on_target, rel=1e-9, abs=1e-15)
    got = FWAHR(condition="target", background="prediction", tau=tau)(double(y), double(t)).item()
    assert got == pytest.approx(tau * abs(y) if on_target is None else on_target, rel=1e-9, abs=1e-15)
    got = FWAHR(background="prediction", tau=tau)(double(y), double(t)).item()
    assert got == pytest.approx(wahr(y, t) if y >= 2**-100 else tau * abs(y), rel=1e-9, abs=1e-15)


def test_the_threshold_holds_in_float32():
    """2^-100 = 7.9e-31: a prediction of 1e-30 is foreground, one of 1e-31 is not."""
    got = FWAHR()(torch.tensor([1e-30, 1e-31, 0.0, -1.0]), torch.ones(4))
    assert got.tolist() == pytest.approx([1.0, 0.01, 0.01, 0.01])


def test_an_empty_map_of_an_empty_target_weighs_nothing():
    for weights in (WAHR(), FWAHR(), FWAHR(condition="target"), FWAHR(condition="target", background="prediction")):
        assert not weights(torch.zeros(3), torch.zeros(3)).any()


@pytest.mark.parametrize("weights", [WAHR(), FWAHR()])
def test_gradients_flow_through_the_weights(weights):
    """At t = 1 the weight of y in (0, 1) is 1 - y, so that of W (1 - y)^2 = (1 - y)^3 is -3 (1 - y)^2."""
    predicted = double(0.25).requires_grad_()
    (weights(predicted, double(1.0)) * (1 - predicted).square()).sum().backward()
    assert predicted.grad.item() == pytest.approx(-3 * 0.75**2)


@pytest.mark.parametrize("weights", [WAHR(detach=True), FWAHR(detach=True)])
def test_detached_weights_are_constants(weights):
    """-2 W (1 - y) with W = 1 - y."""
    predicted = double(0.25).requires_grad_()
    (weights(predicted, double(1.0)) * (1 - predicted).square()).sum().backward()
    assert predicted.grad.item() == pytest.approx(-2 * 0.75**2)


@pytest.mark.parametrize("weights", [WAHR(), FWAHR(), FWAHR(condition="target", background="prediction", tau=0.3)])
def test_gradient_against_differences(weights):
    generator = torch.Generator().manual_seed(1)
    target = torch.rand(40, generator=generator, dtype=torch.float64)
    target[::3] = 0
    predicted = torch.randn(40, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: weights(p, target), predicted)


def test_settings_that_make_no_weights_are_refused():
    for kind in (WAHR, FWAHR):
        with pytest.raises(ReproError, match=f"{kind.__name__} gamma is 0.001: give at least 1/126"):
            kind(gamma=0.001)
    with pytest.raises(ReproError, match="FWAHR tau is -1.0"):
        FWAHR(tau=-1.0)
