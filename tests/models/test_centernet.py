"""CenterNet: counts by formulas, the parts of its backbones by hand, and the maps of its heads."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repro.errors import ReproError
from repro.models.backbones.dla import (
    DLA,
    Aggregation,
    ModulatedConvolution,
    Tree,
    bilinear_upsampling,
    modulated_convolution,
)
from repro.models.backbones.hourglass import Hourglass, Residual, Scale
from repro.models.centernet import CenterNetwork
from repro.skeletons.skeleton import COCO17
from repro.support import serial

SMALL_DLA = DLA(channels=(4, 4, 8, 8, 12, 12), levels=(1, 2, 1, 2, 1, 1))
SMALL_HOURGLASS = Hourglass(channels=(8, 8, 12), blocks=(1, 2, 1), stacks=2)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def count(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def modulated(before: int, after: int) -> int:
    """Parameters: a 3x3 convolution to 27 maps, the deformable weight and its bias, a normalisation."""
    return 27 * (9 * before + 1) + 9 * before * after + after + 2 * after


def heads(before: int, inside: int) -> int:
    """Parameters of six heads with 1 + 2 + 34 + 2 + 17 + 2 = 58 maps."""
    return 6 * (9 * before * inside + inside) + 58 * (inside + 1)


def test_parameters_of_dla_34():
    """The trunk is the published DLA-34, 15,742,104 parameters, less its classifier of 512 by 1000 and 1000."""
    with torch.device("meta"):
        net = CenterNetwork().build(COCO17)
    backbone = net.backbone
    trunk = 15_742_104 - 513 * 1000
    assert count(backbone.level0, backbone.level1, backbone.trees) == trunk
    enlarge = 4 * 4 * (256 + 2 * 128 + 3 * 64) + (4 * 4 + 8 * 8) * 64
    steps = modulated(512, 256) + modulated(256, 256)
    steps += 2 * (modulated(256, 128) + modulated(128, 128)) + 3 * (modulated(128, 64) + modulated(64, 64))
    join = modulated(128, 64) + modulated(256, 64) + 2 * modulated(64, 64)
    assert count(backbone.steps, backbone.join) == enlarge + steps + join
    assert count(net) == trunk + enlarge + steps + join + heads(64, 256) == 20_070_618


def residual(before: int, after: int, stride: int = 1) -> int:
    projected = before * after + 2 * after if stride != 1 or before != after else 0
    return 9 * before * after + 9 * after**2 + 4 * after + projected


def hourglass(channels: tuple[int, ...], blocks: tuple[int, ...]) -> int:
    (here, below), n = channels[:2], blocks[0]
    inner = hourglass(channels[1:], blocks[1:]) if len(channels) > 2 else blocks[1] * residual(below, below)
    down = residual(here, below, stride=2) + (n - 1) * residual(below, below)
    up = (n - 1) * residual(below, below) + residual(below, here)
    return n * residual(here, here) + down + inner + up


def test_parameters_of_hourglass_104():
    settings = Hourglass()
    with torch.device("meta"):
        net = CenterNetwork(backbone=settings).build(COCO17)
    base = 49 * 3 * 128 + 256 + residual(128, 256, stride=2)
    between = 2 * (256 * 256 + 512) + residual(256, 256)
    stacks = 2 * (hourglass(settings.channels, settings.blocks) + 9 * 256 * 256 + 512 + heads(256, 256))
    assert count(net) == base + between + stacks


def test_a_modulated_convolution_starts_as_half_a_convolution():
    x, weight, bias = draw(2, 3, 6, 5), draw(4, 3, 3, 3, seed=1), draw(4, seed=2)
    found = modulated_convolution(x, torch.zeros(2, 27, 6, 5).double(), weight, bias)
    torch.testing.assert_close(found, F.conv2d(x, weight / 2, bias, padding=1))


def test_offsets_of_a_modulated_convolution_are_y_then_x_and_its_weights_are_a_sigmoid():
    """All positions one to the right; the first, top-left, with weight sigmoid(ln 3) = 3/4, the others with one."""
    x, weight, bias = draw(1, 2, 6, 7), draw(3, 2, 3, 3, seed=1), torch.zeros(3).double()
    estimates = torch.full((1, 27, 6, 7), 40.0).double()
    estimates[:, 0:18:2], estimates[:, 1:18:2], estimates[:, 18] = 0, 1, torch.tensor(3.0).log()
    weighted = weight.clone()
    weighted[..., 0, 0] *= 0.75
    expected = F.conv2d(x, weighted, padding=1)
    found = modulated_convolution(x, estimates, weight, bias)
    torch.testing.assert_close(found[..., :-2], expected[..., 1:-1])


def test_a_modulated_layer_learns_its_offsets_although_they_start_at_zero():
    torch.manual_seed(0)
    layer = ModulatedConvolution(3, 5)
    out = layer(torch.randn(2, 3, 6, 6))
    assert out.shape == (2, 5, 6, 6)
    out.square().sum().backward()
    assert layer.estimate.weight.grad.abs().sum() > 0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.randn(2, 3, 6, 6)).isfinite().all()


@pytest.mark.parametrize("factor", [2, 4])
def test_upsampling_starts_bilinear(factor):
    """As ``F.interpolate`` with pixel areas aligned, but for the border, where it fades to zero."""
    x, f = draw(1, 3, 6, 5), factor
    found = bilinear_upsampling(3, f).double()(x)
    expected = F.interpolate(x, scale_factor=f, mode="bilinear", align_corners=False)
    assert found.shape == expected.shape
    torch.testing.assert_close(found[..., f:-f, f:-f], expected[..., f:-f, f:-f])


def test_children_of_a_tree():
    """Depth 2 with its input: the last root joins two blocks, the first tree and the pooled input: 3 * 8 + 5."""
    tree = Tree(2, 5, 8, stride=2, joins_input=True).eval()
    assert tree.second.root[0].weight.shape == (8, 3 * 8 + 5, 1, 1)
    assert tree.first.root[0].weight.shape == (8, 16, 1, 1)
    seen = []
    tree.second.root.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = draw(1, 5, 8, 6).float()
    assert tree(x).shape == (1, 8, 4, 3)
    torch.testing.assert_close(seen[0][:, 16:21], F.max_pool2d(x, 2))
    torch.testing.assert_close(seen[0][:, 21:], tree.first(x))


def test_an_aggregation_adds_each_scale_to_the_result_so_far():
    joined = Aggregation([3, 5, 7], [2, 4]).eval()
    fine, middle, coarse = draw(1, 3, 8, 8).float(), draw(1, 5, 4, 4).float(), draw(1, 7, 2, 2).float()
    first, second, third = joined([fine, middle, coarse])
    assert first is fine
    expected = joined.node[0](joined.enlarge[0](joined.project[0](middle)) + fine)
    torch.testing.assert_close(second, expected)
    torch.testing.assert_close(third, joined.node[1](joined.enlarge[1](joined.project[1](coarse)) + expected))


def test_a_scale_of_the_hourglass_adds_what_comes_from_below():
    scale = Scale((4, 6), (1, 1)).eval()
    x = draw(1, 4, 6, 10).float()
    below = scale.up(scale.inner(scale.down(x)))
    assert below.shape == (1, 4, 3, 5)
    torch.testing.assert_close(scale(x), scale.across(x) + below.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_shortcuts_of_residual_blocks():
    assert isinstance(Residual(4, 4).shortcut, nn.Identity)
    assert Residual(4, 4, stride=2)(torch.zeros(1, 4, 5, 6)).shape == (1, 4, 3, 3)
    assert Residual(4, 6)(torch.zeros(1, 4, 5, 6)).shape == (1, 6, 5, 6)


MAPS = {"centres": 1, "sizes": 2, "offsets": 34, "centre_offsets": 2, "heatmaps": 17, "keypoint_offsets": 2}


@torch.no_grad()
def test_maps_of_centernet_dla():
    maps = CenterNetwork(backbone=SMALL_DLA).build(COCO17).eval()(torch.zeros(2, 3, 64, 96))
    assert {name: tuple(m.shape) for name, m in maps.items()} == {n: (2, c, 16, 24) for n, c in MAPS.items()}


@torch.no_grad()
def test_maps_of_centernet_hourglass():
    maps = CenterNetwork(backbone=SMALL_HOURGLASS).build(COCO17).eval()(torch.zeros(2, 3, 60, 96))
    expected = {n: (2, c, 15, 24) for n, c in MAPS.items()}
    assert {name: tuple(m.shape) for name, m in maps.items()} == expected | {
        f"stack1.{n}": s for n, s in expected.items()
    }


@pytest.mark.parametrize("backbone", [SMALL_DLA, SMALL_HOURGLASS])
def test_centres_and_keypoints_start_rare_and_every_parameter_learns(backbone):
    torch.manual_seed(0)
    net = CenterNetwork(backbone=backbone).build(COCO17)
    for head in net.heads:
        biases = {name: layer[-1].bias.unique().tolist() for name, layer in head.items()}
        rare = {name for name, bias in biases.items() if bias != [0]}
        assert rare == {"centres", "heatmaps"}
        assert torch.sigmoid(head["centres"][-1].bias).item() == pytest.approx(0.1, abs=1e-3)
    sum(m.square().mean() for m in net(torch.randn(2, 3, 64, 64)).values()).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


@pytest.mark.parametrize("backbone", [DLA(), Hourglass(), SMALL_DLA, SMALL_HOURGLASS])
def test_settings_survive_json(backbone):
    settings = CenterNetwork(backbone=backbone)
    assert serial.from_plain(CenterNetwork, serial.to_plain(settings)) == settings


def test_reduced_backbones():
    assert DLA().reduced() == DLA(channels=(8, 16, 32, 64, 128, 256), levels=(1, 1, 1, 1, 1, 1))
    assert Hourglass().reduced() == Hourglass(channels=(128, 128, 192, 192, 192, 256), blocks=(1,) * 6, stacks=1)


def test_errors():
    with pytest.raises(ReproError, match="72x64 px: pad both sides to multiples of 32"):
        CenterNetwork(backbone=SMALL_DLA).build(COCO17)(torch.zeros(1, 3, 64, 72))
    with pytest.raises(ReproError, match="DLA levels"):
        DLA(levels=(1, 1, 1, 2, 0, 1))
    with pytest.raises(ReproError, match="DLA channels"):
        DLA(channels=(16, 32, 64))
    with pytest.raises(ReproError, match="as many numbers in both"):
        Hourglass(channels=(256, 256))
    with pytest.raises(ReproError, match="stacks 0"):
        Hourglass(stacks=0)
