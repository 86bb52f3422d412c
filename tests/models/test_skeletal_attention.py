"""The body attention maps and what the skeletal attention module adds to which features."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from repro.encoders.skeletal_links import UPPER_LINKS
from repro.errors import ReproError
from repro.models.backbones.hrnet import HRNet
from repro.models.heads.skeletal_attention import (
    SkeletalAttention,
    add_attention,
    add_replicated,
    body_attention_maps,
    downsize,
)
from repro.models.networks import HeatmapNetwork, SkeletalNetwork
from repro.skeletons.skeleton import COCO17, Skeleton

REDUCED = HRNet(width=16, stem=8, stem_blocks=1, modules=(1, 1, 1), blocks=1)
UPPER = torch.tensor(UPPER_LINKS)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_a_skeleton_without_limbs_is_an_error():
    head = Skeleton(name="head", keypoints=("nose",), sigmas=(0.1,), links=(), upper_body=("nose",))
    with pytest.raises(ReproError, match="head has no keypoint 'left_ankle'"):
        SkeletalNetwork(backbone=REDUCED).build(head)


def test_body_maps_are_sums_over_their_links():
    """Map i holds 2^i, so that a sum tells its members: U = bits 0-5 and 10-12, L = bits 6-9 and 13-15."""
    skeletal = (2.0 ** torch.arange(16)).view(1, 16, 1, 1).expand(2, 16, 3, 2)
    upper, lower, full = body_attention_maps(skeletal, UPPER)
    assert upper.shape == lower.shape == full.shape == (2, 1, 3, 2)
    assert (upper == 63 + 1024 + 2048 + 4096).all()
    assert (lower == 64 + 128 + 256 + 512 + 8192 + 16384 + 32768).all()
    assert (full == 2**16 - 1).all()


def test_replication_tiles_the_maps():
    features = torch.arange(8.0).view(1, 8, 1, 1) * 100
    maps = torch.tensor([1.0, 2.0]).view(1, 2, 1, 1)
    assert add_replicated(features, maps).flatten().tolist() == [1, 102, 201, 302, 401, 502, 601, 702]


def test_replication_keeps_channels_last():
    features = torch.randn(2, 32, 6, 5).contiguous(memory_format=torch.channels_last)
    maps = torch.randn(2, 16, 6, 5).contiguous(memory_format=torch.channels_last)
    out = add_replicated(features, maps)
    assert torch.equal(out, features + maps.repeat(1, 2, 1, 1))
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_downsizing_takes_means_over_blocks():
    maps = torch.arange(16.0).view(1, 1, 4, 4)
    # Blocks of 2x2: (0 + 1 + 4 + 5) / 4 = 2.5 and so on; all sixteen: 7.5.
    assert downsize(maps, torch.empty(1, 9, 2, 2)).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert downsize(maps, torch.empty(1, 9, 1, 1)).flatten().tolist() == [7.5]


def test_downsizing_of_odd_sizes_overlaps_by_a_pixel():
    """3 pixels to 2: pixels 0, 1 and 1, 2, the strided convolution's number of outputs."""
    maps = torch.tensor([0.0, 2.0, 6.0]).view(1, 1, 1, 3)
    assert downsize(maps, torch.empty(1, 1, 1, 2)).flatten().tolist() == [1.0, 4.0]


def test_what_is_added_where():
    """Maps of ones but for link 0 (upper) with 16 at one pixel: mean 15 / 4 more over 2x2, 15 / 16 more over 4x4."""
    features = [torch.zeros(1, 32, 4, 4), torch.zeros(1, 64, 2, 2), torch.zeros(1, 128, 1, 1)]
    skeletal = torch.ones(1, 16, 4, 4)
    skeletal[0, 0, 0, 0] = 16
    high, middle, low = add_attention(features, skeletal, UPPER)
    assert torch.equal(high, skeletal.repeat(1, 2, 1, 1))
    assert torch.equal(middle[0, 0], torch.tensor([[9 + 15 / 4, 9.0], [9.0, 9.0]]))  # H^u on even channels
    assert (middle[0, 1] == 7).all()  # H^l on odd channels
    assert torch.equal(middle[0, 0::2], middle[0, :1].expand(32, 2, 2))
    assert torch.equal(middle[0, 1::2], middle[0, 1:2].expand(32, 2, 2))
    assert (low == 16 + 15 / 16).all() and low.shape == (1, 128, 1, 1)
    assert not any(x.any() for x in features)  # the inputs stay


def test_odd_sizes_keep_the_sizes_of_the_branches():
    features = [torch.zeros(1, 16, 9, 15), torch.zeros(1, 32, 5, 8), torch.zeros(1, 64, 3, 4)]
    out = add_attention(features, torch.ones(1, 16, 9, 15), UPPER)
    assert [x.shape for x in out] == [x.shape for x in features]
    assert out[2].unique().tolist() == [16.0]


