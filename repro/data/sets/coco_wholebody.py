"""COCO-WholeBody (Jin et al., ECCV 2020): COCO's persons with six keypoints on the feet, 68 on the face and 21 a hand.

Its annotation files are COCO's with four more lists a person. Persons and boxes are read as those of COCO; a person is a
sample when a keypoint of the body is labelled, as in MMPose. The flags ``foot_valid`` and so on are not read, neither here
nor by the official evaluation: the keypoints of parts without annotation have v = 0. Elsewhere v may be a fraction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from repro.data.coco_format.persons import persons_of
from repro.data.coco_format.records import read_records
from repro.data.persons import PersonSet
from repro.data.sets import coco
from repro.data.values import ADVICE
from repro.errors import ReproError, choice_error
from repro.skeletons.wholebody import WHOLEBODY133

LAYOUT = (
    "annotations/coco_wholebody_{train,val}_v1.0.json and COCO's images in {train,val}2017/ or images/{train,val}2017/"
)
# Where the keypoints of each part are, in the order of the skeleton.
KEYPOINT_FIELDS = {
    "body": "keypoints",
    "foot": "foot_kpts",
    "face": "face_kpts",
    "lefthand": "lefthand_kpts",
    "righthand": "righthand_kpts",
}
PART_SIZES = {name: len(members) for name, members in WHOLEBODY133.parts}


def annotation_path(root: Path, split: str) -> Path:
    """Where the annotation file of a split is expected."""
    return root / "annotations" / f"coco_wholebody_{split}_v1.0.json"


def find_files(root: Path, split: str) -> tuple[Path, Path]:
    """The annotation file and the image folder of a split; the images may be in COCO's own layout or in HRNet's.

    Raises:
        ReproError: for an unknown split, or naming the file or folder that is missing.
    """
    if split not in ("train", "val"):
        raise choice_error("split of COCO-WholeBody", split, ("train", "val"))
    annotation_file, folders = annotation_path(root, split), coco.image_folders(root, split)
    image_folder = next((f for f in folders if f.is_dir()), None)
    if not annotation_file.is_file():
        raise ReproError(
            f"COCO-WholeBody has no {annotation_file}: expected {LAYOUT}; give the folder that holds them."
        )
    if image_folder is None:
        raise ReproError(
            f"COCO-WholeBody has neither {folders[0]} nor {folders[1]}: expected {LAYOUT}; add the image folder."
        )
    return annotation_file, image_folder


def joined_keypoints(record: Mapping[str, Any]) -> dict[str, Any]:
    """An annotation or result with its lists of keypoints joined into one, in the order of the skeleton.

    Args:
        record: the record with ``keypoints`` of the body and a list for each other part, 3 numbers (x, y, v) a keypoint.

    Returns:
        Its other fields, and ``keypoints`` of the whole body, 399 numbers.

    Raises:
        ReproError: when a list is missing or has another length.
    """
    joined: list[float] = []
    for part, field in KEYPOINT_FIELDS.items():
        values, expected = record.get(field), 3 * PART_SIZES[part]
        if not isinstance(values, list) or len(values) != expected:
            found = f"{len(values)} values" if isinstance(values, list) else f"{values!r}"
            raise ReproError(
                f"{field} of annotation {record.get('id')} (image {record.get('image_id')}) is {found}, expected a list "
                f"of {expected} numbers: x, y, v of {PART_SIZES[part]} keypoints; {ADVICE}"
            )
        joined += values
    others = {key: value for key, value in record.items() if key not in KEYPOINT_FIELDS.values()}
    return {**others, "keypoints": joined}


def load_coco_wholebody(
    annotation_file: Path,
    image_folder: Path,
    *,
    limit: int | None = None,
    boxes: Path | None = None,
    look: bool = True,
) -> PersonSet:
    """Read an annotation file of COCO-WholeBody, as ``coco_format.read_persons`` reads one of COCO.

    Args:
        annotation_file: JSON with ``images``, ``annotations`` and ``categories``; each person has all five lists.
        image_folder: the folder that the ``file_name`` of the images are relative to.
        limit: stop adding images once there are ``limit`` persons.
        boxes: a detector's JSON in place of the ground-truth boxes.
        look: whether the image files are looked at.

    Returns:
        The persons with the 133 keypoints of ``WHOLEBODY133``. Visibility is 2 for v >= 2, 1 for 0 < v < 2. The keypoints
        of ``annotations`` are joined (``joined_keypoints``), and their ``num_keypoints`` counts v > 0 on the whole body,
        where the file has that of the body.

    Raises:
        ReproError: as of ``coco_format.read_persons``.
    """
    body = PART_SIZES["body"]
    lists = {field: PART_SIZES[part] for part, field in KEYPOINT_FIELDS.items()}
    records = read_records(annotation_file, WHOLEBODY133.keypoints[:body], lists)
    persons = persons_of(records, image_folder, WHOLEBODY133, body=body, limit=limit, boxes=boxes, look=look)
    counts = {id(a): n for a, n in zip(records.annotations, (records.points[..., 2] > 0).sum(1).tolist(), strict=True)}
    annotations = tuple({**a, "num_keypoints": counts[id(a)]} for a in persons.annotations)
    return replace(persons, annotations=annotations)
