"""Statistics of a data set's persons, in plain numbers, so that drawn people can be compared with photographs."""

from __future__ import annotations

from typing import Any

import numpy as np

from repro.data.persons import PersonSet
from repro.errors import ReproError

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def person_statistics(persons: PersonSet) -> dict[str, Any]:
    """Quantiles and means that describe a set of persons.

    Returns:
        ``persons`` and ``images``; ``persons_per_image`` mean over images that have any; quantiles (5, 25, 50, 75, 95 %) of
        ``box_height`` px, ``aspect`` (width / height of the box) and ``labelled`` keypoints a person; the ``hidden`` share of
        labelled keypoints; and ``spread``: for each keypoint the root mean square distance from the person's mean keypoint,
        divided by the square root of the area.
    """
    if not len(persons):
        raise ReproError("This set has no labelled person to describe: run `repro data check` on the data set.")
    labelled = persons.visibility > 0
    counts = np.unique(persons.image_index, return_counts=True)[1]
    centre = np.where(labelled[..., None], persons.keypoints, 0).sum(1) / np.maximum(labelled.sum(1), 1)[:, None]
    distance = np.linalg.norm(persons.keypoints - centre[:, None], axis=2) / np.sqrt(persons.areas)[:, None]
    return {
        "persons": len(persons),
        "images": int(len(counts)),
        "persons_per_image": round(float(counts.mean()), 2),
        "box_height": _quantiles(persons.boxes[:, 3]),
        "aspect": _quantiles(persons.boxes[:, 2] / persons.boxes[:, 3]),
        "labelled": _quantiles(labelled.sum(1)),
        "hidden": round(float((persons.visibility == 1).sum() / labelled.sum()), 3),
        "spread": {
            name: round(float(np.sqrt(np.mean(distance[labelled[:, k], k] ** 2))), 3)
            for k, name in enumerate(persons.skeleton.keypoints)
            if labelled[:, k].any()
        },
    }


def _quantiles(values: np.ndarray) -> list[float]:
    return [round(float(v), 3) for v in np.quantile(values, QUANTILES)]
