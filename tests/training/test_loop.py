from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from repro.approaches.base import approach_of
from repro.approaches.top_down.measure import measure
from repro.approaches.top_down.predict import predict
from repro.errors import ReproError
from repro.models.checkpoints import load_weights, read_metadata
from repro.recipe import Recipe
from repro.training import loop
from repro.training.distributed import World
from repro.training.feed import map_size
from repro.training.loop import Job, build_network, snapshot_epochs, train

from ..tiny_runs import BASELINE, SKELETAL, tiny_recipe

CPU = torch.device("cpu")
ALONE = World(0, 1, CPU)
TESTS = Path(__file__).resolve().parent.parent
CLOCKED = ("seconds", "persons_per_second", "peak_memory_mb")


class Stop(Exception):
    """Stands for whatever ends a training early."""


def read_log(folder: Path) -> list[dict]:
    """The lines of the log without what a clock or the machine says."""
    path = folder / "log.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [{name: value for name, value in line.items() if name not in CLOCKED} for line in lines]


def left_by(folder: Path) -> tuple[bytes, list[dict], dict[str, bytes]]:
    """What decides a run's numbers: final weights, log, snapshots."""
    snapshots = {p.name: p.read_bytes() for p in (folder / "snapshots").iterdir()}
    return (folder / "model.safetensors").read_bytes(), read_log(folder), snapshots


def run(recipe: Recipe, persons, folder: Path, progress=lambda persons: None) -> Path:
    """Train in ``folder``."""
    folder.mkdir(exist_ok=True)
    train(recipe, approach_of(recipe), persons, folder, Job(ALONE, progress=progress))
    return folder


@pytest.fixture(scope="module")
def recipe(data) -> Recipe:
    """The skeletal method, three epochs of three steps."""
    return tiny_recipe(data, SKELETAL)


@pytest.fixture(scope="module")
def whole(recipe, persons, tmp_path_factory) -> Path:
    """A training that nothing interrupted."""
    return run(recipe, persons, tmp_path_factory.mktemp("whole"))


def stop_after(steps: int):
    """A progress callback that raises in the step after so many; the first call names what was done before."""
    seen = []

    def progress(persons: int) -> None:
        seen.append(persons)
        if len(seen) == steps + 2:
            raise Stop

    return progress


def test_training_lowers_the_loss(data, persons, tmp_path):
    log = read_log(run(tiny_recipe(data, epochs=8), persons, tmp_path / "run"))
    assert log[-1]["loss"] < 0.5 * log[0]["loss"]


def test_training_in_bfloat16_lowers_the_loss(data, persons, tmp_path):
    log = read_log(run(tiny_recipe(data, epochs=4, precision="bfloat16"), persons, tmp_path / "run"))
    assert log[-1]["loss"] < 0.8 * log[0]["loss"]


def test_a_run_leaves_weights_snapshots_and_a_line_an_epoch(whole, recipe):
    assert {p.name for p in whole.iterdir()} >= {"model.safetensors", "log.jsonl", "snapshots"}
    log = read_log(whole)
    assert [(line["epoch"], line["persons"]) for line in log] == [(1, 24), (2, 48), (3, 72)]
    # falls after round(170/210 * 3) = 2 and round(200/210 * 3) = 3 epochs
    assert [line["learning_rate"] for line in log] == pytest.approx([1e-3, 1e-3, 1e-4])
    for line in log:
        assert line["loss"] == pytest.approx(line["keypoint_loss"] + 0.2 * line["skeletal_loss"], rel=1e-5)
    raw = json.loads((whole / "log.jsonl").read_text().splitlines()[0])
    assert set(CLOCKED) <= set(raw)
    names = [f"epoch-{n:05d}.safetensors" for n in (1, 2, 3)]
    assert sorted(p.name for p in (whole / "snapshots").iterdir()) == names
    assert (whole / "snapshots" / names[-1]).read_bytes() == (whole / "model.safetensors").read_bytes()
    assert read_metadata(whole / "model.safetensors") == {"recipe": recipe.training_key}


