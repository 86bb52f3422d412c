"""On a real Slurm a table is completed though a job is killed and the node goes down, with the numbers of a run in peace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .local_slurm import local_slurm, missing

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing() or "Slurm is there")]
TABLE = ("--paper", "skeletal", "--table", "3", "--scale", "smoke", "--length", "8", "--device", "cpu")
SLOWLY = 600  # seconds that a step of the story may take where the machine is busy


@pytest.fixture(scope="module")
def slurm(tmp_path_factory) -> Iterator[dict[str, str]]:
    with local_slurm(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


@pytest.fixture
def places(slurm, tmp_path) -> dict[str, str]:
    """The environment of commands: Slurm, this package, folders of their own, of which one has a blank in its name."""
    return {
        **slurm,
        "PYTHONPATH": os.pathsep.join((str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", ""))),
        "REPRO_RUNS": str(tmp_path / "all runs"),
        "REPRO_RESULTS": str(tmp_path / "results"),
        "REPRO_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }


def call(places: dict[str, str], *command: str, check: bool = True) -> str:
    done = subprocess.run(command, env=places, capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def repro(places: dict[str, str], *command: str) -> str:
    return call(places, sys.executable, "-m", "repro", *command)


def wait_for(what: Callable[[], object], said: Callable[[], str]) -> None:
    end = time.monotonic() + SLOWLY
    while not what():
        assert time.monotonic() < end, said()
        time.sleep(0.3)


def metrics(results: Path) -> dict[str, dict[str, float]]:
    """The metrics of a table's only result folder, by row."""
    (file,) = results.glob("skeletal/table3/*/runs.json")
    return {run["row"]: run["metrics"] for run in json.loads(file.read_text())["runs"]}


def test_a_table_is_completed_though_a_job_is_killed_and_the_node_goes_down(places, tmp_path):
    repro(places, "submit", "--here", *TABLE)
    (place,) = (tmp_path / "all runs" / "cluster").iterdir()

    def status() -> str:
        return repro(places, "status")

    def trainings() -> list[dict]:
        return json.loads((place / "rounds.json").read_text())["trainings"]

    def epochs(number: int) -> int:
        file = tmp_path / "all runs" / f"{trainings()[number]['key']}.partial" / "state.json"
        return json.loads(file.read_text())["epoch"] if file.exists() else 0

    assert [len(one["jobs"]) for one in trainings()] == [1, 1]
    wait_for(lambda: epochs(0) >= 2, status)
    call(places, "scancel", "--signal=KILL", trainings()[0]["jobs"][0])
    wait_for(lambda: epochs(1) >= 2, status)
    node = call(places, "sinfo", "-h", "-o", "%n").strip()
    call(places, "scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    wait_for(lambda: " 1 killed" in status() and " 1 pending" in status(), status)
    assert "CANCELLED" in status() and "of 32 epochs" in status()
    call(
        places, "scontrol", "update", f"nodename={node}", "state=resume", check=False
    )  # it may have come back by itself
    wait_for(lambda: (place / "written.json").exists(), status)
    assert [len(one["jobs"]) for one in trainings()] == [2, 1]  # handed in again; queued again by Slurm
    assert "2 trainings, 2 complete" in status() and "skeletal 3: results in" in status()
    assert json.loads((place / "said" / "1.json").read_text())["restarts"] == 1

    repro(
        {**places, "REPRO_RUNS": str(tmp_path / "plain"), "REPRO_RESULTS": str(tmp_path / "other")}, "reproduce", *TABLE
    )
    assert metrics(tmp_path / "results") == metrics(tmp_path / "other")


def test_two_processes_share_a_training(places, tmp_path):
    wanted = ("--row", "hrnet", "--processes", "2")
    repro(
        places,
        "submit",
        "--here",
        "--paper",
        "skeletal",
        "--table",
        "3",
        "--scale",
        "smoke",
        "--device",
        "cpu",
        *wanted,
    )
    (place,) = (tmp_path / "all runs" / "cluster").iterdir()
    wait_for(lambda: (place / "said" / "0.json").exists(), lambda: repro(places, "status"))

    def is_complete() -> bool:
        return json.loads((place / "said" / "0.json").read_text())["state"] != "begun"

    wait_for(is_complete, lambda: repro(places, "status"))
    assert "1 trainings, 1 complete" in repro(places, "status")
    (run,) = (tmp_path / "all runs").glob("*/run.json")
    assert json.loads(run.read_text())["environment"]["processes"] == 2


def test_a_training_that_fails_by_an_error_is_told_and_not_tried_again(places, tmp_path):
    wanted = ("--row", "hrnet", "--device", "cuda:77")
    repro(places, "submit", "--here", "--paper", "skeletal", "--table", "3", "--scale", "smoke", *wanted)
    (place,) = (tmp_path / "all runs" / "cluster").iterdir()

    def status() -> str:
        return repro(places, "status")

    wait_for(lambda: "1 failed" in status() and "To go on" in status(), status)
    said = status()
    assert "Device 'cuda:77' is not on this machine" in said and f"{place}/logs/" in said
    assert f"repro submit --again {place.name}" in said
