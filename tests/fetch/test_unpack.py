"""Archives are unpacked as they are, and one with anything wrong in it writes nothing at all."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile

import pytest

from repro.errors import ReproError
from repro.fetch import unpack as module
from repro.fetch.unpack import unpack

FILES = {"train2017/1.jpg": b"one", "train2017/2.jpg": b"two", "annotations/a.json": b"{}" * 50}


def make_zip(path, files, **kinds):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = kinds.get("mode", stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def make_tar(path, files, kind=tarfile.REGTYPE, link=""):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(content))
    return path


MAKERS = {"zip": make_zip, "tar": make_tar}


def written(folder):
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.parametrize("form", MAKERS)
def test_files_are_unpacked_and_counted_by_folder(tmp_path, form):
    archive, counted = MAKERS[form](tmp_path / "a", FILES), []
    tops = unpack(archive, tmp_path / "out", 1000, lambda done, total: counted.append((done, total)))
    assert written(tmp_path / "out") == FILES
    assert tops == {"train2017": 2, "annotations": 1}
    assert counted[-1] == (106, 106)  # 3 + 3 + 2 x 50


@pytest.mark.parametrize("form", MAKERS)
@pytest.mark.parametrize(
    ("name", "why"),
    [("../out.txt", "leaves the folder"), ("a/../../out.txt", "leaves the folder"), ("/tmp/out.txt", "absolute path"),
     ("C:/out.txt", "absolute path"), ("a\\..\\..\\out.txt", "no plain path")],
)
def test_a_path_that_leads_outside_writes_nothing(tmp_path, form, name, why):
    archive = MAKERS[form](tmp_path / "a", {"good.txt": b"good", name: b"bad"})
    with pytest.raises(ReproError, match=f"not unpacked, nothing of it was written: .*{why}"):
        unpack(archive, tmp_path / "out", 1000)
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("kind", "why"),
    [(tarfile.SYMTYPE, "is a link"), (tarfile.LNKTYPE, "is a link"), (tarfile.CHRTYPE, "device"), (tarfile.FIFOTYPE, "pipe")],
)
def test_links_and_devices_of_a_tar_write_nothing(tmp_path, kind, why):
    archive = make_tar(tmp_path / "a", {"x": b""}, kind, "/etc/passwd" if kind != tarfile.CHRTYPE else "")
    with pytest.raises(ReproError, match=why):
        unpack(archive, tmp_path / "out", 1000)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("mode", "why"), [(stat.S_IFLNK | 0o777, "is a link"), (stat.S_IFIFO | 0o644, "no plain file")])
def test_links_and_pipes_of_a_zip_write_nothing(tmp_path, mode, why):
    archive = make_zip(tmp_path / "a", {"x": b"/etc/passwd"}, mode=mode)
    with pytest.raises(ReproError, match=why):
        unpack(archive, tmp_path / "out", 1000)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", MAKERS)
def test_a_bomb_writes_nothing(tmp_path, form):
    archive = MAKERS[form](tmp_path / "a", {"zeros": bytes(5_000_000)})
    assert archive.stat().st_size < 10_000
    with pytest.raises(ReproError, match=r"holds more than 1\.0 MB"):
        unpack(archive, tmp_path / "out", 1_000_000)
    assert not (tmp_path / "out").exists()


def test_a_zip_that_states_too_small_a_size_is_damaged(tmp_path):
    archive = make_zip(tmp_path / "a", {"x": b"y" * 5000})
    content = archive.read_bytes()
    assert content.count((5000).to_bytes(4, "little")) == 2  # in the file's header and in the directory
    archive.write_bytes(content.replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(ReproError):
        unpack(archive, tmp_path / "out", 1000)
    assert written(tmp_path / "out").get("x") is None


@pytest.mark.parametrize("form", MAKERS)
def test_too_many_files_write_nothing(tmp_path, form, monkeypatch):
    monkeypatch.setattr(module, "MOST_FILES", 2)
    with pytest.raises(ReproError, match="more than 2 files"):
        unpack(MAKERS[form](tmp_path / "a", FILES), tmp_path / "out", 1000)


def test_a_name_that_comes_twice_or_is_file_and_folder_is_refused(tmp_path):
    twice = tmp_path / "twice.tar"
    with tarfile.open(twice, "w") as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("x"), io.BytesIO())
    with pytest.raises(ReproError, match="comes twice"):
        unpack(twice, tmp_path / "out", 1000)
    with pytest.raises(ReproError, match="both a file and a folder"):
        unpack(make_tar(tmp_path / "both", {"x": b"1", "x/y": b"2"}), tmp_path / "out", 1000)


def test_a_link_in_the_folder_is_not_followed_outside(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "train2017").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReproError, match="would go through a link"):
        unpack(make_zip(tmp_path / "a", FILES), tmp_path / "out", 1000)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_of_the_user_is_not_replaced_but_one_that_broke_off_is_made_anew(tmp_path):
    folder = tmp_path / "out" / "train2017"
    folder.mkdir(parents=True)
    (folder / "1.jpg").write_bytes(b"another length")
    archive = make_zip(tmp_path / "a", FILES)
    with pytest.raises(ReproError, match="would replace .*1.jpg, a file of another size: move it away"):
        unpack(archive, tmp_path / "out", 1000)
    assert written(tmp_path / "out") == {"train2017/1.jpg": b"another length"}
    (folder / "1.jpg").write_bytes(b"eno")
    unpack(archive, tmp_path / "out", 1000)
    assert written(tmp_path / "out") == FILES


@pytest.mark.parametrize("form", MAKERS)
def test_a_damaged_archive_is_one_sentence(tmp_path, form):
    archive = MAKERS[form](tmp_path / "a", {"x": bytes(range(256)) * 100})
    content = bytearray(archive.read_bytes())
    content[len(content) // 3] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(ReproError, match="delete it"):
        unpack(archive, tmp_path / "out", 10**6)


def test_what_is_no_archive_is_one_sentence(tmp_path):
    (tmp_path / "a").write_bytes(b"<html>sorry</html>")
    with pytest.raises(ReproError, match="cannot be unpacked"):
        unpack(tmp_path / "a", tmp_path / "out", 1000)
