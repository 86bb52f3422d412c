from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from repro.encoders.whole_body import WholeBodyHeatmap
from repro.errors import ReproError
from repro.losses import keypoint_adaptive
from repro.losses.adaptive_wing import AdaptiveWing
from repro.losses.foreground import FWAHR, WAHR
from repro.losses.keypoint_adaptive import (
    HeuristicPartLoss,
    KeypointAdaptiveLoss,
    UniformHeatmapLoss,
    factor_variance,
    part_means,
)
from repro.skeletons.wholebody import WHOLEBODY133

PROPERTY = settings(derandomize=True, deadline=None, max_examples=25)
SIZES = {"body": 2, "foot": 1, "face": 3, "hand": 2}  # of the small example
PARTS = torch.tensor([0, 0, 1, 2, 2, 2, 3, 3])
LOSSES = [
    kind(foreground=weights) for kind in (UniformHeatmapLoss, HeuristicPartLoss, KeypointAdaptiveLoss)
    for weights in (None, WAHR(), FWAHR())
] + [UniformHeatmapLoss(error="wing"), KeypointAdaptiveLoss(fixed_factor=0.0)]  # fmt: skip


def example(seed: int, batch: int = 2, parts: Tensor = PARTS) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Random predictions, targets in [0, 1] and factors; one keypoint of the last image has no label."""
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, len(parts), 4, 3)
    outputs = {
        "heatmaps": torch.randn(shape, generator=generator, dtype=torch.float64),
        "factors": torch.rand(shape[:2], generator=generator, dtype=torch.float64),
    }
    weights = torch.ones(shape[:2], dtype=torch.float64)
    weights[-1, 4] = 0
    maps = torch.rand(shape, generator=generator, dtype=torch.float64)
    return outputs, {"heatmaps": maps, "weights": weights, "keypoint_parts": parts}


def errors(outputs: dict, targets: dict, weigh=None) -> tuple[Tensor, Tensor]:
    """(B, K) squared errors and Adaptive Wing of labelled keypoints, map by map; 0 for the others."""
    squares, wings = torch.zeros_like(targets["weights"]), torch.zeros_like(targets["weights"])
    for b, k in targets["weights"].nonzero().tolist():
        p, t = outputs["heatmaps"][b, k], targets["heatmaps"][b, k]
        w = torch.ones_like(t) if weigh is None else weigh(p, t)
        squares[b, k] = (w * (p - t) ** 2).sum()
        wings[b, k] = (w * AdaptiveWing()(p, t)).sum()
    return squares, wings


def one_error(value: float, parts: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Maps of one pixel whose error is ``value`` for every keypoint, on background, in one image."""
    maps = torch.full((1, len(parts), 1, 1), value, dtype=torch.float64)
    weights = torch.ones(1, len(parts), dtype=torch.float64)
    return {"heatmaps": maps}, {"heatmaps": maps * 0, "weights": weights, "keypoint_parts": parts}


def test_part_means_and_variance_by_hand():
    values = torch.tensor([[1.0, 3, 7, 0, 3, 6, 5, 5], [2, 2, 1, 1, 1, 4, 0, 8]])
    torch.testing.assert_close(part_means(values, PARTS), torch.tensor([[2.0, 7, 3, 5], [2, 1, 2, 4]]))
    # Image 1: body ((1-2)^2 + (3-2)^2) / 2 = 1, foot 0, face (9 + 0 + 9) / 3 = 6, hand 0. Image 2: 0, 0, (1 + 1 + 4) / 3, 16.
    torch.testing.assert_close(factor_variance(values, PARTS), torch.tensor([7.0, 18.0]))


