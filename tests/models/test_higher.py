"""HigherHRNet: its maps and what they are computed from. Its counts are tested beside those of Table 1 of hgr."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repro.errors import ReproError
from repro.models.backbones.hrnet import HRNet, HRNetBackbone
from repro.models.checkpoints import load_weights, save_weights
from repro.models.heads.upsampled import UpsampledHeatmaps, deconvolution
from repro.models.higher import HigherNetwork
from repro.skeletons.skeleton import COCO17, MPII16
from repro.support import serial

REDUCED = HRNet(width=16, stem=8, stem_blocks=1, modules=(1, 1, 1), blocks=1)
SMALL = HigherNetwork(backbone=REDUCED)


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("skeleton", [COCO17, MPII16])
@torch.no_grad()
def test_maps(images, skeleton):
    maps, k = SMALL.build(skeleton).eval()(images), len(skeleton)
    assert {name: tuple(m.shape) for name, m in maps.items()} == {
        "heatmaps": (2, k, 16, 24),
        "tags": (2, k, 16, 24),
        "heatmaps_2x": (2, k, 32, 48),
    }


@torch.no_grad()
def test_heatmaps_come_before_tags(images):
    net = SMALL.build(COCO17).eval()
    net.final_layer.weight.zero_()
    net.final_layer.bias.copy_(torch.arange(34.0))
    maps = net(images)
    assert maps["heatmaps"][1, :, 2, 3].tolist() == list(range(17))
    assert maps["tags"][1, :, 2, 3].tolist() == list(range(17, 34))


def test_the_larger_heatmaps_see_features_and_both_smaller_maps(images):
    """50 input channels: 16 features, 17 heatmaps, 17 tags. Their gradient reaches the first layer's every output."""
    net = SMALL.build(COCO17)
    with torch.no_grad():
        for parameter in net.upsampled.parameters():
            parameter.mul_(20)
    assert net.upsampled.features[0][0].weight.shape == (50, 16, 4, 4)
    net(images)["heatmaps_2x"].square().sum().backward()
    assert (net.final_layer.weight.grad.abs().sum((1, 2, 3)) > 0).all()


@torch.no_grad()
def test_a_transposed_convolution_lays_each_pixel_on_four():
    """A kernel that is 1 in its middle 2x2: pixel (1, 0) of a 2x1 map becomes (2, 0), (3, 0), (2, 1) and (3, 1)."""
    layer = deconvolution(1, 1).eval()
    layer[0].weight.zero_()
    layer[0].weight[0, 0, 1:3, 1:3] = 1
    out = layer(torch.tensor([0.0, 1]).view(1, 1, 1, 2)) * (1 + 1e-5) ** 0.5
    torch.testing.assert_close(out, torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]]).view(1, 1, 2, 4))


def test_parameters_of_the_upsampled_head():
    """4x4 transposed: 5 * 3 * 16; normalisation 6; a basic block 2 * (81 + 6); the last layer 3 * 2 + 2."""
    head = UpsampledHeatmaps(5, 3, maps=2, blocks=2)
    assert sum(p.numel() for p in head.parameters()) == 240 + 6 + 2 * 174 + 8
    assert head.features[0][0].weight.std().item() == pytest.approx(0.001, rel=0.2)
    assert isinstance(head.final_layer, nn.Conv2d)
    x = torch.randn(1, 5, 3, 4)
    expected = F.conv2d(head.features(x), head.final_layer.weight, head.final_layer.bias)
    torch.testing.assert_close(head(x), expected)


def test_a_warm_start_reaches_all_of_the_backbone(tmp_path):
    start = HRNetBackbone(REDUCED)
    save_weights(start, tmp_path / "start.safetensors")
    net = SMALL.build(COCO17)
    assert net.warm_fresh() == ()
    heads = {name.split(".")[0] for name in net.state_dict() if not name.startswith(net.prefixes)}
    load_weights(net, tmp_path / "start.safetensors", allow_missing=tuple(heads))
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in start.state_dict().items())


def test_errors_of_settings():
    with pytest.raises(ReproError, match="multi_scale_stage4 True"):
        HigherNetwork(backbone=HRNet(multi_scale_stage4=True))
    with pytest.raises(ReproError, match="blocks is -1"):
        HigherNetwork(blocks=-1)


def test_settings_survive_json():
    assert serial.from_plain(HigherNetwork, serial.to_plain(SMALL)) == SMALL
