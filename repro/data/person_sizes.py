"""What metrics divide distances by where annotations leave it to a rule: a person's area (OKS), the size of its head (PCKh)."""

from __future__ import annotations

import numpy as np

from repro.errors import ReproError

AREA_OF_BOX = 0.53  # area of a person / area of its box, as the evaluation of CrowdPose takes it, whose files have no areas
# The ranges of areas, px^2, that COCO's evaluation tells apart; it leaves smaller people out of the latter two.
COCO_SIZES = {"all": (0.0, 1e10), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
HEAD_BOX_FACTOR = 0.6  # head size / diagonal of MPII's head box (SC_BIAS of the official code)


def head_sizes_mpii(headboxes: np.ndarray) -> np.ndarray:
    """(N,) head sizes in px: 0.6 times the diagonal of MPII's head boxes.

    ``headboxes`` is (N, 4) x1, y1, x2, y2 or (N, 2, 2) two corners (x, y); ``headboxes_src`` of ``gt_valid.mat``, which
    is (2 corners, 2, N), must be transposed to the latter. Raises ReproError for another shape.
    """
    headboxes = np.asarray(headboxes, dtype=np.float64)
    if headboxes.shape[1:] not in ((4,), (2, 2)):
        raise ReproError(f"Head boxes have shape {headboxes.shape}: expected (N, 4) or (N, 2, 2), x1, y1, x2, y2.")
    corners = headboxes.reshape(-1, 2, 2)
    return HEAD_BOX_FACTOR * np.linalg.norm(corners[:, 1] - corners[:, 0], axis=-1)
