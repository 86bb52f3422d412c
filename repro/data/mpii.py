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
from typing import Any, Literal

import numpy as np
from scipy.io import loadmat

from repro.data.coco import ADVICE, read_json
from repro.data.persons import ImageFiles, PersonSet, coco_annotations, header_sizes, images_for_limit
from repro.errors import ReproError, choice_error
from repro.geometry import PIXEL_STD
from repro.metrics.pck import head_sizes_mpii
from repro.skeletons import MPII16

LAYOUT = (
    "annot/{train,valid}.json and annot/gt_valid.mat, or annotations/mpii_{train,val}.json and "
    "annotations/mpii_gt_val.mat, and images/"
)
AREA_OF_BOX = 0.53  # area of a person / area of the box around its joints, as CrowdPose's evaluation takes it
FILES = {
    "train": ("annot/train.json", "annotations/mpii_train.json"),
    "val": ("annot/valid.json", "annotations/mpii_val.json"),
    "trainval": ("annot/trainval.json", "annotations/mpii_trainval.json"),
}
TRUTH = ("annot/gt_valid.mat", "annotations/mpii_gt_val.mat")


def load_mpii(root: Path, split: Literal["train", "val", "trainval"], *, limit: int | None = None) -> PersonSet:
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
    images = ImageFiles(paths=paths, ids=np.arange(1, len(paths) + 1, dtype=np.int64), sizes=header_sizes(paths))
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
        data = loadmat(path)
        joints = data["pos_gt_src"].astype(np.float64).transpose(2, 0, 1) - 1
        missing = data["jnt_missing"].T != 0
        corners = data["headboxes_src"].astype(np.float64)
    except Exception as error:  # SciPy raises many kinds on damaged files
        raise ReproError(
            f"{path} is not MPII's ground truth ({type(error).__name__}: {error}): fetch it again."
        ) from error
    shapes = (joints.shape, missing.shape, corners.shape)
    if shapes != ((count, 16, 2), (count, 16), (2, 2, count)):
        raise ReproError(
            f"{path} holds joints, jnt_missing and headboxes of shapes {shapes}, expected {count} persons as in the "
            "JSON file of the validation split: use the two files of one release."
        )
    heads = head_sizes_mpii(corners.transpose(2, 0, 1))
    return joints, ~missing & np.isfinite(joints).all(axis=2), np.where(heads > 0, heads, np.nan)


def _unique_images(entries: Any, path: Path) -> tuple[list[str], np.ndarray]:
    """File names in the order of first appearance, and each entry's position among them (N,) int64."""
    if not isinstance(entries, list) or not all(
        isinstance(e, dict) and isinstance(e.get("image"), str) for e in entries
    ):
        raise ReproError(
            f"{path} is not a list of entries with an `image`: expected the JSON layout of HRNet; {ADVICE}"
        )
    positions: dict[str, int] = {}
    index = [positions.setdefault(e["image"], len(positions)) for e in entries]
    return list(positions), np.array(index, dtype=np.int64)


def _labels(entries: list[dict[str, Any]], path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joints (N, 16, 2) in 0-based px, labelled (N, 16) bool and boxes (N, 4) of the entries of the JSON file."""
    count = len(entries)
    try:
        joints = np.array([e["joints"] for e in entries], dtype=np.float64).reshape(count, 16, 2) - 1
        labelled = np.array([e["joints_vis"] for e in entries], dtype=np.float64).reshape(count, 16) > 0
        centers = np.array([e["center"] for e in entries], dtype=np.float64).reshape(count, 2)
        scales = np.array([e["scale"] for e in entries], dtype=np.float64).reshape(count)
    except (KeyError, TypeError, ValueError) as error:
        raise ReproError(f"{path} holds a malformed entry ({type(error).__name__}: {error}): {ADVICE}") from error
    if not (np.isfinite(joints[labelled]).all() and np.isfinite(centers).all() and (scales > 0).all()):
        raise ReproError(f"{path} holds a joint or centre that is not finite or a scale that is not positive: {ADVICE}")
    return joints, labelled, person_boxes(centers, scales)


def _areas(joints: np.ndarray, labelled: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(N,) px^2: 0.53 x the box around the labelled joints, or of ``boxes`` where that has no area."""
    low = np.where(labelled[..., None], joints, np.inf).min(axis=1)
    high = np.where(labelled[..., None], joints, -np.inf).max(axis=1)
    extent = np.prod(np.maximum(high - low, 0), axis=1)
    return AREA_OF_BOX * np.where(extent > 0, extent, boxes[:, 2] * boxes[:, 3])
