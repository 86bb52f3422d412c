from __future__ import annotations

from dataclasses import replace

import pytest

from repro.approaches.bottom_up import samples as samples_of_images
from repro.approaches.bottom_up.samples import open_images
from repro.errors import ReproError
from repro.recipe import Data
from repro.scales.scale import SCALES
from repro.skeletons.skeleton import LSPET14

from ...tiny_scenes import tiny_scenes

LAPTOP, SMOKE = SCALES["laptop"], SCALES["smoke"]
DATA = Data(name="lspet", train_fingerprint="0" * 16, train_count=4000, val_fingerprint="1" * 16, val_count=800)


@pytest.mark.parametrize("split", ["training", "evaluation"])
def test_images_without_labels_are_refused_before_training(monkeypatch, tmp_path, split):
    images = tiny_scenes(2)
    crowds = tuple({**a, "iscrowd": 1} for a in images.annotations)
    blank = replace(images, visibility=0 * images.visibility, annotations=crowds)
    sets = {"train": blank if split == "training" else images, "val": blank if split == "evaluation" else images}
    monkeypatch.setattr(samples_of_images, "load_images", lambda name, root, part, **k: sets[part])
    with pytest.raises(ReproError, match=f"has no labelled person in the {split} images that are taken"):
        open_images("coco", tmp_path, SMOKE, LSPET14, "val")
