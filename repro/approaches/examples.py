"""A few samples with their truth and the poses that rows of a table predict, for figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COUNT = 6  # examples of a table
HEIGHT = 192  # px: of an example


@dataclass(frozen=True)
class Example:
    """One evaluated person in a crop of its own, or an image with all its people.

    Args:
        truth: (K, 2) x, y in px of the crop; (P, K, 2) of the P people of an image.
        visibility: (K,), or (P, K).
        poses: the poses by row, of the first seed: (K, 2), or (M, K, 2) of the M people that were found.
        image: (H, W, 3) uint8 RGB; None where the data set's photographs may not be passed on.
        size: (width, height) of the crop.
    """

    truth: np.ndarray
    visibility: np.ndarray
    poses: dict[str, np.ndarray]
    image: np.ndarray | None
    size: tuple[int, int]