def test_equation_1_and_3_by_hand():
    """Four keypoints with an error of .1 at each of 6 pixels: 6 x .01, and 6 x .110767 (Adaptive Wing at t = 0)."""
    outputs, targets = one_error(0.1, torch.arange(4))
    outputs["heatmaps"], targets["heatmaps"] = (
        m.expand(2, 4, 2, 3) for m in (outputs["heatmaps"], targets["heatmaps"])
    )
    targets["weights"] = targets["weights"].expand(2, 4)
    assert UniformHeatmapLoss()(outputs, targets)["loss"].item() == pytest.approx(0.06)
    assert UniformHeatmapLoss(error="wing")(outputs, targets)["loss"].item() == pytest.approx(6 * 0.110767, rel=1e-5)
    assert UniformHeatmapLoss(pixels="mean")(outputs, targets)["loss"].item() == pytest.approx(0.01)
    targets["weights"] = torch.tensor([[1.0, 1, 1, 0], [1, 1, 1, 1]])  # one of the 8 does not count, but in the 8
    assert UniformHeatmapLoss()(outputs, targets)["loss"].item() == pytest.approx(0.06 * 7 / 8)


def test_equation_5_with_the_papers_numbers():
    """23 coarse and 110 dense keypoints: (110 / 133) MSE + (23 / 133) AWing as printed, and the other way round."""
    parts = torch.repeat_interleave(torch.arange(4), torch.tensor([17, 6, 68, 42]))
    outputs, targets = one_error(0.1, parts)
    terms = HeuristicPartLoss()(outputs, targets)
    assert terms["coarse_loss"].item() == pytest.approx(110 / 133 * 0.01)
    assert terms["dense_loss"].item() == pytest.approx(23 / 133 * 0.110767, rel=1e-5)
    assert terms["loss"].item() == pytest.approx(110 / 133 * 0.01 + 23 / 133 * 0.110767, rel=1e-5)
    plain = HeuristicPartLoss(swap=False)(outputs, targets)["loss"].item()
    assert plain == pytest.approx(23 / 133 * 0.01 + 110 / 133 * 0.110767, rel=1e-5)


def test_equation_8_by_hand():
    """Every part has the mean error lambda .110767 + (1 - lambda) .01; there are four parts, and equal factors."""
    outputs, targets = one_error(0.1, PARTS)
    outputs["factors"] = torch.full((1, 8), 0.25, dtype=torch.float64)
    terms = KeypointAdaptiveLoss()(outputs, targets)
    assert terms["loss"].item() == pytest.approx(4 * (0.25 * 0.110767 + 0.75 * 0.01), rel=1e-5)
    assert terms["factor_variance"] == 0
    # Factors of 0 and 1 on the body: mean error (.01 + .110767) / 2 there, and a variance of 1/4.
    outputs["factors"] = torch.tensor([[0.0, 1, 0, 0, 0, 0, 0, 0]], dtype=torch.float64)
    terms = KeypointAdaptiveLoss()(outputs, targets)
    assert terms["heatmap_loss"].item() == pytest.approx(3 * 0.01 + 0.120767 / 2, rel=1e-5)
    assert terms["loss"].item() == pytest.approx(3 * 0.01 + 0.120767 / 2 + 0.25, rel=1e-5)
    doubled = KeypointAdaptiveLoss(regularisation=2.0)(outputs, targets)["loss"]
    assert (doubled - terms["loss"]).item() == pytest.approx(0.25)


@PROPERTY
@given(seed=st.integers(0, 1000), weigh=st.sampled_from([None, WAHR(), FWAHR(), FWAHR(condition="target")]))
def test_equations_8_and_11_part_by_part(seed, weigh):
    outputs, targets = example(seed)
    squares, wings = errors(outputs, targets, weigh)
    expected = 0.0
    for b in range(2):
        for number, size in enumerate(SIZES.values()):
            own = [k for k in range(8) if PARTS[k] == number]
            factors = [outputs["factors"][b, k].item() for k in own]
            for k, f in zip(own, factors, strict=True):
                expected += (f * wings[b, k].item() + (1 - f) * squares[b, k].item()) / size
            expected += sum((f - sum(factors) / size) ** 2 for f in factors) / size
    got = KeypointAdaptiveLoss(foreground=weigh)(outputs, targets)["loss"].item()
    assert got == pytest.approx(expected / 2, rel=1e-10)


