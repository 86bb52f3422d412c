"""What is pending, in which order, and making it side by side."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import Future

import pytest
import torch

from repro.decoders.peaks import Argmax
from repro.errors import ReproError
from repro.runs import schedule as tasks
from repro.runs.costs import Cost
from repro.runs.run import Task, folder, is_trained, load_run, make_task
from repro.runs.schedule import Machine, announce, make_runs, pending_seconds, plan_tasks, said_begun
from repro.support.progress import Progress

from ..tiny_runs import BASELINE, SKELETAL, tiny_recipe
from .test_run import ALONE, CPU, files, two_stages


def test_second_stages_run_side_by_side_when_their_first_is_there(data, tiny_samples, places):
    recipes = [two_stages(data), two_stages(data, epochs=1), tiny_recipe(data)]
    make_runs(recipes, tiny_samples, Machine(device="cpu", jobs=2))
    assert [len(load_run(recipe).log) for recipe in recipes] == [5, 4, 3]


def test_runs_side_by_side_are_those_made_one_by_one_and_ctrl_c_ends_them_all(data, tiny_samples, places, monkeypatch):
    short = [tiny_recipe(data), tiny_recipe(data, SKELETAL)]
    endless = tiny_recipe(data, epochs=100_000)
    make_runs(short, tiny_samples, CPU)
    expected = [files(folder(recipe)) for recipe in short]
    monkeypatch.setenv("REPRO_RUNS", str(places / "side"))
    partial = places / "side" / f"{endless.training_key}.partial"
    end, wait = time.monotonic() + 100, tasks.wait

    def interrupted(futures, **named):
        if sum(future.done() for future in futures) == 0 and len(futures) == 1 and (partial / "state.json").exists():
            raise KeyboardInterrupt
        assert time.monotonic() < end, "the short runs did not end"
        return wait(futures, **named)

    monkeypatch.setattr(tasks, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_runs([*short, endless], tiny_samples, Machine(device="cpu", jobs=2))
    assert [files(folder(recipe)) for recipe in short] == expected
    assert not is_trained(endless) and partial.exists()
    assert not multiprocessing.active_children()
    assert load_run(short[0]).environment["threads"] == 1


def test_a_failure_of_one_run_ends_the_others_at_once_and_is_told(data, tiny_samples, places):
    # The second data set is too small for a batch; the first would go on for hours.
    endless, failing = tiny_recipe(data, epochs=100_000), tiny_recipe(data, batch=25)
    started = time.monotonic()
    with pytest.raises(ReproError, match="24 training persons are fewer than a batch of 25"):
        make_runs([endless, failing], tiny_samples, Machine(device="cpu", jobs=2))
    assert time.monotonic() - started < 100
    assert not multiprocessing.active_children()


def test_a_process_that_vanishes_is_told_in_a_sentence(data, tiny_samples, places, monkeypatch):
    class Pool:
        """A pool whose process is gone when it is asked for the first result."""

        def __init__(self, *arguments) -> None:
            pass

        def __enter__(self) -> Pool:
            return self

        def __exit__(self, *error) -> None:
            pass

        def submit(self, *arguments) -> Future:
            future = Future()
            future.set_exception(tasks.BrokenProcessPool())
            return future

    monkeypatch.setattr(tasks, "ProcessPoolExecutor", Pool)
    with pytest.raises(ReproError, match="A process that trained ended unexpectedly.* as in JOBS=1; trainings go on"):
        make_runs([tiny_recipe(data), tiny_recipe(data, seed=1)], tiny_samples, Machine(device="cpu", jobs=2))


@pytest.mark.parametrize(
    ("machine", "devices"),
    [
        (Machine(device="cpu"), 4 * ["cpu"]),
        (Machine(device="cpu", threads=2), 2 * ["cpu"]),
        (Machine(device="cpu", threads=8), ["cpu"]),
        (Machine(device="cpu", threads=8, jobs=3), 3 * ["cpu"]),
    ],
)
def test_jobs_on_four_cores(machine, devices, monkeypatch):
    monkeypatch.setattr(tasks, "available_cores", lambda: 4)
    assert machine.devices() == devices


@pytest.mark.parametrize(
    ("machine", "devices"),
    [
        (Machine(), ["cuda:0", "cuda:1"]),
        (Machine(device="cuda:1"), ["cuda:1"]),
        (Machine(device="cuda:1", jobs=2), ["cuda:1", "cuda:1"]),
        (Machine(device="cuda", jobs=3), ["cuda:0", "cuda:1", "cuda:0"]),
        (Machine(device="cuda", jobs=1), ["cuda:0"]),
    ],
)
def test_jobs_on_two_gpus(machine, devices, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert machine.devices() == devices


def test_what_is_complete_is_announced(data, tiny_samples, places, capsys):
    first, second = tiny_recipe(data, epochs=1), tiny_recipe(data, seed=1)
    make_runs([first], tiny_samples, CPU)
    announce([first, first.but(method=BASELINE.but(decoder=Argmax())), second])
    assert capsys.readouterr().out.strip() == f"3 runs from 2 trainings, 1 of them complete already, in {places / 'runs'}"


def test_what_was_begun_is_announced_with_its_share(data, tiny_samples, places, capsys):
    begun, fresh = tiny_recipe(data, epochs=5), tiny_recipe(data, seed=1)
    steps = []

    def stop(crops):
        steps.append(crops)
        if len(steps) == 9:  # the first call tells what is done, then there are three steps an epoch: two epochs have ended
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_task(Task(begun), tiny_samples, ALONE, 0, stop)
    announce([begun, fresh])
    said = capsys.readouterr().out.splitlines()[0]
    assert said == f"2 runs from 2 trainings, one of them begun and 40 % done, in {places / 'runs'}"


def test_shares_of_several_are_a_range():
    assert said_begun([]) == ""
    assert said_begun([0.4]) == ", one of them begun and 40 % done"
    assert said_begun([0.75, 0.2, 0.5]) == ", 3 of them begun and 20 to 75 % done"


def test_several_tables_are_announced_once(data, tiny_samples, places, capsys):
    announce([tiny_recipe(data), tiny_recipe(data, seed=1), tiny_recipe(data)], tables=3)
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"3 runs of 3 tables from 2 trainings, in {places / 'runs'}"


@pytest.fixture
def priced(monkeypatch) -> None:
    """A crop costs a second and each recipe's evaluation a hundred."""

    def cost(task: Task, samples, kind: str, *, trained: bool = False, speeds=None) -> Cost:
        return Cost(crops=0 if trained else task.crops, crop=1.0, evaluation=100.0 * len(task.evaluated))

    monkeypatch.setattr(tasks, "task_cost", cost)


