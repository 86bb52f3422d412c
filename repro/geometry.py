"""Person boxes, crops and the way between image, network input and heatmap, in both pixel conventions.

Coordinates are continuous pixels, x first; the centre of the top-left pixel is (0, 0). Sizes are (width, height).
A crop is a centre (x, y) and a scale (w, h) in units of 200 px, as in HRNet. Two conventions are in use:

- ``biased`` (SimpleBaseline, HRNet): lengths are counted in pixels, W input pixels cover the box; the heatmap is the
  input divided by the stride. It is called biased because mirroring and down-sizing then disagree by a fraction of a
  pixel.
- ``unbiased`` (Huang et al., "The Devil is in the Details: Delving into Unbiased Data Processing", UDP): lengths are
  counted in intervals between pixel centres, W - 1 of them cover the box.

Nothing else in the package adds half pixels. All functions work on arrays of persons, without loops.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from repro.errors import choice_error

Convention = Literal["biased", "unbiased"]
PIXEL_STD = 200.0  # HRNet's unit of scale, in px


def box_to_center_scale(boxes: np.ndarray, aspect: float, padding: float = 1.25) -> tuple[np.ndarray, np.ndarray]:
    """Widen boxes to the aspect of the input and pad them (HRNet ``_box2cs``, the same in UDP).

    Args:
        boxes: (N, 4) x, y, width, height in image px.
        aspect: width / height of the network input.
        padding: factor on the size; HRNet's is 1.25.

    Returns:
        centers (N, 2) in image px and scales (N, 2) in units of 200 px.
    """
    boxes = np.asarray(boxes, dtype=np.float64)
    centers = boxes[:, :2] + boxes[:, 2:] / 2
    width = np.maximum(boxes[:, 2], boxes[:, 3] * aspect)
    scales = np.stack([width, width / aspect], axis=1) / PIXEL_STD * padding
    return centers, scales


def crop_matrices(
    centers: np.ndarray,
    scales: np.ndarray,
    rotations: np.ndarray,
    size: tuple[int, int],
    convention: Convention,
    mirrored: np.ndarray | None = None,
) -> np.ndarray:
    """Affine maps from image to crop.

    Args:
        centers: (N, 2) x, y in image px.
        scales: (N, 2) in units of 200 px.
        rotations: (N,) degrees, HRNet's sense: R(r) = [[cos r, sin r], [-sin r, cos r]] from image to crop.
        size: (width, height) of the crop.
        convention: pixel convention; ``biased`` uses the width alone for its factor, as HRNet does.
        mirrored: (N,) bool, the persons that are mirrored before they are rotated. Mirroring about the crop's centre is
            what mirroring the whole image (x becomes W - 1 - x, for the centre too) and cropping it amounts to.

    Returns:
        (N, 2, 3) float64 matrices M with crop = M[:, :2] @ image + M[:, 2].
    """
    size_array = np.asarray(size, dtype=np.float64)
    lengths = np.asarray(scales, dtype=np.float64) * PIXEL_STD
    if convention == "biased":
        factor = np.repeat(size_array[0] / lengths[:, :1], 2, axis=1)
        middle = size_array / 2
    elif convention == "unbiased":
        factor = (size_array - 1) / lengths
        middle = (size_array - 1) / 2
    else:
        raise choice_error("pixel convention", convention, ("biased", "unbiased"))
    angle = np.deg2rad(np.asarray(rotations, dtype=np.float64))
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], 1)
    linear = factor[:, :, None] * rotation
    if mirrored is not None:
        linear[mirrored, :, 0] *= -1
    offset = middle - np.einsum("nij,nj->ni", linear, np.asarray(centers, dtype=np.float64))
    return np.concatenate([linear, offset[:, :, None]], axis=2)


def transform_points(matrices: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply (N, 2, 3) affine maps to (N, K, 2) points (x, y)."""
    return np.einsum("nij,nkj->nki", matrices[:, :, :2], points) + matrices[:, None, :, 2]


def invert_matrices(matrices: np.ndarray) -> np.ndarray:
    """The inverse (N, 2, 3) affine maps."""
    linear = np.linalg.inv(matrices[:, :, :2])
    return np.concatenate([linear, -linear @ matrices[:, :, 2:]], axis=2)


def heatmap_factor(input_size: tuple[int, int], heatmap_size: tuple[int, int], convention: Convention) -> np.ndarray:
    """(2,) factor x, y from input px to heatmap px: Wh / Win, or (Wh - 1) / (Win - 1) in the unbiased convention."""
    less = {"biased": 0.0, "unbiased": 1.0}.get(convention)
    if less is None:
        raise choice_error("pixel convention", convention, ("biased", "unbiased"))
    return (np.asarray(heatmap_size, dtype=np.float64) - less) / (np.asarray(input_size, dtype=np.float64) - less)


def heatmap_to_image(
    points: np.ndarray,
    centers: np.ndarray,
    scales: np.ndarray,
    heatmap_size: tuple[int, int],
    convention: Convention,
) -> np.ndarray:
    """Carry (N, K, 2) heatmap coordinates (x, y) back to the image, for crops without rotation.

    The inverse of cropping straight to heatmap size, as the official ``transform_preds`` of HRNet (biased) and UDP do.
    """
    matrices = crop_matrices(centers, scales, np.zeros(len(centers)), heatmap_size, convention)
    return transform_points(invert_matrices(matrices), np.asarray(points, dtype=np.float64))
