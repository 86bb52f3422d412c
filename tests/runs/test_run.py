from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from repro.approaches.top_down import evaluate
from repro.approaches.top_down.measure import measure
from repro.approaches.top_down.predict import Poses, load_poses
from repro.approaches.top_down.samples import evaluated_persons
from repro.data.detections import SIMULATED
from repro.decoders.peaks import Argmax
from repro.errors import ReproError
from repro.losses.mse import HeatmapMSE
from repro.recipe import Evaluation, SecondStage
from repro.runs import run as runs
from repro.runs.run import Task, crops_of, folder, is_trained, load_run, make_task
from repro.runs.schedule import Machine, make_runs
from repro.support import locks
from repro.support.sealed import read_sealed, write_sealed
from repro.training.distributed import World

from ..tiny_runs import BASELINE, SKELETAL, tiny_recipe

TESTS = Path(__file__).resolve().parent.parent
CPU = Machine(device="cpu", jobs=1)
ALONE = World(0, 1, torch.device("cpu"))


def counted(monkeypatch, name: str) -> list:
    """The first argument of each call of ``repro.runs.run.<name>``, which does its work as before."""
    calls, original = [], getattr(runs, name)

    def call(first, *others, **named):
        calls.append(first)
        return original(first, *others, **named)

    monkeypatch.setattr(runs, name, call)
    return calls


def files(place: Path) -> dict[str, bytes]:
    """The files below a folder that decide its numbers."""
    kept = [*place.rglob("*.safetensors"), *place.glob("evaluations/*")]
    return {p.relative_to(place).as_posix(): p.read_bytes() for p in kept}


def in_runs(places: Path) -> set[str]:
    """What lies in the folder of runs."""
    return {p.name for p in (places / "runs").iterdir()}


def test_a_run_holds_everything_about_itself(data, tiny_samples, places):
    recipe = tiny_recipe(data)
    make_runs([recipe], tiny_samples, CPU)
    place = folder(recipe)
    assert place == places / "runs" / recipe.training_key
    assert json.loads((place / "recipe.json").read_text()) == recipe.to_plain()
    assert {p.name for p in place.iterdir()} == {
        *("recipe.json", "run.json", "log.jsonl", "log.csv", "model.safetensors", "snapshots", "evaluations")
    }
    run = load_run(recipe)
    assert run.recipe == recipe
    assert {"AP", "OKS", "pckh@0.5", "pck@0.2"} <= set(run.metrics)
    assert [point["persons"] for point in run.curve] == [24, 48, 72]
    last = {name: value for name, value in run.curve[-1].items() if name in run.metrics}
    np.testing.assert_equal(last, {name: run.metrics[name] for name in last})
    assert not any("/" in name for name in run.curve[0])
    assert load_poses(run).points.shape == (8, 14, 2) and load_poses(run).scores.shape == (8, 14)
    assert run.environment["threads"] == 1 and run.environment["processes"] == 1
    assert run.seconds == pytest.approx(sum(line["seconds"] for line in run.log), abs=0.051)


def test_learning_curves_are_measured_on_the_images_of_the_first_persons(data, tiny_samples, places, monkeypatch):
    monkeypatch.setattr(evaluate, "CURVE_PERSONS", 3)
    recipe = tiny_recipe(data)
    make_runs([recipe], tiny_samples, CPU)
    run = load_run(recipe)
    few, image_ids = tiny_samples.val.first(3)
    assert [point["of"] for point in run.curve] == [len(few)] * 3 and 3 <= len(few) < len(tiny_samples.val) == 8
    own = Poses(load_poses(run).points[few], load_poses(run).scores[few])
    expected = measure(tiny_samples.val.take(few), own, recipe, tiny_samples.measures, image_ids)
    assert run.curve[-1]["OKS"] == pytest.approx(expected["OKS"], abs=1e-5)
    assert run.curve[-1]["AP"] == pytest.approx(expected["AP"], abs=1e-5)


