"""What each network takes from a warm start: what fits, what is copied, and what stays random."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from repro.errors import ReproError
from repro.models.backbones.hrnet import HRNet
from repro.models.backbones.resnet import ResNet
from repro.models.checkpoints import file_sha256, is_under, save_weights
from repro.models.networks import HeatmapNetwork, PartNetwork, SkeletalNetwork
from repro.models.offset_networks import OffsetNetwork, TwoBranchNetwork
from repro.models.simple_baseline import DeconvNetwork, IntegralNetwork
from repro.models.weight_scale import normalised_convolutions
from repro.recipe import Initialisation
from repro.skeletons.skeleton import COCO17
from repro.training import warm_start
from repro.training.warm_start import (
    check_finite,
    export_backbone,
    import_weights,
    initialisation_for,
    load_initialisation,
)

HR = HRNet(width=16, stem=8, stem_blocks=1, modules=(1, 1, 2), blocks=1)
RES = ResNet(depth=101, width=8, blocks=(1, 1, 2, 1))


def built(settings, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return settings.build(COCO17)


def shift_all(net: nn.Module) -> nn.Module:
    """Every parameter and statistic made unlike that of a fresh network, exactly in half precision."""
    with torch.no_grad():
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_((tensor + 0.25).half())
    return net


@pytest.fixture(params=[HR, RES], ids=["HRNet", "ResNet"])
def trained(request, places):
    """A backbone whose warm start lies in ``runs/weights``, and the tensors of its file."""
    backbone = request.param
    network = shift_all(built(PartNetwork(backbone=backbone, deconv_channels=12), seed=7))
    save_weights(network, places / "part.safetensors")
    folder = places / "runs" / "weights"
    manifest = export_backbone(places / "part.safetensors", folder, backbone, {"what": "a test"})
    assert manifest == folder / f"{backbone.warm_name}.json"
    return backbone, load_file(manifest.with_suffix(".safetensors"))


def started(settings) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], nn.Module]:
    """The state of a network before and after it takes its warm start, weights as large as in the file, and the network."""
    net = built(settings, seed=0)
    before = {name: t.clone() for name, t in net.state_dict().items()}
    load_initialisation(net, replace(initialisation_for(settings.backbone), size=None))
    return before, net.state_dict(), net


def parts_from(file: dict, before: dict, after: dict) -> tuple[set[str], set[str]]:
    """First parts of names that hold the file's values, and of those that hold what they held before."""
    counted = [name for name in after if after[name].is_floating_point()]
    taken = {
        n for n in counted if n in file and file[n].shape == after[n].shape and torch.equal(file[n].float(), after[n])
    }
    kept = {n for n in counted if torch.equal(before[n], after[n])}
    assert not taken & kept and taken | kept == set(counted)
    return {n.split(".")[0] for n in taken}, {n.split(".")[0] for n in kept}


