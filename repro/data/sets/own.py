"""Somebody's own keypoints in COCO's format: where its files lie and how they are checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from repro.data.coco_format import Rules, check_file, read_json
from repro.data.coco_format.check import image_names
from repro.data.coco_format.skeletons import own_skeleton
from repro.data.problems import Found, SplitFiles
from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import Skeleton

NAME = "coco-format"
LAYOUT = (
    "two JSON files in COCO's format whose names say train and val, under annotations/ or the root, and their images in train/ "
    "and val/, images/train/ and images/val/, images/ or the root"
)
WORDS = {"train": ("train",), "val": ("val",)}


def annotation_path(root: Path, split: str) -> Path:
    """The annotation file of a split.

    Raises:
        ReproError: for an unknown split, and where no file, or more than one, could be it.
    """
    if split not in WORDS:
        raise choice_error("split of keypoints in COCO's format", split, WORDS)
    for folder in (root / "annotations", root):
        files = sorted(folder.glob("*.json")) if folder.is_dir() else []
        found = [f for f in files if f.stem == split] or [
            f for f in files if any(w in f.stem.lower() for w in WORDS[split])
        ]
        if len(found) > 1:
            raise ReproError(
                f"{found[0]} and {found[1].name} could both be the annotations of {split}: call one of them {split}.json."
            )
        if found:
            return found[0]
    raise ReproError(f"{root} has no annotation file of the split {split}: expected {LAYOUT}.")


def image_folder(root: Path, split: str, data: Any) -> Path:
    """The folder that the ``file_name`` of the first image leads from; the root where none does."""
    first = next(iter(image_names(data).values()), "")
    places = [f"{base}{name}" for name in (split, f"{split}2017") for base in ("", "images/")]
    folders = [root / place for place in (*places, "images")]
    return next((folder for folder in folders if first and (folder / first).is_file()), root)


def find_files(root: Path, split: str) -> tuple[Path, Path]:
    """The annotation file and the folder of images of a split. Raises ReproError where there is no such file."""
    file = annotation_path(root, split)
    return file, image_folder(root, split, read_json(file))


def read_skeleton(root: Path | None, toml: Path | None = None) -> Skeleton:
    """The skeleton of the keypoints in a folder: of the training file's category, and of a TOML. Raises ReproError."""
    if root is None or not root.is_dir():
        state = "no folder was given" if root is None else f"the folder {root} does not exist"
        raise ReproError(
            f"Keypoints in COCO's format are read from files and {state}: expected {LAYOUT}; give it as DATA_ROOT."
        )
    return own_skeleton(annotation_path(root, "train"), toml)


def check_of(skeleton: Skeleton) -> SplitFiles:
    """The check of files with these keypoints."""

    def check(data: Any, root: Path, split: str, decode: bool) -> Found:
        return check_file(data, image_folder(root, split, data), Rules(skeleton.keypoints, areas=False), decode)

    return SplitFiles(annotation_path, check, image_names)
