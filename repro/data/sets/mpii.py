"""MPII Human Pose (Andriluka et al., CVPR 2014), in the JSON layout of HRNet or of mmpose.

An entry is one person: ``image``, ``center`` and ``scale`` (the person's height / 200 px), ``joints`` (16 x 2) and
``joints_vis``. Coordinates are 1-based in the files and 0-based here. The crop is HRNet's (``lib/dataset/mpii.py``):
the centre is lowered by 15 x scale px, then the scale is widened by 1.25.

The validation split takes its joints from gt_valid.mat, as the official PCKh does, and its head sizes too; the test
split has no labels and is not read.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from repro.data.coco_format.records import read_json
from repro.data.image_files import checked_images
from repro.data.person_sizes import AREA_OF_BOX, head_sizes_mpii
from repro.data.persons import PersonSet, coco_annotations, images_for_limit
from repro.data.sets.matlab import read_arrays
from repro.data.values import LARGEST, flat, name_fault, number, numbers, refused, short
from repro.errors import ReproError, choice_error
from repro.geometry import PIXEL_STD
from repro.skeletons.skeleton import MPII16

LAYOUT = (
    "annot/{train,valid}.json and annot/gt_valid.mat, or annotations/mpii_{train,val}.json and "
    "annotations/mpii_gt_val.mat, and images/"
)
FILES = {
    "train": ("annot/train.json", "annotations/mpii_train.json"),
    "val": ("annot/valid.json", "annotations/mpii_val.json"),
    "trainval": ("annot/trainval.json", "annotations/mpii_trainval.json"),
}
TRUTH = ("annot/gt_valid.mat", "annotations/mpii_gt_val.mat")


def load_mpii(root: Path, split: str, *, limit: int | None = None) -> PersonSet:
    """Read a split of MPII, in the order of its file. Image sizes come from the files' headers.

    MPII has no areas. OKS gets 0.53 x the box around the labelled joints or, where that has no area (fewer than two
    labelled joints), 0.53 x the square of ``person_boxes``. All entries are samples.

    Args:
        root: folder with annot/ or annotations/, and images/.
        split: ``train``, ``val`` (valid) or ``trainval``.
        limit: stop adding images once there are ``limit`` persons. Images stay whole, so there may be a few more.

    Returns:
        The persons, skeleton MPII16. Person ids are the positions in the file + 1, image ids the order of first
        appearance + 1. Visibility is 2 for labelled joints, 0 for others, whose coordinates are 0. Head sizes are
        0.6 x the diagonal of the head box in ``val``, nan elsewhere. Annotations are made by ``coco_annotations``.

    Raises:
        ReproError: for an unknown split, or when a file is missing or malformed.
    """
    if split not in FILES:
        raise choice_error("split of MPII", split, FILES)
    path = find_file(root, FILES[split])
    entries = read_json(path)
    names, image_index = _unique_images(entries, path)
    joints, labelled, boxes = _labels(entries, path)
    head_sizes = np.full(len(entries), np.nan)
    if split == "val":
        joints, labelled, head_sizes = read_truth(find_file(root, TRUTH), len(entries))
    names = names[: images_for_limit(limit, image_index, len(names))]
    paths = tuple(root / "images" / n for n in names)
    images = checked_images(paths, np.arange(1, len(paths) + 1, dtype=np.int64), None, path, field="image")
    persons = PersonSet(
        skeleton=MPII16,
        images=images,
        image_index=image_index,
        person_ids=np.arange(1, len(entries) + 1, dtype=np.int64),
        keypoints=np.where(labelled[..., None], joints, 0.0),
        visibility=np.where(labelled, 2, 0).astype(np.int8),
        boxes=boxes,
        areas=_areas(joints, labelled, boxes),
        scores=np.ones(len(entries)),
        head_sizes=head_sizes,
        annotations=(),
    ).take(np.flatnonzero(image_index < len(names)))
    return replace(persons, annotations=coco_annotations(persons))


def find_file(root: Path, candidates: tuple[str, ...]) -> Path:
    """The first of the files, relative to ``root``, that exists. Raises ReproError, naming them, when none does."""
    for candidate in candidates:
        if (root / candidate).is_file():
            return root / candidate
    looked = " nor ".join(str(root / c) for c in candidates)
    raise ReproError(f"MPII has neither {looked}: expected {LAYOUT}; give the folder that holds them.")


def person_boxes(centers: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The square boxes whose crop (``geometry.box_to_center_scale``, aspect 1, padding 1.25) is the official one.

    The official crop has the centre (c_x - 1, c_y + 15 s - 1) and the scale 1.25 s; where c_x is -1 it is
    (c_x - 1, c_y - 1) and s.

    Args:
        centers: (N, 2) ``center`` of the entries, 1-based px.
        scales: (N,) ``scale`` of the entries, in units of 200 px.

    Returns:
        (N, 4) x, y, width, height in 0-based px.
    """
    known = centers[:, 0] != -1
    middle = centers - 1 + np.stack([np.zeros(len(scales)), np.where(known, 15 * scales, 0)], axis=1)
    side = PIXEL_STD * np.where(known, scales, scales / 1.25)
    return np.concatenate([middle - side[:, None] / 2, side[:, None], side[:, None]], axis=1)


