"""Contents of tiny data sets in the official formats, and functions that write and change files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from repro.skeletons.skeleton import COCO17


def write_image(path: Path, width: int, height: int, seed: int = 0) -> None:
    """A file of smooth noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))


def person(identity: int, image_id: int, labelled: int = 17, **fields: Any) -> dict[str, Any]:
    """An annotation whose keypoint k lies at (5 + k, 6 + k), visible for k < ``labelled``."""
    keypoints = [n for k in range(17) for n in ((5 + k, 6 + k, 2) if k < labelled else (0, 0, 0))]
    own = {"id": identity, "image_id": image_id, "category_id": 1, "iscrowd": 0, "num_keypoints": labelled}
    return {
        **own,
        "keypoints": keypoints,
        "area": 200.0,
        "bbox": [4, 5, 20, 20],
        "segmentation": [[1, 2, 3, 4]],
        **fields,
    }


def coco_content(first: int) -> dict[str, Any]:
    """Three images of 40 x 30 px: the second holds a person and a crowd, the first two persons, the third none."""
    images = [{"id": first + i, "file_name": f"{first + i}.jpg", "width": 40, "height": 30} for i in (1, 0, 2)]
    annotations = [
        person(first * 10 + 1, first),
        person(first * 10 + 2, first + 1, labelled=5),
        person(first * 10 + 3, first + 1, labelled=0, iscrowd=1),
        person(first * 10 + 4, first, labelled=0),
    ]
    category = {"id": 1, "name": "person", "keypoints": list(COCO17.keypoints)}
    return {"images": images, "annotations": annotations, "categories": [category]}


def mpii_entry(image: str, missing: tuple[int, ...] = ()) -> dict[str, Any]:
    """An entry whose joint k lies at (10 + 2 k, 20 + k), 1-based; the ``missing`` ones are at (-1, -1)."""
    joints = [[-1.0, -1.0] if k in missing else [10.0 + 2 * k, 20.0 + k] for k in range(16)]
    flags = [int(k not in missing) for k in range(16)]
    return {"image": image, "center": [30.0, 40.0], "scale": 0.2, "joints": joints, "joints_vis": flags}


def mpii_truth(entries: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """What gt_valid.mat holds for entries; every head box is (10, 10) to (13, 14), its diagonal 5 px."""
    return {
        "pos_gt_src": np.array([e["joints"] for e in entries]).transpose(1, 2, 0),
        "jnt_missing": 1 - np.array([e["joints_vis"] for e in entries]).T,
        "headboxes_src": np.repeat(np.array([[10.0, 10.0], [13.0, 14.0]])[:, :, None], len(entries), axis=2),
    }


def lspet_joints(count: int) -> np.ndarray:
    """(14, 3, count): joint k of every person at (10 + k, 12 + 2 k), all labelled."""
    k = np.arange(14.0)
    return np.repeat(np.stack([10 + k, 12 + 2 * k, np.ones(14)], axis=1)[:, :, None], count, axis=2)


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def change_json(path: Path, change: Callable[[Any], None]) -> None:
    """Apply ``change`` to the content of a JSON file, in place."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    write_json(path, content)
