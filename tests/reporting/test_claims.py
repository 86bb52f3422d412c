"""What runs say of a claim: its step in the column that it names, or in the one that stands in for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repro.papers.claims import ClaimStep
from repro.reporting.claims import ON_CLAIMS, claim_verdict, judged_step
from repro.reporting.measured import Measured

from .sample_outcome import make_outcome
from .test_table import whole_body_outcome


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        ([], "not tried"),
        (["confirmed"], "confirmed"),
        (["confirmed", "confirmed"], "confirmed"),
        (["confirmed", "undecided"], "undecided"),
        (["undecided"], "undecided"),
        (["contradicted", "undecided"], "contradicted"),
        (["contradicted", "contradicted"], "contradicted"),
        (["confirmed", "contradicted"], "divided"),
        (["confirmed", "contradicted", "undecided"], "divided"),
    ],
)
def test_the_verdict_on_a_claim(verdicts: list[str], told: str) -> None:
    assert claim_verdict(verdicts) == told and told in ON_CLAIMS


def test_a_step_is_judged_in_the_column_of_its_claim() -> None:
    measured = Measured(replace(make_outcome(), scale="laptop"))
    step = judged_step(measured, ClaimStep(3, "hrnet", "attention", "PCKh@0.1", 1, 0.4))
    assert step.label == "PCKh@0.1" and step.judges and step.verdict == "undecided"
    assert step.printed == 0.4 and step.interval.mean == pytest.approx(0.35)  # 4.3 - 4.0 and 4.6 - 4.2
    assert judged_step(measured, ClaimStep(3, "hrnet", "attention", "foot AP", 1, None)) is None


def test_near_zero_the_stand_in_judges_by_the_claims_sign() -> None:
    measured = Measured(whole_body_outcome())
    step = judged_step(measured, ClaimStep(2, "mse", "awing", "foot AP", 1, -4.1))
    assert step.label == "foot OKS" and step.interval.mean == pytest.approx(-10.5) and step.sign == "opposite"
    assert step.printed == -4.1 and step.judges


def test_a_step_that_nothing_can_judge_has_no_verdict() -> None:
    runs = tuple(replace(run, metrics={"pckh@0.5": 0.4, "pckh@0.1": 0.001 * run.seed}) for run in make_outcome().runs)
    measured = Measured(replace(make_outcome(), scale="laptop", runs=runs))
    step = judged_step(measured, ClaimStep(3, "hrnet", "attention", "PCKh@0.1", 1, 0.4))
    assert step.label == "PCKh@0.1" and not step.judges and step.verdict == ""