def test_maps_are_neither_clipped_nor_normalised():
    features = [torch.zeros(1, 16, 4, 4), torch.zeros(1, 32, 2, 2), torch.zeros(1, 64, 1, 1)]
    skeletal = torch.linspace(-3, 5, 256).view(1, 16, 4, 4)
    once, thrice = (add_attention(features, factor * skeletal, UPPER) for factor in (1, 3))
    assert all(torch.allclose(3 * a, b, atol=1e-4) for a, b in zip(once, thrice, strict=True))
    assert torch.equal(once[0], skeletal)


def test_the_fourth_branch_sees_the_full_body_map():
    torch.manual_seed(0)
    net = SkeletalNetwork(backbone=REDUCED).build(COCO17).eval()
    seen = []
    net.transition3[3].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        net.skeletal_attention.head.bias.fill_(0.5)
        skeletal = net(images)["skeletal"]
        low = net.stages_1_to_3(net.stem(images))[2]
    full = skeletal.sum(dim=1, keepdim=True).unfold(2, 4, 4).unfold(3, 4, 4).mean(dim=(-1, -2))
    assert full.abs().min() > 1
    assert torch.allclose(seen[0], low + full, atol=1e-5)


def test_without_attention_maps_it_is_hrnet():
    torch.manual_seed(0)
    net = SkeletalNetwork(backbone=REDUCED).build(COCO17).eval()
    plain = HeatmapNetwork(backbone=REDUCED).build(COCO17).eval()
    shared = {k: v for k, v in net.state_dict().items() if not k.startswith("skeletal_attention")}
    plain.load_state_dict(shared)
    nn.init.zeros_(net.skeletal_attention.head.weight)
    images = torch.randn(2, 3, 64, 48)
    with torch.no_grad():
        assert torch.equal(net(images)["heatmaps"], plain(images)["heatmaps"])


def test_gradient_of_the_heatmaps_reaches_the_skeletal_head():
    torch.manual_seed(0)
    net = SkeletalNetwork(backbone=REDUCED).build(COCO17)
    maps = net(torch.randn(2, 3, 64, 48))
    assert maps["heatmaps"].shape == (2, 17, 16, 12) and maps["skeletal"].shape == (2, 16, 16, 12)
    maps["heatmaps"].square().sum().backward()
    assert net.skeletal_attention.head.weight.grad.abs().sum() > 0
    assert all(p.grad is not None for p in net.parameters())


def test_unused_scales_of_stage_4_do_not_change_the_function():
    torch.manual_seed(0)
    counted = HRNet(width=16, stem=8, stem_blocks=1, modules=(1, 1, 1), blocks=1, multi_scale_stage4=True)
    net = SkeletalNetwork(backbone=REDUCED).build(COCO17).eval()
    heavy = SkeletalNetwork(backbone=counted).build(COCO17).eval()
    assert heavy.load_state_dict(net.state_dict(), strict=False).unexpected_keys == []
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(net(images)["heatmaps"], heavy(images)["heatmaps"])


@pytest.mark.parametrize(
    ("width", "kernel", "multi_scale", "expected"),
    [
        (32, 1, True, 29_306_625),
        (48, 1, True, 65_326_737),
        (32, 3, True, 29_310_721),
        (48, 3, True, 65_332_881),
        (32, 1, False, 28_536_641),
        (32, 3, False, 28_540_737),
        (48, 3, False, 63_595_745 + 48 * 16 * 9 + 16),
    ],
)
def test_parameters(width, kernel, multi_scale, expected):
    """With the unused scales of stage 4 the counts are the printed 29.3M and 65.3M, with 1x1 and with 3x3 heads."""
    with torch.device("meta"):
        backbone = HRNet(width=width, multi_scale_stage4=multi_scale)
        assert count(SkeletalNetwork(backbone=backbone, head_kernel=kernel).build(COCO17)) == expected


def test_torso_flag_reaches_the_module():
    build = SkeletalNetwork(backbone=REDUCED, torso_upper=False).build
    assert build(COCO17).skeletal_attention.upper.sum() == 7
    assert "skeletal_attention.upper" not in build(COCO17).state_dict()


def test_width_must_be_a_multiple_of_16():
    with pytest.raises(ReproError, match="is 24, .* give a multiple of 16"):
        SkeletalNetwork(backbone=HRNet(width=24))
    with pytest.raises(ReproError, match="is 8"):
        SkeletalAttention(8)
    features = [torch.zeros(1, 8, 4, 4), torch.zeros(1, 16, 2, 2), torch.zeros(1, 32, 1, 1)]
    with pytest.raises(ReproError, match="is 8"):
        add_attention(features, torch.zeros(1, 16, 4, 4), UPPER)


def test_head_kernel_must_be_odd():
    with pytest.raises(ReproError, match="head_kernel is 2"):
        SkeletalNetwork(head_kernel=2)
