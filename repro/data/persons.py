"""The form that every top-down data set takes in memory: a set of persons in columns, and a source of images.

Columns are NumPy arrays, so that worker processes share them instead of copying Python objects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from repro.errors import ReproError
from repro.skeletons.skeleton import Skeleton


class ImageSource(Protocol):
    """Images by position: ``ids`` (M,) int64, ``sizes`` (M, 2) int64 as (width, height), and ``read``."""

    @property
    def ids(self) -> np.ndarray:
        """(M,) int64."""

    @property
    def sizes(self) -> np.ndarray:
        """(M, 2) int64, (width, height)."""

    def read(self, index: int) -> np.ndarray:
        """The image at ``index``: (H, W, 3) uint8, RGB."""


class PartSource(ImageSource, Protocol):
    """Images whose body parts are known too."""

    def parts(self, index: int) -> np.ndarray:
        """(H, W) uint8: the part that each pixel of the image at ``index`` shows, 0 for the background."""


@dataclass(frozen=True)
class ImageFiles:
    """Images in files, decoded by OpenCV when asked for.

    Args:
        paths: one path an image.
        ids: (M,) int64, the data set's image ids.
        sizes: (M, 2) int64, (width, height).
        digests: checksums of the files' contents, one an image; None where nobody has looked at them.
    """

    paths: tuple[Path, ...]
    ids: np.ndarray
    sizes: np.ndarray
    digests: tuple[str, ...] | None = None

    def take(self, index: np.ndarray) -> ImageFiles:
        """The images at positions ``index``."""
        where = np.asarray(index).tolist()
        digests = None if self.digests is None else tuple(self.digests[i] for i in where)
        return ImageFiles(tuple(self.paths[i] for i in where), self.ids[where], self.sizes[where], digests)

    def read(self, index: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB; EXIF orientation is ignored, as in annotations.

        Raises:
            ReproError: for a file that is missing, cannot be decoded or has another size.
        """
        path = self.paths[index]
        try:
            image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        except cv2.error:  # of a size that OpenCV refuses
            image = None
        if image is None:
            state = "cannot be decoded" if path.exists() else "does not exist"
            raise ReproError(f"Image {path} {state}: run `repro data check` on this data set to list all such files.")
        width, height = self.sizes[index]
        if image.shape[:2] != (height, width):
            raise ReproError(
                f"Image {path} is {image.shape[1]} x {image.shape[0]} px (width x height), expected {width} x {height}: run "
                "`repro data check` on this data set to list all such images."
            )
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def content_bytes(images: ImageSource, annotations: Iterable[dict[str, Any]]) -> bytes:
    """What a fingerprint of photographs covers beside the columns of a set: the images' contents, ids and sizes, and everything
    that the evaluation reads of the annotations, crowds and persons without labels included.

    Empty for images without checksums, as drawn ones, whose content follows from settings.
    """
    digests = getattr(images, "digests", None)
    if digests is None:
        return b""
    truth = list(annotations)
    whole = [[a["id"], a["image_id"], a["category_id"], a["iscrowd"], a["num_keypoints"]] for a in truth]
    parts = [np.asarray(column, dtype=np.int64) for column in (images.ids, images.sizes, whole)]
    rows = ([[a["area"], *a["bbox"]] for a in truth], [a["keypoints"] for a in truth])
    parts += [np.asarray(row, dtype=np.float64) for row in rows]
    return "\n".join(digests).encode() + b"".join(str(p.shape).encode() + p.tobytes() for p in parts)


def images_for_limit(limit: int | None, image_index: np.ndarray, count: int) -> int:
    """How many of ``count`` images, from the first, hold at least ``limit`` of the persons ``image_index`` (N,).

    All of them when ``limit`` is None or larger than N; none when it is 0.
    """
    if limit is None:
        return count
    persons = np.cumsum(np.bincount(image_index, minlength=count))
    return 0 if limit == 0 else min(int(np.searchsorted(persons, limit)) + 1, count)


