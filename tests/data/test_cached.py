from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from repro.data.cached import DecodedImages, cache_images, image_key
from repro.data.persons import ImageFiles
from repro.errors import ReproError
from repro.support.locks import Hold

from .tiny_data import write_image

SIZES = [(40, 30), (7, 50), (64, 16), (1, 1)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """The folder of caches."""
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "decoded"


@pytest.fixture
def source(tmp_path) -> ImageFiles:
    """Four image files of different sizes."""
    paths = tuple(tmp_path / "images" / f"{n}.png" for n in range(len(SIZES)))
    for n, (path, (width, height)) in enumerate(zip(paths, SIZES, strict=True)):
        write_image(path, width, height, seed=n)
    return ImageFiles(paths=paths, ids=np.arange(5, 9), sizes=np.array(SIZES))


class Drawn:
    """An image source without files that counts what is drawn."""

    def __init__(self) -> None:
        self.ids = np.arange(600)
        self.sizes = np.full((600, 2), (5, 4))
        self.count = 0

    def read(self, index: int) -> np.ndarray:
        self.count += 1
        return np.full((4, 5, 3), index % 256, np.uint8)


def test_images_are_those_of_the_source(source, cache):
    cached = cache_images(source)
    assert isinstance(cached, DecodedImages)
    assert cached.ids.tolist() == [5, 6, 7, 8] and cached.sizes.tolist() == source.sizes.tolist()
    for n in (3, 0, 2, 1):
        image = cached.read(n)
        assert image.dtype == np.uint8 and image.flags.c_contiguous
        np.testing.assert_array_equal(image, source.read(n))
    assert [f.name for f in cache.iterdir()] == [image_key(source)]
    pixels = 40 * 30 + 7 * 50 + 64 * 16 + 1
    assert (cache / image_key(source) / "images.bin").stat().st_size == 3 * pixels


def test_reading_is_a_view_of_one_map(source):
    cached = cache_images(source)
    first, second = cached.read(0), cached.read(1)
    assert type(first) is np.ndarray and not first.flags.owndata and not first.flags.writeable
    assert np.shares_memory(first, cached.read(0)) and not np.shares_memory(first, second)
    assert second.ctypes.data - first.ctypes.data == 3 * 40 * 30
    assert cv2.warpAffine(first, np.eye(2, 3), (8, 8)).shape == (8, 8, 3)


def test_each_image_is_decoded_once(cache):
    drawn = Drawn()
    for _ in range(2):
        cached = cache_images(drawn, "drawn-1", workers=3)
        assert [int(cached.read(n)[0, 0, 0]) for n in range(600)] == [n % 256 for n in range(600)]
    assert drawn.count == 600


def test_cache_travels_between_processes(source):
    cached = cache_images(source)
    cached.read(0)
    copy = pickle.loads(pickle.dumps(cached))
    np.testing.assert_array_equal(copy.read(2), source.read(2))
    assert len(pickle.dumps(cached)) < 2000


def test_too_many_bytes_fall_back_to_the_source(source, cache, capsys):
    needed = 3 * (40 * 30 + 7 * 50 + 64 * 16 + 1)
    assert cache_images(source, limit_bytes=needed - 1) is source
    assert not cache.exists()
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert isinstance(cache_images(source, limit_bytes=needed), DecodedImages)


def test_full_disk_falls_back_to_the_source(source, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: namedtuple("Usage", "total used free")(9, 9, 100))
    assert cache_images(source) is source
    assert "0.00 GB free" in capsys.readouterr().err


def test_size_and_place_are_told_before_filling(source, cache, capsys):
    cache_images(source)
    assert f"Decoding 4 images once into {cache / image_key(source)}" in capsys.readouterr().err
    cache_images(source)
    assert capsys.readouterr().err == ""


def test_no_images_need_no_cache(cache):
    empty = ImageFiles(paths=(), ids=np.zeros(0, np.int64), sizes=np.zeros((0, 2), np.int64))
    assert cache_images(empty) is empty


def _truncate(folder):
    with open(folder / "images.bin", "r+b") as file:
        file.truncate(100)


def _half(folder):
    (folder / "manifest.json").unlink()


def _foreign(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "key": "other"}))


