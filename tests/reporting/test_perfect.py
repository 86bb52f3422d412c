"""Steps that perfect maps of two rows decide, and steps that they do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repro import paths
from repro.reporting.measured import Measured
from repro.reporting.perfect import decided_by_targets, perfect_change
from repro.reporting.steps import steps_of
from repro.reporting.table import count_verdicts
from repro.reporting.verdicts import NOT_TESTABLE
from repro.support.sealed import write_sealed

from .test_table import scene_outcome

MAPS = {"baseline": {"encoder": {"sigma": 2}, "decoder": {}, "input": None}}
MAPS["sahg"] = {**MAPS["baseline"], "encoder": {"sigma": 3}}


@pytest.fixture
def outcome(tmp_path, monkeypatch):
    """Baseline and scale-aware row of sahg 2, whose perfect maps have an AP of 95 and 93 (printed: +0.9)."""
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    (tmp_path / "sahg").mkdir()
    rows = [
        {"scale": "laptop", "maps": MAPS[row], "AP": ap, "OKS": 0.9} for row, ap in (("baseline", 0.95), ("sahg", 0.93))
    ]
    write_sealed(tmp_path / "sahg" / "perfect_maps.json", "experiment", {"rows": rows})
    made = scene_outcome("sahg", 2, ("baseline", "sahg"), ap=0.1)
    return replace(
        made,
        runs=tuple(
            replace(run, recipe={"method": {k: v for k, v in MAPS[run.row].items() if k != "input"}}) for run in made.runs
        ),
    )


def test_the_change_of_perfect_maps_decides_where_it_is_as_large(outcome):
    assert perfect_change(outcome, "baseline", "sahg", "AP") == pytest.approx(-2.0)
    assert decided_by_targets(outcome, "baseline", "sahg", "AP", 0.9)
    assert decided_by_targets(outcome, "baseline", "sahg", "AP", -2.0)
    assert not decided_by_targets(outcome, "baseline", "sahg", "AP", 2.1)
    assert not decided_by_targets(outcome, "baseline", "sahg", "OKS", 0.9)  # no change at all


def test_other_maps_scales_and_data_say_nothing(outcome):
    other = replace(outcome, runs=tuple(replace(run, recipe={"method": {}}) for run in outcome.runs))
    for one in (other, replace(outcome, scale="gpu"), replace(outcome, data="coco"), replace(outcome, paper="hgr")):
        assert perfect_change(one, "baseline", "sahg", "AP") is None
        assert not decided_by_targets(one, "baseline", "sahg", "AP", 0.9)


def test_the_table_says_so(outcome):
    measured = Measured(outcome)
    assert [(one.label, one.verdict) for one in steps_of(measured) if one.judges] == [("AP", NOT_TESTABLE)]
    assert count_verdicts(measured)[-1].startswith("1 not testable at this scale: perfect maps")
    tested = Measured(replace(outcome, scale="gpu"))
    assert [one.verdict for one in steps_of(tested) if one.judges] == ["undecided"]
    assert not any(NOT_TESTABLE in line for line in count_verdicts(tested))