def test_learning_curves_of_a_detectors_boxes_are_of_the_same_images(data, tiny_samples, places, monkeypatch):
    monkeypatch.setattr(evaluate, "CURVE_PERSONS", 3)
    recipe = tiny_recipe(data).but(evaluation=Evaluation(boxes=SIMULATED))
    make_runs([recipe], tiny_samples, CPU)
    known, image_ids = tiny_samples.val.first(3)
    run, detected = load_run(recipe), evaluated_persons(tiny_samples, recipe)
    assert [point["of"] for point in run.curve] == [len(known)] * 3
    few = np.flatnonzero(np.isin(detected.image_ids, image_ids))
    own = Poses(load_poses(run).points[few], load_poses(run).scores[few])
    expected = measure(detected.take(few), own, recipe, tiny_samples.measures, image_ids)
    assert run.curve[-1]["AR"] == pytest.approx(expected["AR"], abs=1e-5)


def test_complete_runs_are_not_made_again(data, tiny_samples, places, monkeypatch):
    recipes = [tiny_recipe(data), tiny_recipe(data, seed=1)]
    trained, evaluated = counted(monkeypatch, "train"), counted(monkeypatch, "evaluate")
    make_runs(recipes, tiny_samples, CPU)
    assert len(trained) == len(evaluated) == 2
    before = [files(folder(recipe)) for recipe in recipes]
    make_runs(recipes, tiny_samples, CPU)
    assert len(trained) == len(evaluated) == 2
    assert [files(folder(recipe)) for recipe in recipes] == before


def test_equal_recipes_are_made_once_and_those_that_share_a_training_trained_once(
    data, tiny_samples, places, monkeypatch
):
    recipe = tiny_recipe(data)
    other = recipe.but(method=BASELINE.but(decoder=Argmax()))
    trained, evaluated = counted(monkeypatch, "train"), counted(monkeypatch, "evaluate")
    make_runs([recipe, recipe, other], tiny_samples, CPU)
    assert len(trained) == 1 and evaluated == [[recipe, other]]  # which see the same maps
    later = recipe.but(evaluation=Evaluation(flip=False))
    make_runs([later, recipe], tiny_samples, CPU)
    assert len(trained) == 1 and evaluated == [[recipe, other], [later]]
    assert {p.stem for p in (folder(recipe) / "evaluations").iterdir()} == {recipe.key, other.key, later.key}


def test_a_run_that_rows_share_is_not_altered_when_another_of_them_asks_for_it(data, tiny_samples, places, capfd):
    first = tiny_recipe(data)
    second = first.but(method=first.method.but(decoder=Argmax()))
    make_runs([first, second], tiny_samples, CPU)
    before = (folder(first) / "recipe.json").read_bytes()
    make_runs([second], tiny_samples, CPU)
    make_runs([first], tiny_samples, CPU)
    assert (folder(first) / "recipe.json").read_bytes() == before
    assert "altered" not in capfd.readouterr().err
    (folder(first) / "recipe.json").write_text("{}")
    make_runs([second], tiny_samples, CPU)
    assert "altered" in capfd.readouterr().err
    assert json.loads((folder(first) / "recipe.json").read_text()) == second.to_plain()


def test_ctrl_c_leaves_a_partial_run_that_goes_on(data, tiny_samples, places, monkeypatch):
    recipe = tiny_recipe(data, SKELETAL)
    make_runs([recipe], tiny_samples, CPU)
    expected = files(folder(recipe))
    monkeypatch.setenv("REPRO_RUNS", str(places / "interrupted"))
    seen = []

    def progress(crops: int) -> None:
        seen.append(crops)
        if len(seen) == 6:  # in the second epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_task(Task(recipe, (recipe,)), tiny_samples, ALONE, 0, progress)
    assert not is_trained(recipe) and not folder(recipe).exists()
    assert (places / "interrupted" / f"{recipe.training_key}.partial" / "state.json").exists()
    seen.clear()
    make_task(Task(recipe, (recipe,)), tiny_samples, ALONE, 0, lambda crops: seen.append(crops))
    assert seen == [24] + 6 * [8]  # the first epoch is not trained again
    assert files(folder(recipe)) == expected
    assert len(load_run(recipe).log) == 3


