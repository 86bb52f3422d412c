"""Weights to files and back, and what is said about files that do not fit."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from repro.errors import ReproError
from repro.models.backbones.hrnet import HRNet
from repro.models.checkpoints import (
    TIMM_EXTRAS,
    KeyDiff,
    file_sha256,
    key_diff,
    load_weights,
    read_metadata,
    read_weights,
    rename_keys,
    save_weights,
)
from repro.models.networks import HeatmapNetwork, SkeletalNetwork
from repro.skeletons.skeleton import COCO17, MPII16

TINY = HRNet(width=16, stem=4, stem_blocks=1, modules=(1, 1, 1), blocks=1)


def network(seed: int, settings: HRNet = TINY, skeleton=COCO17) -> nn.Module:
    torch.manual_seed(seed)
    return HeatmapNetwork(backbone=settings).build(skeleton)


def same(a: nn.Module, b: nn.Module) -> bool:
    theirs = b.state_dict()
    return all(torch.equal(t, theirs[n]) for n, t in a.state_dict().items())


def test_round_trip(tmp_path):
    saved = network(0)
    save_weights(saved, tmp_path / "w.safetensors", {"epoch": 3, "recipe": {"width": 16}})
    loaded = network(1)
    assert not same(loaded, saved)
    assert load_weights(loaded, tmp_path / "w.safetensors") == KeyDiff()
    assert same(loaded, saved)
    assert read_metadata(tmp_path / "w.safetensors") == {"epoch": 3, "recipe": {"width": 16}}
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]  # no temporary file stays


def test_equal_weights_give_equal_files_in_any_memory_format(tmp_path):
    net = network(0)
    metadata = {name: name for name in "abcdefgh"}
    save_weights(net, tmp_path / "a.safetensors", metadata)
    save_weights(net.to(memory_format=torch.channels_last), tmp_path / "b.safetensors", metadata)
    assert file_sha256(tmp_path / "a.safetensors") == file_sha256(tmp_path / "b.safetensors")


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_weights(network(0), path)
    before = file_sha256(path)

    def interrupted(self: Path, content: bytes) -> None:
        with open(self, "wb") as file:
            file.write(content[:10])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_weights(network(1), path)
    assert file_sha256(path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_prefixes_and_wrappers_of_training_scripts_are_dropped(tmp_path):
    saved = network(0)
    inner = {f"module.{name}": tensor for name, tensor in saved.state_dict().items()}
    torch.save({"epoch": 210, "model": "pose_hrnet", "state_dict": inner}, tmp_path / "a.pth")
    torch.save(
        {"model": {"state_dict": {f"module._orig_mod.{n[7:]}": t for n, t in inner.items()}}}, tmp_path / "b.pth"
    )
    for name in ("a.pth", "b.pth"):
        loaded = network(1)
        assert not load_weights(loaded, tmp_path / name)
        assert same(loaded, saved)


def test_names_of_another_code_base_are_mapped(tmp_path):
    saved = network(0)
    theirs = {
        ("keypoint_head." if n.startswith("final_layer") else "backbone.") + n: t for n, t in saved.state_dict().items()
    }
    torch.save({"state_dict": theirs}, tmp_path / "w.pth")
    loaded = network(1)
    assert not load_weights(loaded, tmp_path / "w.pth", rename={"backbone": "", "keypoint_head": ""})
    assert same(loaded, saved)


def test_renaming_is_by_whole_parts_and_never_merges():
    assert rename_keys(["module.a.b", "ab", "a"], {"a": "c.d"}) == {"module.a.b": "c.d.b", "ab": "ab", "a": "c.d"}
    with pytest.raises(ReproError, match="'x.w' and 'y.w' would both be called 'w'"):
        rename_keys(["x.w", "y.w"], {"x": "", "y": ""})


def test_differences_are_grouped_and_counted():
    model = {"conv1.weight": (4, 3), "head.weight": (17, 4), "head.bias": (17,)}
    file = {"conv1.weight": (8, 3), **{f"extra.{i}": (1,) for i in range(5)}, "classifier.bias": (9,)}
    diff = key_diff(model, file)
    assert diff.missing == ("head.weight", "head.bias")
    assert diff.reshaped == (("conv1.weight", (4, 3), (8, 3)),)
    assert str(diff).splitlines() == [
        "  missing in the file: 2",
        "    head (2): head.weight, head.bias",
        "  unexpected in the file: 6",
        "    extra (5): extra.0, extra.1, extra.2, ...",
        "    classifier (1): classifier.bias",
        "  of another shape: 1",
        "    conv1 (1): conv1.weight is (8, 3), expected (4, 3)",
    ]
    assert not key_diff(model, model)


def test_prefixes_excuse_whole_parts_of_names():
    diff = KeyDiff(("head.bias", "head2.bias"), ("tail.0.w", "tail.01.w"), (("head.weight", (1,), (2,)),))
    excused, rest = diff.split(allow_missing=("head",), ignore=("tail.0",))
    assert excused == KeyDiff(("head.bias",), ("tail.0.w",), (("head.weight", (1,), (2,)),))
    assert rest == KeyDiff(("head2.bias",), ("tail.01.w",))


def test_another_number_of_keypoints_must_be_excused(tmp_path):
    coco, mpii = network(0), network(1, skeleton=MPII16)
    save_weights(coco, tmp_path / "w.safetensors")
    before = {n: t.clone() for n, t in mpii.state_dict().items()}
    with pytest.raises(ReproError, match=r"final_layer.weight is \(17, 16, 1, 1\), expected \(16, 16, 1, 1\)"):
        load_weights(mpii, tmp_path / "w.safetensors")
    assert all(torch.equal(t, before[n]) for n, t in mpii.state_dict().items())  # nothing was loaded
    excused = load_weights(mpii, tmp_path / "w.safetensors", allow_missing=("final_layer",))
    assert [name for name, _, _ in excused.reshaped] == ["final_layer.weight", "final_layer.bias"]
    assert torch.equal(mpii.conv1.weight, coco.conv1.weight)
    assert torch.equal(mpii.final_layer.weight, before["final_layer.weight"])


def test_hrnet_weights_start_a_skeletal_network(tmp_path):
    saved = network(0)
    save_weights(saved, tmp_path / "w.safetensors")
    net = SkeletalNetwork(backbone=TINY).build(COCO17)
    with pytest.raises(
        ReproError, match=r"SkeletalHRNet(.|\n)*skeletal_attention \(2\): skeletal_attention.head.weight"
    ):
        load_weights(net, tmp_path / "w.safetensors")
    excused = load_weights(net, tmp_path / "w.safetensors", allow_missing=("skeletal_attention",))
    assert excused.missing == ("skeletal_attention.head.weight", "skeletal_attention.head.bias")
    assert same(saved, net)


def timm_like(settings: HRNet) -> dict[str, torch.Tensor]:
    """The official trunk with timm's additions: a stage 4 of all scales and a classifier, no heatmap layer."""
    net = network(5, HRNet(**{**vars(settings), "multi_scale_stage4": True}))
    state = {n: t for n, t in net.state_dict().items() if not n.startswith("final_layer")}
    extras = ("incre_modules.0.0.conv1", "downsamp_modules.0.0", "final_layer.0", "final_layer.1", "classifier")
    return state | {f"{name}.weight": torch.ones(2, 2) for name in extras}


