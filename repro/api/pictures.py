"""Pictures of people that a run has found: photographs with poses and scores drawn on them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from repro.approaches.found import Found
from repro.data.photographs import Photograph, read_photograph
from repro.errors import ReproError
from repro.paths import reason
from repro.skeletons.paint import paint_pose

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
QUALITY = 92  # of JPEG files


def draw_people(photograph: Photograph, found: Found, *, least: float = 0.2) -> np.ndarray:
    """A photograph with the poses of its people: the left side red, the right side blue, and each one's score above it.

    Args:
        photograph: an array, a PIL image or the path of an image file.
        found: the people in it, as ``TrainedRun.predict`` gives them.
        least: keypoints with a lower score are left out.

    Returns:
        (H, W, 3) uint8 RGB, of the photograph's size.
    """
    image = read_photograph(photograph).copy()
    size = max(2.0, max(image.shape[:2]) / 200)
    for points, heights, score in zip(found.points, found.keypoint_scores, found.scores, strict=True):
        shown = heights >= least
        paint_pose(image, points, shown, found.skeleton, size)
        if shown.any():
            _write_score(image, points[shown].min(0), float(score), size)
    return image


def _write_score(image: np.ndarray, corner: np.ndarray, score: float, size: float) -> None:
    """The score above the upper left corner of a pose, within the image."""
    text, height = f"{score:.2f}", size / 8
    (width, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, height, 1)
    x = int(np.clip(corner[0], 0, max(0, image.shape[1] - width)))
    y = int(np.clip(corner[1] - 2 * size, tall, image.shape[0] - 1))
    for color, wide in ((BLACK, 3), (WHITE, 1)):
        cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, height, color, wide, cv2.LINE_AA)


def save_picture(path: str | Path, image: np.ndarray) -> Path:
    """Write (H, W, 3) uint8 RGB to an image file of the format that its suffix names. Raises ReproError where it cannot be."""
    target = Path(path)
    try:
        good, data = cv2.imencode(target.suffix, image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not good:
            raise ReproError(f"{target} cannot be written as an image: give a name that ends in .jpg or .png.")
        target.write_bytes(data.tobytes())
    except cv2.error:
        raise ReproError(f"{target} names no format of images: give a name that ends in .jpg or .png.") from None
    except OSError as error:
        raise ReproError(f"{target} cannot be written ({reason(error)}): name another place.") from error
    return target
