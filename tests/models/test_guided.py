"""The heatmap-guided networks: their maps, their switches, what depends on what, what a warm start leaves random."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repro.errors import ReproError
from repro.models.backbones.hrnet import HRNet, HRNetBackbone
from repro.models.checkpoints import load_weights, save_weights
from repro.models.guided import GuidedHigherNetwork, GuidedNetwork, concatenated
from repro.models.heads.adaptive import sampling_positions
from repro.skeletons.skeleton import COCO17
from repro.support import serial

REDUCED = HRNet(width=16, stem=8, stem_blocks=1, modules=(1, 1, 1), blocks=1, multi_scale_stage4=True)
SMALL = GuidedNetwork(backbone=REDUCED, regression_channels=24)
SMALL_HIGHER = GuidedHigherNetwork(backbone=REDUCED, regression_channels=24)


def build(settings: GuidedNetwork | GuidedHigherNetwork, scale: float = 1.0) -> nn.Module:
    """The network; with ``scale``, larger weights, so that maps depend visibly on what they are computed from."""
    torch.manual_seed(0)
    net = settings.build(COCO17).eval()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if parameter.dim() == 4 and "transform" not in name and "adaptive" not in name:
                parameter.mul_(scale)
    return net


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("guidance", [True, False])
@pytest.mark.parametrize("adaptive", [True, False])
@torch.no_grad()
def test_maps_of_the_guided_network(images, guidance, adaptive):
    maps = build(replace(SMALL, guidance=guidance, adaptive=adaptive))(images)
    assert {name: tuple(m.shape) for name, m in maps.items()} == {
        "heatmaps": (2, 17, 16, 24),
        "centres": (2, 1, 16, 24),
        "offsets": (2, 34, 16, 24),
    }


@torch.no_grad()
def test_maps_of_the_higher_guided_network(images):
    maps = build(replace(SMALL_HIGHER, middle_supervision=True))(images)
    assert {name: tuple(m.shape) for name, m in maps.items()} == {
        "heatmaps": (2, 17, 16, 24),
        "heatmaps_branches": (2, 3, 17, 16, 24),
        "heatmaps_2x": (2, 17, 32, 48),
        "centres": (2, 1, 16, 24),
        "offsets": (2, 34, 16, 24),
        "middle_heatmaps": (2, 17, 16, 24),
    }
    torch.testing.assert_close(maps["heatmaps"], maps["heatmaps_branches"].mean(1))


@torch.no_grad()
def test_an_input_that_32_does_not_divide():
    assert build(SMALL)(torch.zeros(1, 3, 48, 80))["offsets"].shape == (1, 34, 12, 20)


def test_the_representation_is_bilinear_with_pixel_areas_aligned():
    """Twice as many pixels: output i lies at (i + 0.5) / 2 - 0.5 of the input, clamped, so 0, 4 become 0, 1, 3, 4."""
    high, low = torch.zeros(1, 1, 2, 4), torch.tensor([0.0, 4]).view(1, 1, 1, 2)
    found = concatenated([high, low])
    assert found.shape == (1, 2, 2, 4)
    assert found[0, 1].tolist() == [[0, 1, 3, 4]] * 2


def learned_from(net: nn.Module, images: Tensor, name: str) -> float:
    """How much the heatmap head's last layer learns from the named map."""
    net.zero_grad()
    net(images)[name].square().sum().backward()
    gradient = net.final_layer.weight.grad
    return 0.0 if gradient is None else float(gradient.abs().sum())


def test_guidance_lets_the_regression_reach_the_heatmaps(images):
    """H is fed with its gradient; without guidance the offsets do not depend on the heatmap head."""
    assert learned_from(build(SMALL, scale=20), images, "offsets") > 0
    assert learned_from(build(SMALL, scale=20), images, "centres") > 0
    assert learned_from(build(replace(SMALL, guidance=False), scale=20), images, "offsets") == 0


