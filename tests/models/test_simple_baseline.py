from __future__ import annotations

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from repro.errors import ReproError
from repro.models.backbones.resnet import ResNet
from repro.models.simple_baseline import DeconvNetwork, IntegralNetwork, deconvolutions, upsample
from repro.skeletons.skeleton import COCO17, MPII16
from repro.support import serial

TINY = ResNet(width=4, blocks=(1, 1, 1, 1))


@cache
def on_meta(network, skeleton=COCO17) -> nn.Module:
    with torch.device("meta"):
        return network.build(skeleton)


@pytest.mark.parametrize("skeleton", [COCO17, MPII16], ids=len)
@pytest.mark.parametrize("network", [DeconvNetwork(backbone=TINY), IntegralNetwork(backbone=TINY)])
def test_maps_have_a_quarter_of_the_input_size(network, skeleton):
    net = on_meta(network, skeleton)
    for height, width in [(64, 48), (96, 72), (128, 96), (256, 192), (256, 256), (384, 288), (50, 33)]:
        outputs = net(torch.empty(2, 3, height, width, device="meta"))
        shape = (2, len(skeleton), -(-height // 4), -(-width // 4))
        assert {name: tuple(maps.shape) for name, maps in outputs.items()} == {"heatmaps": shape}


@settings(derandomize=True, deadline=None, max_examples=30)
@given(height=st.integers(1, 400), width=st.integers(1, 400))
def test_maps_of_any_input_are_a_quarter_rounded_up(height, width):
    with torch.device("meta"):
        x = torch.empty(2, 3, -(-height // 32), -(-width // 32))
        layers = deconvolutions(3, 2)
    assert upsample(x, layers, (height, width)).shape == (2, 2, -(-height // 4), -(-width // 4))


def test_cropping_takes_the_right_and_the_bottom_after_every_step():
    """48 px: 2 at 1/32; 4 cropped to 3, 6, 12. The crop of the first step is seen by the second, so do it by hand."""
    torch.manual_seed(0)
    layers = deconvolutions(5, 3).eval()
    x = torch.randn(1, 5, 2, 2)
    with torch.no_grad():
        for p in layers.parameters():
            p.normal_()
        first = layers[2](layers[1](layers[0](x)))[..., :4, :3]
        second = layers[5](layers[4](layers[3](first)))
        third = layers[8](layers[7](layers[6](second)))
        found = upsample(x, layers, (64, 48))
    assert second.shape[2:] == (8, 6) and third.shape[2:] == (16, 12)
    torch.testing.assert_close(found, third)


def test_where_32_divides_the_input_the_sequence_is_applied_as_it_is():
    torch.manual_seed(0)
    layers = deconvolutions(4, 4).eval()
    x = torch.randn(1, 4, 4, 3)
    with torch.no_grad():
        assert torch.equal(upsample(x, layers, (128, 96)), layers(x))


def test_names_and_shapes_are_those_of_the_official_pose_resnet():
    state = on_meta(DeconvNetwork()).state_dict()
    shapes = {
        "conv1.weight": (64, 3, 7, 7),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer4.2.bn3.running_mean": (2048,),
        "deconv_layers.0.weight": (2048, 256, 4, 4),
        "deconv_layers.1.bias": (256,),
        "deconv_layers.3.weight": (256, 256, 4, 4),
        "deconv_layers.7.num_batches_tracked": (),
        "final_layer.weight": (17, 256, 1, 1),
        "final_layer.bias": (17,),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    heads = {name.split(".")[0] for name in state}
    assert heads == {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "deconv_layers", "final_layer"}
    assert not any(name.startswith("deconv_layers") and name.split(".")[1] in "258" for name in state)  # ReLU


def test_the_head_of_integral_regression_reduces_first():
    state = on_meta(IntegralNetwork()).state_dict()
    assert tuple(state["reduction.weight"].shape) == (512, 2048, 1, 1)
    assert tuple(state["deconv_layers.0.weight"].shape) == (512, 128, 4, 4)
    assert "reduction.weight" not in on_meta(IntegralNetwork(reduction=None)).state_dict()


@pytest.mark.parametrize("network", [DeconvNetwork(backbone=TINY), IntegralNetwork(reduction=None)])
def test_settings_go_to_json_and_back(network):
    assert serial.from_plain(type(network), serial.to_plain(network)) == network


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DeconvNetwork(deconv_channels=0), "DeconvNetwork deconv_channels is 0"),
        (lambda: IntegralNetwork(deconv_channels=0), "IntegralNetwork deconv_channels is 0"),
        (lambda: IntegralNetwork(reduction=0), "IntegralNetwork reduction is 0"),
    ],
)
def test_settings_that_fit_no_network(make, words):
    with pytest.raises(ReproError, match=words):
        make()
