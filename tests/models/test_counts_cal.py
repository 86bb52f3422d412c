"""#Params and GFLOPs of Tables 1 and 9 of "Low-resolution Human Pose Estimation", digit by digit.

Where the print contradicts itself or another count, the test says which reading holds.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from functools import cache

import pytest
import torch

from repro.metrics.counts import count_gflops, count_parameters
from repro.models.backbones.hrnet import HRNet
from repro.models.backbones.resnet import ResNet
from repro.models.networks import HeatmapNetwork
from repro.models.offset_networks import OffsetNetwork, TwoBranchNetwork
from repro.models.simple_baseline import DeconvNetwork, IntegralNetwork
from repro.papers.printed import reported
from repro.skeletons.skeleton import COCO17

W32, W48 = HRNet(width=32), HRNet(width=48)

# table, row, network, exact #Params, GFLOPs to three decimals, how each of the two is printed
ROWS = [
    (1, "hrnet-w32-128x96", HeatmapNetwork(backbone=W32), 28_536_113, "1.780", "rounded", "rounded"),
    (1, "hrnet-w48-128x96", HeatmapNetwork(backbone=W48), 63_595_745, "3.654", "rounded", "rounded"),
    (1, "udp-w32-128x96", OffsetNetwork(backbone=W32), 28_589_811, "1.789", "rounded", "rounded"),
    (1, "udp-w48-128x96", OffsetNetwork(backbone=W48), 63_711_603, "3.671", "rounded", "rounded"),
    (1, "cal-w32-128x96", TwoBranchNetwork(backbone=W32), 49_290_067, "2.495", "rounded", "rounded"),
    (1, "cal-w48-128x96", TwoBranchNetwork(backbone=W48), 110_258_691, "5.255", "rounded", "rounded"),
    (9, "ipr-r101-256x256", IntegralNetwork(), 45_124_561, "11.058", "truncated", "truncated"),
    (9, "hrnet-w48-384x288", HeatmapNetwork(backbone=W48), 63_595_745, "32.882", "slip", "rounded"),
    (9, "udp-w48-384x288", OffsetNetwork(backbone=W48), 63_711_603, "33.038", "slip", "rounded"),
    (9, "cal-w48-384x288", TwoBranchNetwork(backbone=W48), 110_258_691, "47.294", "truncated", "truncated"),
    (
        *(9, "simplebaseline-r152-384x288", DeconvNetwork(backbone=ResNet(depth=152)), 68_635_473),
        *("35.470", "rounded", "product of a rounded number"),
    ),
]
MODES = {"rounded": ROUND_HALF_EVEN, "truncated": ROUND_DOWN}


def to_one_decimal(value: float, mode: str) -> str:
    return str(Decimal(repr(value)).quantize(Decimal("0.1"), MODES[mode]))


@cache
def on_meta(settings):
    with torch.device("meta"):
        return settings.build(COCO17)


@pytest.mark.parametrize(("table", "row", "settings", "params", "gflops", "as_params", "as_gflops"), ROWS)
def test_counts(table, row, settings, params, gflops, as_params, as_gflops):
    printed = reported("cal", table).set_index("row").loc[row]
    height, width = map(int, printed["Input size"].split("x"))
    net = on_meta(settings)
    assert count_parameters(net) == params
    found = count_gflops(net, (width, height))
    assert f"{found:.3f}" == gflops
    if as_params in MODES:
        assert to_one_decimal(params / 1e6, as_params) + "M" == printed["#Params"]
    if as_gflops in MODES:
        assert to_one_decimal(found, as_gflops) == printed["GFLOPs"]


def test_every_row_that_is_run_and_has_counts_is_checked():
    for table in (1, 9):
        frame = reported("cal", table)
        wanted = frame[(frame["kind"] != "cited") & (frame["#Params"] != "-")]["row"]
        assert set(wanted) == {row for t, row, *_ in ROWS if t == table}


def test_table_9_prints_the_params_of_hrnet_and_udp_in_exchange():
    """63.8M for HRNet and 63.6M for UDP: the official code has 63.6M and 63.7M, and Table 1 prints these."""
    frame = reported("cal", 9).set_index("row")["#Params"]
    assert list(frame[["hrnet-w48-384x288", "udp-w48-384x288"]]) == ["63.8M", "63.6M"]
    first = reported("cal", 1).set_index("row")["#Params"]
    assert list(first[["hrnet-w48-128x96", "udp-w48-128x96"]]) == ["63.6M", "63.7M"]


def test_the_print_of_cal_agrees_with_itself_only_if_table_1_rounds_and_table_9_truncates():
    net = on_meta(TwoBranchNetwork(backbone=W48))
    millions, small, large = count_parameters(net) / 1e6, count_gflops(net, (96, 128)), count_gflops(net, (288, 384))
    assert [to_one_decimal(v, "rounded") for v in (millions, small)] == ["110.3", "5.3"]
    assert [to_one_decimal(v, "truncated") for v in (millions, large)] == ["110.2", "47.2"]
    assert to_one_decimal(small, "truncated") == "5.2" and to_one_decimal(large, "rounded") == "47.3"
    assert large == pytest.approx(9 * small)  # nine times the pixels


def test_35_6_gflops_of_simple_baseline_are_the_rounded_15_8_times_the_pixels():
    """384x288 has 2.25 times the pixels of 256x192: 15.765 rounds to 15.8, and 15.8 x 2.25 = 35.55."""
    net = on_meta(DeconvNetwork(backbone=ResNet(depth=152)))
    assert to_one_decimal(count_gflops(net, (192, 256)), "rounded") == "15.8"
    assert round(Decimal("15.8") * Decimal("2.25"), 2) == Decimal("35.55")
    printed = reported("cal", 9).set_index("row").loc["simplebaseline-r152-384x288", "GFLOPs"]
    assert Decimal("35.55").quantize(Decimal("0.1")) == Decimal(printed)


@pytest.mark.parametrize(
    ("depth", "params", "gflops", "printed"),
    [
        (50, 33_999_697, "8.991", ("34.0", "8.9", "truncated")),
        (101, 52_991_825, "12.378", ("53.0", "12.4", "rounded")),
        (152, 68_635_473, "15.765", ("68.6", "15.7", "truncated")),
    ],
)
def test_simple_baseline_at_256x192_has_the_counts_of_hrnets_repository(depth, params, gflops, printed):
    net = on_meta(DeconvNetwork(backbone=ResNet(depth=depth)))
    found = count_gflops(net, (192, 256))
    assert count_parameters(net) == params and f"{params / 1e6:.1f}" == printed[0]
    assert f"{found:.3f}" == gflops and to_one_decimal(found, printed[2]) == printed[1]


@pytest.mark.parametrize(
    ("head", "params", "gflops"),
    [
        ({"reduction": None, "deconv_channels": 256}, 52_991_825, "16.504"),  # SimpleBaseline's: 53.0M, 16.5
        ({"reduction": 512, "deconv_channels": 256}, 47_748_945, None),
        ({"reduction": 256, "deconv_channels": 128}, 44_075_985, None),
    ],
)
def test_other_heads_of_integral_regression_miss_the_printed_params(head, params, gflops):
    """ResNet-101 has 42,500,160 parameters; the head 1x1 and 4x4 weights, two per norm, and 18 per map of 17."""
    reduction, channels = head["reduction"], head["deconv_channels"]
    reduced = 2048 * (reduction or 0)
    deconvs = 16 * channels * ((reduction or 2048) + 2 * channels) + 3 * 2 * channels
    assert 42_500_160 + reduced + deconvs + 17 * (channels + 1) == params
    net = on_meta(IntegralNetwork(**head))
    assert count_parameters(net) == params and to_one_decimal(params / 1e6, "rounded") != "45.1"
    assert gflops is None or f"{count_gflops(net, (256, 256)):.3f}" == gflops


@pytest.mark.parametrize(("width", "params"), [(32, 28_537_235), (48, 63_597_411)])
def test_without_the_wider_exchange_unit_udp_would_print_hrnets_params(width, params):
    """HRNet's, with 51 maps in place of 17: 34 x (C + 1) more."""
    assert params == {32: 28_536_113, 48: 63_595_745}[width] + 34 * (width + 1)
    for factor in (None, 1):
        assert count_parameters(on_meta(OffsetNetwork(backbone=HRNet(width=width), fuse_width_factor=factor))) == params