@dataclass(frozen=True)
class PersonSet:
    """N persons with their keypoints, in the coordinates of their images.

    Args:
        skeleton: the skeleton of K keypoints.
        images: the images that the persons are in (M of them).
        image_index: (N,) int64 position of each person's image in ``images``.
        person_ids: (N,) int64 annotation ids.
        keypoints: (N, K, 2) float64, x, y in image px.
        visibility: (N, K) int8: 0 not labelled, 1 labelled but hidden, 2 visible.
        boxes: (N, 4) float64: x, y, width, height in image px, as the crop uses them.
        areas: (N,) float64, px^2, the area that OKS divides by.
        scores: (N,) float64, the box's score; 1 for ground-truth boxes.
        head_sizes: (N,) float64 px, the length that PCKh divides by; nan where unknown.
        annotations: COCO-format annotation dicts of all the images in ``images``, crowds and persons without keypoints
            included: what COCOeval is given as ground truth.
    """

    skeleton: Skeleton
    images: ImageSource
    image_index: np.ndarray
    person_ids: np.ndarray
    keypoints: np.ndarray
    visibility: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    scores: np.ndarray
    head_sizes: np.ndarray
    annotations: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return len(self.image_index)

    @property
    def image_ids(self) -> np.ndarray:
        """(N,) int64: the image id of each person."""
        return self.images.ids[self.image_index]

    @property
    def ranked_images(self) -> tuple[np.ndarray, int]:
        """(N,) place of each person's image in the order of image ids, which COCOeval goes by, and the number of images."""
        ranks = np.empty(len(self.images.ids), dtype=np.int64)
        ranks[np.argsort(self.images.ids, kind="stable")] = np.arange(len(self.images.ids))
        return ranks[self.image_index], len(self.images.ids)

    def take(self, index: np.ndarray) -> PersonSet:
        """The persons at ``index``; images and annotations stay. Raises ReproError for a position without a person."""
        positions = np.asarray(index)
        if positions.size and positions.dtype != bool and not -len(self) <= positions.min() <= positions.max() < len(self):
            wrong = positions.max() if positions.max() >= len(self) else positions.min()
            raise ReproError(f"There is no person {wrong}: expected a number from 0 to {len(self) - 1}.")
        columns = ("image_index", "person_ids", "keypoints", "visibility", "boxes", "areas", "scores", "head_sizes")
        return replace(self, **{name: getattr(self, name)[index] for name in columns})

    def first(self, limit: int) -> tuple[np.ndarray, np.ndarray]:
        """Persons of the first images that hold at least ``limit`` of them: their positions, and the ids of these images."""
        count = images_for_limit(limit, self.image_index, len(self.images.ids))
        return np.flatnonzero(self.image_index < count), self.images.ids[:count]

    def fingerprint(self) -> str:
        """16 hex digits that change when anything changes that training or evaluation reads, wherever the files lie.

        Of photographs they follow labels, boxes, ids and the choice of persons, the annotations of crowds and of persons without
        labels, and the bytes of the image files; of drawn people labels, boxes and the choice of persons.
        """
        digest = hashlib.sha256(self.skeleton.name.encode())
        digest.update(np.ascontiguousarray(self.images.sizes, dtype=np.int64).tobytes())
        for column in (self.image_ids, self.person_ids, self.visibility):
            digest.update(np.ascontiguousarray(column, dtype=np.int64).tobytes())
        for column in (self.keypoints, self.boxes, self.areas, self.scores, self.head_sizes):
            digest.update(np.ascontiguousarray(np.round(column, 3), dtype=np.float64).tobytes())
        digest.update(content_bytes(self.images, self.annotations))
        return digest.hexdigest()[:16]


def coco_annotations(persons: PersonSet) -> tuple[dict[str, Any], ...]:
    """COCO-format annotations of persons whose data set has none: what LSPET and MPII hand to COCOeval.

    ``num_keypoints`` counts the labelled keypoints; unlabelled ones are written as (0, 0, 0), as COCO does.
    """
    labelled = persons.visibility > 0
    xy = np.where(labelled[..., None], persons.keypoints, 0.0)
    flat = np.concatenate([xy, persons.visibility[..., None]], axis=2).reshape(len(persons), 3 * labelled.shape[1])
    return tuple(
        {
            "id": int(persons.person_ids[i]),
            "image_id": int(persons.image_ids[i]),
            "category_id": 1,
            "iscrowd": 0,
            "keypoints": flat[i].tolist(),
            "num_keypoints": int(labelled[i].sum()),
            "area": float(persons.areas[i]),
            "bbox": persons.boxes[i].tolist(),
        }
        for i in range(len(persons))
    )
