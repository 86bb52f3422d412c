"""Tiny data sets in the official layouts, written anew for each test, and the folder of real samples."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from .tiny_data import coco_content, mpii_entry, mpii_truth, write_image, write_json


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of image files goes to a folder of the test's own."""
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def coco_root(tmp_path: Path) -> Path:
    """COCO's layout: images 1 to 3 train, 11 to 13 validate."""
    root = tmp_path / "coco"
    for split, first in (("train", 1), ("val", 11)):
        content = coco_content(first)
        for image in content["images"]:
            write_image(root / f"{split}2017" / image["file_name"], 40, 30, image["id"])
        write_json(root / "annotations" / f"person_keypoints_{split}2017.json", content)
    return root


@pytest.fixture
def mpii_root(tmp_path: Path) -> Path:
    """HRNet's layout: three training persons in two images, two persons in one validation image."""
    root = tmp_path / "mpii"
    train = [mpii_entry("a.jpg"), mpii_entry("b.jpg", missing=(0, 9)), mpii_entry("a.jpg")]
    val = [mpii_entry("c.jpg", missing=(3,)), mpii_entry("c.jpg")]
    for name in "abc":
        write_image(root / "images" / f"{name}.jpg", 80, 60)
    write_json(root / "annot" / "train.json", train)
    write_json(root / "annot" / "valid.json", val)
    savemat(root / "annot" / "gt_valid.mat", mpii_truth(val))
    return root


@pytest.fixture
def make_lspet(tmp_path: Path) -> Callable[..., Path]:
    """A function of joints (14, 3, N) and a number of images that writes the layout; all images are one of 50 x 60."""

    def make(joints: np.ndarray, images: int) -> Path:
        root = tmp_path / "lspet"
        first = root / "images" / "im00001.jpg"
        write_image(first, 50, 60)
        for number in range(2, images + 1):
            os.link(first, root / "images" / f"im{number:05d}.jpg")
        savemat(root / "joints.mat", {"joints": joints})
        return root

    return make


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real samples, from the environment."""
    folder = os.environ.get("REPRO_SAMPLES")
    if not folder:
        pytest.skip("REPRO_SAMPLES does not name a folder with coco-mini, lspet and samples/")
    return Path(folder)
