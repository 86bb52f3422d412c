"""Data sets of one's own in COCO's format: a hand of 21 keypoints, and animals of 20 in two categories, drawn as discs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from .tiny_data import write_json

HAND = ("wrist", *(f"{finger}_{n}" for finger in ("thumb", "index", "middle", "ring", "little") for n in range(1, 5)))
HAND_LINKS = [[1 if n == 1 else 4 * f + n, 4 * f + n + 1] for f in range(5) for n in range(1, 5)]
ANIMAL = (
    *("L_Eye", "R_Eye", "L_EarBase", "R_EarBase", "Nose", "Throat", "TailBase", "Withers"),
    *(f"{side}_{end}{part}" for part in ("Elbow", "Knee", "Paw") for side in "LR" for end in ("F", "B")),
)
ANIMAL_LINKS = [[1, 2], [1, 5], [2, 5], [5, 6], [6, 8], [8, 7], [9, 13], [13, 17]]


def write_own(
    root: Path,
    names: tuple[str, ...],
    links: list[list[int]],
    categories: tuple[str, ...] = ("hand",),
    counts: dict[str, int] | None = None,
) -> Path:
    """``annotations/{train,val}.json`` and ``images/``: an object an image of 64 x 64 px, its keypoints on a spiral.

    Args:
        root: the folder.
        names: of the keypoints.
        links: of the categories, positions from 1.
        categories: names of the categories, all with these keypoints; objects take turns.
        counts: images by split; 12 and 6 without.
    """
    (root / "annotations").mkdir(parents=True)
    (root / "images").mkdir()
    k = len(names)
    turn, out = np.linspace(0, 2 * np.pi, k, endpoint=False), np.linspace(8, 22, k)
    shape = 32 + np.stack([out * np.cos(turn), out * np.sin(turn)], axis=1)
    rng, number = np.random.default_rng(0), 0
    for split, count in (counts or {"train": 12, "val": 6}).items():
        images, annotations = [], []
        for _ in range(count):
            number += 1
            points = np.round(shape + rng.integers(-6, 7, 2))
            image = np.full((64, 64, 3), 60, np.uint8)
            for n, (x, y) in enumerate(points):
                cv2.circle(image, (int(x), int(y)), 2, (255 * n // k, 255 - 255 * n // k, 90), -1)
            assert cv2.imwrite(str(root / "images" / f"{number}.png"), image)
            images.append({"id": number, "file_name": f"{number}.png", "width": 64, "height": 64})
            low, high = points.min(0) - 2, points.max(0) + 2
            flat = np.concatenate([points, np.full((k, 1), 2.0)], axis=1).ravel()
            annotations.append(
                {
                    "id": number,
                    "image_id": number,
                    "category_id": 1 + number % len(categories),
                    "iscrowd": 0,
                    "num_keypoints": k,
                    "area": float(np.prod(high - low)),
                    "bbox": [*low.tolist(), *(high - low).tolist()],
                    "keypoints": flat.tolist(),
                }
            )
        known = [
            {"id": n, "name": name, "keypoints": list(names), "skeleton": links}
            for n, name in enumerate(categories, start=1)
        ]
        content = {"images": images, "annotations": annotations, "categories": known}
        write_json(root / "annotations" / f"{split}.json", content)
    return root
