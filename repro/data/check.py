"""What is wrong with a data set, field by field, before anything is trained on it.

A wrong ``area``, ``num_keypoints`` or ``image_id`` makes no error later, it makes an AP of 0. The checks read the raw
files, so they work on files that ``load_persons`` refuses. An ``error`` makes numbers wrong or stops a run; a
``warning`` is unusual, or is mended on reading.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from repro.data import check_coco, check_coco_wholebody, check_lspet, check_mpii, coco_wholebody
from repro.data.coco import annotation_path, read_json
from repro.data.mpii import FILES, find_file
from repro.data.problems import Found, Problem, format_problems
from repro.data.sources import check_root, data_set
from repro.errors import ReproError, choice_error

__all__ = ["Problem", "check_data", "format_problems"]


# For data sets with one JSON file a split: its path, the check of its content, and its images' names by id.
_JSON_CHECKS: dict[str, tuple[Callable, Callable, Callable]] = {
    "coco": (annotation_path, check_coco.check_coco, check_coco.image_names),
    "coco-wholebody": (
        coco_wholebody.annotation_path,
        check_coco_wholebody.check_coco_wholebody,
        check_coco.image_names,
    ),
    "mpii": (lambda root, split: find_file(root, FILES[split]), check_mpii.check_mpii, check_mpii.image_names),
}


def check_data(
    name: str, root: Path | None, split: Literal["train", "val"] | None = None, *, decode: bool = False
) -> list[Problem]:
    """Check the files of a data set.

    Args:
        name: one of ``DATA_SETS``; one that is drawn has no files and no problems.
        root: the folder of the data set.
        split: one split only; by default both, and whether they share images.
        decode: decode every image, which finds truncated files; else only headers are read.

    Returns:
        The problems, in the order of the files. Malformed files are reported, they raise nothing.

    Raises:
        ReproError: when the name or split is unknown or there is no such folder.
    """
    chosen = data_set(name)
    if split not in (None, "train", "val"):
        raise choice_error("split", split, ("train", "val"))
    folder = check_root(chosen, root)
    if folder is None:
        return []
    if name == "lspet":
        return check_lspet.check_lspet(folder, split, decode)
    locate, check, name_images = _JSON_CHECKS[name]
    problems, images = [], []
    for one in (split,) if split else ("train", "val"):
        path = folder
        try:
            path = locate(folder, one)
            data = read_json(path)
        except ReproError as error:
            problems.append(Problem(str(path), "the file", "JSON", str(error)))
            continue
        problems += [Problem(str(path), *found) for found in check(data, folder, one, decode)]
        images.append((str(path), name_images(data)))
    if len(images) == 2:
        (_, train), (path, val) = images
        problems += [Problem(path, *found) for found in _overlap(train, val)]
    return problems


def _overlap(train: dict[int | str, str], val: dict[int | str, str]) -> Found:
    """Images in both splits; each dict gives the file name for an id, or for the name itself where there are no ids."""
    for identity in val:
        if identity not in train:
            continue
        if isinstance(identity, str):  # the official split of MPII is used as it comes
            yield f"image {identity}", "image", "has persons in train and in val", "warning"
        elif train[identity] == val[identity]:
            yield f"image {identity}", "id", f"the image {val[identity]} is in train and in val", "error"
        else:
            yield f"image {identity}", "id", "is also used in train, for another image", "warning"
