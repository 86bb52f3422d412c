"""The form that every bottom-up data set takes in memory: images with all their people, in columns.

A top-down set counts persons, this one counts images. Persons are those that the released code of Sun et al. ("Bottom-Up
Human Pose Estimation by Ranking Heatmap-Guided Adaptive Keypoint Estimates", 2020) keeps: all that are no crowd, or have
labelled keypoints. Where a picture shows people whose keypoints nobody labelled, the loss must not look.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as run_length

from repro.data.coco import ADVICE, AREA_OF_BOX, _floats, _images, _of_category, _positions, read_annotations
from repro.data.people.load import SceneSet
from repro.data.persons import ImageFiles, ImageSource
from repro.errors import ReproError
from repro.skeletons import COCO17, CROWDPOSE14, Skeleton


@dataclass(frozen=True)
class ImageSet:
    """M images with N people, ordered by image.

    Args:
        skeleton: of K keypoints.
        images: the M images.
        annotations: COCO-format annotation dicts of all people, crowds included, ordered by image and without
            segmentations: what COCOeval is given as ground truth.
        crowd_indices: (M,) float64, CrowdPose's crowd index of each image; None where the data set has none.
        ignored: for the position of an image with regions where the loss must not look, their union as a compressed
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
        """16 hex digits that change when a label, a mask or the choice of images changes, wherever the files lie."""
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
        return digest.hexdigest()[:16]


def from_scenes(scenes: SceneSet) -> ImageSet:
    """Drawn scenes; the loss must not look at the masks of people who have no labelled keypoint."""
    ids, sizes = scenes.images.ids, scenes.images.sizes
    annotations = [{k: v for k, v in a.items() if k != "segmentation"} for a in scenes.annotations]
    unlabelled = [a for a in scenes.annotations if not any(a["keypoints"][2::3])]
    regions = [(int(a["image_id"]), a["segmentation"]) for a in unlabelled if a.get("segmentation")]
    return ImageSet(
        skeleton=scenes.skeleton,
        images=scenes.images,
        crowd_indices=scenes.crowd_indices,
        ignored=_union(regions, ids, sizes),
        **_people(annotations, ids, scenes.skeleton),
    )


def load_coco_images(
    annotation_file: Path,
    image_folder: Path,
    skeleton: Skeleton = COCO17,
    *,
    limit: int | None = None,
    annotated_only: bool = False,
) -> ImageSet:
    """Read an annotation file of COCO keypoints; images are opened only when they are read.

    The loss must not look at crowds (``iscrowd``) and at persons with ``num_keypoints`` 0, where they have segmentations.

    Args:
        annotation_file: JSON with ``images``, ``annotations`` and ``categories``, as ``repro.data.coco.load_coco`` reads it.
        image_folder: where the ``file_name`` of the images lie.
        skeleton: the meaning of ``keypoints``.
        limit: the first so many images only.
        annotated_only: leave out images without any annotation of a person, as the released code does for training: 64,115
            images of COCO are left, 7,500 of them without a labelled keypoint. The paper's "57K" counts only the others.

    Raises:
        ReproError: when the file is missing or malformed.
    """
    return _read([annotation_file], image_folder, skeleton, limit, annotated_only)


def load_crowdpose(
    annotation_files: Sequence[Path],
    image_folder: Path,
    skeleton: Skeleton = CROWDPOSE14,
    *,
    limit: int | None = None,
    annotated_only: bool = False,
) -> ImageSet:
    """Read annotation files of CrowdPose (Li et al., CVPR 2019), one after the other: training and validation make one set.

    They have no segmentations: the loss looks everywhere, and areas are 0.53 x width x height of the box.
    ``num_keypoints`` stays as the files have it: they count the first 12 keypoints, without head and neck. Arguments and
    errors are those of ``load_coco_images``; ``crowd_indices`` is None unless all images have a ``crowdIndex``.
    """
    return _read(annotation_files, image_folder, skeleton, limit, annotated_only)