def test_first_stages_come_first_then_the_dearest(data, tiny_samples, places, priced):
    short, long, staged = tiny_recipe(data, epochs=1), tiny_recipe(data, epochs=5, seed=1), two_stages(data, epochs=9)
    planned = plan_tasks([short, staged, long], tiny_samples, "cpu")
    assert [task.training for task, _ in planned] == [long, short, staged.first_stage, staged]
    assert [cost.seconds for _, cost in planned] == [5 * 24 + 100, 24 + 100, 3 * 24, 9 * 24 + 100]
    assert [task.kept for task, _ in planned] == [False, False, True, False]


def test_what_tables_share_is_paid_for_by_the_first(data, tiny_samples, places, priced):
    recipe, other = tiny_recipe(data), tiny_recipe(data, seed=1)
    decoded = recipe.but(method=BASELINE.but(decoder=Argmax()))
    tables = [[recipe], [recipe, decoded], [other], [], [recipe]]
    seconds = pending_seconds(((recipes, tiny_samples if recipes else None) for recipes in tables), "cpu")
    assert seconds == [72 + 100, 100, 72 + 100, 0, 0]
    make_task(Task(recipe), tiny_samples, ALONE, 0, lambda crops: None)
    assert pending_seconds([(tables[0], tiny_samples), (tables[2], tiny_samples)], "cpu") == [100, 172]


class Noted(Progress):
    """A bar that nobody sees, which keeps what it was told."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds, shown=False)
        self.said: list[str] = []
        self.steps: list[float] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def reach(self, seconds: float) -> None:
        self.steps.append(seconds)
        super().reach(seconds)


@pytest.mark.parametrize("jobs", [1, 2])
def test_runs_fill_their_part_of_a_bar(data, tiny_samples, places, jobs):
    recipes = [tiny_recipe(data), tiny_recipe(data, seed=1)]
    (seconds,) = pending_seconds([(recipes, tiny_samples)], "cpu", jobs)
    progress = Noted(seconds + 10)
    with progress.part("cal 2", seconds):
        make_runs(recipes, tiny_samples, Machine(device="cpu", jobs=jobs), progress)
        assert progress.steps[-1] == pytest.approx(seconds)
        if jobs == 1:  # other processes are asked now and then, so that how many steps are seen depends on their pace
            assert len(set(progress.steps)) > 3  # in steps, not at once
        assert progress.steps == sorted(progress.steps)
    assert progress.said == (["run 1/2", "run 2/2"] if jobs == 1 else ["2 runs, 2 at once"])
