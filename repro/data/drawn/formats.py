"""The labels of ``people`` in the annotation formats of COCO, CrowdPose, COCO-WholeBody and MPII."""

from __future__ import annotations

from typing import Any

import numpy as np

from repro.data.drawn.labels import Labels
from repro.data.drawn.people import FACE as FACE_POINTS
from repro.data.drawn.people import POINT
from repro.data.person_sizes import AREA_OF_BOX
from repro.skeletons.skeleton import COCO17, CROWDPOSE14, LSPET14, MPII16, Skeleton
from repro.skeletons.wholebody import FACE, WHOLEBODY133

SKELETONS = {s.name: s for s in (COCO17, MPII16, CROWDPOSE14, LSPET14, WHOLEBODY133)}
EXPORTED = "people, drawn by repro"  # how the description of a file of drawn people begins
LEAST_VISIBLE = 0.5  # share of visible keypoints from which a hand, face or foot is annotated
_WHOLEBODY_KEYS = (
    ("foot", "foot_kpts"),
    ("face", "face_kpts"),
    ("lefthand", "lefthand_kpts"),
    ("righthand", "righthand_kpts"),
)


def point_indices(skeleton: Skeleton) -> np.ndarray:
    """(K,) position of each keypoint of a skeleton among all that are known of a person.

    MPII's ``neck`` is the upper end of the neck, that of CrowdPose and LSP lies in its middle.
    """
    special = dict(zip(FACE, FACE_POINTS, strict=True))
    if skeleton.name == MPII16.name:
        special["neck"] = "upper_neck"
    return np.array([POINT[special.get(name, name)] for name in skeleton.keypoints])


def skeleton_labels(labels: Labels, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """The keypoints of one skeleton.

    A hand, a face and the feet of COCO-WholeBody are labelled only when at least half of their keypoints are visible, as
    its annotators did for parts that can be recognised.

    Returns:
        (N, K, 2) float64 px and (N, K) int8 visibility.
    """
    order = point_indices(skeleton)
    points, visibility = labels.points[:, order].astype(np.float64), labels.visibility[:, order].copy()
    for name, members in skeleton.parts:
        if name == "body":
            continue
        index = np.array([skeleton.index(m) for m in members])
        seen = (visibility[:, index] == 2).mean(axis=1)
        visibility[np.ix_(seen < LEAST_VISIBLE, index)] = 0
    return points, visibility


def flat_keypoints(points: np.ndarray, visibility: np.ndarray) -> np.ndarray:
    """(N, 3 K) x, y, v as COCO lists them; unlabelled keypoints are (0, 0, 0)."""
    labelled = visibility[..., None] > 0
    return np.concatenate([np.where(labelled, np.round(points, 2), 0.0), visibility[..., None]], axis=2).reshape(
        len(points), -1
    )


def annotation_dicts(
    skeleton: Skeleton, points: np.ndarray, visibility: np.ndarray, labels: Labels, image_ids: np.ndarray,
    image_size: tuple[int, int],
) -> tuple[dict[str, Any], ...]:  # fmt: skip
    """COCO-format annotations, one a person, ids from 1.

    ``num_keypoints`` counts labelled keypoints; CrowdPose counts its first 12, without head and neck. ``area`` is that of
    the mask; CrowdPose's 0.53 x the box. ``segmentation`` is the mask's compressed run-length code. ``keypoints`` of
    ``wholebody133`` are all 133; ``wholebody_dict`` gives the form of the COCO-WholeBody files. All carry ``head_box``.

    Args:
        skeleton: the skeleton of K keypoints.
        points: (N, K, 2) px.
        visibility: (N, K).
        labels: the labels of the same people.
        image_ids: (N,).
        image_size: (width, height) of every image.
    """
    crowdpose = skeleton.name == CROWDPOSE14.name
    flat = flat_keypoints(points, visibility).tolist()
    counts = (visibility[:, :12] if crowdpose else visibility) > 0
    boxes, heads = labels.boxes.astype(np.float64).tolist(), np.round(labels.head_boxes.astype(np.float64), 2).tolist()
    height, width = image_size[1], image_size[0]
    return tuple(
        {
            "id": i + 1,
            "image_id": int(image_ids[i]),
            "category_id": 1,
            "iscrowd": 0,
            "keypoints": flat[i],
            "num_keypoints": int(counts[i].sum()),
            "bbox": boxes[i],
            "area": AREA_OF_BOX * boxes[i][2] * boxes[i][3] if crowdpose else float(labels.areas[i]),
            "segmentation": {"size": [height, width], "counts": labels.masks[i].decode("ascii")},
            "head_box": heads[i],
        }
        for i in range(len(points))
    )


def wholebody_dict(annotation: dict[str, Any]) -> dict[str, Any]:
    """One annotation of ``wholebody133`` in the form of the COCO-WholeBody files.

    ``keypoints`` keeps the body's 17, the other parts get lists, boxes (x, y, width, height of their labelled keypoints) and
    flags of their own. ``num_keypoints`` counts the body's.
    """
    rows = np.array(annotation["keypoints"]).reshape(-1, 3)
    at = {name: np.array([WHOLEBODY133.index(m) for m in members]) for name, members in WHOLEBODY133.parts}
    body = rows[at["body"]]
    out = {**annotation, "keypoints": body.ravel().tolist(), "num_keypoints": int((body[:, 2] > 0).sum())}
    for part, key in _WHOLEBODY_KEYS:
        chosen = rows[at[part]]
        seen = chosen[chosen[:, 2] > 0]
        out[key] = chosen.ravel().tolist()
        out[f"{part}_valid"] = bool(len(seen))
        if part != "foot":
            low, high = (seen[:, :2].min(0), seen[:, :2].max(0)) if len(seen) else (np.zeros(2), np.zeros(2))
            out[f"{part}_box"] = [*low.tolist(), *(high - low).tolist()]
    return out


def coco_file(
    skeleton: Skeleton, annotations: tuple[dict[str, Any], ...], image_ids: np.ndarray, image_size: tuple[int, int],
    crowd_indices: np.ndarray | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The content of an annotation file in COCO's format that pycocotools loads.

    Args:
        skeleton: the skeleton of the annotations.
        annotations: the annotations as ``annotation_dicts`` makes them.
        image_ids: (M,) ids of all images, with people or without.
        image_size: (width, height) of every image.
        crowd_indices: (M,) added to the images as ``crowdIndex``, as CrowdPose's files have it; None adds none.
    """
    images = [
        {"id": int(i), "file_name": image_name(int(i)), "width": image_size[0], "height": image_size[1]}
        for i in image_ids
    ]
    if crowd_indices is not None:
        for image, value in zip(images, crowd_indices.tolist(), strict=True):
            image["crowdIndex"] = round(value, 4)
    body = COCO17 if skeleton.name == WHOLEBODY133.name else skeleton
    category = {
        "id": 1, "name": "person", "supercategory": "person", "keypoints": list(body.keypoints),
        "skeleton": [[a + 1, b + 1] for a, b in body.link_indices],
    }  # fmt: skip
    entries = [wholebody_dict(a) if skeleton is not body else a for a in annotations]
    info = {"description": f"{EXPORTED}, skeleton {skeleton.name}"}
    return {"info": info, "images": images, "annotations": entries, "categories": [category]}


def image_name(image_id: int) -> str:
    """File name of an image: twelve digits, as COCO's."""
    return f"{image_id:012d}.jpg"
