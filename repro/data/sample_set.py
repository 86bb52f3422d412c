"""What is asked of samples of either kind, persons or whole images, where it does not matter which they are."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from repro.skeletons.skeleton import Skeleton


class SampleSet(Protocol):
    """A set of samples: how many there are, and which keypoints they have."""

    @property
    def skeleton(self) -> Skeleton:
        """Of all samples."""

    def __len__(self) -> int: ...


class LabelledSet(SampleSet, Protocol):
    """A set of samples with the labels of its people."""

    @property
    def images(self) -> Any:
        """The source of images."""

    @property
    def visibility(self) -> np.ndarray:
        """(N, K) of all people, above 0 where a keypoint is labelled."""

    @property
    def annotations(self) -> tuple[dict[str, Any], ...]:
        """COCO annotation dicts."""

    def fingerprint(self) -> str:
        """The identity of labels and boxes."""
