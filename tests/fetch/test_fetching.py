"""From the table to a folder: verified, unpacked, remembered, and never opened where it is not what was published."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile

import pytest
from click.testing import CliRunner

from repro.cli.main import main
from repro.errors import ReproError
from repro.fetch import fetching
from repro.fetch.fetching import BUNDLES, chosen, fetch, is_there, state
from repro.fetch.items import Bundle, Item, written_size

from .server import Served

FILES = {"val2017/1.jpg": b"one", "val2017/2.jpg": b"two", "annotations/a.json": b"[]"}


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def archive(server):
    content = zipped(FILES)
    server.files["/a.zip"] = Served(content)
    digits = hashlib.sha256(content).hexdigest()
    return Item("small", "three files", "a.zip", "free", "made here", server.url("/a.zip"), "the page", len(content),
                checksum=f"sha256:{digits}", unpack=True)


def changed(item, **fields):
    return Item(**{**{name: getattr(item, name) for name in Item.__dataclass_fields__}, **fields})


def test_an_archive_is_fetched_verified_unpacked_and_not_fetched_twice(server, tmp_path, archive):
    assert fetch(archive, tmp_path) == "fetched, sha256 as published"
    assert {one.relative_to(tmp_path).as_posix() for one in tmp_path.rglob("*") if one.is_file()} == {
        *FILES, ".fetch/small.json", ".fetch/lock"
    }
    assert fetch(archive, tmp_path) == "there already" and server.asked == [""]
    (tmp_path / "val2017" / "2.jpg").unlink()
    assert not is_there(archive, tmp_path)
    fetch(archive, tmp_path)
    assert (tmp_path / "val2017" / "2.jpg").read_bytes() == b"two"


def test_an_archive_can_be_kept(tmp_path, archive, server):
    fetch(archive, tmp_path, keep=True)
    assert (tmp_path / ".fetch" / "a.zip").read_bytes() == server.files["/a.zip"].content


@pytest.mark.parametrize("checksum", ["sha256:" + "0" * 64, "sha256:00000000", "md5:" + "0" * 32])
def test_a_wrong_checksum_leaves_nothing_and_unpacks_nothing(tmp_path, archive, checksum):
    says = "is not what was expected and was removed, unopened: its (sha256|md5) is [0-9a-f]+, expected 0"
    with pytest.raises(ReproError, match=says):
        fetch(changed(archive, checksum=checksum), tmp_path)
    assert [one.name for one in (tmp_path / ".fetch").iterdir()] == ["lock"]
    assert [one.name for one in tmp_path.iterdir()] == [".fetch"]


def test_the_first_digits_of_a_checksum_and_md5_are_held_against_the_file(server, tmp_path, archive):
    first = changed(archive, checksum=archive.checksum[: len("sha256:") + 8])
    assert fetch(first, tmp_path / "a") == "fetched, sha256 as published (its first digits)"
    digits = hashlib.md5(server.files["/a.zip"].content).hexdigest()
    assert fetch(changed(archive, checksum=f"md5:{digits}"), tmp_path / "b") == "fetched, md5 as published"


def test_without_a_checksum_the_sha256_is_said(tmp_path, archive):
    digits = archive.checksum.removeprefix("sha256:")
    assert fetch(changed(archive, checksum=""), tmp_path) == (
        f"fetched, whole; no checksum of it is published, its sha256 is {digits}"
    )


def test_a_broken_connection_is_gone_on_with_by_the_next_call(server, tmp_path, archive):
    server.files["/a.zip"].breaks = [100, 0, 0, 0]
    with pytest.raises(ReproError, match="broke after 100 bytes"):
        fetch(archive, tmp_path)
    assert "100 bytes of it are there" in state(archive, tmp_path)
    fetch(archive, tmp_path)
    assert server.asked[-1] == "bytes=100-" and is_there(archive, tmp_path)


def test_an_archive_that_leads_outside_writes_nothing(server, tmp_path, archive):
    content = zipped({"ok.txt": b"ok", "../out.txt": b"bad"})
    server.files["/a.zip"] = Served(content)
    with pytest.raises(ReproError, match="leaves the folder"):
        fetch(changed(archive, size=None, checksum=""), tmp_path / "root")
    assert not (tmp_path / "out.txt").exists() and not (tmp_path / "root" / "ok.txt").exists()


def test_weights_keep_their_name(server, tmp_path, archive):
    server.files["/w.pth"] = Served(b"weights")
    item = Item("w", "weights", "w.pth", "free", "made here", server.url("/w.pth"), place="pose_coco")
    fetch(item, tmp_path)
    assert (tmp_path / "pose_coco" / "w.pth").read_bytes() == b"weights" and is_there(item, tmp_path)


def test_a_file_of_the_user_is_not_replaced(server, tmp_path):
    (tmp_path / "w.pth").write_bytes(b"the user's")
    item = Item("w", "weights", "w.pth", "free", "made here", server.url("/w.pth"))
    with pytest.raises(ReproError, match="w.pth is there and was not fetched"):
        fetch(item, tmp_path)
    assert (tmp_path / "w.pth").read_bytes() == b"the user's" and server.asked == []


def test_too_little_room_for_file_and_content_is_said_first(server, tmp_path, archive, monkeypatch):
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: type("Usage", (), {"free": archive.size * 2 - 1}))
    with pytest.raises(ReproError, match="unpacked beside its archive: free some room"):
        fetch(archive, tmp_path)
    assert server.asked == []


def test_names_are_unique_and_every_entry_says_what_a_user_needs():
    items = {item.name: item for bundle in BUNDLES for item in bundle.items}
    assert all(items[item.name] is item for bundle in BUNDLES for item in bundle.items)
    assert not set(items) & {bundle.name for bundle in BUNDLES}
    for item in items.values():
        assert item.what and item.file and item.licence and item.checked, item.name
        assert item.by_hand or item.url.startswith("https://"), item.name
        assert item.url.endswith(f"/{item.file}") or item.by_hand and item.page.startswith("http"), item.name
        assert re.fullmatch(r"|sha256:([0-9a-f]{8}|[0-9a-f]{64})|md5:[0-9a-f]{32}", item.checksum), item.name
    assert {"coco", "crowdpose", "mpii", "coco-wholebody", "lspet", "lsp", "imagenet-weights", "hgr-weights"} <= {
        bundle.name for bundle in BUNDLES
    }


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_the_resnets_are_those_of_torchvision(depth):
    from torchvision.models import get_model_weights

    weights = get_model_weights(f"resnet{depth}").IMAGENET1K_V1
    item = chosen(f"resnet{depth}-imagenet").items[0]
    assert item.url == weights.url
    assert item.about == round(weights.meta["_file_size"] * 2**20)
    assert item.checksum == "sha256:" + weights.url[-12:-4]


@pytest.mark.parametrize("name", ["keypointrcnn", "fasterrcnn"])
def test_the_detectors_are_those_that_prediction_looks_for(name):
    from torchvision.models import get_model_weights

    from repro.api.boxes import known_detectors

    weights = get_model_weights(f"{name}_resnet50_fpn").COCO_V1
    (item,) = chosen(f"{name}-coco").items
    assert item in chosen("detector-weights").items and item.file == known_detectors()[name][1]
    assert item.url == weights.url
    assert item.about == round(weights.meta["_file_size"] * 2**20)
    assert item.checksum == "sha256:" + weights.url[-12:-4]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (19_336_861_798, "19.3 GB"), (None, "size unknown")]
)
def test_sizes_are_written_in_decimal_units(size, text):
    assert written_size(size) == text


def run(*words):
    return CliRunner().invoke(main, ["fetch", *words])


def test_the_command_lists_everything():
    said = run().output
    for bundle in BUNDLES:
        assert f"\n{bundle.name}: " in "\n" + said
        for item in bundle.items:
            assert f"  {item.name}: {item.what}; " in said and (item.url or item.page) in said


def test_the_command_fetches_says_what_is_by_hand_and_what_to_do_then(server, tmp_path, archive, monkeypatch):
    hand = Item("hand", "boxes", "boxes.json", "none stated", "made here", page="https://example.com/boxes", place="more")
    bundle = Bundle("set", "a set", (archive, hand), "make reproduce DATA_ROOT={root}")
    monkeypatch.setattr(fetching, "BUNDLES", (bundle,))
    root = tmp_path / "my data"
    dry = run("set", "--root", str(root), "--dry-run")
    assert dry.exit_code == 0 and f"small: to fetch: {archive.url}" in dry.output and not root.exists()
    done = run("set", "--root", str(root))
    assert done.exit_code == 0, done.output
    assert "small: fetched, sha256 as published" in done.output
    assert f"hand: by hand: boxes.json from https://example.com/boxes to {root}/more/boxes.json" in done.output
    assert "Fetch by hand, as said above: boxes.json" in done.output
    assert f"make reproduce DATA_ROOT='{root}'" in done.output
    (root / "more").mkdir()
    (root / "more" / "boxes.json").write_bytes(b"[]")
    again = run("set", "--root", str(root)).output
    assert "hand: there already" in again and "small: there already" in again and "as said above" not in again


@pytest.mark.parametrize(
    ("words", "says"),
    [(("nothing", "--root", "x"), "choose one of coco"), (("coco",), "--root is missing"), (("--dry-run",), "NAME is missing")],
)
def test_mistakes_are_one_sentence(words, says):
    result = run(*words)
    assert result.exit_code == 2 and says in " ".join(result.output.split())