@torch.no_grad()
def test_heatmaps_are_the_mean_of_branches_of_dilation_1_2_3(images):
    """Plain blocks by their formula, from features that the network itself reduces."""
    net = build(replace(SMALL, adaptive=False), scale=20)
    representation, _ = net.represent(images)
    x = net.heat_reduction(representation)
    blocks, norm = net.heat_blocks, (1 + 1e-5) ** -0.5
    expected = []
    for d in (1, 2, 3):
        inner = F.relu(F.conv2d(x, blocks.plain1.weight, padding=d, dilation=d) * norm)
        outer = F.relu(F.conv2d(inner, blocks.plain2.weight, padding=d, dilation=d) * norm + x)
        expected.append(F.conv2d(outer, net.final_layer.weight, net.final_layer.bias))
    torch.testing.assert_close(net(images)["heatmaps"], sum(expected) / 3)


@torch.no_grad()
def test_the_last_channel_of_the_regression_is_the_centre_map(images):
    net = build(SMALL)
    net.regression_layer.weight.zero_()
    net.regression_layer.bias.copy_(torch.arange(35.0))
    maps = net(images)
    assert maps["centres"].unique().tolist() == [34]
    assert maps["offsets"][0, :, 3, 5].tolist() == list(range(34))


@torch.no_grad()
def test_middle_supervision_reads_the_highest_resolution_of_stage_3(images):
    net = build(replace(SMALL, middle_supervision=True), scale=20)
    high = net.stages_1_to_3(net.stem(images))[0]
    found = net(images)["middle_heatmaps"]
    torch.testing.assert_close(found, F.conv2d(high, net.middle_layer.weight, net.middle_layer.bias))
    assert found.abs().max() > 0


@torch.no_grad()
def test_transforms_of_the_regression_head_for_figure_3(images):
    net = build(SMALL)
    net.regression_blocks.transform1.biases[0].copy_(torch.tensor([2.0, 0, 0, 2]))
    t1, t2 = net.regression_transforms(images)
    assert t1.shape == t2.shape == (2, 4, 16, 24)
    # T = 2 I: the first position of pixel (x, y) = (5, 4) is (3, 2).
    assert sampling_positions(t1)[0, 0, :, 4, 5].tolist() == [3, 2]
    assert t2.abs().max() == 0
    with pytest.raises(ReproError, match="adaptive False"):
        build(replace(SMALL, adaptive=False)).regression_transforms(images)


def test_errors_of_settings():
    with pytest.raises(ReproError, match="multi_scale_stage4 False"):
        GuidedNetwork(backbone=HRNet())
    with pytest.raises(ReproError, match="multi_scale_stage4 False"):
        GuidedHigherNetwork(backbone=HRNet(width=48))
    with pytest.raises(ReproError, match="branches is 0"):
        GuidedNetwork(branches=0)
    with pytest.raises(ReproError, match="regression_channels is 0"):
        GuidedNetwork(regression_channels=0)
    with pytest.raises(ReproError, match="blocks is -1"):
        GuidedHigherNetwork(blocks=-1)


@pytest.mark.parametrize("settings", [SMALL, SMALL_HIGHER, GuidedNetwork(guidance=False, adaptive=False)])
def test_settings_survive_json(settings):
    assert serial.from_plain(type(settings), serial.to_plain(settings)) == settings


@pytest.mark.parametrize("settings", [SMALL, SMALL_HIGHER])
def test_a_warm_start_reaches_all_of_the_backbone_but_what_a_single_scale_lacks(settings, tmp_path):
    torch.manual_seed(1)
    start = HRNetBackbone(replace(REDUCED, multi_scale_stage4=False))
    save_weights(start, tmp_path / "start.safetensors")
    net = settings.build(COCO17)
    fresh = net.warm_fresh()
    heads = {name.split(".")[0] for name in net.state_dict() if not name.startswith(net.prefixes)}
    load_weights(net, tmp_path / "start.safetensors", allow_missing=(*heads, *fresh))
    loaded, given = net.state_dict(), start.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in given.items())
    lacking = {name for name in loaded if name.startswith(net.prefixes) and name not in given}
    assert lacking and lacking == {name for name in loaded if name.startswith(tuple(f"{prefix}." for prefix in fresh))}


@pytest.mark.parametrize("settings", [SMALL_HIGHER, replace(SMALL, middle_supervision=True)])
def test_every_parameter_learns(settings, images):
    net = build(settings, scale=20).train()
    loss = sum(m.square().mean() for m in net(images).values())
    loss.backward()
    idle = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert idle == []
