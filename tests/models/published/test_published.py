"""Published weights load whole into the networks of the tables, and compute the same as by the official formulas."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from torch import Tensor, nn

from repro.errors import ReproError
from repro.models.published import FAMILIES, convert, load_published, recognise
from repro.papers.recipes import Row
from repro.skeletons.skeleton import COCO17, CROWDPOSE14, Skeleton

from . import official

# Published network: its family, the paper, table and row of the network here, keypoints, and the official formulas.
NETWORKS = {
    "hrnet_pose_w32_coco": ("hrnet-w32", ("skeletal", 1, "hrnet-w32-256x192"), COCO17, official.hrnet),
    "hrnet_pose_w48_coco": ("hrnet-w48", ("skeletal", 1, "hrnet-w48-384x288"), COCO17, official.hrnet),
    "simple_baseline_r50_coco":
        ("simple-baseline-r50", ("cal", 1, "simplebaseline-r50-128x96"), COCO17, official.simple_baseline),
    "simple_baseline_r101_coco":
        ("simple-baseline-r101", ("cal", 1, "simplebaseline-r101-128x96"), COCO17, official.simple_baseline),
    "simple_baseline_r152_coco":
        ("simple-baseline-r152", ("cal", 9, "simplebaseline-r152-384x288"), COCO17, official.simple_baseline),
    "higherhrnet_coco_w32_512_adam_lr1e-3":
        ("higherhrnet-w32", ("hgr", 2, "hrhrnet-w32-ae"), COCO17, official.higherhrnet),
    "higherhrnet_coco_w48_640_adam_lr1e-3":
        ("higherhrnet-w48", ("hgr", 2, "hrhrnet-w48-ae"), COCO17, official.higherhrnet),
    "higherhrnet_crowd_pose_w32_512_adam_lr1e-3":
        ("higherhrnet-w32", ("hgr", 2, "hrhrnet-w32-ae"), CROWDPOSE14, official.higherhrnet),
    "hgr_w32_4x_reg_delaysep_bg01_stn_512_adam_lr1e-3_coco_x140":
        ("hgr-w32", ("hgr", 2, "hgr-hrnet-w32"), COCO17, official.guided),
    "hgr_w48_4x_reg_delaysep_bg01_stn_640_adam_lr1e-3_coco_x140":
        ("hgr-w48", ("hgr", 2, "hgr-hrnet-w48"), COCO17, official.guided),
    "hgr_w48_2x_reg_delaysep_bg01_0025_stn_640_adam_lr1e-3_coco_x140":
        ("hgr-hrw48", ("hgr", 2, "hgr-hrhrnet-w48"), COCO17, official.guided),
    "hgr_w32_4x_reg_delaysep_bg01_stn_512_adam_lr1e-3_crowdpose_x300":
        ("hgr-w32", ("hgr", 5, "hgr-hrnet-w32"), CROWDPOSE14, official.guided),
}  # fmt: skip
HGR = "hgr_w32_4x_reg_delaysep_bg01_stn_512_adam_lr1e-3_coco_x140"
HIGHER = "higherhrnet_coco_w32_512_adam_lr1e-3"


def row_network(paper: str, table: int, slug: str, skeleton: Skeleton) -> nn.Module:
    row: Row = import_module(f"repro.papers.{paper}.rows").TABLES[table].rows[slug]
    return row.recipe.method.network.build(skeleton)


def on_meta(network: str) -> dict[str, Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in official.shapes()[network].items()}


def test_every_list_is_tested():
    assert official.shapes().keys() == NETWORKS.keys()
    tested = {family for family, *_ in NETWORKS.values()}
    assert tested == {name for name in FAMILIES if "scoring" not in name}


@pytest.mark.parametrize("network", NETWORKS)
def test_the_published_names_and_shapes_are_those_of_the_rows_network(network):
    """Nothing is missing and nothing is left over, in the network that the row trains at paper scale."""
    family, row, skeleton, _ = NETWORKS[network]
    weights = on_meta(network)
    assert recognise(weights) == family
    with torch.device("meta"):
        own = row_network(*row, skeleton).state_dict()
    assert {n: t.shape for n, t in convert(weights, family).items()} == {n: t.shape for n, t in own.items()}


@pytest.mark.parametrize("network", NETWORKS)
@torch.no_grad()
def test_a_published_file_computes_what_the_official_formulas_do(network, tmp_path):
    family, row, skeleton, formulas = NETWORKS[network]
    state = official.weights_of(network)
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, tmp_path / "a.pth")
    model = row_network(*row, skeleton)
    assert load_published(model, tmp_path / "a.pth") == family
    images = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = model.double().eval()(images)
    expected = formulas({n: t.double() if t.is_floating_point() else t for n, t in state.items()}, images)
    assert found.keys() == expected.keys()
    for name, maps in expected.items():
        assert maps.std() > 1e-3, name
        torch.testing.assert_close(found[name], maps, rtol=1e-9, atol=1e-9 * float(maps.abs().max()), msg=name)


@pytest.mark.parametrize("prefixes", [("backbone.", "keypoint_head."), ("backbone.", "head."), ("module.", "module.")])
@pytest.mark.parametrize("network", ["hrnet_pose_w48_coco", "simple_baseline_r101_coco", HIGHER])
def test_prefixes_of_mmpose_and_of_wrappers(network, prefixes):
    heads = ("final_layer", "deconv_layers")
    weights = on_meta(network)
    prefixed = {prefixes[name.startswith(heads)] + name: tensor for name, tensor in weights.items()}
    family = NETWORKS[network][0]
    assert recognise(prefixed) == family
    assert convert(prefixed, family) == convert(weights, family)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_difference_is_told_in_the_published_names(network):
    family = NETWORKS[network][0]
    weights = on_meta(network)
    weights["stage9.weight"] = weights["bn1.weight"]
    weights["bn1.bias"] = torch.empty(5, device="meta")
    last = [name for name in weights if "layers" in name and name.endswith(".weight")][-1]
    del weights[last]
    with pytest.raises(ReproError) as error:
        convert(weights, family, origin="a.pth")
    text = str(error.value)
    assert text.startswith(f"The weights in a.pth are not those of {family}")
    assert last in text and "stage9.weight" in text and "bn1.bias is (5,), expected (64,)" in text
    assert [line for line in text.splitlines() if line.startswith("  ") and line[2] != " "] == [
        "  missing in the file: 1", "  unexpected in the file: 1", "  of another shape: 1",
    ]  # fmt: skip


def test_counters_of_batches_may_be_missing():
    weights = {n: t for n, t in on_meta(HGR).items() if not n.endswith("num_batches_tracked")}
    assert not any(name.endswith("num_batches_tracked") for name in convert(weights, "hgr-w32"))


def test_copies_of_a_shared_weight_must_be_equal():
    weights = official.weights_of(HGR)
    name = f"{official.HEATMAP}.2.0.stn_conv1.weight"
    weights[name] = weights[name] + 1
    with pytest.raises(ReproError, match=r"different values in .*\.0\.0\.stn_conv1\.weight and .*\.2\.0\.stn_conv1"):
        convert(weights, "hgr-w32")


def test_the_kernels_positions_must_be_the_released_ones():
    weights = official.weights_of(HGR)
    name = f"{official.REGRESSION}.0.0.regular_matrix"
    weights[name] = weights[name].flip(0)
    with pytest.raises(ReproError, match=r"multi_level_layers_4x_regression\.0\.0\.regular_matrix = .* the constant"):
        convert(weights, "hgr-w32")


def test_weights_of_no_family(tmp_path):
    assert recognise({"a.weight": torch.ones(3)}) is None
    with torch.device("meta"):
        own = row_network("hgr", 2, "hgr-hrnet-w32", COCO17).state_dict()
    assert recognise(own) is None  # the names of the network here
    with pytest.raises(ReproError, match="'hrnet-w18'"):
        convert({}, "hrnet-w18")
    torch.save({"a.weight": torch.ones(3)}, tmp_path / "a.pth")
    with pytest.raises(ReproError, match=r"a\.pth \(1 tensors, first a\.weight\) are of no published network"):
        load_published(nn.Linear(1, 1), tmp_path / "a.pth")


def test_a_file_for_another_number_of_keypoints_does_not_load(tmp_path):
    torch.save(official.weights_of("hrnet_pose_w32_coco"), tmp_path / "a.pth")
    model = row_network("skeletal", 1, "hrnet-w32-256x192", CROWDPOSE14)
    before = model.final_layer.weight.clone()
    with pytest.raises(ReproError, match=r"final_layer\.weight is \(17, 32, 1, 1\), expected \(14, 32, 1, 1\)"):
        load_published(model, tmp_path / "a.pth")
    assert torch.equal(model.final_layer.weight, before)
