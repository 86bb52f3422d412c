from __future__ import annotations

import pytest
import torch
from torch import nn

from repro.errors import ReproError
from repro.models.backbones.hrnet import HRNet
from repro.models.networks import HeatmapNetwork
from repro.models.offset_networks import OffsetNetwork, TwoBranchNetwork, split_offset_maps
from repro.skeletons.skeleton import COCO17, MPII16
from repro.support import serial

TINY = HRNet(width=16, stem=8, stem_blocks=1, modules=(1, 1, 1), blocks=1)
REDUCED = HRNet(width=16, stem=32, stem_blocks=1, modules=(1, 1, 1), blocks=2)
SIZES = [(64, 48), (128, 96), (256, 192), (384, 288)]  # (height, width)
BOTH = [OffsetNetwork, TwoBranchNetwork]


def built(settings, seed: int = 0, skeleton=COCO17) -> nn.Module:
    torch.manual_seed(seed)
    return settings.build(skeleton)


@pytest.mark.parametrize(("size", "skeleton"), list(zip(SIZES, [COCO17, MPII16] * 2, strict=True)))
@pytest.mark.parametrize("network", BOTH)
def test_maps_and_offsets_have_a_quarter_of_the_input_size(network, skeleton, size):
    height, width = size
    with torch.device("meta"):
        outputs = network(backbone=REDUCED).build(skeleton)(torch.empty(2, 3, height, width))
    shape = (2, len(skeleton), height // 4, width // 4)
    expected = {"heatmaps": shape, "offsets": (*shape[:2], 2, *shape[2:])}
    assert {name: tuple(v.shape) for name, v in outputs.items()} == expected
    assert next(iter(outputs)) == "heatmaps"


def test_udps_channels_are_heatmap_dx_and_dy_of_each_keypoint_in_turn():
    maps = torch.arange(6.0)[None, :, None, None].expand(1, 6, 2, 3)
    parts = split_offset_maps(maps, 2)
    assert parts["heatmaps"][0, :, 0, 0].tolist() == [0, 3]
    assert parts["offsets"][0, :, :, 1, 2].tolist() == [[1, 2], [4, 5]]
    assert parts["offsets"].shape == (1, 2, 2, 2, 3)


def test_a_bias_of_the_final_layer_comes_out_at_its_keypoint():
    net = built(OffsetNetwork(backbone=TINY)).eval()
    with torch.no_grad():
        net.final_layer.weight.zero_()
        net.final_layer.bias.copy_(torch.arange(51.0))
        outputs = net(torch.zeros(1, 3, 32, 32))
    assert torch.equal(outputs["heatmaps"][0, :, 0, 0], torch.arange(0, 51.0, 3))
    assert torch.equal(outputs["offsets"][0, :, 1, 0, 0], torch.arange(2, 51.0, 3))


def test_the_branches_of_cal_share_nothing_after_stage_3():
    net = built(TwoBranchNetwork(backbone=TINY))
    outputs = net(torch.randn(2, 3, 64, 48))
    shared = [name for name, _ in net.named_parameters() if not name.startswith(("offset_", "heatmap_", "final"))]
    only_heatmaps = ("heatmap_block", "final_layer", "transition3", "stage4")
    for wanted, other in (("heatmaps", ("offset_",)), ("offsets", only_heatmaps)):
        net.zero_grad()
        outputs[wanted].square().sum().backward(retain_graph=True)
        reached = {name for name, p in net.named_parameters() if p.grad is not None}
        assert reached == {name for name, _ in net.named_parameters() if not name.startswith(other)}
    assert "stage3.0.branches.0.0.conv1.weight" in shared


def test_names_of_the_heatmaps_branch_are_hrnets():
    plain, two = built(HeatmapNetwork(backbone=TINY)), built(TwoBranchNetwork(backbone=TINY))
    assert set(plain.state_dict()) <= set(two.state_dict())
    extra = {name.split(".")[0] for name in set(two.state_dict()) - set(plain.state_dict())}
    assert extra == {"offset_transition3", "offset_stage4", "offset_block", "heatmap_block", "offset_layer"}


def test_the_wider_exchange_unit_has_a_bare_1x1_convolution_across():
    state = built(OffsetNetwork(backbone=TINY)).state_dict()
    assert state["stage4.0.fuse_layers.0.0.0.weight"].shape == (64, 16, 1, 1)
    assert state["stage4.0.fuse_layers.0.3.0.weight"].shape == (64, 128, 1, 1)
    assert state["final_layer.weight"].shape == (51, 64, 1, 1)


@pytest.mark.parametrize("settings", [OffsetNetwork(fuse_width_factor=None), TwoBranchNetwork(backbone=TINY)])
def test_settings_go_to_json_and_back(settings):
    assert serial.from_plain(type(settings), serial.to_plain(settings)) == settings


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: OffsetNetwork(fuse_width_factor=0), "fuse_width_factor is 0"),
        (lambda: OffsetNetwork(backbone=HRNet(fuse_width=128)), "fuse_width 128"),
        (lambda: OffsetNetwork(backbone=HRNet(multi_scale_stage4=True)), "multi_scale_stage4 True"),
        (lambda: TwoBranchNetwork(backbone=HRNet(multi_scale_stage4=True)), r"returns \(32, 64, 128, 256\) channels"),
        (lambda: TwoBranchNetwork(backbone=HRNet(fuse_width=128)), r"returns \(128,\) channels, expected \(32,\)"),
    ],
)
def test_settings_that_fit_no_network(make, words):
    with pytest.raises(ReproError, match=words):
        make()
