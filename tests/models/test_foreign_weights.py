"""Files of weights from elsewhere: whatever they hold, dense numbers by name or one sentence."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from repro.errors import ReproError
from repro.models.checkpoints import load_weights
from repro.models.foreign_weights import named_hash, read_weights

PLAIN = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2), "n": torch.tensor(3)}


def saved(path: Path, content: object, **given: object) -> Path:
    torch.save(content, path, **given)
    return path


def cyclic() -> dict:
    content: dict = {}
    content["state_dict"] = content
    return content


@pytest.mark.parametrize(
    "wrap", [lambda w: w, lambda w: {"state_dict": w, "epoch": 3}, lambda w: {"model": {"state_dict": w}}]
)
@pytest.mark.parametrize("zipped", [True, False])
def test_weights_are_found_inside_of_wrappers(wrap, zipped, tmp_path):
    read = read_weights(saved(tmp_path / "a.pth", wrap(PLAIN), _use_new_zipfile_serialization=zipped))
    assert read.keys() == PLAIN.keys() and all(torch.equal(read[n], PLAIN[n]) for n in PLAIN)


def test_shared_views_and_parameters_are_taken(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    content = {
        "a": base,
        "b": base,
        "turned": base.T,
        "part": base[1:],
        "wide": torch.ones(1).expand(5),
        "p": nn.Parameter(base),
    }
    read = read_weights(saved(tmp_path / "a.pth", content))
    assert all(torch.equal(read[n], content[n]) and not read[n].requires_grad for n in content)


ODD = {
    "sparse": lambda: torch.sparse_coo_tensor([[0]], [1.0], (3,), check_invariants=True),
    "quantised": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
    "without values": lambda: torch.zeros(3, device="meta"),
    "complex": lambda: torch.ones(3, dtype=torch.complex64),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("place", ["a.weight", "classifier.weight", "new"])
def test_a_tensor_that_is_not_dense_or_not_real_is_named(kind, place, tmp_path):
    file = saved(tmp_path / "odd.pth", {**PLAIN, place: ODD[kind]()})
    with pytest.raises(ReproError, match=rf"odd\.pth .*\({kind}: {place}\)"):
        read_weights(file)


@pytest.mark.parametrize(
    "content",
    [None, 3, "text", [torch.ones(1)], {}, {1: torch.ones(1)}, {None: torch.ones(1)}, {"a": 1.0}, {"a": {"b": torch.ones(1)}},
     {"state_dict": {}}, {"state_dict": {1: torch.ones(1)}}, {"a": torch.ones(1), "b": None}, cyclic()],
    ids=lambda content: type(content).__name__,
)  # fmt: skip
def test_what_is_no_mapping_of_names_to_tensors_is_refused(content, tmp_path):
    with pytest.raises(ReproError, match=r"The weights file .*a\.pth holds .*: give a file that"):
        read_weights(saved(tmp_path / "a.pth", content))


class Evil:
    def __reduce__(self):
        return (open, ("/nowhere",))


def test_nothing_in_a_file_is_executed(tmp_path):
    with pytest.raises(ReproError, match=r"cannot be read as tensors alone \(UnpicklingError\)"):
        read_weights(saved(tmp_path / "a.pth", {"a": Evil()}))


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "is empty"), (b"\n <!DOCTYPE html><html>Sign in</html>", "is a page of a web site")]
)
def test_what_a_broken_download_leaves_is_named(tmp_path, content, said):
    for name in ("a.pth", "a.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ReproError, match=f"{name} {said}.*: fetch it again"):
            read_weights(tmp_path / name)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """The same weights in the formats that carry checksums or a table of contents."""
    place = tmp_path_factory.mktemp("files")
    saved(place / "a.pth", PLAIN)
    save_file(PLAIN, place / "a.safetensors")
    return {file.name: file.read_bytes() for file in place.iterdir()}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_archive_is_read_right_or_refused(data, files, tmp_path):
    content = bytearray(files["a.pth"])
    if data.draw(st.booleans(), "cut"):
        content = content[: data.draw(st.integers(0, len(content) - 1), "length")]
    else:
        start = data.draw(st.integers(0, len(content) - 1), "start")
        for place in range(start, min(len(content), start + data.draw(st.integers(1, 64), "bytes"))):
            content[place] ^= 0xA5
    file = tmp_path / "damaged.pth"
    file.write_bytes(content)
    try:
        read = read_weights(file)
    except ReproError as error:
        assert "damaged.pth" in str(error)
    else:
        assert read.keys() == PLAIN.keys() and all(torch.equal(read[n], PLAIN[n]) for n in PLAIN)


def test_values_of_an_archive_are_covered_by_its_checksums(tmp_path):
    file = saved(tmp_path / "a.pth", {"a": torch.zeros(1000)})
    content = file.read_bytes()
    middle = content.index(bytes(1000))
    file.write_bytes(content[: middle + 100] + b"\x3f" * 8 + content[middle + 108 :])
    torch.load(file, weights_only=True)  # which does not look at them
    with pytest.raises(ReproError, match="does not fit its checksums"):
        read_weights(file)
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as archive:
        archive.writestr("readme.txt", "no weights")
    with pytest.raises(ReproError, match=r"other\.pth cannot be read"):
        read_weights(tmp_path / "other.pth")


@pytest.mark.parametrize("content", [b"", b"P", b"PK", b"PK\3\4", b"\x80\x02.", b"{}", b"\0" * 100, b"\x93NUMPY"])
@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "a", "a.onnx"])
def test_another_kind_of_file_is_refused(content, name, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReproError, match="The weights file "):
        read_weights(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "digits"),
    [("hrnet_w32-36af842e.pth", "36af842e"), ("hrnet_w48-8ef0771d.pth.tar", "8ef0771d"), ("resnet50-12345678.pth", "12345678"),
     ("hrnet_w32_coco-c78dce93_20200708.pth", "c78dce93"), ("a-" + "ab" * 32 + ".safetensors", "ab" * 32),
     ("run-20260131.pth", None), ("a-36af842.pth", None), ("a_36af842e.pth", None), ("a-36af842e-b.pth", None),
     ("36af842e.pth", None), ("a-36AF842E.pth", None), ("people-parts-w16-88d32e.safetensors", None)],
)  # fmt: skip
def test_published_files_carry_a_hash_in_their_name(name, digits):
    assert named_hash(Path("/folder-0123abcd.x") / name) == digits


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)


def test_counters_of_batches_may_be_missing_or_vectors_as_in_torch(tmp_path):
    donor, net = Small(), Small()
    donor.bn.num_batches_tracked.fill_(7)
    state = donor.state_dict()
    without = {n: t for n, t in state.items() if n != "bn.num_batches_tracked"}
    excused = load_weights(net, saved(tmp_path / "a.pth", without))
    assert not excused and net.bn.num_batches_tracked == 0 and torch.equal(net.conv.weight, donor.conv.weight)
    load_weights(net, saved(tmp_path / "b.pth", {**state, "bn.num_batches_tracked": torch.tensor([7])}))
    assert net.bn.num_batches_tracked == 7
    with pytest.raises(ReproError, match="missing in the file: 1"):
        load_weights(net, saved(tmp_path / "c.pth", {n: t for n, t in without.items() if n != "bn.running_var"}))


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_other_floating_point_numbers_are_taken(kind, tmp_path):
    donor, net = Small(), Small()
    state = {n: t.to(kind) if t.is_floating_point() else t for n, t in donor.state_dict().items()}
    load_weights(net, saved(tmp_path / "a.pth", {f"module.{n}": t for n, t in state.items()}))
    assert torch.equal(net.conv.weight, state["conv.weight"].float())


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int64, torch.bool])
def test_whole_numbers_in_place_of_weights_are_refused(kind, tmp_path):
    net = Small()
    before = net.conv.weight.clone()
    state = {**net.state_dict(), "conv.weight": torch.zeros(4, 3, 1, 1, dtype=kind)}
    with pytest.raises(ReproError, match=rf"in 1 places where the file has others \(conv.weight is {str(kind)[6:]}\)"):
        load_weights(net, saved(tmp_path / "a.pth", state))
    assert torch.equal(net.conv.weight, before)
