"""Any file of a data set is flipped, cut, emptied or removed: another fingerprint, or one sentence with the file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from repro.data.catalogue import load_images, load_persons
from repro.data.check import check_data
from repro.errors import ReproError

from .test_catalogue import crowdpose_root
from .tiny_data import coco_content, lspet_joints, mpii_entry, mpii_truth, write_image, write_json


def coco(root: Path) -> None:
    content = coco_content(1)
    for image in content["images"]:
        write_image(root / "train2017" / image["file_name"], 40, 30, image["id"])
    write_json(root / "annotations" / "person_keypoints_train2017.json", content)


def mpii(root: Path) -> None:
    entries = [mpii_entry("a.jpg"), mpii_entry("b.jpg", missing=(0, 9))]
    for n, name in enumerate("ab"):
        write_image(root / "images" / f"{name}.jpg", 80, 60, n)
    write_json(root / "annot" / "valid.json", entries)
    savemat(root / "annot" / "gt_valid.mat", mpii_truth(entries))


def lspet(root: Path) -> None:
    for n in (1, 2):
        write_image(root / "images" / f"im{n:05d}.jpg", 50, 60, n)
    savemat(root / "joints.mat", {"joints": lspet_joints(2)})


SETS = {
    "coco": (coco, load_persons, "train"),
    "coco bottom-up": (coco, load_images, "train"),
    "crowdpose": (lambda root: crowdpose_root(root, "val"), load_images, "val"),
    "mpii": (mpii, load_persons, "val"),
    "lspet": (lspet, load_persons, "train"),
}


def damage(data: st.DataObject, path: Path) -> None:
    """Flip, cut, empty or remove a file."""
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(("flip", "zero", "cut", "empty", "remove")))
    if kind == "remove":
        path.unlink()
    elif kind == "flip":
        content[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
    elif kind == "zero":
        path.write_bytes(content[:place] + bytes(len(content) - place))
    else:
        path.write_bytes(content[: 0 if kind == "empty" else place])


@pytest.mark.parametrize("name", SETS)
@settings(derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_passes_unseen(tmp_path: Path, name: str, data: st.DataObject) -> None:
    make, load, split = SETS[name]
    key = name.split()[0]
    sound, root = tmp_path / "sound", tmp_path / "damaged"
    if not sound.exists():
        make(sound)
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(sound, root)
    path = data.draw(st.sampled_from(sorted(p for p in root.rglob("*") if p.is_file())))
    before = path.read_bytes()
    damage(data, path)
    problems = check_data(key, root, split)
    try:
        found = load(key, root, split)
    except ReproError as error:
        assert "\n" not in str(error) and str(root) in str(error)
        assert any(p.severity == "error" for p in problems)
        return
    if path in found.images.paths and path.read_bytes() != before:
        assert found.fingerprint() != load(key, sound, split).fingerprint()