def test_the_same_recipe_gives_the_same_bytes_and_another_seed_others(whole, recipe, persons, tmp_path):
    assert left_by(run(recipe, persons, tmp_path / "again")) == left_by(whole)
    other = run(recipe.but(seed=1), persons, tmp_path / "other")
    assert read_log(other)[0]["loss"] != read_log(whole)[0]["loss"]


@pytest.mark.parametrize("steps", [1, 4, 8])
def test_a_training_stopped_in_an_epoch_ends_as_if_it_had_not_been(
    steps, whole, recipe, persons, val_persons, tmp_path
):
    with pytest.raises(Stop):
        run(recipe, persons, tmp_path / "run", stop_after(steps))
    assert len(read_log(tmp_path / "run")) == steps // 3
    assert not (tmp_path / "run" / "model.safetensors").exists()
    folder = run(recipe, persons, tmp_path / "run")
    assert left_by(folder) == left_by(whole)
    metrics = []
    for place in (folder, whole):
        network = build_network(recipe, val_persons, CPU)
        load_weights(network, place / "model.safetensors")
        poses = predict(network, val_persons, recipe, CPU)
        metrics.append(measure(val_persons, poses, recipe, frozenset({"oks", "pckh"})))
    np.testing.assert_equal(*metrics)  # nan equals nan


def test_progress_counts_all_persons_also_when_a_training_goes_on(recipe, persons, tmp_path):
    with pytest.raises(Stop):
        run(recipe, persons, tmp_path / "run", stop_after(4))
    seen = []
    run(recipe, persons, tmp_path / "run", seen.append)
    assert seen == [24] + 6 * [8]  # what was done before, then the steps of two epochs