def _other_sizes(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sizes"][0] = [30, 40]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _no_json(folder):
    (folder / "manifest.json").write_text("{")


@pytest.mark.parametrize("spoil", [_truncate, _half, _foreign, _other_sizes, _no_json])
def test_broken_cache_is_built_anew(source, cache, spoil):
    folder = cache_images(source).folder
    spoil(folder)
    cached = cache_images(source)
    for n in range(4):
        np.testing.assert_array_equal(cached.read(n), source.read(n))
    assert [f.name for f in cache.iterdir()] == [folder.name]


def test_unreadable_image_leaves_nothing_behind(source, cache):
    source.paths[2].write_bytes(b"nothing")
    with pytest.raises(ReproError, match="2.png, which cannot be decoded"):
        cache_images(source)
    assert not cache.exists()


def test_image_of_another_size_is_refused(source):
    with pytest.raises(ReproError, match=r"0.png is 40 x 30 px .*, expected 30 x 40"):
        cache_images(replace(source, sizes=np.array([(30, 40), *SIZES[1:]])))


def test_left_over_folders_are_removed_unless_a_process_holds_them(source, cache):
    for name in ("killed", "held"):
        left = cache / f".{image_key(source)}.{name}"
        left.mkdir(parents=True)
        (left / "images.bin").write_bytes(b"half")
        os.utime(left, (1, 1))
    hold = Hold(left)
    cache_images(source)
    assert sorted(f.name for f in cache.iterdir()) == [left.name, image_key(source)]
    hold.close()
    cache_images(source)
    assert not left.exists()


def test_damaged_pixels_are_decoded_again_and_mended(source, capsys):
    cached = cache_images(source)
    file = cached.folder / "images.bin"
    whole = file.read_bytes()
    damaged = bytearray(whole)
    for n in (0, 40 * 30 * 3 + 5):  # a byte of the first image and one of the second
        damaged[n] ^= 0xA5
    file.write_bytes(bytes(damaged))
    for again in (cache_images(source), pickle.loads(pickle.dumps(cached))):
        for n in range(4):
            np.testing.assert_array_equal(again.read(n), source.read(n))
    assert file.read_bytes() == whole
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(" is ")[2] for line in said[1:]] == [
        f"damaged at image {n}: the image is decoded again." for n in (5, 6)
    ]


def test_a_damaged_image_whose_file_is_another_one_now_is_named(source):
    cached = cache_images(source)
    file = cached.folder / "images.bin"
    file.write_bytes(bytes(file.stat().st_size))
    write_image(source.paths[1], 7, 50, seed=99)
    with pytest.raises(
        ReproError, match=f"damaged at image 6, which is another one today: delete .*{cached.folder.name}"
    ):
        cached.read(1)


def test_a_cache_of_before_there_were_checksums_is_taken_as_it_is(source, capsys):
    file = cache_images(source).folder / "manifest.json"
    plain = {
        name: value for name, value in json.loads(file.read_text()).items() if name not in ("seal", "sums", "kind")
    }
    file.write_text(json.dumps(plain))
    capsys.readouterr()
    np.testing.assert_array_equal(cache_images(source).read(2), source.read(2))
    assert capsys.readouterr().err == ""


def test_key_follows_the_files(source):
    key = image_key(source)
    assert key == image_key(source) and len(key) == 16
    assert key != image_key(replace(source, sizes=source.sizes + 1))
    assert key != image_key(replace(source, paths=source.paths[::-1]))
    os.utime(source.paths[0], (1, 1))
    assert key == image_key(source)  # the content decides
    pixels, size = source.read(0), source.paths[0].stat().st_size
    assert cv2.imwrite(str(source.paths[0]), 255 - pixels)
    os.truncate(source.paths[0], max(size, source.paths[0].stat().st_size))
    os.utime(source.paths[0], (1, 1))
    assert key != image_key(source)
    source.paths[0].unlink()
    with pytest.raises(ReproError, match="0.png, which does not exist"):
        image_key(source)


@pytest.mark.parametrize("key", ["", "../up", "a/b", ".hidden", "a b"])
def test_unusable_key_is_refused(source, key):
    with pytest.raises(ReproError, match="key of a cache"):
        cache_images(source, key)


def test_source_without_files_needs_a_key():
    with pytest.raises(ReproError, match="Drawn needs a key"):
        cache_images(Drawn())


BUILD = """
import sys, time, numpy as np
from repro.data.cached import cache_images
class Slow:
    ids, sizes = np.arange(40), np.full((40, 2), (5, 4))
    def read(self, index):
        time.sleep(0.01)
        return np.full((4, 5, 3), index, np.uint8)
cached = cache_images(Slow(), "shared", workers=1)
print(type(cached).__name__, all((cached.read(n) == n).all() for n in range(40)))
"""


def test_two_processes_build_at_once(cache):
    started = [
        subprocess.Popen([sys.executable, "-c", BUILD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in started:
        out, err = process.communicate(timeout=60)
        assert out == "DecodedImages True\n", err
    assert [f.name for f in cache.iterdir()] == ["shared"]
