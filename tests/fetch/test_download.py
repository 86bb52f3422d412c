"""Downloads arrive whole, go on where they broke off, begin again where the file has changed, and fail in one sentence."""

from __future__ import annotations

import errno
import shutil
from collections import namedtuple

import pytest

from repro.errors import ReproError
from repro.fetch import download as module
from repro.fetch.download import ATTEMPTS, check_address, download, part_of

from .server import Served

CONTENT = bytes(range(256)) * 40  # 10,240 bytes, none like its neighbours


def test_a_file_arrives_whole_and_the_count_ends_at_its_size(server, tmp_path):
    server.files["/a"] = Served(CONTENT)
    counted = []
    download(server.url("/a"), tmp_path / "a", len(CONTENT), lambda done, total: counted.append((done, total)))
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert counted[-1] == (10_240, 10_240)
    assert [one.name for one in tmp_path.iterdir()] == ["a"]  # no part and no state are left


def test_one_call_goes_on_after_breaks_that_bring_something(server, tmp_path):
    server.files["/a"] = Served(CONTENT, breaks=[1000, 1000, 1000, 1000])
    download(server.url("/a"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.asked == ["", "bytes=1000-", "bytes=2000-", "bytes=3000-", "bytes=4000-"]


def test_the_next_call_goes_on_from_what_came(server, tmp_path):
    server.files["/a"] = Served(CONTENT, breaks=[4000] + [0] * ATTEMPTS)
    with pytest.raises(ReproError, match=r"broke after 4\.0 kB of 10\.2 kB .*next call of the same command goes on"):
        download(server.url("/a"), tmp_path / "a")
    assert part_of(tmp_path / "a").stat().st_size == 4000 and not (tmp_path / "a").exists()
    download(server.url("/a"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=4000-"


@pytest.mark.parametrize(
    ("first", "then"),
    [({"etag": '"1"'}, {"etag": '"2"'}),
     ({"etag": "", "modified": "Mon, 02 Jan 2023 00:00:00 GMT"}, {"etag": "", "modified": "Tue, 03 Jan 2023 00:00:00 GMT"}),
     ({"etag": 'W/"1"'}, {"etag": 'W/"1"'}), ({"etag": ""}, {"etag": ""}), ({}, {"ranges": False})],
    ids=["other etag", "other date", "a weak etag alone", "no etag, no date", "no ranges"],
)
def test_a_file_that_may_have_changed_is_begun_again(server, tmp_path, first, then):
    server.files["/a"] = Served(CONTENT, breaks=[4000] + [0] * 10, **first)
    with pytest.raises(ReproError, match="broke"):
        download(server.url("/a"), tmp_path / "a")
    other = CONTENT[::-1] + b"longer"
    server.files["/a"] = Served(other, **then)
    download(server.url("/a"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == other


def test_the_date_alone_is_enough_to_go_on(server, tmp_path):
    date = "Mon, 02 Jan 2023 00:00:00 GMT"
    server.files["/a"] = Served(CONTENT, etag='W/"1"', modified=date, breaks=[4000])
    download(server.url("/a"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT and server.asked == ["", "bytes=4000-"]
    assert server.conditions == ["", date]  # a weak ETag promises nothing of bytes


@pytest.mark.parametrize("other", [CONTENT[::-1], CONTENT[:3000]], ids=["another", "shorter"])
def test_a_server_that_ignores_the_condition_does_not_mix_two_files(server, tmp_path, other):
    server.files["/a"] = Served(CONTENT, breaks=[4000] + [0] * ATTEMPTS)
    with pytest.raises(ReproError):
        download(server.url("/a"), tmp_path / "a")
    server.files["/a"] = Served(other, etag='"2"', careless=True)
    download(server.url("/a"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == other
    assert server.asked[-2:] == ["bytes=4000-", ""]


def test_without_a_condition_the_sentence_says_that_the_next_call_begins_again(server, tmp_path):
    server.files["/a"] = Served(CONTENT, etag="", breaks=[4000] + [0] * ATTEMPTS)
    with pytest.raises(ReproError, match="begins again"):
        download(server.url("/a"), tmp_path / "a")


def test_a_part_of_another_address_is_not_gone_on_with(server, tmp_path):
    server.files["/a"] = Served(CONTENT, breaks=[4000] + [0] * ATTEMPTS)
    with pytest.raises(ReproError):
        download(server.url("/a"), tmp_path / "a")
    server.files["/b"] = Served(CONTENT[::-1])
    download(server.url("/b"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT[::-1]


def test_another_size_than_the_known_one_is_refused_before_anything_is_kept(server, tmp_path):
    server.files["/a"] = Served(b"a page that says sorry")
    with pytest.raises(ReproError, match="is 22 bytes long, expected 10240"):
        download(server.url("/a"), tmp_path / "a", len(CONTENT))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("status", "says"), [(404, "has no such file"), (403, "refuses it"), (503, "its answer was 503")])
def test_what_a_server_refuses_is_one_sentence(server, tmp_path, status, says):
    server.files["/a"] = Served(b"", status=status)
    with pytest.raises(ReproError, match=says) as caught:
        download(server.url("/a"), tmp_path / "a")
    assert str(caught.value).count("\n") == 0
    assert len(server.asked) == (ATTEMPTS if status == 503 else 1)  # a busy server is asked again, a refusal is final


def test_no_network_is_one_sentence(server, tmp_path):
    address = server.url("/a")
    server.close()
    with pytest.raises(ReproError, match="127.0.0.1 is not reached .*network"):
        download(address, tmp_path / "a")
    server.close = lambda: None


@pytest.mark.parametrize("url", ["http://example.com/a", "ftp://example.com/a", "file:///etc/passwd", "http://127.0.0.1.example.com/"])
def test_an_address_that_is_not_secure_is_refused(url):
    with pytest.raises(ReproError, match="begins with https"):
        check_address(url)
    check_address("https://example.com/a")


@pytest.mark.parametrize("location", ["http://example.com/a", "ftp://example.com/a"])
def test_a_server_cannot_lead_to_an_address_that_is_not_secure(server, tmp_path, location):
    server.files["/a"] = Served(b"", status=302, location=location)
    with pytest.raises(ReproError, match="not fetched"):
        download(server.url("/a"), tmp_path / "a")


def test_a_server_may_lead_to_another_of_its_files(server, tmp_path):
    server.files |= {"/a": Served(b"", status=302, location=server.url("/b")), "/b": Served(CONTENT)}
    download(server.url("/a"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_too_little_room_is_said_before_the_bytes_come(server, tmp_path, monkeypatch):
    server.files["/a"] = Served(CONTENT)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 10_239))
    with pytest.raises(ReproError, match=r"has 10\.2 kB left and 10\.2 kB are needed"):
        download(server.url("/a"), tmp_path / "a")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 10_240))
    download(server.url("/a"), tmp_path / "a")


def test_a_disk_that_fills_up_keeps_what_came(server, tmp_path, monkeypatch):
    server.files["/a"] = Served(CONTENT, breaks=[4000])

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, block):
            if self.file.tell() >= 4000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(block[: 4000 - self.file.tell()])

    writing = module._writing
    with monkeypatch.context() as patched:
        patched.setattr(module, "_writing", lambda path, mode: Full(writing(path, mode)))
        with pytest.raises(ReproError, match="is full: .*what has come is kept, the next call of the same command goes on"):
            download(server.url("/a"), tmp_path / "a")
    download(server.url("/a"), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT and server.asked[-1] == "bytes=4000-"
