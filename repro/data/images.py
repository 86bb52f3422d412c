"""The form that every bottom-up data set takes in memory: images with all their people, in columns.

A top-down set counts persons, this one counts images. Persons are those that the released code of Sun et al. ("Bottom-Up
Human Pose Estimation by Ranking Heatmap-Guided Adaptive Keypoint Estimates", 2020) keeps: all that are no crowd, or have
labelled keypoints. Where a picture shows people whose keypoints nobody labelled, the loss must not look.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools import mask as run_length

from repro.data.masks import codes
from repro.data.persons import ImageSource, content_bytes
from repro.skeletons.skeleton import Skeleton


@dataclass(frozen=True)
class ImageSet:
    """M images with N people, ordered by image.

    Args:
        skeleton: the skeleton of K keypoints.
        images: the M images.
        annotations: COCO-format annotation dicts of all people, crowds included, ordered by image and without
            segmentations: what COCOeval is given as ground truth.
        crowd_indices: (M,) float64, CrowdPose's crowd index of each image; None where the data set has none.
        ignored: a mapping from the position of an image with regions where the loss must not look to their union as a compressed
            run-length code of COCO.
        image_index: (N,) int64 position of each person's image, rising.
        person_ids: (N,) int64 annotation ids.
        keypoints: (N, K, 2) float64, x, y in image px.
        visibility: (N, K) int8: 0 not labelled, 1 labelled but hidden, 2 visible.
        boxes: (N, 4) float64: x, y, width, height in image px, as annotated.
        areas: (N,) float64, px^2: of the segment (COCO), of the mask (drawn people), 0.53 x the box (CrowdPose).
    """

    skeleton: Skeleton
    images: ImageSource
    annotations: tuple[dict[str, Any], ...]
    crowd_indices: np.ndarray | None
    ignored: dict[int, bytes]
    image_index: np.ndarray
    person_ids: np.ndarray
    keypoints: np.ndarray
    visibility: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray

    def __len__(self) -> int:
        """The number of images."""
        return len(self.images.ids)

    def starts(self) -> np.ndarray:
        """(M + 1,) int64: the people of image i are those from ``starts[i]`` to ``starts[i + 1] - 1``."""
        return np.searchsorted(self.image_index, np.arange(len(self) + 1))

    def image_mask(self, index: int) -> np.ndarray | None:
        """(H, W) bool: True where the loss must not look in the image at ``index``; None where it may look everywhere."""
        if index not in self.ignored:
            return None
        width, height = self.images.sizes[index].tolist()
        return run_length.decode({"size": [height, width], "counts": self.ignored[index]}).astype(bool)

    def fingerprint(self) -> str:
        """16 hex digits that change when anything changes that training or evaluation reads, wherever the files lie.

        Of photographs they follow all annotations, the masks, and the bytes of the image files; of drawn people labels, masks
        and the choice of images.
        """
        digest = hashlib.sha256(f"images {self.skeleton.name}".encode())
        truth = [[a["id"], a["image_id"], a["iscrowd"], a["num_keypoints"]] for a in self.annotations]
        whole = (self.images.sizes, self.images.ids, truth, self.image_index, self.person_ids, self.visibility)
        for column in whole:
            digest.update(np.ascontiguousarray(column, dtype=np.int64).tobytes())
        crowd = np.zeros(0) if self.crowd_indices is None else self.crowd_indices
        truth_areas = np.array([a["area"] for a in self.annotations], dtype=np.float64)
        for column in (self.keypoints, self.boxes, self.areas, truth_areas, crowd):
            digest.update(np.ascontiguousarray(np.round(column, 3), dtype=np.float64).tobytes())
        for index in sorted(self.ignored):
            digest.update(str(index).encode() + self.ignored[index])
        digest.update(content_bytes(self.images, self.annotations))
        return digest.hexdigest()[:16]


def people_columns(annotations: list[dict[str, Any]], position: np.ndarray, skeleton: Skeleton) -> dict[str, Any]:
    """The annotations in the order of their images, and the columns of those who are no crowd or have labelled keypoints.

    Args:
        annotations: the annotations as ``coco_format.records`` reads them.
        position: (A,) of each one's image.
        skeleton: the skeleton of K keypoints.
    """
    order = np.argsort(position, kind="stable")
    annotations, position = [annotations[i] for i in order], position[order]
    wanted = np.array([not a["iscrowd"] or a["num_keypoints"] > 0 for a in annotations], dtype=bool)
    chosen = [annotations[i] for i in np.flatnonzero(wanted)]
    points = np.array([a["keypoints"] for a in chosen], dtype=np.float64).reshape(-1, len(skeleton), 3)
    labelled = points[..., 2] > 0
    return {
        "annotations": tuple(annotations),
        "image_index": position[wanted],
        "person_ids": np.array([a["id"] for a in chosen], dtype=np.int64),
        "keypoints": np.ascontiguousarray(points[..., :2]),
        "visibility": np.where(points[..., 2] >= 2, 2, labelled).astype(np.int8),
        "boxes": np.array([a["bbox"] for a in chosen], dtype=np.float64).reshape(-1, 4),
        "areas": np.array([a["area"] for a in chosen], dtype=np.float64),
    }


def joined_regions(regions: list[tuple[int, Any]], sizes: np.ndarray) -> dict[int, bytes]:
    """The union of the regions (image's position, segmentation) of each image, by the image's position."""
    of_image: dict[int, list[dict[str, Any]]] = {}
    for index, region in regions:
        of_image.setdefault(index, []).extend(codes(region, *sizes[index].tolist()))
    return {index: bytes(run_length.merge(found)["counts"]) for index, found in of_image.items() if found}
