"""A status says of each training what Slurm, its job and its run's files tell, and where its log lies."""

from __future__ import annotations

import pytest

from repro.cluster import status
from repro.cluster.slurm import JobState
from repro.cluster.status import Shown, state_of, submission_status
from repro.cluster.submission import (
    ADVANCE,
    Resources,
    Rounds,
    Submission,
    Training,
    keep_rounds,
    keep_written,
    new_name,
    read_rounds,
    read_submission,
    say,
)
from repro.errors import ReproError
from repro.support.sealed import write_sealed

TRAINING = Training(0, "abc", "skeletal 3 hrnet seed 0", 210, [0], 1, ["12_0"])


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_RUNS", str(tmp_path))
    return tmp_path


def ended(runs, epochs: int) -> None:
    (runs / "abc.partial").mkdir()
    state = {
        "epoch": epochs,
        "file": "state-1.safetensors",
        "training": "abc",
        "tensors": {},
        "log": [],
        "snapshots": {},
    }
    write_sealed(runs / "abc.partial" / "state.json", "state", state)


@pytest.mark.parametrize(
    "about, job, shown",
    [
        ({}, JobState("PENDING", "Priority"), Shown("pending", "Priority, 12 of 210 epochs")),
        (
            {"state": "begun"},
            JobState("RUNNING", "", "n1", "1:05"),
            Shown("running", "on n1 for 1:05, 12 of 210 epochs"),
        ),
        (
            {"state": "failed", "reason": "No space."},
            JobState("FAILED", "NonZeroExitCode"),
            Shown("failed", "No space."),
        ),
        ({"state": "begun"}, JobState("OUT_OF_MEMORY"), Shown("killed", "OUT_OF_MEMORY, 12 of 210 epochs")),
        ({"state": "begun"}, None, Shown("killed", "Slurm knows nothing of its job any more, 12 of 210 epochs")),
        ({"state": "complete", "restarts": 2}, JobState("COMPLETED"), Shown("complete", "after 2 restarts")),
        (
            {"state": "failed", "reason": "before"},
            JobState("PENDING", ""),
            Shown("pending", "pending, 12 of 210 epochs"),
        ),
    ],
)
def test_what_a_training_is_at(runs, about, job, shown):
    ended(runs, 12)
    assert state_of(TRAINING, about, job) == shown


def kept(runs) -> Submission:
    submission = Submission(
        "20260102T030405-skeletal3", ({"paper": "skeletal", "table": "3"},), Resources(gpus=2), "/home"
    )
    submission.keep()
    trainings = [TRAINING, Training(1, "def", "skeletal 3 attention seed 0", 210, [0], 1, ["12_1"])]
    keep_rounds(submission.place, Rounds(["11", "13"], trainings))
    return submission


def test_a_submission_is_read_as_it_was_kept(runs):
    submission = kept(runs)
    assert read_submission(submission.name) == submission
    rounds = read_rounds(submission.place)
    assert rounds.trainings[0] == TRAINING and rounds.advances == ["11", "13"]
    assert rounds.training("def", "", 0, []) is rounds.trainings[1]
    assert rounds.training("new", "cal 1", 5, [1]).number == 2
    with pytest.raises(ReproError, match="another"):
        read_submission("another")


def test_there_is_a_sentence_where_nothing_was_handed_in():
    with pytest.raises(ReproError, match="There is no submission in .*: `repro submit` makes one"):
        read_submission("")


def test_lines_name_logs_of_what_failed_and_how_to_go_on(runs, monkeypatch):
    submission = kept(runs)
    say(submission.place, 0, "failed", reason="The loss is nan.")
    say(submission.place, 1, "complete")
    log = submission.place / "logs" / "advance-13.log"
    monkeypatch.setattr(
        status, "job_states", lambda name: {"12_0": JobState("FAILED"), "13": JobState("FAILED", "NonZeroExitCode")}
    )
    assert submission_status(submission) == [
        "20260102T030405-skeletal3: 2 trainings, 1 complete, 1 failed",
        "    0  failed   skeletal 3 hrnet seed 0: The loss is nan.",
        f"       {submission.place}/logs/12_0.log",
        "    1  complete skeletal 3 attention seed 0",
        f"  Job 13, which writes results and hands in what is left: FAILED, NonZeroExitCode; {log}",
        "  To go on: repro submit --again 20260102T030405-skeletal3",
    ]
    for job, shown in (("11", []), ("13", ["       No room is left."])):  # of an earlier one, and of the last
        say(submission.place, ADVANCE, "failed", job=job, reason="No room is left.")
        assert submission_status(submission)[5:-1] == shown


def test_lines_tell_where_results_lie_and_how_to_end_it_all(runs, monkeypatch):
    submission = kept(runs)
    say(submission.place, 0, "complete")
    keep_written(submission.place, {"skeletal 3": "/results/skeletal/table3/x"})
    states = {"12_1": JobState("RUNNING", "", "n1", "0:05"), "13": JobState("PENDING", "Dependency")}
    monkeypatch.setattr(status, "job_states", lambda name: states)
    assert submission_status(submission)[2:] == [
        "    1  running  skeletal 3 attention seed 0: on n1 for 0:05",
        "  skeletal 3: results in /results/skeletal/table3/x",
        "  Job 13, which writes results and hands in what is left: pending (Dependency)",
        "  To end it all: scancel 12 13",
    ]


def test_without_slurm_what_jobs_said_is_still_shown(runs, monkeypatch):
    submission = kept(runs)
    for number in (0, 1):
        say(submission.place, number, "complete")

    def missing(name):
        raise ReproError("squeue is not installed.")

    monkeypatch.setattr(status, "job_states", missing)
    assert submission_status(submission) == [
        "20260102T030405-skeletal3: 2 trainings, 2 complete",
        "Slurm tells nothing: squeue is not installed.",
        "    0  complete skeletal 3 hrnet seed 0",
        "    1  complete skeletal 3 attention seed 0",
    ]


def test_names_tell_when_and_what():
    assert new_name(["skeletal 3"]).endswith("-skeletal3")
    assert new_name(["cal 1", "cal 2", "hgr 4"]).endswith("-cal1-and-2")
