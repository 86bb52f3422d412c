"""CrowdPose (Li et al., CVPR 2019): COCO's format with 14 keypoints, a ``crowdIndex`` an image and no segmentations.

The loss looks everywhere, and areas are 0.53 x width x height of the box. ``num_keypoints`` stays as the files have it: they
count the first 12 keypoints, without head and neck. The official files of training and test exchange width and height: the
sizes of the image files are taken there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from repro.data.coco_format.check import Rules, check_file, image_names
from repro.data.coco_format.images import read_images
from repro.data.images import ImageSet
from repro.data.problems import Found, SplitFiles
from repro.errors import ReproError
from repro.skeletons.skeleton import CROWDPOSE14

LAYOUT = "annotations/crowdpose_{train,val,test}.json (or json/) and the images in images/"
FOLDERS = ("annotations", "json")  # where the annotation files may lie
SPLITS = ("train", "val", "trainval", "test")
RULES = Rules(CROWDPOSE14.keypoints, counted=12, areas=False, mend=True)


def find_files(root: Path, split: str) -> tuple[list[Path], Path]:
    """The annotation files and the image folder of a split.

    ``trainval``, what the papers train on, is ``crowdpose_trainval.json`` where that lies there, else the files of both.

    Raises:
        ReproError: naming the file or folder that is missing.
    """
    folder = next((root / name for name in FOLDERS if (root / name).is_dir()), root / FOLDERS[0])
    files = [folder / f"crowdpose_{split}.json"]
    if split == "trainval" and not files[0].is_file():
        files = [folder / "crowdpose_train.json", folder / "crowdpose_val.json"]
    for file in files:
        if not file.is_file():
            raise ReproError(f"CrowdPose has no {file}: expected {LAYOUT}; give the folder that holds them.")
    if not (root / "images").is_dir():
        raise ReproError(f"CrowdPose has no {root / 'images'}: expected {LAYOUT}; add the image folder.")
    return files, root / "images"


def load_crowdpose(
    annotation_files: Path | Sequence[Path],
    image_folder: Path,
    *,
    limit: int | None = None,
    annotated_only: bool = False,
    look: bool = True,
) -> ImageSet:
    """Read annotation files of CrowdPose, one after the other: training and validation make one set.

    Arguments and errors are those of ``coco_format.read_images``.
    """
    return read_images(
        annotation_files, image_folder, CROWDPOSE14, limit=limit, annotated_only=annotated_only, look=look, mend=True
    )


def file_splits(root: Path | None) -> tuple[str, ...]:
    """The splits with a file of their own: the joint file of training and validation too where it is there, and then these only
    where they are."""
    if root is None or not _has_file(root, "trainval"):
        return ("train", "val", "test")
    return (*(split for split in ("train", "val") if _has_file(root, split)), "trainval", "test")


def _has_file(root: Path, split: str) -> bool:
    return any((root / name / f"crowdpose_{split}.json").is_file() for name in FOLDERS)


def _check(data: Any, root: Path, split: str, decode: bool) -> Found:
    return check_file(data, root / "images", RULES, decode)


CHECK = SplitFiles(lambda root, split: find_files(root, split)[0][0], _check, image_names, file_splits)
