"""#Params and GFLOPs of every row of Table I of "Human Pose Estimation Using Skeletal Heatmaps", to the digit."""

from __future__ import annotations

import pytest
import torch

from repro.metrics.counts import count_gflops, count_parameters
from repro.models.backbones.hrnet import HRNet
from repro.models.networks import HeatmapNetwork, SkeletalNetwork
from repro.skeletons.skeleton import COCO17

SMALL, LARGE = (192, 256), (288, 384)  # (width, height)

# input size, width, proposed?, printed #Params (M), printed GFLOPs, GFLOPs to more digits
ROWS = [
    (SMALL, 32, False, "28.5", "7.1", "7.120"),
    (SMALL, 32, True, "29.3", "7.2", "7.2143"),
    (SMALL, 48, False, "63.6", "14.6", "14.614"),
    (SMALL, 48, True, "65.3", "14.8", "14.816"),
    (LARGE, 32, False, "28.5", "16.0", "16.020"),
    (LARGE, 32, True, "29.3", "16.2", "16.232"),
    (LARGE, 48, False, "63.6", "32.9", "32.882"),
    (LARGE, 48, True, "65.3", "33.3", "33.337"),
]


def to_digits_of(text: str, value: float) -> str:
    """``value`` rounded to as many decimals as ``text`` has."""
    return f"{value:.{len(text.partition('.')[2])}f}"


@pytest.mark.parametrize(("size", "width", "proposed", "params", "gflops", "exact"), ROWS)
def test_counts_of_table_1(size, width, proposed, params, gflops, exact):
    """The proposed rows count the unused scales of a multi-scale stage 4, see ``SkeletalNetwork``."""
    backbone = HRNet(width=width, multi_scale_stage4=proposed)
    settings = SkeletalNetwork(backbone=backbone) if proposed else HeatmapNetwork(backbone=backbone)
    with torch.device("meta"):
        net = settings.build(COCO17)
    assert f"{count_parameters(net) / 1e6:.1f}" == params
    found = count_gflops(net, size)
    assert f"{found:.1f}" == gflops
    assert to_digits_of(exact, found) == exact


@pytest.mark.parametrize(
    ("width", "size", "exact"),
    [(32, SMALL, "7.2025"), (48, SMALL, "14.799"), (32, LARGE, "16.206"), (48, LARGE, "33.297")],
)
def test_a_1x1_skeletal_head_fits_the_printed_digits_too(width, size, exact):
    settings = SkeletalNetwork(backbone=HRNet(width=width, multi_scale_stage4=True), head_kernel=1)
    with torch.device("meta"):
        net = settings.build(COCO17)
    assert to_digits_of(exact, count_gflops(net, size)) == exact


@pytest.mark.parametrize(("size", "exact"), [((96, 128), "1.780"), ((256, 256), "9.493")])
def test_counts_of_hrnet_at_other_sizes(size, exact):
    with torch.device("meta"):
        net = HeatmapNetwork(backbone=HRNet()).build(COCO17)
    assert to_digits_of(exact, count_gflops(net, size)) == exact