@PROPERTY
@given(seed=st.integers(0, 1000), weigh=st.sampled_from([None, WAHR(), FWAHR()]))
def test_equations_1_3_and_5_with_weights(seed, weigh):
    outputs, targets = example(seed)
    squares, wings = errors(outputs, targets, weigh)
    expected = {
        UniformHeatmapLoss(foreground=weigh): squares.sum() / 8,
        UniformHeatmapLoss(foreground=weigh, error="wing"): wings.sum() / 8,
        HeuristicPartLoss(foreground=weigh): 5 / 8 * squares[:, :3].sum() / 3 + 3 / 8 * wings[:, 3:].sum() / 5,
    }
    for loss, total in expected.items():
        assert loss(outputs, targets)["loss"].item() == pytest.approx(total.item() / 2, rel=1e-10)


def test_the_control_averages_squared_errors_part_by_part():
    outputs, targets = example(3)
    del outputs["factors"]  # a network without a head will do
    terms = KeypointAdaptiveLoss(fixed_factor=0.0)(outputs, targets)
    squares, _ = errors(outputs, targets)
    expected = squares[:, :2].sum() / 2 + squares[:, 2].sum() + squares[:, 3:6].sum() / 3 + squares[:, 6:].sum() / 2
    assert terms["loss"].item() == pytest.approx(expected.item() / 2, rel=1e-12)


@pytest.mark.parametrize("error", [1e-4, 0.01, 0.3, 1.0])
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_the_gradient_always_lowers_the_factors(error, target):
    """(AWing - MSE) / N_part is positive for every error that matters, the finding that the control is there for."""
    outputs, targets = one_error(error, PARTS)
    outputs["heatmaps"], targets["heatmaps"] = outputs["heatmaps"] + target, targets["heatmaps"] + target
    outputs["factors"] = torch.full((1, 8), 0.5, dtype=torch.float64, requires_grad=True)
    KeypointAdaptiveLoss()(outputs, targets)["loss"].backward()
    difference = AdaptiveWing()(torch.tensor(target + error), torch.tensor(target)).item() - error**2
    sizes = torch.tensor([2.0, 2, 1, 3, 3, 3, 2, 2])
    assert outputs["factors"].grad[0].tolist() == pytest.approx((difference / sizes).tolist(), rel=1e-3)
    assert outputs["factors"].grad.min() > 0


def test_the_log_has_the_mean_factor_of_each_part():
    outputs, targets = example(0)
    outputs["factors"] = torch.tensor(
        [[0.1, 0.3, 0.5, 0.0, 0.3, 0.6, 1.0, 0.0], [0.3, 0.5, 0.7, 0.3, 0.3, 0.3, 1.0, 1.0]]
    )
    terms = KeypointAdaptiveLoss()(outputs, targets)
    expected = {"factor_body": 0.3, "factor_foot": 0.6, "factor_face": 0.3, "factor_hand": 0.75}
    assert {n: terms[n].item() for n in expected} == pytest.approx(expected)
    assert list(terms) == ["loss", "heatmap_loss", "factor_variance", *expected]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_gradient_against_differences(loss):
    outputs, targets = example(5, batch=1)
    maps, factors = (outputs[n].requires_grad_() for n in ("heatmaps", "factors"))
    used = (maps, factors) if isinstance(loss, KeypointAdaptiveLoss) and loss.fixed_factor is None else (maps,)
    check = lambda m, f=factors: loss({"heatmaps": m, "factors": f}, targets)["loss"]  # noqa: E731
    assert torch.autograd.gradcheck(check, used)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_keypoints_without_a_label_are_not_learned_from(loss):
    outputs, targets = example(7)
    outputs["heatmaps"].requires_grad_()
    loss(outputs, targets)["loss"].backward()
    gradient = outputs["heatmaps"].grad
    assert not gradient[1, 4].any() and gradient[0, 4].any()
    assert gradient.isfinite().all()
    outputs["heatmaps"].grad, targets["weights"] = None, targets["weights"] * 0
    terms = loss(outputs, targets)
    assert (terms["loss"] - terms.get("factor_variance", 0)).item() == 0
    terms["loss"].backward()
    assert not outputs["heatmaps"].grad.any()  # nor nan


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_gpu_computes_the_same_from_all_maps(loss, weight, monkeypatch):
    outputs, targets = example(11)
    targets["weights"][0, 2] = weight
    maps = outputs["heatmaps"].requires_grad_()
    expected = loss(outputs, targets)
    (gradient,) = torch.autograd.grad(expected["loss"], maps)
    monkeypatch.setattr(keypoint_adaptive, "_selects", lambda labelled: False)
    found = loss(outputs, targets)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
    torch.testing.assert_close(torch.autograd.grad(found["loss"], maps)[0], gradient)


