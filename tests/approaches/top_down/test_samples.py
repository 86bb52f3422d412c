from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from repro.approaches.top_down import samples as samples_of_persons
from repro.approaches.top_down.samples import open_persons
from repro.data.cached import DecodedImages
from repro.data.persons import ImageFiles
from repro.errors import ReproError
from repro.recipe import Data
from repro.scales.scale import SCALES
from repro.skeletons.skeleton import COCO17, LSPET14

from ...tiny_runs import tiny_persons

LAPTOP, SMOKE = SCALES["laptop"], SCALES["smoke"]
DATA = Data(name="lspet", train_fingerprint="0" * 16, train_count=4000, val_fingerprint="1" * 16, val_count=800)
FILE = Path("/boxes.json")


@pytest.fixture
def loads(tmp_path, monkeypatch) -> list[dict]:
    """Replaces the loading of persons by synthetic ones; the arguments of each call."""
    calls = []

    def load_persons(name, root, split, **kept):
        calls.append({"name": name, "root": root, "split": split, **kept})
        count = 5 if split == "train" else 3
        return tiny_persons(tmp_path / split, count, seed=count)

    monkeypatch.setattr(samples_of_persons, "load_persons", load_persons)
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    return calls


def test_samples_are_limited_by_the_scale_described_by_content_and_decoded_once(loads, tmp_path):
    samples, data = open_persons("lspet", tmp_path, SMOKE, (32, 32), LSPET14)
    assert [(c["split"], c["limit"]) for c in loads] == [("train", 64), ("val", 32)]
    assert data == Data(
        name="lspet",
        train_fingerprint=samples.train.fingerprint(),
        train_count=5,
        val_fingerprint=samples.val.fingerprint(),
        val_count=3,
    )
    assert data.train_fingerprint != data.val_fingerprint
    assert isinstance(samples.train.images, DecodedImages)
    assert samples.measures == {"oks", "pckh"}


def test_evaluation_images_that_are_trained_on_are_said(loads, tmp_path, monkeypatch, capsys):
    def digested(name, root, split, **kept):
        persons = tiny_persons(tmp_path / split, 5, seed=1)
        sums = tuple(f"{split if n else 'same'} {n}" for n in range(len(persons.images.ids)))
        return replace(persons, images=replace(persons.images, digests=sums))

    open_persons("lspet", tmp_path, SMOKE, (32, 32), LSPET14)
    assert "training images too" not in capsys.readouterr().err
    monkeypatch.setattr(samples_of_persons, "load_persons", digested)
    samples, _ = open_persons("lspet", tmp_path, SMOKE, (32, 32), LSPET14)
    count, first = len(samples.val.images.ids), tmp_path / "val"
    said = capsys.readouterr().err
    assert f"1 of {count} evaluation images of lspet under {tmp_path} are training images too" in said
    assert f"the first is {first}" in said


def test_a_plan_decodes_no_photograph(monkeypatch, tmp_path, places):
    monkeypatch.setattr(samples_of_persons, "load_persons", lambda name, root, split, **kept: tiny_persons(tmp_path / split, 5))
    samples, _ = open_persons("lspet", tmp_path, SMOKE, (32, 32), LSPET14, decode=False)
    assert isinstance(samples.train.images, ImageFiles) and isinstance(samples.val.images, ImageFiles)
    samples, _ = open_persons("lspet", tmp_path, SMOKE, (32, 32), LSPET14)
    assert not isinstance(samples.train.images, ImageFiles) and not isinstance(samples.val.images, ImageFiles)


def test_data_without_persons_is_refused(monkeypatch, tmp_path):
    empty = tiny_persons(tmp_path / "images", 1).take(np.arange(0))
    monkeypatch.setattr(samples_of_persons, "load_persons", lambda *a, **k: empty)
    with pytest.raises(ReproError, match="Data set lspet has no training persons under"):
        open_persons("lspet", tmp_path, SMOKE, (32, 32), LSPET14)


def test_one_person_makes_no_batch(monkeypatch, tmp_path):
    alone = tiny_persons(tmp_path / "images", 1)
    monkeypatch.setattr(samples_of_persons, "load_persons", lambda *a, **k: alone)
    with pytest.raises(ReproError, match="Data set lspet has one training person under .* a batch needs two"):
        open_persons("lspet", tmp_path, SMOKE, (32, 32), LSPET14)


@pytest.mark.parametrize("split", ["training", "evaluation"])
def test_persons_without_labels_are_refused_before_training(monkeypatch, tmp_path, split):
    persons = tiny_persons(tmp_path / "images", 4)
    hidden = tuple({**a, "num_keypoints": 0} for a in persons.annotations)
    blank = replace(persons, visibility=0 * persons.visibility, annotations=hidden)
    sets = {"train": blank if split == "training" else persons, "val": blank if split == "evaluation" else persons}
    monkeypatch.setattr(samples_of_persons, "load_persons", lambda name, root, part, **k: sets[part])
    with pytest.raises(ReproError, match=f"has no labelled person in the {split} persons that are taken"):
        open_persons("lspet", tmp_path, SMOKE, (32, 32), LSPET14)


def test_a_detectors_file_is_read_for_the_evaluation_persons(loads, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(samples_of_persons, "load_detected", lambda *a: asked.append(a) or a[-1])
    samples, data = open_persons("coco", tmp_path, SMOKE, (32, 32), COCO17, FILE)
    assert asked == [("coco", tmp_path, FILE, samples.val)] and samples.detected is samples.val
    assert open_persons("coco", tmp_path, SMOKE, (32, 32), COCO17)[1] == data
    assert len(asked) == 1