def _read(
    files: Sequence[Path], image_folder: Path, skeleton: Skeleton, limit: int | None, annotated_only: bool
) -> ImageSet:
    """The images of files in COCO's format."""
    contents = [read_annotations(file) for file in files]
    where = " and ".join(str(file) for file in files)
    entries = [image for content in contents for image in content["images"]]
    ids, sizes, names = _images(entries, where)
    annotations = [a for c, file in zip(contents, files, strict=True) for a in _of_category(c, file)]
    segments = {a.get("id"): a.get("segmentation") for c in contents for a in c["annotations"] if isinstance(a, dict)}
    try:
        kept = _kept_images(annotations, ids, limit, annotated_only)
        known = set(ids.tolist())
        if strange := [a.get("id") for a in annotations if a["image_id"] not in known]:
            raise ValueError(f"annotation {strange[0]} is of an unknown image")
        chosen = set(ids[kept].tolist())
        annotations = [_completed(a) for a in annotations if a["image_id"] in chosen]
        people = _people(annotations, ids[kept], skeleton)
        hidden = [a for a in annotations if a["iscrowd"] or not a["num_keypoints"]]
        regions = [(a["image_id"], segments[a["id"]]) for a in hidden if segments.get(a["id"])]
        ignored = _union(regions, ids[kept], sizes[kept])
        crowd = [entries[i].get("crowdIndex") for i in kept]
        crowd_indices = None if None in crowd or not crowd else np.array(crowd, dtype=np.float64)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ReproError(f"{where} holds a malformed entry ({type(error).__name__}: {error}): {ADVICE}") from error
    images = ImageFiles(paths=tuple(image_folder / names[i] for i in kept), ids=ids[kept], sizes=sizes[kept])
    return ImageSet(skeleton=skeleton, images=images, crowd_indices=crowd_indices, ignored=ignored, **people)


def _kept_images(
    annotations: list[dict[str, Any]], ids: np.ndarray, limit: int | None, annotated_only: bool
) -> np.ndarray:
    """Positions of the images that are read, in the order of the file."""
    kept = np.arange(len(ids))
    if annotated_only:
        kept = kept[np.isin(ids, np.array([a["image_id"] for a in annotations], dtype=np.int64))]
    return kept[:limit]


def _completed(annotation: dict[str, Any]) -> dict[str, Any]:
    """The annotation with the fields that may be missing: ``iscrowd``, ``num_keypoints`` and ``area``."""
    width, height = annotation["bbox"][2:]
    count = sum(v > 0 for v in annotation["keypoints"][2::3])
    return {"iscrowd": 0, "num_keypoints": count, "area": AREA_OF_BOX * width * height, **annotation}


def _people(annotations: list[dict[str, Any]], ids: np.ndarray, skeleton: Skeleton) -> dict[str, Any]:
    """The annotations in the order of their images, and the columns of those who are no crowd or have labelled keypoints."""
    position = _positions(np.array([a["image_id"] for a in annotations], dtype=np.int64), ids)
    order = np.argsort(position, kind="stable")
    annotations, position = [annotations[i] for i in order], position[order]
    wanted = np.array([not a["iscrowd"] or a["num_keypoints"] > 0 for a in annotations], dtype=bool)
    chosen = [annotations[i] for i in np.flatnonzero(wanted)]
    points = _floats([a["keypoints"] for a in chosen], 3 * len(skeleton)).reshape(-1, len(skeleton), 3)
    labelled = points[..., 2] > 0
    return {
        "annotations": tuple(annotations),
        "image_index": position[wanted],
        "person_ids": np.array([a["id"] for a in chosen], dtype=np.int64),
        "keypoints": np.ascontiguousarray(points[..., :2]),
        "visibility": np.where(points[..., 2] >= 2, 2, labelled).astype(np.int8),
        "boxes": _floats([a["bbox"] for a in chosen], 4),
        "areas": _floats([[a["area"]] for a in chosen], 1)[:, 0],
    }


def _union(regions: list[tuple[int, Any]], ids: np.ndarray, sizes: np.ndarray) -> dict[int, bytes]:
    """The union of the regions (image id, segmentation) of each image, by the image's position."""
    of_image: dict[int, list[dict[str, Any]]] = {}
    position = _positions(np.array([image_id for image_id, _ in regions], dtype=np.int64), ids).tolist()
    for index, (_, segmentation) in zip(position, regions, strict=True):
        width, height = sizes[index].tolist()
        of_image.setdefault(index, []).extend(_codes(segmentation, width, height))
    return {index: bytes(run_length.merge(codes)["counts"]) for index, codes in of_image.items() if codes}


def _codes(segmentation: Any, width: int, height: int) -> list[dict[str, Any]]:
    """Compressed run-length codes of a segmentation of COCO: polygons, counts, or compressed counts.

    Polygons with fewer than three points enclose nothing and are left out. Raises ValueError for a code of another size.
    """
    if isinstance(segmentation, list):
        polygons = [polygon for polygon in segmentation if len(polygon) >= 6]
        return run_length.frPyObjects(polygons, height, width) if polygons else []
    if list(segmentation["size"]) != [height, width]:
        raise ValueError(f"a segmentation is for {segmentation['size']} px, its image has {[height, width]}")
    if isinstance(segmentation["counts"], list):
        return [run_length.frPyObjects(segmentation, height, width)]
    return [segmentation]
