"""What a scale does otherwise to recipes with the keypoints of hands and faces, and the trials that it was chosen by."""

from __future__ import annotations

from dataclasses import dataclass

from repro.data.drawn.settings import PeopleSettings


@dataclass(frozen=True, kw_only=True)
class WholeBodyScale:
    """What a scale does otherwise to recipes with the keypoints of hands and faces. At ``laptop`` scale it was chosen after
    trials of the baseline of fowkal's table 2, with 24,000 crops unless said otherwise (one seed, 500 evaluated persons; AP of
    body, face and hand):

    - mild people, 80 % close up, batches of 32, rate 5e-4: 2.5, 0.7, 0.1 (1000 persons); with batches of 16 3.1, 1.2, 0.2
    - simple people: 4.0, 1.5, 0.3; with batches of 16 5.1, 2.0, 0.5; then at a rate of 1e-3 8.6, 3.3, 0.6, of 2e-3 7.9, 3.4, 0.3
    - 95 % close up, batches of 16, rate 1e-3: 9.4, 5.1, 0.5
    - 80 % and 60,000 crops: 14.4, 7.6, 0.8
    - 90 %, two fifths of the spread of the joint angles, batches of 8: 17.5, 8.3, 1.1
    - a fifth of it, less clutter, noise, roll and loose clothing, batches of 8 and 16,000 crops: 17.0, 9.1, 0.5
    - these two in crops of 192x144, which take 2.2 times as long, with 16,000 and 8,000 crops: 15.5, 16.9, 1.0 and 4.9, 11.2, 0.6

    The last but one was taken: small batches, which leave time for more steps, helped most. Nine of ten close up leave a tenth
    of the people that shows its feet. Hands stay near zero in all: the median keypoint misses by 1.7 times what an OKS of 0.5
    allows. On photographs batch and rate are the same and were not tried.

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
