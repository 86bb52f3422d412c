"""Whatever happens to a file that the package wrote, what is made of it is the same, or one sentence names the file."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from repro.approaches.top_down.predict import load_poses
from repro.data.drawn.load import load_people
from repro.errors import ReproError
from repro.losses.mse import HeatmapMSE
from repro.recipe import SecondStage
from repro.reporting.folders import compare_folders, find_folder, manifests, new_folder
from repro.reporting.outcome import Outcome, RunOutcome
from repro.runs.run import Task, folder, load_run, make_task
from repro.runs.schedule import Machine, make_runs
from repro.support import sealed
from repro.training.distributed import World

from .tiny_runs import tiny_recipe

CPU = Machine(device="cpu", jobs=1)
ALONE = World(0, 1, torch.device("cpu"))


def flip(file: Path) -> None:
    """Change one byte, at a place that depends on the file's name alone."""
    data = bytearray(file.read_bytes())
    data[random.Random(file.name).randrange(len(data))] ^= 0x01
    _replace(file, bytes(data))


def cut(file: Path) -> None:
    """Lose the second half."""
    _replace(file, file.read_bytes()[: file.stat().st_size // 2])


def exchange(file: Path) -> None:
    """Take the place of a file of the same kind, where there is one."""
    others = [one for one in sorted(file.parents[1].rglob(f"*{file.suffix}")) if one != file]
    if others:
        _replace(file, others[0].read_bytes())


def _replace(file: Path, data: bytes) -> None:
    """Write a new file: one that is written within the clock's step of the former would look unchanged."""
    file.unlink()
    file.write_bytes(data)


DAMAGES = [flip, cut, Path.unlink, exchange]


def damaged(files: list) -> list[tuple]:
    """Each file with two kinds of damage: a flipped byte, and the others in turn."""
    return [(one, how) for n, one in enumerate(files) for how in (flip, DAMAGES[1 + n % 3])]


@pytest.fixture(scope="module")
def recipe(data):
    """Two stages of two epochs and one."""
    return tiny_recipe(data, epochs=2).but(second_stage=SecondStage(loss=HeatmapMSE(), epochs=1))


def numbers(recipe) -> dict[str, Any]:
    """What a table takes from a run, without what a clock says."""
    run = load_run(recipe)
    log = [{k: v for k, v in line.items() if k in ("epoch", "persons", "loss", "learning_rate")} for line in run.log]
    return {"metrics": run.metrics, "curve": run.curve, "log": log, "poses": vars(load_poses(run))}


@pytest.fixture(scope="module")
def finished(recipe, tiny_samples, tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """A folder of runs and its numbers."""
    place = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRO_RUNS", str(place))
        make_runs([recipe], tiny_samples, CPU)
        return place, numbers(recipe)


@pytest.fixture(scope="module")
def stopped(recipe, tiny_samples, tmp_path_factory) -> Path:
    """A folder of runs whose second one, the first stage, was stopped in its second epoch."""
    place, seen = tmp_path_factory.mktemp("stopped"), []

    def progress(crops: int) -> None:
        seen.append(crops)
        if len(seen) == 6:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setenv("REPRO_RUNS", str(place))
        make_task(Task(recipe.first_stage, kept=True), tiny_samples, ALONE, 0, progress)
    return place


def same_or_sentence(recipe, samples, expected: dict[str, Any]) -> None:
    """Make the run again: it gives the numbers that it gave, or a sentence."""
    try:
        make_runs([recipe], samples, CPU)
    except ReproError as error:
        assert "delete" in str(error)
        return
    np.testing.assert_equal(numbers(recipe), expected)


# Of each stage: the file, and what is removed beforehand so that the file is needed.
FINISHED = [
    *(("first", name, "") for name in ("run.json", "log.jsonl", "recipe.json")),
    *(("first", f"snapshots/epoch-0000{n}.safetensors", "evaluations") for n in (1, 2)),
    *(("first", name, "second") for name in ("state.json", "state-00002.safetensors", "model.safetensors")),
    *(("second", name, "") for name in ("run.json", "log.jsonl", "evaluations/*.json", "evaluations/*.npz")),
    *(("second", name, "evaluations") for name in ("model.safetensors", "snapshots/epoch-00003.safetensors")),
]


@pytest.mark.parametrize(("needed", "damage"), damaged(FINISHED))
def test_a_damaged_file_of_a_finished_run(needed, damage, recipe, tiny_samples, finished, places):
    stage, name, removed = needed
    shutil.copytree(finished[0], places / "runs")
    for gone in {"evaluations": [folder(recipe) / "evaluations"], "second": [folder(recipe)]}.get(removed, []):
        shutil.rmtree(gone)
    (file,) = folder(recipe if stage == "second" else recipe.first_stage).glob(name)
    damage(file)
    same_or_sentence(recipe, tiny_samples, finished[1])


def test_halves_of_files_that_a_kill_left_are_removed(recipe, tiny_samples, finished, places):
    shutil.copytree(finished[0], places / "runs")
    next((folder(recipe) / "evaluations").glob("*.json")).unlink()
    left = [folder(recipe) / ".model.safetensors.1", folder(recipe) / "evaluations" / ".a.npz.2"]
    for file in left:
        file.write_text("half")
    make_runs([recipe], tiny_samples, CPU)
    assert not any(file.exists() for file in left)
    np.testing.assert_equal(numbers(recipe), finished[1])


@pytest.mark.parametrize(
    ("name", "damage"),
    damaged(["state.json", "state-00001.safetensors", "log.jsonl", "snapshots/epoch-00001.safetensors", "recipe.json"]),
)
def test_a_damaged_file_of_a_stopped_run(name, damage, recipe, tiny_samples, stopped, finished, places):
    shutil.copytree(stopped, places / "runs")
    damage(places / "runs" / f"{recipe.first_stage.training_key}.partial" / name)
    (places / "runs" / f"{recipe.first_stage.training_key}.partial" / ".left.123").write_text("half")
    same_or_sentence(recipe, tiny_samples, finished[1])
    assert not list((places / "runs").rglob(".left*"))


def test_the_weights_of_another_epoch_are_not_evaluated(recipe, tiny_samples, finished, places, capsys):
    shutil.copytree(finished[0], places / "runs")
    shutil.rmtree(folder(recipe) / "evaluations")
    early = folder(recipe.first_stage) / "snapshots" / "epoch-00001.safetensors"
    for name in ("model.safetensors", "snapshots/epoch-00003.safetensors"):
        _replace(folder(recipe) / name, early.read_bytes())
    make_runs([recipe], tiny_samples, CPU)
    np.testing.assert_equal(numbers(recipe), finished[1])
    said = " ".join(capsys.readouterr().err.split())
    assert "does not fit its checksum: the training is made again." in said


def test_an_evaluation_that_was_edited_is_made_again(recipe, tiny_samples, finished, places, capsys):
    shutil.copytree(finished[0], places / "runs")
    (file,) = (folder(recipe) / "evaluations").glob("*.json")
    content = json.loads(file.read_text())
    content["metrics"] = dict.fromkeys(content["metrics"], 0.5)
    _replace(file, json.dumps(content).encode())
    make_runs([recipe], tiny_samples, CPU)
    np.testing.assert_equal(numbers(recipe), finished[1])
    assert f"{file.name} does not fit its checksum: the evaluation is made again." in capsys.readouterr().err


def unseal(file: Path, fields: tuple[str, ...]) -> None:
    """Bring a sealed file to what it was before there were seals."""
    content = json.loads(file.read_text())
    _replace(file, json.dumps({name: content[name] for name in fields}).encode())


def test_runs_of_before_there_were_checksums_are_taken_as_they_are(recipe, tiny_samples, finished, places, monkeypatch):
    shutil.copytree(finished[0], places / "runs")
    for stage in (recipe.first_stage, recipe):
        unseal(folder(stage) / "run.json", ("environment", "seconds"))
    unseal(folder(recipe.first_stage) / "state.json", ("epoch", "file"))
    (file,) = (folder(recipe) / "evaluations").glob("*.json")
    unseal(file, ("recipe", "metrics", "curve"))
    monkeypatch.setattr("repro.runs.run.train", None)  # nothing is trained
    make_runs([recipe], tiny_samples, CPU)
    np.testing.assert_equal(numbers(recipe), finished[1])
    shutil.rmtree(folder(recipe) / "evaluations")
    make_runs([recipe], tiny_samples, CPU)
    np.testing.assert_equal(numbers(recipe), finished[1])


def test_a_training_stopped_before_there_were_checksums_goes_on(recipe, tiny_samples, stopped, finished, places):
    shutil.copytree(stopped, places / "runs")
    unseal(places / "runs" / f"{recipe.first_stage.training_key}.partial" / "state.json", ("epoch", "file"))
    seen: list[int] = []
    make_task(Task(recipe.first_stage, kept=True), tiny_samples, ALONE, 0, seen.append)
    assert seen == [24, 8, 8, 8]
    make_runs([recipe], tiny_samples, CPU)
    np.testing.assert_equal(numbers(recipe), finished[1])


def test_an_unsealed_evaluation_in_a_sealed_run_is_made_again(recipe, tiny_samples, finished, places):
    shutil.copytree(finished[0], places / "runs")
    (file,) = (folder(recipe) / "evaluations").glob("*.json")
    content = json.loads(file.read_text())
    content["metrics"] = dict.fromkeys(content["metrics"], 0.5)
    _replace(file, json.dumps({name: content[name] for name in ("recipe", "metrics", "curve")}).encode())
    make_runs([recipe], tiny_samples, CPU)
    np.testing.assert_equal(numbers(recipe), finished[1])


def test_a_full_disk_is_a_sentence_and_loses_nothing(recipe, tiny_samples, finished, places, monkeypatch):
    replace, left = os.replace, [3, 7, 12]

    def full(*names) -> None:
        left[0] -= 1
        if not left[0]:
            left.pop(0)
            raise OSError(28, "No space left on device")
        replace(*names)

    monkeypatch.setattr(sealed.os, "replace", full)
    for _ in range(3):
        with pytest.raises(
            ReproError, match=r"runs cannot be written .*No space left.*REPRO_RUNS.*go on from their last"
        ):
            make_runs([recipe], tiny_samples, CPU)
        assert not [file for file in (places / "runs").rglob(".*") if file.is_file()]
        left = left or [10_000]
    monkeypatch.undo()
    monkeypatch.setenv("REPRO_RUNS", str(places / "runs"))
    make_runs([recipe], tiny_samples, CPU)
    np.testing.assert_equal(numbers(recipe), finished[1])


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["images.bin", "parts.bin", "labels.npz", "manifest.json"])
def test_a_damaged_file_of_drawn_people(name, damage, places, monkeypatch):
    def drawn() -> list[np.ndarray]:
        people = load_people("train", limit=3, size=(24, 32))
        pictures = [call(i) for call in (people.images.read, people.images.parts) for i in range(3)]
        return [*pictures, people.keypoints, people.boxes, people.areas, people.visibility]

    before = drawn()
    (file,) = (places / "cache" / "people").glob(f"*/{name}")
    damage(file)
    np.testing.assert_equal(drawn(), before)


def result(name: str, value: float) -> Path:
    """A result folder of one run and one number."""
    run = RunOutcome("hrnet", 0, {}, "a" * 12, "b" * 12, {"pckh@0.5": value}, [], 1.0)
    with new_folder("skeletal", 3, name) as place:
        about = {"paper": "skeletal", "table": 3, "seeds": [0], "rows": {"hrnet": ""}, "created": "2026-01-01"}
        (place / "manifest.json").write_text(json.dumps(about))
        Outcome("skeletal", 3, "smoke", "people", 8, (run,)).write(place / "runs.json")
        line = {"row": ["hrnet"], "metric": ["PCKh"], "ours": [value], "spread": [0.1], "verdict": ["undecided"]}
        pd.DataFrame(line).to_csv(place / "table.csv", index=False)
    return find_folder(name)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["manifest.json", "runs.json", "table.csv"])
def test_a_damaged_file_of_a_result_folder(name, damage, places, capsys):
    first, second = result("first", 0.25), result("second", 0.75)
    calls: list[Callable[[], Any]] = [
        lambda: manifests()["skeletal/table3/second"],
        lambda: Outcome.read(second / "runs.json"),
        lambda: compare_folders(first, second)[0].values.tolist(),
    ]
    before = [call() for call in calls]
    damage(second / name)
    for call, expected in zip(calls, before, strict=True):
        try:
            assert call() == expected
        except ReproError as error:
            assert "skeletal/table3/second" in str(error) and (
                "restore the file" in str(error) or "reproduce the table" in str(error)
            )
        except KeyError:  # of the list of manifests, which leaves the folder out
            assert name == "manifest.json" and (damage is Path.unlink or name in capsys.readouterr().err)


# Reproduces a table of two stages in processes that are killed at random moments, then to its end.
KILLED = """
import os, random, signal, sys, time
import torch, torch._dynamo
from repro.cli.main import main as cli
from repro.tables import last_step, notebooks, reproduce
from repro.runs import schedule as tasks

torch.set_num_threads(1)
for module in (reproduce, last_step):
    module.try_kernel = lambda: None
reproduce.run_notebook = lambda source, target, parameters: target.write_text("{}")
reproduce.write_figures = lambda folder, outcome: None
command = ["reproduce", "--paper", "cal", "--table", "7", "--row", sys.argv[1], "--scale", "smoke", "--jobs", "1"]

def start(place):
    pid = os.fork()
    if not pid:
        os.environ.update({f"REPRO_{name.upper()}": f"{place}/{name}" for name in ("runs", "results", "cache")})
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        try:
            cli.main(command, standalone_mode=False)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return pid

began = time.monotonic()
print("reference", os.waitstatus_to_exitcode(os.waitpid(start("reference"), 0)[1]))
seconds, moments = time.monotonic() - began, random.Random(7)
for _ in range(5):
    pid = start("killed")
    time.sleep(seconds * moments.uniform(0.05, 0.6))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
time.sleep(2.1)  # a younger folder of results may be one that is just being made
print("killed", os.waitstatus_to_exitcode(os.waitpid(start("killed"), 0)[1]))
"""


@pytest.mark.slow
def test_a_table_killed_again_and_again_ends_bit_for_bit_alike(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLED, "two-stage"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and done.stdout.split() == ["reference", "0", "killed", "0"], done.stdout + done.stderr
    kept = [
        {
            file.relative_to(tmp_path / place / "runs").as_posix(): file.read_bytes()
            for file in (tmp_path / place / "runs").rglob("*")
            if file.suffix in (".safetensors", ".npz") or file.parent.name == "evaluations"
        }
        for place in ("reference", "killed")
    ]
    assert len(kept[0]) > 8 and kept[0] == kept[1]
    tables = [list((tmp_path / place / "results/cal/table7").iterdir()) for place in ("reference", "killed")]
    assert [len(found) for found in tables] == [1, 1]
    assert (tables[0][0] / "table.csv").read_bytes() == (tables[1][0] / "table.csv").read_bytes()
    assert not list((tmp_path / "killed").rglob("*.partial"))
