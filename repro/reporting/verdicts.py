"""Does a step between two rows go the way that the paper says? One word for each answer, the same on both sides of zero."""

from __future__ import annotations

from repro.reporting.intervals import Interval

CONFIRMED, CONTRADICTED, UNDECIDED, NONE_EXPECTED = "confirmed", "contradicted", "undecided", "no effect expected"
NOT_TESTABLE = "not testable at this scale"
VERDICTS = {
    CONFIRMED: "the 95 % interval excludes zero, on the side that the paper says",
    CONTRADICTED: "the 95 % interval excludes zero, on the other side",
    UNDECIDED: "it does not, or it knows people or seeds alone; the sign and half its width, the smallest effect that these runs "
    "could have seen, stand beside it",
    NONE_EXPECTED: "the paper prints no change",
}
RARE = {NOT_TESTABLE: "perfect maps of both rows differ by as much already, so that the encoder alone decides there"}

HIGHER, LOWER = "higher", "lower"
FINDINGS = {  # of steps that nobody has printed
    HIGHER: "the 95 % interval excludes zero, the row is above its baseline",
    LOWER: "the 95 % interval excludes zero, the row is below its baseline",
    UNDECIDED: VERDICTS[UNDECIDED],
}


def verdict(expected: float | None, interval: Interval | None, *, one_training: bool = False) -> str:
    """One of ``VERDICTS``, none of ``RARE``; "" where the paper says nothing of the step or nothing was run.

    An interval that knows one of both sources alone decides nothing. Seeds alone: all of them are evaluated on the same people.
    People alone, of one seed: where two trainings of the same recipe differ by as much as other people would change, it excludes
    zero for 22 of 100 differences that mean nothing, and for more where they differ more. Two evaluations of one training
    have no such difference.

    Args:
        expected: change from baseline to row in the paper, of which the sign counts.
        interval: the interval of ours.
        one_training: whether both rows are the same trained networks.
    """
    if expected is None or interval is None:
        return ""
    if expected == 0:
        return NONE_EXPECTED
    knows_both = interval.knows_people and (interval.seeds > 1 or one_training)
    if not knows_both or not interval.excludes_zero:
        return UNDECIDED
    return CONFIRMED if (expected > 0) == (interval.mean > 0) else CONTRADICTED


def finding(interval: Interval | None, *, one_training: bool = False) -> str:
    """One of ``FINDINGS`` for a step that nobody has printed, by the rule of ``verdict``; "" where nothing was run."""
    words = {CONFIRMED: HIGHER, CONTRADICTED: LOWER, UNDECIDED: UNDECIDED}
    return words.get(verdict(1.0, interval, one_training=one_training), "")


def sign_of(expected: float | None, interval: Interval | None) -> str:
    """How the sign of our mean stands to what the paper says: same, opposite or none; "" where there is nothing to compare."""
    if not expected or interval is None:
        return ""
    if interval.mean == 0:
        return "none"
    return "same" if (expected > 0) == (interval.mean > 0) else "opposite"
