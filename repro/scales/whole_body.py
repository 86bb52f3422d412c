"""What a scale does otherwise to recipes with the keypoints of hands and faces."""

from __future__ import annotations

from dataclasses import dataclass

from repro.data.drawn.settings import PeopleSettings


@dataclass(frozen=True, kw_only=True)
class WholeBodyScale:
    """What a scale does otherwise to recipes with the keypoints of hands and faces.

    At ``laptop`` scale small batches leave time for more steps, and nine of ten drawn people are close up; the trials are in
    ``docs/decisions/whole-body-scale.md``. On photographs batch and rate are the same and were not tried.

    Args:
        people: how drawn people are; None for the scale's, with ``close_up`` as in ``people.settings.WHOLE_BODY``.
        drawn_crops: shown over a training on drawn people; None for the scale's.
        batch: persons a step; None for the scale's.
        learning_rate: None for the scale's.
    """

    people: PeopleSettings | None = None
    drawn_crops: int | None = None
    batch: int | None = None
    learning_rate: float | None = None