TRUNK = {
    HR: {"conv1", "bn1", "conv2", "bn2", "layer1", "stage2", "stage3", "stage4"}
    | {"transition1", "transition2", "transition3"},
    RES: {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"},
}


def test_a_warm_start_keeps_all_but_the_head_in_half_precision(trained):
    backbone, file = trained
    heads = {"deconv_layers"} if backbone == RES else set()
    assert {name.split(".")[0] for name in file} == TRUNK[backbone] | heads
    assert {t.dtype for t in file.values() if t.is_floating_point()} == {torch.float16}
    manifest = warm_start.weight_files()[backbone.warm_name]
    about = json.loads(manifest.read_text())
    assert about["backbone"]["type"] == type(backbone).__name__ and about["what"] == "a test"
    assert about["sha256"] == file_sha256(manifest.with_suffix(".safetensors"))


@pytest.mark.parametrize("trained", [HR], indirect=True)
@pytest.mark.parametrize(
    ("settings", "heads"),
    [
        (HeatmapNetwork(backbone=HR), {"final_layer"}),
        (SkeletalNetwork(backbone=HR), {"final_layer", "skeletal_attention"}),
        (PartNetwork(backbone=HR), {"final_layer"}),
        (OffsetNetwork(backbone=HR, fuse_width_factor=1), {"final_layer"}),
    ],
)
def test_an_hrnet_takes_the_whole_backbone_and_keeps_its_heads_random(trained, settings, heads):
    _, file = trained
    before, after, _ = started(settings)
    assert parts_from(file, before, after) == (TRUNK[HR], heads)


@pytest.mark.parametrize("trained", [HR], indirect=True)
def test_udps_widened_exchange_unit_stays_random_and_the_rest_of_stage_4_does_not(trained):
    _, file = trained
    before, after, net = started(OffsetNetwork(backbone=HR))
    assert net.warm_fresh() == ("stage4.1.fuse_layers",)
    assert parts_from(file, before, after) == (TRUNK[HR], {"final_layer", "stage4"})
    kept = {n for n in after if after[n].is_floating_point() and torch.equal(before[n], after[n])}
    assert {n for n in kept if n.startswith("stage4")} == {
        n for n in after if n.startswith("stage4.1.fuse_layers") and after[n].is_floating_point()
    }


@pytest.mark.parametrize("trained", [HR], indirect=True)
def test_both_branches_of_cal_start_from_the_same_weights(trained):
    _, file = trained
    before, after, net = started(TwoBranchNetwork(backbone=HR))
    for own, source in net.warm_copies().items():
        names = [name for name in after if is_under(name, (own,))]
        assert names and all(torch.equal(after[n], file[source + n[len(own) :]].to(after[n].dtype)) for n in names)
    rest = {n: t for n, t in after.items() if not is_under(n, net.warm_copies())}
    heads = {"final_layer", "heatmap_block", "offset_block", "offset_layer"}
    assert parts_from(file, before, rest) == (TRUNK[HR], heads)
    # The copies are copies: training one branch leaves the other.
    with torch.no_grad():
        net.stage4[0].branches[0][0].conv1.weight.zero_()
    assert net.offset_stage4[0].branches[0][0].conv1.weight.abs().min() > 0


@pytest.mark.parametrize("trained", [HR], indirect=True)
def test_a_checkpoint_of_the_two_branches_is_loaded_without_copying(trained, places):
    donor = shift_all(built(TwoBranchNetwork(backbone=HR), seed=3))
    with torch.no_grad():
        donor.offset_stage4[0].branches[0][0].conv1.weight.fill_(0.5)
    save_weights(donor, places / "two.safetensors")
    name = import_weights(places / "two.safetensors")
    net = built(TwoBranchNetwork(backbone=HR), seed=0)
    load_initialisation(net, warm_start.choose_start(name, HR))
    assert all(torch.equal(t, donor.state_dict()[n]) for n, t in net.state_dict().items())


@pytest.mark.parametrize("trained", [RES], indirect=True)
@pytest.mark.parametrize(
    ("settings", "taken", "kept"),
    [
        (DeconvNetwork(backbone=RES, deconv_channels=12), {"deconv_layers"}, {"final_layer"}),
        (DeconvNetwork(backbone=RES, deconv_channels=10), set(), {"deconv_layers", "final_layer"}),
        (
            *(IntegralNetwork(backbone=RES, reduction=20, deconv_channels=6), set()),
            {"reduction", "deconv_layers", "final_layer"},
        ),
        (IntegralNetwork(backbone=RES, reduction=None, deconv_channels=12), {"deconv_layers"}, {"final_layer"}),
    ],
)
def test_a_resnet_takes_its_trunk_and_the_transposed_convolutions_that_fit(trained, settings, taken, kept):
    _, file = trained
    before, after, _ = started(settings)
    assert parts_from(file, before, after) == (TRUNK[RES] | taken, kept)


@pytest.mark.parametrize("trained", [HR], indirect=True)
@pytest.mark.parametrize(
    "settings", [HeatmapNetwork(backbone=HR), OffsetNetwork(backbone=HR), TwoBranchNetwork(backbone=HR)]
)
def test_what_comes_from_a_warm_start_has_one_size_and_the_rest_its_own(trained, settings):
    _, file = trained
    net = built(settings, seed=0)
    before = {name: t.clone() for name, t in net.state_dict().items()}
    start = initialisation_for(HR)
    assert start.size == warm_start.WEIGHT_SIZE
    load_initialisation(net, start)
    copies = net.warm_copies() if hasattr(net, "warm_copies") else {}
    fresh = net.warm_fresh() if hasattr(net, "warm_fresh") else ()
    for name, layer, _ in normalised_convolutions(net):
        weight = f"{name}.weight"
        if is_under(name, copies) or (weight in file and not is_under(name, fresh)):
            assert layer.weight.square().mean().sqrt().item() == pytest.approx(start.size)
        else:
            assert torch.equal(layer.weight, before[weight])


def test_torchvisions_classifier_is_left_out(places):
    trunk = {
        n: t
        for n, t in built(DeconvNetwork(backbone=RES), 5).state_dict().items()
        if n.startswith(("conv", "bn", "layer"))
    }
    save_file({**trunk, "fc.weight": torch.zeros(10, 256), "fc.bias": torch.zeros(10)}, places / "imagenet.safetensors")
    name = import_weights(places / "imagenet.safetensors")
    net = built(DeconvNetwork(backbone=RES), 0)
    load_initialisation(net, warm_start.choose_start(name, RES))
    assert all(torch.equal(net.state_dict()[n], t) for n, t in trunk.items())


def test_a_file_that_lacks_part_of_the_backbone_is_refused(places):
    state = {n: t for n, t in built(HeatmapNetwork(backbone=HR), 0).state_dict().items() if not n.startswith("stage3")}
    save_file(state, places / "cut.safetensors")
    name = import_weights(places / "cut.safetensors")
    with pytest.raises(ReproError, match="missing in the file"):
        load_initialisation(built(TwoBranchNetwork(backbone=HR), 0), warm_start.choose_start(name, HR))


def test_weights_that_are_not_there_are_an_error(places):
    with pytest.raises(ReproError, match="neither in the package nor in"):
        load_initialisation(built(HeatmapNetwork(backbone=HR), 0), Initialisation(name="no-such", sha256="0" * 64))


def test_names_tell_backbones_apart_and_the_committed_ones_stay():
    small = HRNet(width=16, stem=32, stem_blocks=1, modules=(1, 1, 1), blocks=2)
    assert small.warm_name == "people-parts-w16-88d32e"
    names = {b.warm_name for b in (small, ResNet(), ResNet(depth=101), ResNet(width=32), ResNet(blocks=(1, 1, 2, 1)))}
    assert len(names) == 5
    assert ResNet(depth=152, width=32).warm_name.startswith("people-parts-r152-w32-")


def test_the_committed_warm_start_serves_the_networks_of_udp_and_cal():
    small = HRNet(width=16, stem=32, stem_blocks=1, modules=(1, 1, 1), blocks=2)
    tensors = load_file(warm_start.weight_files()[small.warm_name].with_suffix(".safetensors"))
    for settings in (OffsetNetwork(backbone=small), TwoBranchNetwork(backbone=small)):
        _, after, _ = started(settings)
        assert torch.equal(
            after["stage3.0.branches.2.1.conv2.weight"], tensors["stage3.0.branches.2.1.conv2.weight"].float()
        )
    assert torch.equal(after["offset_transition3.3.0.0.weight"], tensors["transition3.3.0.0.weight"].float())


def test_initial_weights_are_those_of_the_plain_backbone():
    """A widened or multi-scale stage 4 starts from what was trained without."""
    small = HRNet(width=16, stem=32, stem_blocks=1, modules=(1, 1, 1), blocks=2)
    plain = initialisation_for(small)
    assert plain.name == small.warm_name
    assert initialisation_for(OffsetNetwork(backbone=small).widened()) == plain
    assert initialisation_for(HRNet(**{**vars(small), "multi_scale_stage4": True})) == plain
    assert initialisation_for(ResNet(width=24)) is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("conv1.weight", torch.tensor([1.0, torch.nan]), "not finite in 1 tensors, the first is conv1.weight"),
        ("conv1.weight", torch.tensor([1e300], dtype=torch.float64), "not finite in 1 tensors"),  # not in float32
        ("bn1.running_var", torch.tensor([1.0, -1e-3]), "below 0, where variances are, in 1 tensors, the first is bn1"),
    ],
)
def test_weights_that_no_network_computes_with_are_refused(name, value, message, tmp_path):
    sound = {"bn1.weight": torch.tensor([-1.0]), "bn1.running_var": torch.tensor([0.0]), "n": torch.tensor(1)}
    check_finite(sound, tmp_path / "a.pth")
    with pytest.raises(ReproError, match=message) as caught:
        check_finite({**sound, name: value}, tmp_path / "a.pth")
    assert str(tmp_path / "a.pth") in str(caught.value)
