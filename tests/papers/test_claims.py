"""The papers' claims: each names steps of tables that exist, with the changes that the paper prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.errors import ReproError
from repro.papers import PAPERS
from repro.papers.claims import claims_of, read_claims
from repro.papers.recipes import table_rows

ALL = [(paper, claim) for paper in PAPERS for claim in claims_of(paper)]


def test_all_papers_have_claims_that_tables_test() -> None:
    assert len([claim for _, claim in ALL if claim.steps]) >= 30
    assert {paper for paper, claim in ALL if claim.steps} == set(PAPERS)


@pytest.mark.parametrize(("paper", "claim"), ALL, ids=lambda one: getattr(one, "name", one))
def test_every_row_of_a_claim_can_be_run(paper: str, claim) -> None:
    for step in claim.steps:
        rows = table_rows(paper, step.table)
        assert rows is not None and {step.baseline, step.row} <= set(rows.rows)
    assert claim.says.endswith(".") and claim.where


def test_every_ablation_table_is_part_of_a_claim() -> None:
    tested = {(paper, step.table) for paper, claim in ALL for step in claim.steps}
    printed = {(paper.key, table.number) for paper in PAPERS.values() for table in paper.tables}
    assert printed - tested == {("hgr", 1)}  # counts of parameters and operations


def test_the_printed_changes_are_those_of_the_text() -> None:
    """Gains that the papers' texts name, of tables whose numbers were transcribed."""
    printed = {
        (paper, step.table, step.baseline, step.row, step.metric): step.printed
        for paper, claim in ALL
        for step in claim.steps
    }
    for key, gain in {
        ("cal", 3, "binary", "mgm", "AP"): 1.0,  # 5.5.1: "about 1.0 % (74.3-73.3)"
        ("cal", 5, "binary", "gaussian", "AP"): 2.0,  # 5.5.3: "2.0 % (74.3-72.3)"
        ("cal", 7, "one-stage", "two-stage", "AP"): 0.6,  # 5.5.5
        ("cal", 8, "udp-w32-64x48", "cal-w32-64x48", "AP"): 11.0,  # 5.5.6
        ("hgr", 4, "guidance-tradeoff", "guidance-tradeoff-art", "Regression quality"): 3.6,  # 4.3
        ("hgr", 4, "guidance-tradeoff-art", "guidance-tradeoff-art-scoring", "Final quality"): 0.6,  # 4.3
        ("sahg", 2, "baseline", "wr", "AP"): 1.9,  # 4.3
        ("fowkal", 2, "heuristic", "kal", "foot AP"): 14.8,  # Ablation Study
        ("fowkal", 3, "kal-wahr", "kal-fwahr", "Whole-body AP"): 2.1,  # Ablation Study
    }.items():
        assert printed[key] == pytest.approx(gain), key


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "claims.toml"
    file.write_text(text)
    return file


HEAD = '[[claims]]\nname = "a"\nsays = "A."\nwhere = "1"\n'


def test_a_sign_comes_from_the_print_or_from_the_claim(tmp_path: Path) -> None:
    step = '{ table = 2, baseline = "mse", row = "heuristic", metric = "hand AP"'
    (claim,) = read_claims("fowkal", written(tmp_path, f"{HEAD}steps = [{step} }}, {step}, sign = 1 }}]\n"))
    assert [(one.printed, one.sign) for one in claim.steps] == [(-1.9, -1), (-1.9, 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("claims", "does not hold the claims"),
        (HEAD, "give says, steps|either steps or"),
        (HEAD + "steps = []\n", "has no steps"),
        (HEAD + 'untested = ""\n', "has no steps"),
        (HEAD + 'steps = [{ table = 3, baseline = "binary", row = "mgm" }]\n', "give table, baseline, row, metric"),
        (
            HEAD + 'steps = [{ table = 12, baseline = "binary", row = "mgm", metric = "AP" }]\n',
            "cal has no table 12",
        ),
        (HEAD + 'steps = [{ table = 3, baseline = "none", row = "mgm", metric = "AP" }]\n', "baseline of .*'none'"),
        (HEAD + 'steps = [{ table = 3, baseline = "binary", row = "x", metric = "AP" }]\n', "row of .*'x'"),
        (HEAD + 'steps = [{ table = 3, baseline = "binary", row = "mgm", metric = "mAP" }]\n', "metric of .*'mAP'"),
        (
            HEAD + 'steps = [{ table = 3, baseline = "binary", row = "mgm", metric = "AP^75" }]\n',
            "prints no change of AP.75",
        ),
        (
            HEAD + 'steps = [{ table = 3, baseline = "binary", row = "mgm", metric = "AP", sign = 2 }]\n',
            "sign as 1 or -1",
        ),
        (2 * (HEAD + 'untested = "why"\n'), "names the claim 'a' twice"),
    ],
)
def test_a_claim_that_does_not_fit_its_tables_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ReproError, match=message):
        read_claims("cal", written(tmp_path, text))


def test_an_unknown_paper_is_named() -> None:
    with pytest.raises(ReproError, match="Unknown paper 'none'"):
        claims_of("none")
