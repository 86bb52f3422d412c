"""ResNet against torchvision's."""

from __future__ import annotations

import pytest
import torch
import torchvision

from repro.errors import ReproError
from repro.models.backbones.resnet import ResNet, ResNetBackbone
from repro.support import serial


def names_and_shapes(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(t.shape) for name, t in module.state_dict().items() if not name.startswith("fc.")}


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_names_and_shapes_are_torchvisions(depth):
    with torch.device("meta"):
        theirs = getattr(torchvision.models, f"resnet{depth}")()
        ours = ResNetBackbone(ResNet(depth=depth))
    assert names_and_shapes(ours) == names_and_shapes(theirs)


def test_torchvisions_weights_give_torchvisions_features():
    torch.manual_seed(0)
    theirs, ours = torchvision.models.resnet50().eval(), ResNetBackbone(ResNet()).eval()
    missing, unexpected = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not missing and unexpected == ["fc.weight", "fc.bias"]
    images = torch.randn(1, 3, 64, 48)
    with torch.no_grad():
        x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(images))))
        expected = theirs.layer4(theirs.layer3(theirs.layer2(theirs.layer1(x))))
        (found,) = ours.features(images)
    assert found.shape == (1, 2048, 2, 2) and expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_width_and_blocks_scale_all_stages():
    settings = ResNet(depth=152, width=32, blocks=(1, 2, 9, 1))
    with torch.device("meta"):
        net = ResNetBackbone(settings)
    assert [len(stage) for stage in (net.layer1, net.layer2, net.layer3, net.layer4)] == [1, 2, 9, 1]
    assert net.conv1.out_channels == 32 and settings.outputs == (1024,)
    assert [s[-1].conv3.out_channels for s in (net.layer1, net.layer2, net.layer3, net.layer4)] == [128, 256, 512, 1024]


def test_initial_values_are_those_of_the_official_pose_network():
    torch.manual_seed(0)
    net = ResNetBackbone(ResNet(width=32, blocks=(1, 1, 1, 1)))
    weights = torch.cat([m.weight.flatten() for m in net.modules() if isinstance(m, torch.nn.Conv2d)])
    assert weights.std().item() == pytest.approx(0.001, rel=0.01)


@pytest.mark.parametrize("settings", [ResNet(), ResNet(depth=101, width=32, blocks=(1, 1, 6, 1))])
def test_settings_go_to_json_and_back(settings):
    assert serial.from_plain(ResNet, serial.to_plain(settings)) == settings


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"depth": 34}, "34: choose one of 50, 101, 152"),
        ({"width": 0}, "width is 0"),
        ({"blocks": (1, 2, 3)}, "four numbers"),
        ({"blocks": (1, 0, 1, 1)}, "four numbers"),
    ],
)
def test_settings_that_fit_no_network(fields, words):
    with pytest.raises(ReproError, match=words):
        ResNet(**fields)
