from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from repro.errors import ReproError
from repro.runs.run import folder, load_run
from repro.runs.schedule import Machine, make_runs
from repro.training.distributed import World, choose_device, join_world, share_of_batch

from ..tiny_runs import SKELETAL, tiny_recipe

TESTS = Path(__file__).resolve().parent.parent


def test_devices_by_name():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu", "Unknown device 'gpu': choose auto, cpu, cuda or cuda:<number>."),
        ("", "Unknown device '': choose auto, cpu, cuda or cuda:<number>."),
        ("cuda:one", "Unknown device 'cuda:one': choose auto, cpu, cuda or cuda:<number>."),
        ("meta", "Device 'meta' is not supported: choose auto, cpu, cuda or cuda:<number>."),
        ("cuda:99", "Device 'cuda:99' is not on this machine, which has {} GPUs: choose cpu."),
    ],
)
def test_devices_that_cannot_be_used_are_refused_in_a_sentence(name, message):
    with pytest.raises(ReproError) as caught:
        choose_device(name)
    assert str(caught.value) == message.format(torch.cuda.device_count())


def test_a_process_alone_leads_and_waits_for_nobody(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    world = join_world("cpu")
    assert world == World(0, 1, torch.device("cpu"))
    assert world.leads
    world.wait()
    assert world.mean(torch.tensor([1.5, 2.0])).tolist() == [1.5, 2.0]


def test_a_batch_is_shared_evenly_or_not_at_all():
    assert share_of_batch(128, World(0, 4, torch.device("cpu"))) == 32
    with pytest.raises(
        ReproError, match="A batch of 8 persons cannot be shared by 3 processes: start a number of them"
    ):
        share_of_batch(8, World(1, 3, torch.device("cpu")))


# Two processes make a run; then they train the same recipe elsewhere, stop in the second epoch and go on.
TWO = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from repro.approaches.base import approach_of
from repro.approaches.samples import Samples
from repro.runs.schedule import Machine, make_runs
from repro.training.distributed import join_world
from repro.training.loop import Job, train
from tiny_runs import SKELETAL, tiny_data, tiny_persons, tiny_recipe

place = Path(sys.argv[2])
images = place / os.environ["RANK"]
persons, val = tiny_persons(images / "train"), tiny_persons(images / "val", 8, seed=1)
recipe = tiny_recipe(tiny_data(persons, val), SKELETAL)
make_runs([recipe], Samples(persons, val, frozenset({"oks", "pckh"})), Machine(device="cpu"))

seen = []
def stop(persons):
    seen.append(persons)
    if len(seen) == 6:
        raise InterruptedError

again = place / "again"
world = join_world("cpu")
if world.leads:
    again.mkdir()
world.wait()
try:
    train(recipe, approach_of(recipe), persons, again, Job(world, progress=stop))
except InterruptedError:
    pass
train(recipe, approach_of(recipe), persons, again, Job(world))
"""


def test_two_processes_leave_what_one_leaves(data, tiny_samples, places, monkeypatch):
    recipe = tiny_recipe(data, SKELETAL)
    make_runs([recipe], tiny_samples, Machine(device="cpu"))
    one, alone = load_run(recipe), folder(recipe)
    monkeypatch.setenv("REPRO_RUNS", str(places / "shared"))
    script = places / "two.py"
    script.write_text(TWO)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        script,
        TESTS,
        places,
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    share = (
        "2 processes share each batch of 8, 4 persons each: the total batch is the recipe's, so its learning rate 0.001"
    )
    assert done.stdout.count(share) == 1
    two, shared = load_run(recipe), folder(recipe)
    names = sorted(p.relative_to(alone).as_posix() for p in alone.rglob("*"))
    assert sorted(p.relative_to(shared).as_posix() for p in shared.rglob("*")) == names
    assert set(two.metrics) == set(one.metrics)
    assert (one.environment["processes"], two.environment["processes"]) == (1, 2)
    for ours, theirs in zip(two.log, one.log, strict=True):
        assert (ours["epoch"], ours["persons"], ours["learning_rate"]) == (
            theirs["epoch"],
            theirs["persons"],
            theirs["learning_rate"],
        )
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=0.05)  # BatchNorm sees four persons instead of eight
    again = places / "again"
    assert (again / "model.safetensors").read_bytes() == (shared / "model.safetensors").read_bytes()
    epochs = [json.loads(line)["epoch"] for line in (again / "log.jsonl").read_text().splitlines()]
    assert epochs == [1, 2, 3]