def read_truth(path: Path, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the official PCKh compares with, from gt_valid.mat.

    Returns:
        joints (N, 16, 2) in 0-based px, labelled (N, 16) bool, head sizes (N,) in px, nan where the head box is empty.

    Raises:
        ReproError: when the file is damaged or does not hold ``count`` persons.
    """
    try:
        positions, missing, corners = read_arrays(path, ("pos_gt_src", "jnt_missing", "headboxes_src")).values()
        joints, missing = positions.transpose(2, 0, 1) - 1, missing.T
    except (OSError, ValueError) as error:
        raise ReproError(f"{path} is not MPII's ground truth ({error}): fetch it again.") from error
    shapes = (joints.shape, missing.shape, corners.shape)
    if shapes != ((count, 16, 2), (count, 16), (2, 2, count)):
        raise ReproError(
            f"{path} holds joints, jnt_missing and headboxes of shapes {shapes}, expected {count} persons as in the "
            "JSON file of the validation split: use the two files of one release."
        )
    labelled = (missing == 0) & ~np.isnan(joints).any(axis=2)
    for name, values, used in (
        ("jnt_missing", missing, (missing != 0) & (missing != 1)),
        ("pos_gt_src", joints, labelled[..., None] & ~(np.abs(joints) <= LARGEST)),
        ("headboxes_src", corners.transpose(2, 0, 1), (np.abs(corners) > LARGEST).transpose(2, 0, 1)),
    ):
        if used.any():
            entry = int(np.argwhere(used)[0, 0])
            fault = f"holds {short(float(values[used][0]))}, expected {'0 or 1' if name == 'jnt_missing' else 'px'}"
            raise refused(path, f"entry {entry + 1}", name, fault)
    heads = head_sizes_mpii(corners.transpose(2, 0, 1))
    if count and not (heads > 0).any():
        raise refused(path, "all persons", "headboxes_src", "has no size, so that PCKh cannot be measured")
    return joints, labelled, np.where(heads > 0, heads, np.nan)


def _unique_images(entries: Any, path: Path) -> tuple[list[str], np.ndarray]:
    """File names in the order of first appearance, and each entry's position among them (N,) int64."""
    if not isinstance(entries, list):
        raise ReproError(f"{path} is not a list of entries: expected the JSON layout of HRNet.")
    positions: dict[str, int] = {}
    index = []
    for n, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise refused(path, f"entry {n + 1}", "entry", f"is {short(entry)}, expected an object")
        if fault := name_fault(entry.get("image")):
            raise refused(path, f"entry {n + 1}", "image", fault)
        index.append(positions.setdefault(entry["image"], len(positions)))
    return list(positions), np.array(index, dtype=np.int64)


def _labels(entries: list[dict[str, Any]], path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joints (N, 16, 2) in 0-based px, labelled (N, 16) bool and boxes (N, 4) of the entries of the JSON file."""
    count, size = len(entries), len(MPII16)
    items = [f"entry {n + 1}" for n in range(count)]
    joints = numbers([flat(e.get("joints"), 2) for e in entries], 2 * size, path, items, "joints")
    flags = numbers([e.get("joints_vis") for e in entries], size, path, items, "joints_vis")
    centers = numbers([e.get("center") for e in entries], 2, path, items, "center")
    scales = [number(e, "scale", path, item, 0.0, LARGEST / PIXEL_STD) for e, item in zip(entries, items, strict=True)]
    for field, wrong in (("joints_vis", ((flags != 0) & (flags != 1)).any(axis=1)), ("scale", np.array(scales) <= 0)):
        if wrong.any():
            n = int(np.argmax(wrong))
            expected = "0 or 1 for each joint" if field == "joints_vis" else "more than 0: the person's height / 200 px"
            raise refused(path, items[n], field, f"is {short(entries[n][field])}, expected {expected}")
    return joints.reshape(count, size, 2) - 1, flags > 0, person_boxes(centers, np.array(scales, dtype=np.float64))


def _areas(joints: np.ndarray, labelled: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(N,) px^2: 0.53 x the box around the labelled joints, or of ``boxes`` where that has no area."""
    low = np.where(labelled[..., None], joints, np.inf).min(axis=1)
    high = np.where(labelled[..., None], joints, -np.inf).max(axis=1)
    extent = np.prod(np.maximum(high - low, 0), axis=1)
    return AREA_OF_BOX * np.where(extent > 0, extent, boxes[:, 2] * boxes[:, 3])
