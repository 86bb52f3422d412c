"""Photographs that nobody has labelled, as the sets of persons and of images take them.

A photograph is an array (H, W, 3) uint8 RGB, (H, W) grey values, a PIL image, or the path of an image file. Files and PIL images
are turned upright as their EXIF orientation says, as viewers show them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from PIL import Image, ImageOps

from repro.data.images import ImageSet
from repro.data.persons import PersonSet
from repro.errors import ReproError
from repro.skeletons.skeleton import Skeleton

Photograph: TypeAlias = np.ndarray | Image.Image | str | Path


@dataclass(frozen=True)
class Photographs:
    """M photographs in memory, numbered from 0.

    Args:
        pixels: (H, W, 3) uint8 RGB each.
    """

    pixels: tuple[np.ndarray, ...]

    @property
    def ids(self) -> np.ndarray:
        """(M,) int64."""
        return np.arange(len(self.pixels))

    @property
    def sizes(self) -> np.ndarray:
        """(M, 2) int64, (width, height)."""
        return np.array([image.shape[1::-1] for image in self.pixels], dtype=np.int64).reshape(-1, 2)

    def read(self, index: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        return self.pixels[index]


def read_photograph(photograph: Photograph) -> np.ndarray:
    """A photograph as (H, W, 3) uint8 RGB. Raises ReproError for a file that cannot be read and for arrays of another form."""
    if isinstance(photograph, (str, Path)):
        return _read_file(Path(photograph).expanduser())
    if isinstance(photograph, Image.Image):
        return np.asarray(ImageOps.exif_transpose(photograph).convert("RGB"))
    array = np.asarray(photograph)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)) or not array.size:
        raise ReproError(
            f"A photograph is {array.dtype} of shape {array.shape}, expected uint8 of (H, W, 3) in RGB, or (H, W): convert it, "
            "or give the path of its file."
        )
    return np.ascontiguousarray(np.repeat(array[..., None], 3, axis=2) if array.ndim == 2 else array)


def _read_file(path: Path) -> np.ndarray:
    try:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except cv2.error:  # of a size that OpenCV refuses
        image = None
    if image is None:
        state = "cannot be decoded as an image" if path.is_file() else "is no file"
        raise ReproError(f"The photograph {path} {state}: give the path of a JPEG, PNG or another image file.")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def checked_boxes(boxes: Any, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The boxes in one photograph, and their scores.

    Args:
        boxes: (P, 4) x, y, width, height in px of the photograph, or (P, 5) with a score each; None for the whole photograph.
        size: (width, height) of the photograph.

    Returns:
        (P, 4) float64 and (P,) float64, 1 where no scores are given.

    Raises:
        ReproError: for another shape, for numbers that are not finite, and for a box without an area.
    """
    if boxes is None:
        return np.array([[0.0, 0.0, *size]]), np.ones(1)
    try:
        given = np.asarray(boxes, dtype=np.float64)
    except (TypeError, ValueError):
        given = np.zeros(1)
    given = given.reshape(0, 4) if given.size == 0 else given
    if given.ndim != 2 or given.shape[1] not in (4, 5) or not np.isfinite(given).all():
        raise ReproError(
            f"The boxes of a photograph are {boxes!r:.120}, expected one line a person with x, y, width, height in px, and a "
            "score if there is one."
        )
    if (given[:, 2:4] <= 0).any():
        wrong = given[int(np.argmax((given[:, 2:4] <= 0).any(1)))].tolist()
        raise ReproError(
            f"The box {wrong} has no area: give x, y, width, height, in which width and height are above 0."
        )
    return given[:, :4].copy(), given[:, 4].copy() if given.shape[1] == 5 else np.ones(len(given))


def boxed_persons(photographs: Photographs, boxes: Sequence[Any], skeleton: Skeleton) -> PersonSet:
    """The persons that boxes name in photographs: no keypoint of them is labelled, there is nothing to evaluate.

    Args:
        photographs: M photographs.
        boxes: those of each photograph, as ``checked_boxes`` takes them.
        skeleton: the skeleton whose keypoints are looked for.
    """
    sizes = [(int(w), int(h)) for w, h in photographs.sizes]
    checked = [checked_boxes(own, size) for own, size in zip(boxes, sizes, strict=True)]
    found = np.concatenate([own for own, _ in checked]) if checked else np.zeros((0, 4))
    count, k = len(found), len(skeleton)
    return PersonSet(
        skeleton=skeleton,
        images=photographs,
        image_index=np.repeat(np.arange(len(checked)), [len(own) for own, _ in checked]),
        person_ids=np.arange(1, count + 1),
        keypoints=np.zeros((count, k, 2)),
        visibility=np.zeros((count, k), dtype=np.int8),
        boxes=found,
        areas=found[:, 2] * found[:, 3],
        scores=np.concatenate([scores for _, scores in checked]) if checked else np.zeros(0),
        head_sizes=np.full(count, np.nan),
        annotations=(),
    )


def unlabelled_images(photographs: Photographs, skeleton: Skeleton) -> ImageSet:
    """Photographs as a set of whole images in which nobody is labelled."""
    k = len(skeleton)
    return ImageSet(
        skeleton=skeleton,
        images=photographs,
        annotations=(),
        crowd_indices=None,
        ignored={},
        image_index=np.zeros(0, dtype=np.int64),
        person_ids=np.zeros(0, dtype=np.int64),
        keypoints=np.zeros((0, k, 2)),
        visibility=np.zeros((0, k), dtype=np.int8),
        boxes=np.zeros((0, 4)),
        areas=np.zeros(0),
    )
