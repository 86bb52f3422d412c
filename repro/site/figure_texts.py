"""Alternative texts of the figures of errors and of adaptive factors: what they show, with the numbers that a glance gives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from repro.encoders.whole_body import keypoint_parts
from repro.reporting.factors import factor_table
from repro.reporting.gains import gain_frame
from repro.reporting.keypoint_factors import KeptFactors
from repro.reporting.outcome import Outcome
from repro.skeletons.skeleton import Skeleton
from repro.skeletons.wholebody import BODY_PARTS


def gains_text(outcome: Outcome) -> str:
    """AP gained by correcting errors, in words: for each row the kind that gains most when it alone is corrected."""
    frame = gain_frame(outcome)
    means = frame[frame["way"] == "alone"].groupby(["row", "error"], sort=False)["gain"].mean()
    most = [f"{row} {own.idxmax()[1]} {own.max():.1f}" for row, own in means.groupby("row", sort=False)]
    return (
        "AP gained where each kind of error is corrected, alone and one kind after the other, a bar a row. Most is gained by: "
        f"{', '.join(most)}."
    )


def curves_of_factors_text(outcome: Outcome) -> str:
    """The curves of adaptive factors in words: the means of the parts that each row ends at."""
    last = factor_table(outcome).groupby("row", sort=False).tail(1)
    ends = [f"{one['row']} {', '.join(f'{part} {one[part]}' for part in BODY_PARTS)}" for one in last.to_dict("records")]
    return f"Adaptive factors by part of the body against crops seen, from 0.5. At the end: {'; '.join(ends)}."


def spread_text(kept: KeptFactors, labels: Mapping[str, str], skeleton: Skeleton) -> str:
    """The factors of keypoints in words: the least and the greatest mean of each part."""
    parts, told = np.array(keypoint_parts(skeleton)), []
    for row, one in kept.rows.items():
        ranges = [(part, one.mean[parts == number]) for number, part in enumerate(BODY_PARTS)]
        told.append(f"{labels[row]} {', '.join(f'{part} {own.min():.2g} to {own.max():.2g}' for part, own in ranges)}")
    return (
        f"Adaptive factor of each keypoint, mean and spread over {kept.persons} evaluation persons, by part of the body. Means: "
        f"{'; '.join(told)}."
    )


def factor_poses_text(kept: KeptFactors, labels: Mapping[str, str]) -> str:
    """The persons with coloured keypoints in words."""
    rows = ", ".join(labels[row] for row in kept.rows)
    return (
        f"{len(kept.drawn)} persons with their keypoints coloured by the adaptive factor, white the least and blue the greatest "
        f"of each pose, early in the training and at its end, for each of {rows}."
    )
