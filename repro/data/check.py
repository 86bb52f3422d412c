"""What is wrong with a data set, field by field, before anything is trained on it.

A wrong ``area``, ``num_keypoints`` or ``image_id`` makes no error later, it makes an AP of 0. The checks read the raw
files, so they work on files that ``load_persons`` refuses. An ``error`` makes numbers wrong or stops a run; a
``warning`` is unusual, or is mended when it is loaded.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from repro.data.catalogue import check_root, data_set, load_images, load_persons
from repro.data.coco_format import read_json
from repro.data.problems import Found, Problem, SplitFiles, format_problems
from repro.data.sets import own
from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import Skeleton

__all__ = ["Problem", "check_data", "format_problems", "not_looked_at"]


def data_splits(name: str, root: Path | None = None) -> tuple[str, ...]:
    """The splits of a data set that are checked; which files there are may depend on the ``root``."""
    check = data_set(name).check
    return check.splits(root) if isinstance(check, SplitFiles) else ("train", "val")


def check_data(
    name: str,
    root: Path | None,
    split: str | None = None,
    *,
    decode: bool = False,
    skeleton: Skeleton | None = None,
) -> list[Problem]:
    """Check the files of a data set.

    Args:
        name: the name of a data set; one that is drawn has no files and no problems.
        root: the folder of the data set.
        split: one split only; by default all, and whether they share images.
        decode: decode every image, which finds damaged pixels; else the container alone is looked at: size, depth, end.
        skeleton: the skeleton of own keypoints; None for that which their files tell.

    Returns:
        The problems, in the order of the files. Malformed files are reported, they raise nothing. What training would refuse when
        it loads them is always among them.

    Raises:
        ReproError: when the name or split is unknown or there is no such folder.
    """
    chosen = data_set(name)
    if split not in (None, *data_splits(name)):
        raise choice_error("split", split, data_splits(name))
    folder = check_root(chosen, root)
    if folder is not None and chosen.is_own:
        own_skeleton = skeleton or own.read_skeleton(folder)
        return _check_files(
            name, own.check_of(own_skeleton), folder, (split,) if split else data_splits(name), decode, own_skeleton
        )
    if folder is None or chosen.check is None:
        return []
    splits = (split,) if split else data_splits(name, folder)
    if isinstance(chosen.check, SplitFiles):
        return _check_files(name, chosen.check, folder, splits, decode)
    problems = chosen.check(folder, split, decode)
    return problems + _refusals(name, folder, splits, problems)


def _check_files(
    name: str, files: SplitFiles, root: Path, splits: tuple[str, ...], decode: bool, skeleton: Skeleton | None = None
) -> list[Problem]:
    """What is wrong with the file of each split, and with the images that two of them share."""
    problems, images = [], []
    for split in splits:
        file = root
        try:
            file = files.locate(root, split)
            data = read_json(file)
        except ReproError as error:
            problems.append(Problem(str(file), "the file", "JSON", str(error)))
            continue
        found = [Problem(str(file), *one) for one in files.check(data, root, split, decode)]
        problems += found + _refusals(name, root, (split,), found, skeleton)
        images.append((str(file), split, files.image_names(data)))
    for (_, first, known), (path, second, others) in combinations(images, 2):
        if second == "trainval":  # holds what the two files before it hold
            continue
        problems += [Problem(path, *found) for found in _overlap(known, others, first)]
    return problems


def not_looked_at(name: str, split: str | None, *, decode: bool) -> str:
    """A sentence on what a check with these arguments has not looked at; empty for nothing."""
    if not data_set(name).needs_root:
        return "Drawn people have no files: nothing was looked at."
    left = [] if decode else ["the pixels of the images (size, depth and end alone were; --decode decodes them)"]
    if split:
        others = [one for one in data_splits(name) if one != split]
        left.append(f"the split {' and '.join(others)}, and images that stand in several splits")
    left.append("whether labels fit what the images show")
    return f"Not looked at: {'; '.join(left)}."


def _refusals(
    name: str, root: Path, splits: tuple[str, ...], found: list[Problem], skeleton: Skeleton | None = None
) -> list[Problem]:
    """What the reader refuses, where the checks have found no error."""
    if any(problem.severity == "error" for problem in found):
        return []
    chosen = data_set(name)
    for split in splits:
        try:
            if chosen.persons is not None:
                load_persons(name, root, split, skeleton=skeleton)
            if chosen.images is not None:
                load_images(name, root, split, skeleton=skeleton)
        except ReproError as error:
            return [Problem(str(root), f"the split {split}", "loading", str(error))]
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