def test_timm_weights(tmp_path):
    """With three modules in stage 4 the unused scales are stage4.2, as in HRNet-W32."""
    settings = HRNet(width=16, stem=4, stem_blocks=1, modules=(1, 1, 3), blocks=1)
    state = timm_like(settings)
    torch.save(state, tmp_path / "w.pth")
    net = network(0, settings)
    with pytest.raises(ReproError, match=r"incre_modules \(1\): incre_modules.0.0.conv1.weight"):
        load_weights(net, tmp_path / "w.pth", allow_missing=("final_layer",))
    excused = load_weights(net, tmp_path / "w.pth", allow_missing=("final_layer",), ignore=TIMM_EXTRAS)
    assert excused.missing == ("final_layer.weight", "final_layer.bias") and not excused.reshaped
    loaded = net.state_dict()
    assert all(torch.equal(state[n], t) for n, t in loaded.items() if not n.startswith("final_layer"))
    # A network with all scales takes what the other one ignores.
    every = network(0, HRNet(**{**vars(settings), "multi_scale_stage4": True}))
    excused = load_weights(every, tmp_path / "w.pth", allow_missing=("final_layer",), ignore=TIMM_EXTRAS)
    assert not any(name.startswith("stage4") for name in excused.unexpected)


class Malicious:
    """Writes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("write", [torch.save, lambda obj, path: path.write_bytes(pickle.dumps(obj, protocol=2))])
def test_nothing_is_unpickled(tmp_path, write):
    write({"conv1.weight": torch.ones(1), "evil": Malicious(tmp_path / "owned")}, tmp_path / "w.pth")
    with pytest.raises(ReproError, match="cannot be read as tensors alone"):
        load_weights(network(0), tmp_path / "w.pth")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_broken_and_missing_files(tmp_path, name):
    with pytest.raises(ReproError, match="does not exist"):
        load_weights(network(0), tmp_path / name, expected_sha256="0" * 8)
    (tmp_path / name).write_bytes(b"not weights")
    with pytest.raises(ReproError, match="cannot be read"):
        load_weights(network(0), tmp_path / name)


def test_files_that_hold_something_else(tmp_path):
    torch.save({"epoch": 3, "best": 0.7}, tmp_path / "a.pth")
    torch.save([torch.ones(1)], tmp_path / "b.pth")
    for name in ("a.pth", "b.pth"):
        with pytest.raises(ReproError, match="holds no state_dict"):
            read_weights(tmp_path / name)


def test_sha256_is_checked_by_prefix(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(network(0), path)
    digest = file_sha256(path)
    assert len(digest) == 64
    for expected in (digest, digest[:8], digest[:12].upper()):
        assert not load_weights(network(1), path, expected_sha256=expected)
    wrong = ("1" if digest[0] == "0" else "0") + digest[1:8]
    with pytest.raises(ReproError, match=f"is {digest}, expected {wrong}"):
        load_weights(network(1), path, expected_sha256=wrong)
    with pytest.raises(ReproError, match="has 3 digits"):
        load_weights(network(1), path, expected_sha256=digest[:3])
