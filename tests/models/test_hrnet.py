"""HRNet against the counts, names and sizes of the official network."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repro.errors import ReproError
from repro.models.backbones.hrnet import HRNet, HRNetBackbone, exchange_path, fuse, upsample_to
from repro.models.heads.heatmap import heatmap_head
from repro.models.networks import HeatmapNetwork
from repro.skeletons.skeleton import COCO17, MPII16

REDUCED = HRNet(width=16, stem=32, stem_blocks=1, modules=(1, 1, 1), blocks=2)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def on_meta(settings: HRNet, skeleton=COCO17) -> nn.Module:
    with torch.device("meta"):
        return HeatmapNetwork(backbone=settings).build(skeleton)


@pytest.mark.parametrize(
    ("width", "skeleton", "expected"),
    [(32, COCO17, 28_536_113), (48, COCO17, 63_595_745), (32, MPII16, 28_536_080), (48, MPII16, 63_595_696)],
)
def test_parameters_of_the_official_network(width, skeleton, expected):
    assert count(on_meta(HRNet(width=width), skeleton)) == expected


@pytest.mark.parametrize(("width", "expected"), [(32, 28_589_811), (48, 63_711_603)])
def test_widened_last_exchange_unit_has_the_parameters_of_udp(width, expected):
    with torch.device("meta"):
        settings = HRNet(width=width, fuse_width=4 * width)
        assert count(HRNetBackbone(settings)) + count(heatmap_head(settings.outputs[0], 3 * 17)) == expected
        assert HRNetBackbone(settings).features(torch.empty(1, 3, 64, 48))[0].shape == (1, 4 * width, 16, 12)


PARTS_W32 = {
    "layer1": 286_208, "transition1": 221_376, "stage2": 390_848, "transition2": 73_984, "stage3": 4 * 1_705_408,
    "transition3": 295_424, "stage4": 2 * 7_059_072 + 6_289_088, "final_layer": 561,
}  # fmt: skip
PARTS_W48 = {
    "layer1": 286_208, "transition1": 332_064, "stage2": 878_112, "transition2": 166_272, "stage3": 4 * 3_833_760,
    "transition3": 664_320, "stage4": 2 * 15_874_752 + 14_144_544, "final_layer": 833,
}  # fmt: skip


@pytest.mark.parametrize(("width", "parts"), [(32, PARTS_W32), (48, PARTS_W48)])
def test_parameters_of_the_parts(width, parts):
    net = on_meta(HRNet(width=width))
    assert {name: count(net.get_submodule(name)) for name in parts} == parts
    # Stem: 3x3x3x64 + 3x3x64x64 weights, and scale and shift of two normalisations of 64 channels.
    assert sum(count(m) for m in (net.conv1, net.bn1, net.conv2, net.bn2)) == 1728 + 36864 + 2 * 128 == 38_848


def test_names_are_the_official_ones():
    state = on_meta(HRNet()).state_dict()
    assert len(state) == 1754
    shapes = {
        "conv1.weight": (64, 3, 3, 3),
        "bn2.running_var": (64,),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer1.3.conv3.weight": (256, 64, 1, 1),
        "transition1.0.0.weight": (32, 256, 3, 3),
        "transition1.1.0.0.weight": (64, 256, 3, 3),
        "stage2.0.branches.0.0.conv1.weight": (32, 32, 3, 3),
        "stage2.0.fuse_layers.0.1.0.weight": (32, 64, 1, 1),
        "stage2.0.fuse_layers.1.0.0.0.weight": (64, 32, 3, 3),
        "transition2.2.0.0.weight": (128, 64, 3, 3),
        "stage3.3.fuse_layers.2.0.0.0.weight": (32, 32, 3, 3),
        "stage3.3.fuse_layers.2.0.1.1.num_batches_tracked": (),
        "transition3.3.0.1.weight": (256,),
        "stage4.2.branches.3.3.bn2.bias": (256,),
        "stage4.2.fuse_layers.0.3.1.weight": (32,),
        "final_layer.weight": (17, 32, 1, 1),
        "final_layer.bias": (17,),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    assert not any(name.startswith("stage4.2.fuse_layers.1") for name in state)
    assert "stage4.2.fuse_layers.3.0.2.0.weight" in on_meta(HRNet(multi_scale_stage4=True)).state_dict()


def test_initial_values_are_the_official_ones():
    torch.manual_seed(0)
    net = HeatmapNetwork(backbone=REDUCED).build(COCO17)
    weights = torch.cat([m.weight.flatten() for m in net.modules() if isinstance(m, nn.Conv2d)])
    assert weights.std().item() == pytest.approx(0.001, rel=0.01)
    assert abs(weights.mean().item()) < 1e-5
    assert not net.final_layer.bias.any()
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(m.momentum == 0.1 and m.eps == 1e-5 and (m.weight == 1).all() and not m.bias.any() for m in norms)


@pytest.mark.parametrize("size", [(64, 48), (128, 96), (256, 192), (256, 256), (384, 288)])
@pytest.mark.parametrize("settings", [HRNet(), REDUCED], ids=["W32", "reduced"])
def test_heatmaps_have_a_quarter_of_the_input_size(settings, size):
    height, width = size
    maps = on_meta(settings)(torch.empty(2, 3, height, width, device="meta"))
    assert {name: tuple(m.shape) for name, m in maps.items()} == {"heatmaps": (2, 17, height // 4, width // 4)}


def test_scales_of_an_input_that_32_does_not_divide():
    """48 / 4 = 12, then 6, 3 and, rounded up, 2: the official network stops here, because 2 * 8 is not 12."""
    settings = HRNet(width=16, stem=8, stem_blocks=1, modules=(1, 1, 1), blocks=1, multi_scale_stage4=True)
    net = HRNetBackbone(settings).eval()
    with torch.no_grad():
        stem = net.stem(torch.ones(1, 3, 64, 48))
        three = net.stages_1_to_3(stem)
        four = net.stage_4(three)
    assert stem.shape == (1, 8, 16, 12)
    assert [tuple(x.shape[1:]) for x in three] == [(16, 16, 12), (32, 8, 6), (64, 4, 3)]
    assert [tuple(x.shape[1:]) for x in four] == [(16, 16, 12), (32, 8, 6), (64, 4, 3), (128, 2, 2)]


def test_forward_composes_the_steps():
    torch.manual_seed(0)
    net = REDUCED.build().eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(net(images)[0], net.stage_4(net.stages_1_to_3(net.stem(images)))[0])


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_upsampling_to_a_size_equals_upsampling_by_a_factor(factor):
    x = torch.arange(2 * 3 * 5 * 4.0).view(2, 3, 5, 4)
    like = torch.empty(2, 7, 5 * factor, 4 * factor)
    assert torch.equal(upsample_to(x, like), F.interpolate(x, scale_factor=factor, mode="nearest"))


def test_upsampling_to_a_size_that_is_no_multiple():
    """Pixel j of 3 takes pixel floor(j * 2 / 3) of 2: 0, 0, 1; of 4 rows floor(i * 2 / 4): 0, 0, 1, 1."""
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    expected = torch.tensor([[1.0, 1, 2], [1, 1, 2], [3, 3, 4], [3, 3, 4]])
    assert torch.equal(upsample_to(x, torch.empty(1, 1, 4, 3))[0, 0], expected)


def test_fuse_sums_the_branches_at_one_scale():
    high = torch.tensor([[1.0, -5.0], [2.0, 0.0]])[None, None]
    low = torch.tensor([[3.0]])[None, None]
    paths = [nn.Identity(), nn.Identity()]
    # High resolution: 3 is up-sampled and added to every pixel, then ReLU: 4, -2 -> 0, 5, 3.
    assert fuse([high, low], paths, 0).flatten().tolist() == [4.0, 0.0, 5.0, 3.0]
    # Low resolution: the way down is the path's own; the mean here: -0.5 + 3.
    assert fuse([high, low], [nn.AvgPool2d(2), nn.Identity()], 1).flatten().tolist() == [2.5]


def test_exchange_paths():
    """Down two scales: 16 -> 16 with ReLU, 16 -> 64 without; up: 1x1; across: nothing, or a bare 1x1 convolution."""
    down, up = exchange_path(16, 64, 0, 2), exchange_path(64, 16, 2, 0)
    assert [[type(m).__name__ for m in step] for step in down] == [
        ["Conv2d", "BatchNorm2d", "ReLU"],
        ["Conv2d", "BatchNorm2d"],
    ]
    assert (down[0][0].out_channels, down[1][0].out_channels) == (16, 64)
    assert [type(m).__name__ for m in up] == ["Conv2d", "BatchNorm2d"] and up[0].kernel_size == (1, 1)
    assert isinstance(exchange_path(16, 16, 0, 0), nn.Identity)
    assert count(exchange_path(16, 64, 0, 0)) == 16 * 64


def test_inputs_of_a_stage_are_left_as_they_are():
    """Activations work in place; they must not touch what the caller still holds."""
    torch.manual_seed(0)
    net = HRNetBackbone(REDUCED)
    features = net.stages_1_to_3(net.stem(torch.randn(2, 3, 64, 64)))
    before = [x.clone() for x in features]
    net.stage_4(features)
    assert all(torch.equal(a, b) for a, b in zip(features, before, strict=True))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"width": 0}, "width is 0"),
        ({"blocks": 0}, "blocks is 0"),
        ({"modules": (1, 4)}, "three numbers"),
        ({"modules": (1, 0, 3)}, "modules of stage 3 is 0"),
        ({"fuse_width": 128, "multi_scale_stage4": True}, "fuse_width 128"),
    ],
)
def test_settings_that_fit_no_network(fields, words):
    with pytest.raises(ReproError, match=words):
        HRNet(**fields)


def test_an_even_head_is_an_error():
    with pytest.raises(ReproError, match="kernel is 2"):
        heatmap_head(8, 17, kernel=2)