def test_maps_are_multiplied_by_the_weight_of_their_keypoint():
    outputs, targets = one_error(0.4, PARTS)
    targets["weights"] = torch.full_like(targets["weights"], 0.5)
    assert UniformHeatmapLoss()(outputs, targets)["loss"].item() == pytest.approx(0.2**2)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_under_autocast_it_is_computed_in_float32(loss):
    outputs, targets = example(9)
    outputs = {n: v.to(torch.bfloat16) for n, v in outputs.items()}
    targets = {n: v.float() if v.is_floating_point() else v for n, v in targets.items()}
    expected = loss({n: v.float() for n, v in outputs.items()}, targets)["loss"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = loss(outputs, targets)["loss"]
    assert got.dtype == torch.float32 and got.item() == expected.item()


def test_it_takes_the_targets_of_the_encoder():
    points = torch.rand(2, 133, 2, generator=torch.Generator().manual_seed(0)) * 10
    targets = WholeBodyHeatmap()(points, torch.ones(2, 133), size=(12, 16), skeleton=WHOLEBODY133)
    outputs = {"heatmaps": targets["heatmaps"].clone(), "factors": torch.full((2, 133), 0.5)}
    for loss in LOSSES:
        assert loss(outputs, targets)["loss"].item() == pytest.approx(0, abs=1e-6)


def test_what_does_not_fit_is_refused():
    outputs, targets = example(0)
    for key, value in (("heatmaps", targets["heatmaps"][:, :4]), ("weights", targets["weights"][:1])):
        with pytest.raises(ReproError, match=r"Predicted heatmaps have shape \(2, 8, 4, 3\)"):
            KeypointAdaptiveLoss()(outputs, {**targets, key: value})
    with pytest.raises(ReproError, match=r"Factors have shape \(2, 7\), expected \(2, 8\)"):
        KeypointAdaptiveLoss()({**outputs, "factors": torch.zeros(2, 7)}, targets)
    with pytest.raises(ReproError, match="fixed_factor is 1.5: give a number from 0 to 1"):
        KeypointAdaptiveLoss(fixed_factor=1.5)
    with pytest.raises(KeyError, match="factors"):  # which the training loop words as parts that do not fit
        KeypointAdaptiveLoss()({"heatmaps": outputs["heatmaps"]}, targets)


def test_detached_factors_learn_from_their_variance_alone_and_the_value_stays():
    outputs, targets = example(3)
    plain = KeypointAdaptiveLoss()(outputs, targets)["loss"].item()
    factors = outputs["factors"].requires_grad_()
    loss = KeypointAdaptiveLoss(detached=True)(outputs, targets)["loss"]
    loss.backward()
    assert loss.item() == plain
    (expected,) = torch.autograd.grad(factor_variance(factors, PARTS).mean(), factors)
    assert torch.equal(factors.grad, expected)