def two_stages(data, epochs: int = 2, **optimisation):
    """A recipe with a second stage of the same loss, at a learning rate that never falls."""
    recipe = tiny_recipe(data, **{"gamma": 1.0, **optimisation})
    return recipe.but(second_stage=SecondStage(loss=HeatmapMSE(), epochs=epochs))


def test_a_second_stage_goes_on_where_the_first_ended(data, tiny_samples, places):
    whole, parts = tiny_recipe(data, epochs=5, gamma=1.0), two_stages(data)
    make_runs([whole, parts], tiny_samples, CPU)
    weights = [load_file(folder(recipe) / "model.safetensors") for recipe in (whole, parts)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    run = load_run(parts)
    assert [line["epoch"] for line in run.log] == [1, 2, 3, 4, 5]
    assert [point["persons"] for point in run.curve] == [24, 48, 72, 96, 120]
    assert run.metrics == load_run(whole).metrics
    assert (folder(parts.first_stage) / "state.json").exists()
    assert not (folder(parts) / "state.json").exists()
    assert not (folder(parts.first_stage) / "evaluations").exists()


def test_recipes_share_their_first_stage(data, tiny_samples, places, monkeypatch):
    first, second, plain = two_stages(data), two_stages(data, epochs=1), two_stages(data).first_stage
    trained = counted(monkeypatch, "train")
    make_runs([plain], tiny_samples, CPU)
    assert trained == [plain] and not (folder(plain) / "state.json").exists()
    before = load_run(plain).metrics
    make_runs([first, second], tiny_samples, CPU)  # the state at the end of the first stage was not kept: made again
    assert trained == [plain, plain, first, second]
    assert load_run(plain).metrics == before
    make_runs([two_stages(data, epochs=3), plain], tiny_samples, CPU)
    assert len(trained) == 5


def test_a_second_stage_that_was_stopped_goes_on(data, tiny_samples, places, monkeypatch):
    recipe = two_stages(data)
    make_runs([recipe], tiny_samples, CPU)
    expected = files(folder(recipe))
    monkeypatch.setenv("REPRO_RUNS", str(places / "interrupted"))
    make_task(Task(recipe.first_stage, kept=True), tiny_samples, ALONE, 0, lambda crops: None)
    seen = []

    def progress(crops: int) -> None:
        seen.append(crops)
        if len(seen) == 6:  # in its second epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_task(Task(recipe, (recipe,)), tiny_samples, ALONE, 0, progress)
    seen.clear()
    make_runs([recipe], tiny_samples, CPU)
    assert files(folder(recipe)) == expected
    assert [line["epoch"] for line in load_run(recipe).log] == [1, 2, 3, 4, 5]


def test_an_evaluation_that_was_stopped_is_made_again_without_training(data, tiny_samples, places, monkeypatch):
    recipe = tiny_recipe(data)

    def full(*arguments, **named) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs, "write_sealed", _failing_for(f"{recipe.key}.json", runs.write_sealed, full))
    with pytest.raises(ReproError, match="runs cannot be written .*No space left.*REPRO_RUNS"):
        make_runs([recipe], tiny_samples, CPU)
    monkeypatch.undo()
    monkeypatch.setenv("REPRO_RUNS", str(places / "runs"))
    assert is_trained(recipe)
    trained = counted(monkeypatch, "train")
    make_runs([recipe], tiny_samples, CPU)
    assert not trained
    assert load_run(recipe).metrics["OKS"] > 0


