"""Whole images with all their people from annotation files in COCO's format, as bottom-up methods take them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from repro.data.coco_format.records import read_records
from repro.data.image_files import checked_images, remembered_images
from repro.data.images import ImageSet, joined_regions, people_columns
from repro.data.masks import region_fault
from repro.data.persons import ImageFiles
from repro.data.values import ADVICE, refused
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17, Skeleton


def read_images(
    annotation_files: Path | Sequence[Path],
    image_folder: Path,
    skeleton: Skeleton = COCO17,
    *,
    limit: int | None = None,
    annotated_only: bool = False,
    look: bool = True,
    mend: bool = False,
) -> ImageSet:
    """Read the images of one annotation file or of several, one after the other; they are opened only when they are read.

    The loss must not look at crowds (``iscrowd``) and at persons with ``num_keypoints`` 0, where they have segmentations.

    Args:
        annotation_files: JSON with ``images``, ``annotations`` and ``categories``, see ``records.read_records``.
        image_folder: the folder that the ``file_name`` of the images are relative to.
        skeleton: the meaning of ``keypoints``.
        limit: the first so many images only.
        annotated_only: leave out images without any annotation of a person, as the released code does for training: 64,115
            images of COCO are left, 7,500 of them without a labelled keypoint. The paper's "57K" counts only the others.
        look: whether the image files are looked at (``image_files.checked_images``); else they need not be there.
        mend: whether the size of the image file is taken where the annotation file exchanges width and height.

    Returns:
        The images. ``crowd_indices`` is None where no image has a ``crowdIndex``.

    Raises:
        ReproError: when a file is missing or malformed, when files share an image id, or when an image is missing, unusable or
            has another size than stated.
    """
    files = [annotation_files] if isinstance(annotation_files, Path) else annotation_files
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
    own = (paths, ids[kept], sizes[kept])
    images = checked_images(*own, where, mend=mend) if look else remembered_images(*own)
    place = np.full(len(ids), -1)
    place[kept] = np.arange(len(kept))
    rows = np.flatnonzero(place[position] >= 0)
    annotations = [a for r in read for a in r.annotations]
    regions = [(file.path, region) for file in read for region in file.regions]
    hidden = [n for n in rows.tolist() if annotations[n]["iscrowd"] or not annotations[n]["num_keypoints"]]
    people = people_columns([annotations[n] for n in rows], place[position[rows]], skeleton)
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
    return joined_regions([(index, region) for index, _, _, region in regions], sizes)
