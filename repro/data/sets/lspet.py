"""Leeds Sports Pose Extended (Johnson and Everingham, CVPR 2011), in its official layout.

``root/joints.mat`` holds ``joints`` (14 x 3 x 10000: x, y, flag); ``root/images/im00001.jpg`` and on hold one person
each. Four readings, because the data set comes without a word on them:

- Split. There is no official one. Ours: images 4001 to 5000 validate, all others train.
- Pixel base. Coordinates are taken as they are, the centre of the top-left pixel being (0, 0), although the file is
  MATLAB's. Seen on images 1 to 3000: brightness edges lie symmetrically about the upright limbs at -0.1 px in x
  (12,393 cuts, standard error 0.05) and about the level ones at +0.4 px in y (6,100 cuts, 0.1; light comes from
  above), where 1-based labels would put them at -1. The labels' range agrees: of 61,577 labels of the first 5000
  images 4 lie outside a 0-based image, by 1.2 px at most, and 14 outside a 1-based one.
- Flag. 0 is not labelled (its coordinates mean nothing and are set to 0 here), 1 is labelled, hidden or not.
  Labelled joints just outside the image stay labelled.
- Head size. There is no head box. PCKh divides by the head segment, head top to neck, where both are labelled and
  apart: a convention of ours, not MPII's, whose numbers it does not compare with.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from repro.data.image_files import checked_images
from repro.data.person_sizes import AREA_OF_BOX
from repro.data.persons import ImageFiles, PersonSet, coco_annotations, images_for_limit
from repro.data.sets.matlab import read_arrays
from repro.data.values import LARGEST, refused, short
from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import LSPET14

LAYOUT = "joints.mat (14 x 3 x 10000) and images/im00001.jpg to images/im10000.jpg"
VALIDATION = (4001, 5000)  # first and last image number of the validation split


def load_lspet(root: Path, split: str, *, limit: int | None = None) -> PersonSet:
    """Read a split of LSPET: one person an image, in the order of the image numbers, which are also the ids.

    The box is tight around the labelled joints and the area is 0.53 of it. Persons whose labelled joints span no area
    (fewer than two of them, or all on one horizontal or vertical line) have no crop and are not samples; their images
    stay. Images that the folder lacks at the end of the numbering are left out (see ``count_images``).

    Args:
        root: folder with joints.mat and images/.
        split: ``train`` or ``val``.
        limit: take the first ``limit`` persons and only their images.

    Returns:
        The persons, skeleton LSPET14; annotations are made by ``coco_annotations``.

    Raises:
        ReproError: for an unknown split, a missing or malformed joints.mat, or images missing before others.
    """
    joints = read_joints(root)
    _check_joints(joints, root / "joints.mat")
    numbers = _split_numbers(split, len(joints), count_images(root, len(joints)))
    samples = np.flatnonzero(is_sample(joints[numbers - 1]))
    numbers = numbers[: images_for_limit(limit, samples, len(numbers))]
    paths = tuple(image_path(root, n) for n in numbers)
    images = checked_images(paths, numbers, None, root / "images", field="the file")
    return _persons(joints[numbers - 1], images)


def read_joints(root: Path) -> np.ndarray:
    """The labels, (N, 14, 3) float64: x, y, flag. Raises ReproError when joints.mat is missing or of another shape."""
    path = root / "joints.mat"
    if not path.is_file():
        raise ReproError(f"LSPET has no {path}: expected {LAYOUT}; give the folder that holds them.")
    try:
        joints = read_arrays(path, ("joints",))["joints"]
    except (OSError, ValueError) as error:
        raise ReproError(f"{path} cannot be read as a MATLAB file with `joints` ({error}): fetch it again.") from error
    if joints.ndim != 3 or joints.shape[:2] != (14, 3):
        raise ReproError(f"`joints` of {path} has shape {joints.shape}, expected (14, 3, N): use LSPET's joints.mat.")
    return np.ascontiguousarray(joints.transpose(2, 0, 1))


def _check_joints(joints: np.ndarray, path: Path) -> None:
    """Raise ReproError for a flag that is not 0 or 1, or a labelled joint without a place."""
    flags = joints[..., 2]
    odd = (flags != 0) & (flags != 1)
    lost = (flags == 1) & ~(np.abs(joints[..., :2]) <= LARGEST).all(axis=2)
    for wrong, what in ((odd, "a flag"), (lost, "a labelled joint at")):
        if wrong.any():
            n, k = np.argwhere(wrong)[0].tolist()
            value = joints[n, k, 2] if what == "a flag" else tuple(joints[n, k, :2].tolist())
            expected = "0 or 1" if what == "a flag" else f"px of at most {LARGEST:g}"
            raise refused(path, f"image {n + 1}", "joints", f"holds {what} {short(value)}, expected {expected}")


def image_path(root: Path, number: int) -> Path:
    """The file of the image with this number, which starts at 1."""
    return root / "images" / f"im{number:05d}.jpg"


def count_images(root: Path, total: int) -> int:
    """How many images there are: numbers 1 to the result exist, and result + 1 to ``total`` are left out.

    Raises:
        ReproError: when there is none, or when one is missing although a later one exists.
    """
    exists = images_present(root, total)
    count = total if exists.all() else int(np.argmin(exists))
    if count == 0:
        raise ReproError(f"LSPET has no {image_path(root, 1)}: expected {LAYOUT}; give the folder that holds them.")
    if exists[count:].any():
        last = int(np.flatnonzero(exists)[-1]) + 1
        raise ReproError(
            f"{image_path(root, count + 1)} is missing although images up to {image_path(root, last).name} exist: "
            f"only the end of the numbering may be left out; restore the file or remove the later ones."
        )
    return count


def images_present(root: Path, total: int) -> np.ndarray:
    """(total,) bool: which of the images 1 to ``total`` are in the folder."""
    folder = root / "images"
    names = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    return np.array([image_path(root, n).name in names for n in range(1, total + 1)], dtype=bool)


def _split_numbers(split: str, total: int, count: int) -> np.ndarray:
    """(M,) int64: numbers of the images of a split, of which images 1 to ``count`` of ``total`` exist."""
    first, last = VALIDATION
    if split == "train":
        numbers = np.arange(1, count + 1, dtype=np.int64)
        return numbers[(numbers < first) | (numbers > last)]
    if split != "val":
        raise choice_error("split of LSPET", split, ("train", "val"))
    last = min(last, total)
    if count < last or last < first:
        raise ReproError(
            f"The validation split of LSPET is images {first} to {last}, found 1 to {count}: add the others."
        )
    return np.arange(first, last + 1, dtype=np.int64)


def _boxes(joints: np.ndarray) -> np.ndarray:
    """(N, 4) x, y, width, height around the labelled joints of (N, 14, 3); all 0 where no joint is labelled."""
    labelled = joints[..., 2:] > 0
    low = np.where(labelled, joints[..., :2], np.inf).min(axis=1)
    high = np.where(labelled, joints[..., :2], -np.inf).max(axis=1)
    boxes = np.concatenate([low, high - low], axis=1)
    return np.where(labelled.any(axis=1), boxes, 0.0)


def is_sample(joints: np.ndarray) -> np.ndarray:
    """(N,) bool: whether the labelled joints of (N, 14, 3) span an area, so that there is a crop."""
    return np.all(_boxes(joints)[:, 2:] > 0, axis=1)


def _head_sizes(joints: np.ndarray) -> np.ndarray:
    """(N,) px: distance from neck to head top, nan where either is not labelled or both are the same point."""
    head, neck = joints[:, LSPET14.index("head")], joints[:, LSPET14.index("neck")]
    length = np.linalg.norm(head[:, :2] - neck[:, :2], axis=1)
    return np.where((head[:, 2] > 0) & (neck[:, 2] > 0) & (length > 0), length, np.nan)


def _persons(joints: np.ndarray, images: ImageFiles) -> PersonSet:
    """The persons of ``images``, whose labels ``joints`` (M, 14, 3) are, row by row."""
    index = np.flatnonzero(is_sample(joints))
    joints = joints[index]
    labelled = joints[..., 2] > 0
    boxes = _boxes(joints)
    persons = PersonSet(
        skeleton=LSPET14,
        images=images,
        image_index=index.astype(np.int64),
        person_ids=images.ids[index],
        keypoints=np.where(labelled[..., None], joints[..., :2], 0.0),
        visibility=np.where(labelled, 2, 0).astype(np.int8),
        boxes=boxes,
        areas=AREA_OF_BOX * boxes[:, 2] * boxes[:, 3],
        scores=np.ones(len(joints)),
        head_sizes=_head_sizes(joints),
        annotations=(),
    )
    return replace(persons, annotations=coco_annotations(persons))
