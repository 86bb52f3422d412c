"""Several tables and papers in one command, and what a submission and a plan make of them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from repro.cli.asked import given_tables, table_numbers
from repro.cli.main import main
from repro.errors import ReproError


@pytest.mark.parametrize(
    ("text", "numbers"), [("3", [3]), ("1,2", [1, 2]), ("1-3", [1, 2, 3]), ("2, 1-3", [2, 1, 3]), ("4 5", [4, 5])]
)
def test_numbers_of_tables(text, numbers):
    assert table_numbers(text) == numbers


@pytest.mark.parametrize("text", ["", "3-1", "two", "1,,2", "-1", "1.5"])
def test_what_is_no_number_of_a_table_is_refused(text):
    with pytest.raises(ReproError, match="TABLE is"):
        table_numbers(text)


def asked(paper: str, table: str) -> list[tuple[str, str]]:
    return [(one.paper, one.table) for one in given_tables({"paper": paper, "table": table})]


def test_papers_and_tables_are_taken_together():
    assert asked("skeletal", "all") == [("skeletal", "1"), ("skeletal", "2"), ("skeletal", "3")]
    assert asked("skeletal,cal", "1-2") == [("skeletal", "1"), ("skeletal", "2"), ("cal", "1"), ("cal", "2")]
    assert asked("", "all") == [("", str(number)) for number in range(1, 10)]
    with pytest.raises(ReproError, match="PAPER"):
        asked("skeletal,call", "1")
    with pytest.raises(ReproError, match="9"):
        asked("skeletal", "9")


def call(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, arguments)
    return done.exit_code, done.output


def test_a_plan_of_two_tables_names_hours_on_a_gpu(places):
    code, said = call(
        "plan", "--paper", "skeletal", "--table", "1,3", "--row", "hrnet", "--scale", "paper", "--gpu", "H100"
    )
    assert code == 2 and "hrnet" in said  # a row of one of them alone
    code, said = call(
        "plan", "--paper", "skeletal", "--table", "3", "--scale", "paper", "--gpu", "H100", "--start", "random"
    )
    assert code == 0 and "skeletal 3: 4 runs from 2 trainings" in said and "GPU-hours: H100 " in said
    assert call("plan", "--table", "3", "--gpu", "H1")[0] == 2


@pytest.fixture
def handed(monkeypatch):
    """What was handed to Slurm."""
    found = []

    def hand_in(script, *arguments, options=()):
        found.append((script, *arguments, *options))
        return "7"

    monkeypatch.setattr("repro.cluster.slurm.hand_in", hand_in)
    return found


def test_a_submission_is_kept_with_its_scripts_and_one_job_is_handed_in(places, handed):
    code, said = call(
        "submit", "--paper", "skeletal", "--table", "3", "--scale", "smoke", "--seeds", "0-1", "--time", "1:00:00"
    )
    assert code == 0, said
    ((script,),) = handed
    stored = json.loads((script.parent / "submission.json").read_text())
    assert script.name == "advance.sh" and "Job 7 reads or draws" in said and f"repro status {stored['name']}" in said
    assert stored["options"][0]["paper"] == "skeletal" and stored["options"][0]["seeds"] == "0-1"
    assert stored["resources"]["gpus"] == 0 and stored["resources"]["time"] == "1:00:00"
    assert "--time=1:00:00" in (script.parent / "train.sh").read_text()


def test_scales_for_gpus_get_one(places, handed):
    assert call("submit", "--paper", "skeletal", "--table", "3", "--scale", "gpu")[0] == 0
    stored = json.loads((handed[0][0].parent / "submission.json").read_text())
    assert stored["resources"]["gpus"] == 1
    assert "--gres=gpu:1" in (handed[0][0].parent / "train.sh").read_text()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("--cluster", "pbs"), "CLUSTER"),
        (("--gpus", "two"), "GPUS is 'two', expected a number as in 4"),
        (("--nodes", "0"), "NODES is '0'"),
        (("--option", "qos=long"), "OPTION is 'qos=long'"),
        (("--partition", "a b"), "PARTITION is 'a b', expected one word"),
        (("--row", "none-such"), "none-such"),
        (("--again", "none-such"), "There is no submission"),
    ],
)
def test_what_cannot_be_handed_in_is_a_sentence(places, handed, given, why):
    code, said = call("submit", "--paper", "skeletal", "--table", "3", *given)
    assert code == 2 and why in " ".join(said.split()) and not handed


def test_a_status_without_submissions_says_how_to_make_one(places):
    code, said = call("status")
    assert code == 2 and "`repro submit` makes one" in " ".join(said.split())
