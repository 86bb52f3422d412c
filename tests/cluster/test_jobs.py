"""What is complete is written, what is pending handed in once, and what failed by an error of its own is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repro.cluster import jobs
from repro.cluster.jobs import advance, failure_told, make_training, try_again
from repro.cluster.slurm import JobState
from repro.cluster.submission import ADVANCE, Resources, Submission, read_rounds, read_written, said, say
from repro.errors import ReproError
from repro.recipe import SecondStage
from repro.runs.run import is_evaluated
from repro.runs.schedule import Machine
from repro.scales.scale import SCALES
from repro.tables.request import PlannedTable, Request

from ..tiny_runs import SKELETAL, tiny_recipe

REQUEST = Request("skeletal", 3, SCALES["smoke"], "people", None, (0,))


def asked():
    return [REQUEST], Machine("cpu", jobs=1)


@pytest.fixture
def submission(tmp_path, monkeypatch) -> Submission:
    monkeypatch.setenv("REPRO_RUNS", str(tmp_path / "runs"))
    made = Submission("test", (), Resources(attempts=2), str(tmp_path))
    made.keep()
    return made


@pytest.fixture
def slurm(monkeypatch):
    """A Slurm of the mind: what was handed in, and the states that its jobs have."""

    class Slurm:
        handed: list[tuple[str, ...]] = []
        states: dict[str, JobState] = {}

    slurm = Slurm()
    slurm.handed, slurm.states = [], {}

    def hand_in(script, *arguments, options=()):
        slurm.handed.append((script.name, *arguments, *options))
        return str(100 + len(slurm.handed))

    monkeypatch.setattr(jobs, "hand_in", hand_in)
    monkeypatch.setattr(jobs, "job_states", lambda name: slurm.states)
    monkeypatch.setattr(jobs, "array_limit", lambda: 1001)
    return slurm


@pytest.fixture
def table(tiny_samples, data, monkeypatch) -> PlannedTable:
    """Two rows with trainings of their own."""
    recipes = {("hrnet", 0): tiny_recipe(data), ("attention", 0): tiny_recipe(data, SKELETAL)}
    planned = PlannedTable(REQUEST, tiny_samples, recipes, 0.0)
    monkeypatch.setattr(jobs, "plan_tables", lambda requests: [planned])
    return planned


@pytest.fixture
def written(monkeypatch, tmp_path):
    """The titles of tables whose folders were written."""
    titles = []

    def reproduce_tables(requests, machine):
        titles.extend(request.title for request in requests)
        return iter([tmp_path / "folder"])

    monkeypatch.setattr(jobs, "reproduce_tables", reproduce_tables)
    monkeypatch.setattr(jobs, "say_result", lambda folder: None)
    return titles


def test_trainings_are_handed_in_then_made_then_their_results_written(submission, slurm, table, written):
    advance(submission, [REQUEST])
    assert slurm.handed == [("train.sh", "0", "--array=0-1"), ("advance.sh", "--dependency=afterany:101")]
    assert [one.title for one in read_rounds(submission.place).trainings] == [
        "skeletal 3 hrnet seed 0",
        "skeletal 3 attention seed 0",
    ]
    assert not written

    make_training(submission, 0, asked)
    make_training(submission, 0, asked)  # as after a requeue of a job that had just ended
    assert said(submission.place, 0)["state"] == "complete" and is_evaluated(table.recipes["hrnet", 0])
    slurm.states = {"101_1": JobState("RUNNING")}
    advance(submission, [REQUEST])
    assert slurm.handed[2:] == [("advance.sh", "--dependency=afterany:101")]  # the running one is waited for
    make_training(submission, 1, asked)
    slurm.states = {}
    advance(submission, [REQUEST])
    advance(submission, [REQUEST])  # as after a requeue
    assert written == ["skeletal 3"] and list(read_written(submission.place)) == ["skeletal 3"]
    assert len(slurm.handed) == 3


def test_killed_trainings_are_tried_as_often_as_asked_for(submission, slurm, table, written):
    advance(submission, [REQUEST])
    say(submission.place, 0, "begun", job="101_0")
    advance(submission, [REQUEST])
    assert slurm.handed[2:] == [("train.sh", "0", "--array=0-1"), ("advance.sh", "--dependency=afterany:103")]
    with pytest.raises(ReproError, match=r"2 trainings are not complete .*0 \(skeletal 3 hrnet seed 0\), 103_0.log"):
        advance(submission, [REQUEST])
    assert len(slurm.handed) == 4
    try_again(submission)
    assert slurm.handed[4:] == [("advance.sh",)] and [one.tries for one in read_rounds(submission.place).trainings] == [
        0,
        0,
    ]


def test_an_error_is_told_and_is_not_tried_again_but_when_asked_to(submission, slurm, table, written, monkeypatch):
    advance(submission, [REQUEST])

    def fails(*arguments):
        raise ReproError("The loss is nan.\nMore.")

    monkeypatch.setattr(jobs, "make_task", fails)
    with pytest.raises(ReproError, match="The loss is nan"):
        make_training(submission, 0, asked)
    assert said(submission.place, 0)["reason"] == "The loss is nan."
    with pytest.raises(ZeroDivisionError):
        make_training(submission, 0, lambda: 1 // 0)
    assert said(submission.place, 0)["reason"].startswith("ZeroDivisionError: ")
    advance(submission, [REQUEST])
    assert slurm.handed[2] == ("train.sh", "0", "--array=1")
    try_again(submission)
    assert said(submission.place, 0) == {}


def test_why_the_job_behind_trainings_failed_is_told(submission, slurm, table, written, monkeypatch):
    def refuses(*arguments, **options):
        raise ReproError("Slurm refuses `sbatch --parsable ...`: Invalid generic resource (gres) specification")

    monkeypatch.setattr(jobs, "hand_in", refuses)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with pytest.raises(ReproError), failure_told(submission):
        advance(submission, [REQUEST])
    about = said(submission.place, ADVANCE)
    assert about["state"] == "failed" and about["job"] == "7" and "Invalid generic resource" in about["reason"]


def test_a_training_that_ends_no_epoch_job_after_job_is_not_queued_for_ever(
    submission, slurm, table, written, monkeypatch
):
    advance(submission, [REQUEST])
    killed = []

    def make_task(*arguments):
        killed.append(said(submission.place, 0)["in_vain"])
        raise KeyboardInterrupt  # as a kill, nothing is told of it

    monkeypatch.setattr(jobs, "make_task", make_task)
    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            make_training(submission, 0, asked)
    assert killed == [0, 1, 2, 3, 4]
    with pytest.raises(ReproError, match="The last 5 jobs of the training ended before an epoch of it"):
        make_training(submission, 0, asked)
    assert said(submission.place, 0)["state"] == "failed" and len(killed) == 5
    with pytest.raises(KeyboardInterrupt):
        make_training(submission, 0, asked)  # as after `--again`
    assert killed[5:] == [0]


def test_first_stages_come_first_and_are_shared(submission, slurm, table, written, data):
    plain = tiny_recipe(data)
    second = plain.but(second_stage=SecondStage(loss=replace(plain.loss), epochs=1))
    table.recipes.clear()
    table.recipes[("two", 0)] = second
    advance(submission, [REQUEST])
    assert slurm.handed[0] == ("train.sh", "0", "--array=1")  # the second stage, 0, waits for the first
    titles = [one.title for one in read_rounds(submission.place).trainings]
    assert titles == ["skeletal 3 two seed 0", "skeletal 3 two seed 0 (first stage)"]
    make_training(submission, 1, asked)
    advance(submission, [REQUEST])
    assert slurm.handed[2] == ("train.sh", "0", "--array=0")
    make_training(submission, 0, asked)
    assert is_evaluated(second)
    advance(submission, [REQUEST])
    assert written == ["skeletal 3"]


def test_not_more_than_so_many_at_once(submission, slurm, table, written):
    few = Submission("test", (), Resources(at_once=1), submission.folder)
    advance(few, [REQUEST])
    assert slurm.handed[0] == ("train.sh", "0", "--array=0-1%1")


def test_an_unknown_training_is_refused(submission):
    with pytest.raises(ReproError, match="has no training 4, expected a number below 0"):
        make_training(submission, 4, asked)
