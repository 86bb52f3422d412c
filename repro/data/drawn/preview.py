"""Contact sheets: drawn images side by side, with their keypoints and boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from repro.data.drawn.load import SceneSet
from repro.data.persons import PersonSet
from repro.errors import ReproError
from repro.skeletons.paint import SHIFT, side_color
from repro.skeletons.skeleton import Skeleton

_HIDDEN = 0.45  # brightness of a hidden keypoint


def draw_keypoints(
    image: np.ndarray, points: np.ndarray, visibility: np.ndarray, skeleton: Skeleton, zoom: int = 1
) -> np.ndarray:
    """A copy of an image, enlarged, with the labelled keypoints of one person and the links between them.

    Keypoints of the left side are red, of the right side blue, others yellow; hidden ones are dark.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (K, 2) x, y px.
        visibility: (K,) 0, 1 or 2.
        skeleton: the skeleton of K keypoints.
        zoom: whole factor of enlargement.

    Returns:
        (zoom * H, zoom * W, 3) uint8.
    """
    out = np.repeat(np.repeat(image, zoom, axis=0), zoom, axis=1)
    at = np.round((points * zoom + (zoom - 1) / 2) * (1 << SHIFT)).astype(int)
    for a, b in skeleton.link_indices:
        if visibility[a] and visibility[b]:
            cv2.line(out, tuple(at[a].tolist()), tuple(at[b].tolist()), side_color(skeleton, a, b), 1, cv2.LINE_AA, SHIFT)
    size = max(1.0, 0.9 * zoom) if len(skeleton) < 50 else max(0.6, 0.45 * zoom)
    for k in np.flatnonzero(visibility):
        shade = 1.0 if visibility[k] == 2 else _HIDDEN
        color = tuple(shade * c for c in side_color(skeleton, k, k))
        cv2.circle(out, tuple(at[k].tolist()), round(size * (1 << SHIFT)), color, -1, cv2.LINE_AA, SHIFT)
    return out


def person_sheet(
    persons: PersonSet, count: int = 48, columns: int = 12, zoom: int = 1, labels: bool = True
) -> np.ndarray:
    """(rows * H, columns * W, 3) uint8 contact sheet of the first ``count`` single-person images.

    Args:
        persons: the persons, as ``load_people`` gives them: all images of one size.
        count: the number of images; fewer when there are fewer.
        columns: the columns of the sheet.
        zoom: whole factor of enlargement.
        labels: draw keypoints.
    """
    tiles = []
    for i in range(min(count, len(persons))):
        visibility = persons.visibility[i] if labels else np.zeros(len(persons.skeleton), dtype=np.int8)
        image = persons.images.read(int(persons.image_index[i]))
        tiles.append(draw_keypoints(image, persons.keypoints[i], visibility, persons.skeleton, zoom))
    return tile(tiles, columns)


def scene_sheet(scenes: SceneSet, count: int = 12, columns: int = 4, zoom: int = 1, labels: bool = True) -> np.ndarray:
    """(rows * H, columns * W, 3) uint8 contact sheet of the first ``count`` scenes; arguments as in ``person_sheet``."""
    tiles = []
    for i in range(min(count, len(scenes))):
        image = scenes.images.read(i)
        image = np.repeat(np.repeat(image, zoom, axis=0), zoom, axis=1)
        for annotation in scenes.of_image(i) if labels else ():
            image = _annotated(image, annotation, scenes.skeleton, zoom)
        tiles.append(image)
    return tile(tiles, columns)


def _annotated(image: np.ndarray, annotation: dict[str, Any], skeleton: Skeleton, zoom: int) -> np.ndarray:
    """One person's box and keypoints on an image that is enlarged already."""
    rows = np.array(annotation["keypoints"]).reshape(-1, 3)
    x, y, width, height = annotation["bbox"]
    out = draw_keypoints(image, rows[:, :2] * zoom + (zoom - 1) / 2, rows[:, 2], skeleton)
    corners = [round(v * zoom) for v in (x, y, x + width, y + height)]
    cv2.rectangle(out, tuple(corners[:2]), (corners[2] - 1, corners[3] - 1), (255, 255, 255), 1)
    return out


def tile(images: list[np.ndarray], columns: int) -> np.ndarray:
    """Images of one size side by side, black where the last row is not full. Raises ReproError when there are none."""
    if not images or columns < 1:
        raise ReproError(
            f"A contact sheet of {len(images)} images in {columns} columns cannot be drawn: give at least one of each."
        )
    columns = min(columns, len(images))
    blank = [np.zeros_like(images[0])] * (-len(images) % columns)
    filled = [*images, *blank]
    return np.vstack([np.hstack(filled[i : i + columns]) for i in range(0, len(filled), columns)])


def write_sheet(path: Path, sheet: np.ndarray) -> Path:
    """Write a sheet as PNG or JPEG, by the ending of ``path``. Raises ReproError when that cannot be done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        raise ReproError(
            f"The contact sheet cannot be written to {path} ({error.err}): give a name ending in .png or .jpg."
        ) from error
    if not done:
        raise ReproError(f"The contact sheet cannot be written to {path}: check that the folder can be written to.")
    return path
