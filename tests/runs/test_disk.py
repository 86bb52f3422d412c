from __future__ import annotations

import json
import subprocess
import sys

import pytest

from repro.decoders.peaks import Argmax
from repro.errors import ReproError
from repro.runs.disk import drop_snapshots, other_bytes, remove_halves, remove_run, runs_on_disk, spare_snapshots
from repro.runs.holds import hold_runs, runs_alone
from repro.runs.run import folder, is_evaluated, is_intact, load_run
from repro.runs.schedule import Machine, make_runs, pending_tasks
from repro.support.locks import locked

from ..tiny_runs import BASELINE, tiny_recipe

CPU = Machine(device="cpu", jobs=1)

# Holds the folder of runs, or waits for a line and then ends.
HOLDER = "from repro.runs.holds import hold_runs; hold_runs(); print('held', flush=True); input()"


@pytest.fixture
def made(data, tiny_samples, places):
    """A complete run, and its recipe."""
    recipe = tiny_recipe(data)
    make_runs([recipe], tiny_samples, CPU)
    return recipe


def test_a_run_is_listed_with_all_its_bytes(made, places):
    (places / "runs" / "weights").mkdir()
    (places / "runs" / "weights" / "start.safetensors").write_bytes(bytes(1000))
    (run,) = runs_on_disk()
    place = folder(made)
    assert run.key == made.training_key and run.complete and run.recipe == made
    assert run.evaluations == (made.key,) and run.epochs == made.epochs.stop and not run.locked
    assert run.size == sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    assert run.sizes["weights"] == (place / "model.safetensors").stat().st_size
    assert run.sizes["snapshots"] == 3 * (place / "snapshots" / "epoch-00001.safetensors").stat().st_size
    assert run.about == "HeatmapNetwork with HeatmapMSE on tiny, 48x64, seed 0"
    assert other_bytes() == 1000  # and the empty lock


def test_without_snapshots_a_run_stays_complete_and_other_decoders_are_evaluated_with_it(made, tiny_samples, places):
    before, (run,) = load_run(made), runs_on_disk()
    freed = drop_snapshots(run)
    assert freed == run.sizes["snapshots"] > 0
    assert not list((folder(made) / "snapshots").iterdir())
    assert is_intact(made) and is_evaluated(made) and not pending_tasks([made])
    assert load_run(made).metrics == before.metrics and load_run(made).curve == before.curve
    other = made.but(method=BASELINE.but(decoder=Argmax()))
    assert other.training_key == made.training_key
    trained = (folder(made) / "model.safetensors").stat().st_mtime_ns
    make_runs([other], tiny_samples, CPU)
    assert (folder(made) / "model.safetensors").stat().st_mtime_ns == trained
    assert [point["persons"] for point in load_run(other).curve] == [72]
    assert drop_snapshots(runs_on_disk()[0]) == 0


def test_snapshots_stay_where_they_are_the_only_weights_or_carry_no_checksums(made):
    place = folder(made)
    model = (place / "model.safetensors").read_bytes()
    (place / "model.safetensors").unlink()
    assert not spare_snapshots(runs_on_disk()[0])
    (place / "model.safetensors").write_bytes(model)
    assert len(spare_snapshots(runs_on_disk()[0])) == 3
    about = json.loads((place / "run.json").read_text())
    (place / "run.json").write_text(json.dumps({name: about[name] for name in ("environment", "seconds")}))
    assert not spare_snapshots(runs_on_disk()[0])


def test_a_removed_run_is_gone_and_what_a_kill_leaves_of_it_goes_later(made, places):
    (run,) = runs_on_disk()
    assert remove_run(run) == run.size
    assert not runs_on_disk() and not folder(made).exists() and pending_tasks([made])
    left = places / "runs" / f".{run.key}.removed"
    left.mkdir()
    (left / "recipe.json").write_text("{}")
    assert not runs_on_disk()
    remove_halves()
    assert not left.exists()


def test_an_unfinished_training_is_none_that_has_spare_snapshots(made):
    folder(made).rename(folder(made).with_name(f"{made.training_key}.partial"))
    (run,) = runs_on_disk()
    assert not run.complete and run.key == made.training_key and run.seconds is None and run.epochs == 0
    assert not spare_snapshots(run)


def test_a_run_that_a_process_works_on_says_so(made, places):
    (run,) = runs_on_disk()
    with locked(places / "runs" / f"{run.key}.lock", "a training"):
        assert run.locked
    assert not run.locked


def test_a_process_that_makes_runs_keeps_others_from_having_them_alone(places):
    (places / "runs").mkdir()
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin and other.stdout
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ReproError, match="Another process makes runs in .*nothing was removed"), runs_alone():
            pass
        other.communicate(b"\n")
    with runs_alone():
        pass


def test_ones_own_hold_is_let_go(places):
    hold_runs()
    with runs_alone():
        pass
