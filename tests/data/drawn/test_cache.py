"""The cache: drawn once, and drawn again whenever it is not what it should be."""

from __future__ import annotations

import json
import os
import pickle

import numpy as np
import pytest

from repro.data.drawn import cache as module
from repro.data.drawn.cache import PictureSet, open_pictures
from repro.data.drawn.effects import encode_jpeg
from repro.data.drawn.labels import Labels
from repro.data.drawn.load import load_people, load_scenes
from repro.data.drawn.people import POINT_NAMES
from repro.data.drawn.settings import PeopleSettings
from repro.data.drawn.staging import Picture
from repro.errors import ReproError

P = len(POINT_NAMES)
SIZE = (24, 16)


class Painter:
    """Draws plain pictures and counts them; picture i has i % 3 people and the colour i."""

    def __init__(self):
        self.drawn = []

    def __call__(self, index: int) -> Picture:
        self.drawn.append(index)
        n = index % 3
        column = np.full((n, 4), index, np.float32)
        labels = Labels(
            np.full((n, P, 2), index, np.float32), np.full((n, P), 2, np.int8), column, column[:, 0],
            tuple(f"mask{index}{k}".encode() for k in range(n)), column, column[:, 0],
        )  # fmt: skip
        return Picture(
            encode_jpeg(np.full((16, 24, 3), 10 * index, np.uint8), 95), labels, np.full((16, 24), index, np.uint8)
        )


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path))
    return tmp_path / "people"


def pictures(count=5, split="train", **settings) -> PictureSet:
    return PictureSet("crop", split, count, SIZE, PeopleSettings(**settings))


def check(images, labels, image_index):
    assert image_index.tolist() == [1, 2, 2, 4]
    assert labels.masks == (b"mask10", b"mask20", b"mask21", b"mask40")
    assert labels.areas.tolist() == [1, 2, 2, 4]
    assert images.ids.tolist() == [1, 2, 3, 4, 5]
    for i in range(5):
        assert images.read(i) == pytest.approx(np.full((16, 24, 3), 10 * i), abs=2)
        assert (images.parts(i) == i).all()


def test_a_set_is_drawn_once(folder, capsys):
    painter = Painter()
    check(*open_pictures(pictures(), painter, SIZE))
    said = capsys.readouterr().err
    assert "Drawing 5 images (crop, train)" in said and str(folder) in said and "MB" in said
    drawn = len(painter.drawn)
    check(*open_pictures(pictures(), painter, SIZE))
    assert len(painter.drawn) == drawn
    assert [f.name for f in folder.iterdir()] == [pictures().folder.name]


def test_other_settings_splits_and_counts_are_other_sets(folder):
    painter = Painter()
    for one in (pictures(), pictures(split="val"), pictures(count=4), pictures(seed=1), pictures(label_noise=0.5)):
        open_pictures(one, painter, SIZE)
    assert len(list(folder.iterdir())) == 5


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def edit(path, key, value):
    manifest = json.loads(path.read_text())
    manifest[key] = value
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: cut(f / "images.bin"),
        lambda f: cut(f / "parts.bin"),
        lambda f: (f / "labels.npz").unlink(),
        lambda f: (f / "manifest.json").unlink(),
        lambda f: (f / "manifest.json").write_text("{"),
        lambda f: (f / "manifest.json").write_text("[]"),
        lambda f: edit(f / "manifest.json", "format", 0),
        lambda f: edit(f / "manifest.json", "settings", {"seed": 5}),
        lambda f: edit(f / "manifest.json", "count", 4),
        lambda f: (f / "labels.npz").write_bytes(b"x" * (f / "labels.npz").stat().st_size),
    ],
)
def test_damaged_and_foreign_sets_are_drawn_again(damage):
    painter = Painter()
    open_pictures(pictures(), painter, SIZE)
    damage(pictures().folder)
    before = len(painter.drawn)
    check(*open_pictures(pictures(), painter, SIZE))
    assert len(painter.drawn) > before


def test_a_killed_process_leaves_no_set_and_its_rest_is_removed(folder):
    def dies(index):
        if index == 3:
            raise KeyboardInterrupt
        return Painter()(index)

    with pytest.raises(KeyboardInterrupt):
        open_pictures(pictures(), dies, SIZE)
    assert not pictures().folder.exists()
    rest = folder / "crop-train-5.123.part"
    rest.mkdir(parents=True)
    os.utime(rest, (0, 0))
    check(*open_pictures(pictures(), Painter(), SIZE))
    assert not rest.exists()


def test_two_processes_may_draw_the_same_set():
    def slow(index):  # the other process finishes while this one draws
        if index == 4 and not pictures().folder.exists():
            open_pictures(pictures(), Painter(), SIZE)
        return Painter()(index)

    check(*open_pictures(pictures(), slow, SIZE))
    check(*open_pictures(pictures(), Painter(), SIZE))


def test_the_oldest_sets_make_room(folder, monkeypatch):
    for seed in range(3):
        open_pictures(pictures(seed=seed), Painter(), SIZE)
        stamp = 1_000_000 + (10, 0, 5)[seed]  # seed 1 was used longest ago
        for path in pictures(seed=seed).folder.iterdir():
            os.utime(path, (stamp, stamp))
    size = sum(f.stat().st_size for f in pictures().folder.iterdir())
    monkeypatch.setattr(module, "LIMIT_BYTES", int(3.4 * size))
    open_pictures(pictures(seed=3), Painter(), SIZE)
    assert {f.name for f in folder.iterdir()} == {pictures(seed=s).folder.name for s in (0, 2, 3)}