def _failing_for(name: str, original, fail):
    """``original``, or ``fail`` where the file to write has that name."""
    return lambda path, *others: fail() if Path(path).name == name else original(path, *others)


def test_a_run_stopped_on_its_way_to_its_name_is_finished_without_training_again(
    data, tiny_samples, places, monkeypatch
):
    recipe = tiny_recipe(data)
    replace = os.replace

    def stopped(source, target) -> None:
        if Path(target) == folder(recipe):
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        make_runs([recipe], tiny_samples, CPU)
    monkeypatch.setattr(os, "replace", replace)
    assert not is_trained(recipe)
    seen = []
    make_task(Task(recipe, (recipe,)), tiny_samples, ALONE, 0, lambda crops: seen.append(crops))
    assert seen == [72]
    assert is_trained(recipe) and not list(folder(recipe).glob("state*"))


def test_the_seconds_of_a_run_are_those_of_all_its_sessions(data, tiny_samples, places):
    recipe = tiny_recipe(data)
    partial = places / "runs" / f"{recipe.training_key}.partial"
    seen = []

    def progress(crops: int) -> None:
        seen.append(crops)
        if len(seen) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_task(Task(recipe, (recipe,)), tiny_samples, ALONE, 0, progress)
    state = read_sealed(partial / "state.json", "state")
    (line,) = map(json.loads, state["log"])
    write_sealed(partial / "state.json", "state", state | {"log": [json.dumps(line | {"seconds": 1000.0})]})
    make_task(Task(recipe, (recipe,)), tiny_samples, ALONE, 0, lambda crops: None)
    assert 1000 < load_run(recipe).seconds < 1060


# Makes a run, and holds it until the file ``go`` is there.
HOLD = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from repro.runs import run as runs, schedule as tasks
from tiny_runs import tiny_data, tiny_persons, tiny_recipe

place = Path(sys.argv[2])
persons, val = tiny_persons(place / "train"), tiny_persons(place / "val", 8, seed=1)
train = runs.train

def held(*arguments):
    (place / "held").touch()
    while not (place / "go").exists():
        time.sleep(0.02)
    train(*arguments)

runs.train = held
recipe = tiny_recipe(tiny_data(persons, val))
tasks.make_runs([recipe], runs.Samples(persons, val, frozenset({"oks", "pckh"})), tasks.Machine(device="cpu"))
"""


def test_two_processes_that_want_the_same_run_make_it_once(data, tiny_samples, places, monkeypatch):
    recipe = tiny_recipe(data)
    script = places / "hold.py"
    script.write_text(HOLD)
    said = []

    def echo(text: str, err: bool) -> None:
        said.append(text)
        (places / "go").touch()

    monkeypatch.setattr(locks.click, "echo", echo)
    trained, evaluated = counted(monkeypatch, "train"), counted(monkeypatch, "evaluate")
    with subprocess.Popen([sys.executable, script, TESTS, places], stderr=subprocess.PIPE, text=True) as other:
        try:
            end = time.monotonic() + 60
            while not (places / "held").exists() and other.poll() is None and time.monotonic() < end:
                time.sleep(0.02)
            assert (places / "held").exists(), other.stderr.read()
            make_runs([recipe], tiny_samples, CPU)
            assert other.wait(60) == 0, other.stderr.read()
        finally:
            other.kill()
    assert said == [f"Another process is working on run {recipe.training_key}; waiting for it to end."]
    assert not trained and not evaluated
    assert in_runs(places) == {recipe.training_key, f"{recipe.training_key}.lock"}
    assert len(load_run(recipe).log) == 3
    made = files(folder(recipe))
    monkeypatch.setenv("REPRO_RUNS", str(places / "again"))
    make_runs([recipe], tiny_samples, CPU)
    assert files(folder(recipe)) == made


def test_crops_are_counted_in_whole_batches(data):
    assert crops_of(tiny_recipe(data, batch=10, epochs=4)) == 4 * 20
