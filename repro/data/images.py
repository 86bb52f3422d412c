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

from repro.data.drawn.load import SceneSet
from repro.data.image_files import checked_images
from repro.data.masks import codes, region_fault
from repro.data.persons import ImageFiles, ImageSource, content_bytes
from repro.data.sets.records import read_records
from repro.data.values import ADVICE, refused
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17, CROWDPOSE14, Skeleton


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


def from_scenes(scenes: SceneSet) -> ImageSet:
    """Drawn scenes; the loss must not look at the masks of people who have no labelled keypoint."""
    ids, sizes = scenes.images.ids, scenes.images.sizes
    annotations = [{k: v for k, v in a.items() if k != "segmentation"} for a in scenes.annotations]
    unlabelled = [a for a in scenes.annotations if not any(a["keypoints"][2::3])]
    place = {identity: n for n, identity in enumerate(ids.tolist())}
    position = np.array([place[a["image_id"]] for a in annotations], dtype=np.int64)
    regions = [(place[a["image_id"]], a["segmentation"]) for a in unlabelled if a.get("segmentation")]
    return ImageSet(
        skeleton=scenes.skeleton,
        images=scenes.images,
        crowd_indices=scenes.crowd_indices,
        ignored=_union(regions, sizes),
        **_people(annotations, position, scenes.skeleton),
    )


def load_coco_images(
    annotation_file: Path,
    image_folder: Path,
    skeleton: Skeleton = COCO17,
    *,
    limit: int | None = None,
    annotated_only: bool = False,
    look: bool = True,
) -> ImageSet:
    """Read an annotation file of COCO keypoints; images are opened only when they are read.

    The loss must not look at crowds (``iscrowd``) and at persons with ``num_keypoints`` 0, where they have segmentations.

    Args:
        annotation_file: JSON with ``images``, ``annotations`` and ``categories``, as ``repro.data.sets.coco.load_coco`` reads it.
        image_folder: where the ``file_name`` of the images lie.
        skeleton: the meaning of ``keypoints``.
        limit: the first so many images only.
        annotated_only: leave out images without any annotation of a person, as the released code does for training: 64,115
            images of COCO are left, 7,500 of them without a labelled keypoint. The paper's "57K" counts only the others.
        look: whether the image files are looked at (``image_files.checked_images``); else they need not be there.

    Raises:
        ReproError: when the file is missing or malformed, or when an image is missing, unusable or has another size than stated.
    """
    return _read([annotation_file], image_folder, skeleton, limit, annotated_only, look, mend=False)


def load_crowdpose(
    annotation_files: Sequence[Path],
    image_folder: Path,
    skeleton: Skeleton = CROWDPOSE14,
    *,
    limit: int | None = None,
    annotated_only: bool = False,
    look: bool = True,
) -> ImageSet:
    """Read annotation files of CrowdPose (Li et al., CVPR 2019), one after the other: training and validation make one set.

    They have no segmentations: the loss looks everywhere, and areas are 0.53 x width x height of the box.
    ``num_keypoints`` stays as the files have it: they count the first 12 keypoints, without head and neck. The official files of
    training and test exchange width and height: the sizes of the image files are taken there. Arguments and errors are those of
    ``load_coco_images``; ``crowd_indices`` is None where no image has a ``crowdIndex``.
    """
    return _read(annotation_files, image_folder, skeleton, limit, annotated_only, look, mend=True)


def _read(
    files: Sequence[Path],
    image_folder: Path,
    skeleton: Skeleton,
    limit: int | None,
    annotated_only: bool,
    look: bool,
    mend: bool,
) -> ImageSet:
    """The images of files in COCO's format."""
    read = [read_records(file, skeleton.keypoints, {"keypoints": len(skeleton)}) for file in files]
    where = " and ".join(str(file) for file in files)
    ids, sizes, crowd = (np.concatenate([getattr(r, name) for r in read]) for name in ("ids", "sizes", "crowd"))
    if len(np.unique(ids)) != len(ids):
        raise ReproError(f"{where} holds an image id more than once: give each image its own id; {ADVICE}")
    starts = np.cumsum([0, *(len(r.ids) for r in read)])
    position = np.concatenate([r.position + start for r, start in zip(read, starts[:-1], strict=True)])
    kept = np.arange(len(ids))
    if annotated_only:
        kept = np.unique(position)
    kept = kept[:limit]
    names = [name for r in read for name in r.names]
    paths = tuple(image_folder / names[i] for i in kept)
    images = ImageFiles(paths, ids[kept], sizes[kept])
    if look:
        images = checked_images(paths, ids[kept], sizes[kept], where, mend=mend)
    place = np.full(len(ids), -1)
    place[kept] = np.arange(len(kept))
    rows = np.flatnonzero(place[position] >= 0)
    annotations = [a for r in read for a in r.annotations]
    regions = [(file.path, region) for file in read for region in file.regions]
    hidden = [n for n in rows.tolist() if annotations[n]["iscrowd"] or not annotations[n]["num_keypoints"]]
    people = _people([annotations[n] for n in rows], place[position[rows]], skeleton)
    masked = [(int(place[position[n]]), f"annotation {annotations[n]['id']}", *regions[n]) for n in hidden]
    return ImageSet(
        skeleton=skeleton,
        images=images,
        crowd_indices=_crowd_indices(crowd[kept], images, where),
        ignored=_checked_union(masked, images.sizes),
        **people,
    )


def _crowd_indices(crowd: np.ndarray, images: ImageFiles, where: str) -> np.ndarray | None:
    """The crowd indices; None where no image has one. Raises ReproError where some have and others not."""
    missing = np.isnan(crowd)
    if missing.all():
        return None
    if missing.any():
        first = images.ids[int(np.argmax(missing))]
        raise refused(where, f"image {first}", "crowdIndex", "is missing, expected one in all images or in none")
    return crowd


def _checked_union(regions: list[tuple[int, str, Path, Any]], sizes: np.ndarray) -> dict[int, bytes]:
    """The union of the regions (image's position, annotation, file, segmentation) of each image."""
    for index, item, path, region in regions:
        if fault := region_fault(region, *sizes[index].tolist()):
            raise refused(path, item, "segmentation", fault)
    return _union([(index, region) for index, _, _, region in regions], sizes)


def _people(annotations: list[dict[str, Any]], position: np.ndarray, skeleton: Skeleton) -> dict[str, Any]:
    """The annotations in the order of their images, and the columns of those who are no crowd or have labelled keypoints.

    Args:
        annotations: as ``records`` reads them.
        position: (A,) of each one's image.
        skeleton: of K keypoints.
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


def _union(regions: list[tuple[int, Any]], sizes: np.ndarray) -> dict[int, bytes]:
    """The union of the regions (image's position, segmentation) of each image, by the image's position."""
    of_image: dict[int, list[dict[str, Any]]] = {}
    for index, region in regions:
        of_image.setdefault(index, []).extend(codes(region, *sizes[index].tolist()))
    return {index: bytes(run_length.merge(found)["counts"]) for index, found in of_image.items() if found}