def test_more_than_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(module, "LIMIT_BYTES", 1000)
    with pytest.raises(ReproError, match="ask for fewer images, or raise the limit, as in REPRO_CACHE_LIMIT=0.1"):
        open_pictures(pictures(), Painter(), SIZE)


def test_a_cache_that_cannot_be_written_says_where(tmp_path):
    (tmp_path / "people").write_text("")  # where the folder of sets should be
    with pytest.raises(ReproError, match="set REPRO_CACHE"):
        open_pictures(pictures(), Painter(), SIZE)


def test_decoded_pictures_are_kept_as_far_as_there_is_room(monkeypatch):
    """A picture of 16 x 24 px has 1152 bytes: two of five fit into 2500. The kept ones are not to be written to."""
    monkeypatch.setattr(module, "KEPT_BYTES", 2500)
    images, _, _ = open_pictures(pictures(), Painter(), SIZE)
    first = [images.read(i) for i in range(5)]
    again = [images.read(i) for i in range(5)]
    assert [a is b for a, b in zip(first, again, strict=True)] == [True, True, False, False, False]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    with pytest.raises(ValueError, match="read-only"):
        first[0][0] = 0
    assert pickle.loads(pickle.dumps(images)).read(0) is not first[0]


def test_images_travel_to_other_processes_by_name():
    images, _, _ = open_pictures(pictures(count=5), Painter(), SIZE)
    images.read(0)
    data = pickle.dumps(images)
    assert len(data) < 2000
    assert (pickle.loads(data).read(2) == images.read(2)).all()


@pytest.mark.parametrize("name", ["images.bin", "parts.bin"])
def test_damaged_pictures_are_drawn_again_and_mended(name, capsys):
    painter = Painter()
    images, _, _ = open_pictures(pictures(), painter, SIZE)
    path, drawn = pictures().folder / name, len(painter.drawn)
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)))
    for i in range(5):
        assert images.read(i) == pytest.approx(np.full((16, 24, 3), 10 * i), abs=2) and (images.parts(i) == i).all()
    assert painter.drawn[drawn:] == [0, 1, 2, 3, 4] and path.read_bytes() == whole
    assert f"{name} is damaged at image 4: the image is drawn again." in capsys.readouterr().err


def test_a_damaged_picture_that_is_drawn_otherwise_today_is_named():
    images, _, _ = open_pictures(pictures(), Painter(), SIZE)
    path = pictures().folder / "images.bin"
    path.write_bytes(bytes(path.stat().st_size))
    images._draw = lambda index: Painter()(index + 1)
    with pytest.raises(ReproError, match=r"images.bin is damaged at image 2.*: delete .*crop-train-5.* start again"):
        images.read(2)


def test_sets_of_before_there_were_checksums_are_taken_as_they_are(folder):
    painter = Painter()
    open_pictures(pictures(), painter, SIZE)
    file = pictures().folder / "manifest.json"
    now, lengths = json.loads(file.read_text()), {}
    for name, about in now["files"].items():
        lengths[name] = about["bytes"]
    with np.load(file.with_name("labels.npz")) as data:
        columns = {name: data[name] for name in data.files if name != "sums"}
    np.savez(file.with_name("labels.npz"), **columns)
    lengths["labels.npz"] = file.with_name("labels.npz").stat().st_size
    file.write_text(json.dumps({**now["set"], "format": 1, "bytes": lengths}))
    drawn = len(painter.drawn)
    check(*open_pictures(pictures(), painter, SIZE))
    assert len(painter.drawn) == drawn


def test_sets_in_use_stay_and_the_limit_that_is_passed_names_its_option(folder, monkeypatch, capsys):
    first = open_pictures(pictures(), Painter(), SIZE)
    size = sum(f.stat().st_size for f in pictures().folder.iterdir())
    monkeypatch.setenv("REPRO_CACHE_LIMIT", str(1.5 * size / 1e9))
    second = open_pictures(pictures(seed=1), Painter(), SIZE)
    assert "are in use and stay. REPRO_CACHE_LIMIT=0.1 raises the limit." in " ".join(capsys.readouterr().err.split())
    check(*first)
    check(*second)
    del first
    open_pictures(pictures(seed=2), Painter(), SIZE)
    assert {f.name for f in folder.iterdir()} == {pictures(seed=s).folder.name for s in (1, 2)}


@pytest.mark.parametrize("value", ["much", "-1", "nan", "0"])
def test_a_limit_that_is_no_number_is_refused(value, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE_LIMIT", value)
    with pytest.raises(ReproError, match="REPRO_CACHE_LIMIT is .*: give the GB"):
        open_pictures(pictures(), Painter(), SIZE)


@pytest.mark.parametrize(
    ("load", "arguments", "message"),
    [
        (load_people, {"split": "dev", "limit": 1, "size": SIZE}, "Unknown split of people 'dev'"),
        (load_people, {"split": "val", "limit": 0, "size": SIZE}, "number of images to draw is 0"),
        (load_people, {"split": "val", "limit": 1, "size": (4, 4)}, "at least 16"),
        (load_scenes, {"split": "val", "skeleton_name": "h36m", "limit": 1}, "Unknown skeleton of people 'h36m'"),
    ],
)
def test_what_cannot_be_loaded(load, arguments, message):
    with pytest.raises(ReproError, match=message):
        load(**arguments)
