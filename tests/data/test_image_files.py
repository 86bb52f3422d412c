"""Image files are looked at once; what the annotations state has to be true."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from repro.data import image_files
from repro.data.image_files import checked_images, look_at, remembered_images
from repro.errors import ReproError

from .tiny_data import write_image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the indices."""
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three images of 40 x 30 px whose last change is long ago."""
    out = [tmp_path / "images" / f"{n}.png" for n in range(3)]
    for n, path in enumerate(out):
        write_image(path, 40, 30, n)
    return out


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read; the clock is a minute ahead, so that fresh files count as settled."""
    found: list[Path] = []
    real, now = image_files._look, time.time
    monkeypatch.setattr(image_files, "_look", lambda file: (found.append(file), real(file))[1])
    monkeypatch.setattr(image_files.time, "time", lambda: now() + 60)
    return found


def test_a_second_look_reads_nothing(files, reads):
    first = look_at(files)
    assert len(reads) == 3 and len({look.digest for look in first}) == 3
    assert look_at(files) == first and len(reads) == 3
    assert look_at(files[::-1]) == first[::-1]


def test_what_an_earlier_look_found_is_remembered_without_reading(files, reads):
    ids, stated = np.arange(3), np.array([[40, 30]] * 3)
    assert remembered_images(files, ids, stated).digests is None and not reads
    looks = look_at(files)
    before = len(reads)
    found = remembered_images(files, ids, stated[:, ::-1])  # the size is that of the files
    assert found.digests == tuple(look.digest for look in looks) and found.sizes.tolist() == stated.tolist()
    write_image(files[1], 40, 30, 7)
    assert remembered_images(files, ids, stated).digests is None and len(reads) == before


def test_a_changed_file_is_read_anew_though_size_and_time_are_kept(files, reads):
    before, state = look_at(files), files[1].stat()
    content = bytearray(files[1].read_bytes())
    pixels = cv2.imread(str(files[1]))
    assert cv2.imwrite(str(files[1]), pixels[:, ::-1])
    blurred = files[1].read_bytes()[: len(content)]
    files[1].write_bytes(blurred + bytes(len(content) - len(blurred)))
    os.utime(files[1], ns=(state.st_atime_ns, state.st_mtime_ns))
    assert files[1].stat().st_size == state.st_size and files[1].stat().st_mtime_ns == state.st_mtime_ns
    after = look_at(files)
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]
    assert reads[3:] == [files[1]]


def test_files_that_have_just_changed_are_not_remembered(files, monkeypatch):
    found: list[Path] = []
    real = image_files._look
    monkeypatch.setattr(image_files, "_look", lambda file: (found.append(file), real(file))[1])
    look_at(files), look_at(files)
    assert len(found) == 6


@pytest.mark.parametrize(
    "spoil", [lambda b: b[:-9], lambda b: b[:70] + b"9" + b[71:], lambda b: b"", lambda b: b"\xff"]
)
def test_a_damaged_index_is_made_again(files, reads, cache, spoil):
    first = look_at(files)
    (index,) = cache.iterdir()
    whole = index.read_bytes()
    index.write_bytes(spoil(whole))
    assert look_at(files) == first and len(reads) == 6
    assert index.read_bytes() == whole


def test_an_index_that_cannot_be_written_costs_another_look(files, reads, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "images").write_text("a file")
    assert look_at(files) == look_at(files)
    assert len(reads) == 6


def test_content_and_not_place_decides(files, tmp_path):
    copies = [tmp_path / "elsewhere" / f"copy{n}.png" for n in range(3)]
    copies[0].parent.mkdir()
    for file, copy in zip(files, copies, strict=True):
        copy.write_bytes(file.read_bytes())
    assert look_at(copies) == look_at(files)


IDS = np.array([7, 8, 9])
SIZES = np.array([[40, 30]] * 3)


def test_images_as_stated_are_taken(files):
    images = checked_images(files, IDS, SIZES, "a.json")
    assert images.paths == tuple(files) and images.ids.tolist() == [7, 8, 9]
    assert images.sizes.tolist() == SIZES.tolist() and len(set(images.digests)) == 3
    assert images.take(np.array([2, 0])).digests == (images.digests[2], images.digests[0])


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (Path.unlink, "does not exist"),
        (lambda p: p.write_bytes(b""), "cannot be decoded, it is empty"),
        (lambda p: p.write_bytes(b"text"), "cannot be decoded"),
        (lambda p: p.write_bytes(p.read_bytes()[:100]), "is cut off"),
        (lambda p: os.truncate(p, 2**31), "has 2147483648 bytes, at most 1073741824 are read"),
        (_fifo, "is no file"),
        (_folder, "is no file"),
    ],
)
def test_a_file_that_is_not_usable_is_named(files, spoil, message):
    spoil(files[1])
    with pytest.raises(ReproError, match=f"^a.json: file_name of image 8 leads to .*1.png, which {message}") as caught:
        checked_images(files, IDS, SIZES, "a.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(30, 40), (41, 30), (10**6, 30), (-5, 30)])
def test_a_size_that_is_not_true_is_named(files, size):
    sizes = np.array([(40, 30), size, (40, 30)])
    expected = f"^a.json: width and height of image 8 are {size[0]} and {size[1]}, the file .*1.png has 40 and 30"
    with pytest.raises(ReproError, match=expected) as caught:
        checked_images(files, IDS, sizes, "a.json")
    assert ("the two are exchanged" in str(caught.value)) == (size == (30, 40))


def test_exchanged_sizes_are_mended_where_the_data_set_is_known_for_them(files, capsys):
    sizes = np.array([(30, 40), (40, 30), (30, 40)])
    assert checked_images(files, IDS, sizes, "a.json", mend=True).sizes.tolist() == SIZES.tolist()
    assert "a.json exchanges width and height of 2 images" in capsys.readouterr().err
    with pytest.raises(ReproError, match="image 7"):
        checked_images(files, IDS, np.array([(31, 40), (40, 30), (40, 30)]), "a.json", mend=True)


def test_sizes_of_a_turned_photograph_are_not_mended(tmp_path):
    """The labels may lie in the frame of the turned picture."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    with pytest.raises(ReproError, match="the two are exchanged"):
        checked_images([tmp_path / "a.jpg"], np.array([1]), np.array([(30, 40)]), "a.json", mend=True)
