"""COCO keypoints (Lin et al., ECCV 2014): where its files lie; ``repro.data.coco_format`` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from repro.data.coco_format.check import Rules, check_file, image_names
from repro.data.problems import Found, SplitFiles
from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import COCO17

LAYOUT = (
    "annotations/person_keypoints_{train,val}2017.json and the images in {train,val}2017/ or images/{train,val}2017/"
)


def annotation_path(root: Path, split: str) -> Path:
    """Where the annotation file of a split is expected."""
    return root / "annotations" / f"person_keypoints_{split}2017.json"


def image_folders(root: Path, split: str) -> tuple[Path, Path]:
    """Where the images of a split may be: in COCO's own layout and in HRNet's."""
    return root / f"{split}2017", root / "images" / f"{split}2017"


def find_files(root: Path, split: str) -> tuple[Path, Path]:
    """The annotation file and the image folder of a split, in COCO's own layout or in HRNet's (``images/``).

    Raises:
        ReproError: for an unknown split, or naming the file or folder that is missing.
    """
    if split not in ("train", "val"):
        raise choice_error("split of COCO", split, ("train", "val"))
    annotation_file = annotation_path(root, split)
    folders = image_folders(root, split)
    image_folder = next((f for f in folders if f.is_dir()), None)
    if not annotation_file.is_file():
        raise ReproError(f"COCO has no {annotation_file}: expected {LAYOUT}; give the folder that holds them.")
    if image_folder is None:
        raise ReproError(f"COCO has neither {folders[0]} nor {folders[1]}: expected {LAYOUT}; add the image folder.")
    return annotation_file, image_folder


def folder_of_images(root: Path, split: str) -> Path:
    """The folder of a split's images, or where it is expected when there is none."""
    folders = image_folders(root, split)
    return next((f for f in folders if f.is_dir()), folders[0])


def _check(data: Any, root: Path, split: str, decode: bool) -> Found:
    return check_file(data, folder_of_images(root, split), Rules(COCO17.keypoints), decode)


CHECK = SplitFiles(annotation_path, _check, image_names)
