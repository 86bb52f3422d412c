"""What is wrong with a data set, field by field, before anything is trained on it.

A wrong ``area``, ``num_keypoints`` or ``image_id`` makes no error later, it makes an AP of 0. The checks read the raw
files, so they work on files that ``load_persons`` refuses. An ``error`` makes numbers wrong or stops a run; a
``warning`` is unusual, or is mended on reading.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

from repro.data.image_sources import find_crowdpose, known_data, load_images
from repro.data.problems import Found, Problem, format_problems
from repro.data.sets import check_coco, check_coco_wholebody, check_lspet, check_mpii, coco, coco_wholebody
from repro.data.sets.mpii import FILES, find_file
from repro.data.sets.records import read_json
from repro.data.sources import DATA_SETS, check_root, load_persons
from repro.errors import ReproError, choice_error

__all__ = ["Problem", "check_data", "format_problems", "not_looked_at"]


def _coco_folder(root: Path, split: str) -> Path:
    folders = coco.image_folders(root, split)
    return next((f for f in folders if f.is_dir()), folders[0])


def _find_crowdpose(root: Path, split: str) -> Path:
    return find_crowdpose(root, split)[0][0]


# For data sets with one JSON file a split: its path, the check of its content, and its images' names by id.
_JSON_CHECKS: dict[str, tuple[Callable, Callable, Callable]] = {
    "coco": (
        coco.annotation_path,
        lambda data, root, split, decode: check_coco.check_coco(
            data, _coco_folder(root, split), check_coco.COCO, decode
        ),
        check_coco.image_names,
    ),
    "coco-wholebody": (
        coco_wholebody.annotation_path,
        lambda data, root, split, decode: check_coco_wholebody.check_coco_wholebody(
            data, _coco_folder(root, split), decode
        ),
        check_coco.image_names,
    ),
    "crowdpose": (
        _find_crowdpose,
        lambda data, root, split, decode: check_coco.check_coco(data, root / "images", check_coco.CROWDPOSE, decode),
        check_coco.image_names,
    ),
    "mpii": (lambda root, split: find_file(root, FILES[split]), check_mpii.check_mpii, check_mpii.image_names),
}


def data_splits(name: str, root: Path | None = None) -> tuple[str, ...]:
    """The splits of a data set that are checked, each a file of its own: of CrowdPose the joint file of training and validation
    too where it is there, and then these only where they are."""
    if name != "crowdpose":
        return ("train", "val")
    if root is None or _absent(root, "trainval"):
        return ("train", "val", "test")
    return (*(split for split in ("train", "val") if not _absent(root, split)), "trainval", "test")


def _absent(root: Path, split: str) -> bool:
    return not any((root / name / f"crowdpose_{split}.json").is_file() for name in ("annotations", "json"))


def check_data(
    name: str,
    root: Path | None,
    split: str | None = None,
    *,
    decode: bool = False,
) -> list[Problem]:
    """Check the files of a data set.

    Args:
        name: of a data set; one that is drawn has no files and no problems.
        root: the folder of the data set.
        split: one split only; by default all, and whether they share images.
        decode: decode every image, which finds damaged pixels; else the container alone is looked at: size, depth, end.

    Returns:
        The problems, in the order of the files. Malformed files are reported, they raise nothing. What training would refuse on
        reading is always among them.

    Raises:
        ReproError: when the name or split is unknown or there is no such folder.
    """
    chosen = known_data(name)
    if split not in (None, *data_splits(name)):
        raise choice_error("split", split, data_splits(name))
    folder = check_root(chosen, root)
    if folder is None:
        return []
    splits = data_splits(name, folder)
    if name == "lspet":
        problems = check_lspet.check_lspet(folder, split, decode)
        return problems + _refusals(name, folder, (split,) if split else splits, problems)
    locate, check, name_images = _JSON_CHECKS[name]
    problems, images = [], []
    for one in (split,) if split else splits:
        file = folder
        try:
            file = locate(folder, one)
            data = read_json(file)
        except ReproError as error:
            problems.append(Problem(str(file), "the file", "JSON", str(error)))
            continue
        own = [Problem(str(file), *found) for found in check(data, folder, one, decode)]
        problems += own + _refusals(name, folder, (one,), own)
        images.append((str(file), one, name_images(data)))
    for (_, first, known), (path, second, others) in combinations(images, 2):
        if second == "trainval":  # holds what the two files before it hold
            continue
        problems += [Problem(path, *found) for found in _overlap(known, others, first)]
    return problems


def not_looked_at(name: str, split: str | None, *, decode: bool) -> str:
    """A sentence on what a check with these arguments has not looked at; empty for nothing."""
    if not known_data(name).needs_root:
        return "Drawn people have no files: nothing was looked at."
    left = [] if decode else ["the pixels of the images (size, depth and end alone were; --decode decodes them)"]
    if split:
        others = [one for one in data_splits(name) if one != split]
        left.append(f"the split {' and '.join(others)}, and images that stand in several splits")
    left.append("whether labels fit what the images show")
    return f"Not looked at: {'; '.join(left)}."


def _refusals(name: str, root: Path, splits: tuple[str, ...], found: list[Problem]) -> list[Problem]:
    """What the reader refuses, where the checks have found no error."""
    if any(problem.severity == "error" for problem in found):
        return []
    for split in splits:
        try:
            if name in DATA_SETS:
                load_persons(name, root, split)
            else:
                load_images(name, root, split)
            if name == "coco":
                load_images(name, root, split)
        except ReproError as error:
            return [Problem(str(root), f"the split {split}", "reading", str(error))]
    return []


def _overlap(train: dict[int | str, str], val: dict[int | str, str], first: str) -> Found:
    """Images in two splits, of which ``first`` is the name of one.

    Each dict gives the file name for an id, or for the name itself where there are no ids.
    """
    for identity in val:
        if identity not in train:
            continue
        if isinstance(identity, str):  # the official split of MPII is used as it comes
            yield f"image {identity}", "image", f"has persons in {first} too", "warning"
        elif train[identity] == val[identity]:
            yield f"image {identity}", "id", f"the image {val[identity]} is in {first} too", "error"
        else:
            yield f"image {identity}", "id", f"is also used in {first}, for another image", "warning"
