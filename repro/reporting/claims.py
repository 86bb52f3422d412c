"""What a result folder says of a paper's claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from repro.papers.claims import ClaimStep
from repro.reporting.measured import Measured
from repro.reporting.steps import Step, make_step, printed_judge, step_columns
from repro.reporting.verdicts import CONFIRMED, CONTRADICTED, NOT_TESTABLE, UNDECIDED

DIVIDED, UNTRIED = "divided", "not tried"
ON_CLAIMS = {
    CONFIRMED: "every step that was tried is",
    CONTRADICTED: "some step is, and none is confirmed",
    DIVIDED: "some steps are confirmed, others contradicted",
    UNDECIDED: "it was tried and is none of these",
    UNTRIED: "no step was run there, or none could be judged",
}


def judged_step(measured: Measured, step: ClaimStep) -> Step | None:
    """A step of a claim on the runs of a table, in the column that the claim names or the one that stands in for it.

    Where neither can judge, the named column is given without a verdict. None where the rows were not run.
    """
    judge = printed_judge(measured, step.baseline, step.row, step.metric, sign=step.sign)
    label = judge or step.metric
    if label not in step_columns(measured):
        return None
    made = make_step(measured, step.baseline, step.row, label, sign=step.sign, judges=bool(judge))
    return None if made.interval is None else replace(made, printed=step.printed)


def claim_verdict(verdicts: Iterable[str]) -> str:
    """One of ``ON_CLAIMS`` from the verdicts of a claim's steps that were run, "" for one that nothing could judge."""
    found = [one for one in verdicts if one != NOT_TESTABLE]
    counts = Counter(found)
    if not found:
        return UNTRIED
    if counts[CONFIRMED] and counts[CONTRADICTED]:
        return DIVIDED
    if counts[CONFIRMED] == len(found):
        return CONFIRMED
    return CONTRADICTED if counts[CONTRADICTED] else UNDECIDED
