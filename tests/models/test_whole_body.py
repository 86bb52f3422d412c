from __future__ import annotations

import pytest
import torch
from torch import nn

from repro.models.backbones.hrnet import HRNet
from repro.models.networks import HeatmapNetwork
from repro.models.whole_body import AdaptiveFactorNetwork
from repro.skeletons.wholebody import WHOLEBODY133

REDUCED = HRNet(width=16, stem=8, stem_blocks=1, modules=(1, 1, 1), blocks=1)


def built(**settings) -> nn.Module:
    torch.manual_seed(0)
    return AdaptiveFactorNetwork(backbone=REDUCED, **settings).build(WHOLEBODY133)


def test_heatmaps_come_first_and_factors_begin_near_a_half():
    outputs = built()(torch.randn(2, 3, 64, 48))
    assert list(outputs) == ["heatmaps", "factors"]  # the loop takes the size of the maps from the first output
    assert outputs["heatmaps"].shape == (2, 133, 16, 12) and outputs["factors"].shape == (2, 133)
    assert (outputs["factors"] - 0.5).abs().max() < 0.01


def test_factors_are_a_linear_layer_on_the_mean_features():
    net = built()
    nn.init.normal_(net.factor_head.weight)
    features = torch.randn(2, 16, 4, 3)
    mean = features.flatten(2).sum(-1) / 12
    expected = 1 / (1 + torch.exp(-(mean @ net.factor_head.weight.T + net.factor_head.bias)))
    torch.testing.assert_close(net.factors(features), expected)


def test_the_rest_is_hrnet_by_its_official_names():
    net, plain = built().eval(), HeatmapNetwork(backbone=REDUCED).build(WHOLEBODY133).eval()
    assert set(net.state_dict()) - set(plain.state_dict()) == {"factor_head.weight", "factor_head.bias"}
    plain.load_state_dict({k: v for k, v in net.state_dict().items() if not k.startswith("factor_head")})
    images = torch.randn(1, 3, 64, 48)
    with torch.no_grad():
        assert torch.equal(net(images)["heatmaps"], plain(images)["heatmaps"])


def test_parameters_of_the_head():
    """HRNet-W32 for 133 keypoints: 28,536,113 for 17 and 33 more for each of the other 116; the head adds 133 x (32 + 1)."""
    with torch.device("meta"):
        net = AdaptiveFactorNetwork().build(WHOLEBODY133)
    assert sum(p.numel() for p in net.parameters()) == 28_536_113 + 116 * 33 + 133 * 33


@pytest.mark.parametrize(("gradient", "reaches"), [("full", True), ("detached", False)])
def test_the_gradient_of_the_factors_ends_at_the_head_if_wanted(gradient, reaches):
    net = built(factor_gradient=gradient)
    net(torch.randn(2, 3, 64, 48))["factors"].sum().backward()
    assert net.factor_head.weight.grad.abs().sum() > 0
    assert (net.conv1.weight.grad is not None and bool(net.conv1.weight.grad.any())) is reaches


def test_factors_are_float32_under_autocast():
    net = built().eval()
    nn.init.normal_(net.factor_head.weight)
    features = torch.randn(1, 16, 4, 3).to(torch.bfloat16)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        got = net.factors(features)
        assert net(torch.randn(1, 3, 64, 48))["factors"].dtype == torch.float32
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, net.factors(features.float()).detach())
