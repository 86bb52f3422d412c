"""What Slurm's programs print is read as they print it, and their refusals become sentences."""

from __future__ import annotations

import pytest

from repro.cluster.slurm import (
    JobState,
    array_limit,
    array_parts,
    call,
    hand_in,
    job_states,
    parse_account,
    parse_queue,
)
from repro.errors import ReproError

QUEUE = """\
1|1|COMPLETED|None|node3|0:25
1|0|PENDING|BeginTime||0:00
2|N/A|PENDING|Dependency||0:00
4|7|RUNNING|None|gpu[01-02]|1-03:00:05
slurm_load_jobs error: nothing of the kind
"""
ACCOUNT = """\
12_0|COMPLETED|0:0|node1|00:10:02
12_1|CANCELLED by 1000|0:9|node1|00:00:14
12_[2-3]|PENDING|0:0|None assigned|00:00:00
13|OUT_OF_ME+|0:125|node2|00:03:00
13.batch|OUT_OF_MEMORY|0:125|node2|00:03:00
14|FAILED|2:0|node2|00:00:03
"""


def test_the_queue_tells_states_reasons_and_nodes():
    assert parse_queue(QUEUE) == {
        "1_1": JobState("COMPLETED", "", "node3", "0:25"),
        "1_0": JobState("PENDING", "BeginTime", "", "0:00"),
        "2": JobState("PENDING", "Dependency", "", "0:00"),
        "4_7": JobState("RUNNING", "", "gpu[01-02]", "1-03:00:05"),
    }


def test_the_accounting_tells_how_jobs_ended():
    assert parse_account(ACCOUNT) == {
        "12_0": JobState("COMPLETED", "", "node1", "00:10:02"),
        "12_1": JobState("CANCELLED", "by 1000, signal 9", "node1", "00:00:14"),
        "13": JobState("OUT_OF_ME", "signal 125", "node2", "00:03:00"),
        "14": JobState("FAILED", "exit code 2", "node2", "00:00:03"),
    }


@pytest.mark.parametrize(
    "state, active", [("PENDING", True), ("COMPLETING", True), ("CANCELLED", False), ("TIMEOUT", False)]
)
def test_a_job_is_active_until_it_has_ended(state, active):
    assert JobState(state).is_active is active


def test_arrays_keep_below_the_clusters_limit():
    assert array_parts([5, 0, 1, 2], 1001) == [(0, "0-2,5")]
    assert array_parts([999, 1000, 1001, 2500], 1000) == [(0, "999"), (1000, "0-1"), (2000, "500")]
    assert array_parts([], 1000) == []


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A function that makes a program which the PATH leads to."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def make(name: str, text: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)

    return make


def test_the_number_of_a_job_is_taken_from_what_sbatch_says(programs, tmp_path):
    programs("sbatch", 'echo "$*" > "$(dirname "$0")/asked"; echo "some news of the cluster"; echo "42;north"')
    assert hand_in(tmp_path / "train.sh", "1000", options=["--array=0-3%2"]) == "42"
    assert (tmp_path / "asked").read_text() == f"--parsable --array=0-3%2 {tmp_path}/train.sh 1000\n"


def test_a_refusal_and_a_missing_program_are_sentences(programs, tmp_path):
    programs("sbatch", "echo 'sbatch: error: Invalid account or account/partition combination specified' >&2; exit 1")
    with pytest.raises(ReproError, match="Slurm refuses `sbatch --parsable ...`: .*Invalid account"):
        hand_in(tmp_path / "train.sh")
    with pytest.raises(ReproError, match="squeue-of-no-cluster is not installed on this machine"):
        call(["squeue-of-no-cluster"])


def test_jobs_are_known_without_accounting_and_from_it_where_the_queue_has_forgotten_them(programs):
    programs("squeue", "echo '12|1|RUNNING|None|node1|0:05'")
    programs("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    assert job_states("repro-x") == {"12_1": JobState("RUNNING", "", "node1", "0:05")}
    programs("sacct", "echo '12_0|TIMEOUT|0:0|node1|01:00:00'; echo '12_1|PENDING|0:0|None assigned|00:00:00'")
    assert job_states("repro-x") == {
        "12_0": JobState("TIMEOUT", "", "node1", "01:00:00"),
        "12_1": JobState("RUNNING", "", "node1", "0:05"),
    }


def test_the_limit_of_arrays_is_the_clusters(programs):
    programs("scontrol", "echo 'MaxArraySize            = 501'")
    assert array_limit() == 501
    programs("scontrol", "exit 1")
    assert array_limit() == 1000