def test_an_epoch_that_was_logged_and_then_lost_is_logged_once(whole, recipe, persons, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    written = []

    def save(place, epoch, *others):
        if epoch == 2 and not written:
            written.append(epoch)
            raise Stop
        return save_state(place, epoch, *others)

    save_state = loop.save_state
    monkeypatch.setattr(loop, "save_state", save)
    with pytest.raises(Stop):
        run(recipe, persons, folder)
    assert [line["epoch"] for line in read_log(folder)] == [1, 2]  # the state is that of epoch 1
    with (folder / "log.jsonl").open("a") as file:
        file.write('{"epoch": 3, "per')  # a line that was cut by the kill
    run(recipe, persons, folder)
    assert left_by(folder) == left_by(whole)


def test_a_complete_training_is_not_touched_again(whole, recipe, persons, tmp_path):
    folder = run(recipe, persons, tmp_path / "run")
    seen = []
    run(recipe, persons, folder, seen.append)
    assert seen == [72]
    assert left_by(folder) == left_by(whole)


# Trains in processes of its own that SIGKILL themselves, one after the other, each at a worse moment than the last.
KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import torch
import torch._dynamo  # as Adam does at its first step; here once for all
from tiny_runs import SKELETAL, tiny_data, tiny_persons, tiny_recipe
from repro.approaches.base import approach_of
from repro.training import checkpoints, loop
from repro.training.distributed import World

torch.set_num_threads(1)
folder, images, val_images = map(Path, sys.argv[2:])
persons, val = tiny_persons(images), tiny_persons(val_images, 8, seed=1)
recipe = tiny_recipe(tiny_data(persons, val), SKELETAL)

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def after(count, call):
    calls = []
    def counted(*arguments, **named):
        calls.append(1)
        return die() if len(calls) == count else call(*arguments, **named)
    return counted

moments = {
    "in the second step": {},
    "between the first log line and its snapshot": {(loop, "save_weights"): 1},
    "between the first snapshot and its state": {(loop, "save_state"): 1},
    "between the tensors of the first state and the pointer to them": {(checkpoints, "write_sealed"): 1},
    "between the first and the second state": {(checkpoints, "write_sealed"): 2},
    "in the last step": {},
    "before the final weights": {(loop, "save_weights"): 2},
}
steps = {"in the second step": 3, "in the last step": 4}
for moment, patches in moments.items():
    pid = os.fork()
    if not pid:
        for (module, name), count in patches.items():
            setattr(module, name, after(count, getattr(module, name)))
        progress = after(steps.get(moment, 99), lambda persons: None)
        loop.train(recipe, approach_of(recipe), persons, folder, loop.Job(World(0, 1, torch.device("cpu")), progress=progress))
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    print(moment, os.WTERMSIG(status), len(list(folder.glob("state.json"))), sep=": ")
"""


def test_a_training_killed_again_and_again_ends_as_if_it_had_not_been(whole, recipe, persons, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    arguments = [sys.executable, script, TESTS, folder, tmp_path / "train", tmp_path / "val"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert [line.split(": ")[1] for line in done.stdout.splitlines()] == 7 * ["9"], done.stdout
    assert not (folder / "model.safetensors").exists()
    assert len(read_log(folder)) >= 2
    run(recipe, persons, folder)
    assert left_by(folder) == left_by(whole)


def test_fewer_persons_than_a_batch_are_refused(data, persons, tmp_path):
    with pytest.raises(
        ReproError, match="7 training persons are fewer than a batch of 8: take a smaller scale or more"
    ):
        run(tiny_recipe(data), persons.take(np.arange(7)), tmp_path / "run")


def test_a_loss_that_stops_being_a_number_ends_the_training(data, persons, tmp_path):
    recipe = tiny_recipe(data, epochs=5, learning_rate=1e30)
    with pytest.raises(
        ReproError, match=rf"The loss of run {recipe.training_key} is nan in epoch \d: lower the learning"
    ):
        run(recipe, persons, tmp_path / "run")
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_persons_that_fill_no_batch_are_left_out_of_the_epoch(data, persons, tmp_path):
    log = read_log(run(tiny_recipe(data, epochs=1), persons.take(np.arange(23)), tmp_path / "run"))
    assert log[0]["persons"] == 16


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (1, {1}),
        (3, {1, 2, 3}),
        (8, set(range(1, 9))),
        (16, {2, 4, 6, 8, 10, 12, 14, 16}),
        (210, {26, 52, 79, 105, 131, 158, 184, 210}),  # 26.25, 52.5 (to even), 78.75, ...
    ],
)
def test_snapshots_are_evenly_spaced_and_the_last_is_the_end(epochs, expected, monkeypatch):
    monkeypatch.setattr(loop, "SNAPSHOTS", 8)
    assert snapshot_epochs(range(epochs)) == expected


def test_networks_start_from_the_seed_alone(recipe, persons):
    first, again, other = (build_network(r, persons, CPU).state_dict() for r in (recipe, recipe, recipe.but(seed=1)))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


def test_targets_have_the_size_of_the_networks_maps(data, persons):
    recipe = tiny_recipe(data)
    points = torch.zeros(1, 14, 2)
    points[0, 0] = torch.tensor([20.0, 40.0])  # input px; the maps of a 48 x 64 input are 12 x 16, so (5, 10) there
    batch = {"points": points, "labelled": torch.ones(1, 14)}
    size = map_size({"heatmaps": torch.zeros(1, 14, 16, 12)})
    targets = approach_of(recipe).targets(recipe, batch, size, persons.skeleton)
    assert targets["heatmaps"].shape == (1, 14, 16, 12)
    assert divmod(int(targets["heatmaps"][0, 0].argmax()), 12) == (10, 5)


def test_encoder_and_network_that_do_not_fit_are_refused(data, persons, tmp_path):
    mixed = BASELINE.but(network=SKELETAL.network)
    run(tiny_recipe(data, mixed, epochs=1), persons, tmp_path / "extra")  # maps that no loss reads are no mistake
    message = "SkeletalLoss needs 'skeletal', which HeatmapNetwork and SkeletalHeatmap do not both give: choose parts"
    with pytest.raises(ReproError, match=message):
        run(tiny_recipe(data, SKELETAL.but(network=BASELINE.network)), persons, tmp_path / "missing")
