"""Measured speeds on tiny recipes, by clocks that tests move; nothing here says how fast a machine is."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import pytest
import torch

from repro.approaches.samples import Samples
from repro.decoders.peaks import Argmax
from repro.recipe import Evaluation, SecondStage
from repro.runs import costs, speeds
from repro.runs.costs import crop_seconds, shown_pixel_seconds, task_cost, wall_seconds
from repro.runs.run import Task
from repro.runs.schedule import Machine
from repro.runs.speeds import UNMEASURED, Speeds, evaluation_step, keep_speeds, read_speeds, training_step
from repro.scales.scale import SCALES
from repro.skeletons.skeleton import COCO17, LSPET14
from repro.tables import measuring
from repro.tables.measuring import evaluation_seconds, measured_speeds, pending_work, speeds_of, training_seconds
from repro.tables.request import PlannedTable, Request, outline_tables
from repro.training.loop import build_network

from ..tiny_runs import BASELINE, SIZE, SKELETAL, tiny_recipe
from ..tiny_scenes import SIDE, scene_data, scene_recipe, tiny_scenes

CPU = torch.device("cpu")
ALONE = Machine(device="cpu", jobs=1)


@pytest.fixture
def table(data, tiny_samples, places) -> PlannedTable:
    """Two trainings, one of them evaluated by two decoders."""
    recipe = tiny_recipe(data)
    recipes = (recipe, recipe.but(method=BASELINE.but(decoder=Argmax())), tiny_recipe(data, SKELETAL))
    request = Request("skeletal", 3, SCALES["smoke"], "people", None, (0,))
    return PlannedTable(request, tiny_samples, {(str(n), 0): one for n, one in enumerate(recipes)}, 0.0)


def seconds_clock():
    """A clock that is a second later each time it is looked at."""
    return count().__next__


def test_a_step_is_what_its_time_depends_on(data):
    recipe = tiny_recipe(data)
    step = training_step(recipe, LSPET14)
    longer = tiny_recipe(data, seed=3, epochs=50, learning_rate=1e-2).but(evaluation=Evaluation(flip=False))
    assert training_step(longer, LSPET14) == step
    assert training_step(recipe.but(method=BASELINE.but(decoder=Argmax())), LSPET14) == step
    others = [
        tiny_recipe(data, batch=4),
        tiny_recipe(data, precision="bfloat16"),
        tiny_recipe(data, SKELETAL),
        recipe.but(second_stage=SecondStage(loss=SKELETAL.loss)),
        recipe.but(input=replace(recipe.input, size=(32, 32))),
    ]
    assert len({step, training_step(recipe, COCO17), *(training_step(one, LSPET14) for one in others)}) == 7


def test_a_pass_of_evaluation_is_what_its_time_depends_on(data):
    recipe = tiny_recipe(data)
    step = evaluation_step(recipe, LSPET14)
    assert evaluation_step(tiny_recipe(data, epochs=50, batch=4), LSPET14) == step
    others = [
        recipe.but(evaluation=Evaluation(flip=False)),
        recipe.but(evaluation=Evaluation(enlarged_from=(24, 32))),
        recipe.but(method=BASELINE.but(decoder=Argmax())),
        tiny_recipe(data, SKELETAL),
    ]
    assert len({step, *(evaluation_step(one, LSPET14) for one in others)}) == 5


def test_training_is_measured_by_the_crop(data, tiny_samples):
    recipe = tiny_recipe(data)  # batches of eight of 24 persons
    network = build_network(recipe, tiny_samples.train, CPU)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = training_seconds(recipe, network, tiny_samples, CPU, seconds_clock())
    # started, looked at after one step, and at the end: two seconds for one step of eight crops
    assert found == {"crop": 2 / 8}
    assert any(not torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_evaluation_is_measured_by_the_pixel(data, tiny_samples):
    recipe = tiny_recipe(data)
    network = build_network(recipe, tiny_samples.train, CPU)
    found = evaluation_seconds(recipe, network, tiny_samples, CPU, seconds_clock())
    assert found == pytest.approx(2 / (8 * 2 * SIZE[0] * SIZE[1]))  # eight persons and their mirror images


def test_whole_images_are_measured_too():
    scenes = tiny_scenes(4)
    recipe, samples = scene_recipe(scene_data(scenes, scenes)), Samples(scenes, scenes, frozenset({"oks"}))
    network = build_network(recipe, scenes, CPU)
    batch = min(recipe.optimisation.batch, 4)
    assert training_seconds(recipe, network, samples, CPU, seconds_clock()) == {"crop": 2 / batch}
    assert evaluation_seconds(recipe, network, samples, CPU, seconds_clock()) == pytest.approx(2 / (4 * SIDE**2))


def test_measured_seconds_take_the_place_of_the_estimate(data, tiny_samples, places):
    recipe, other = tiny_recipe(data), tiny_recipe(data, SKELETAL)
    own = Speeds({training_step(recipe, LSPET14): 2.0}, {evaluation_step(recipe, LSPET14): 0.5}, 3.0, 4.0)
    cost = task_cost(Task(recipe, (recipe,)), tiny_samples, "cpu", speeds=own)
    assert (cost.crops, cost.crop, cost.evaluation) == (72, 2.0, 0.5 * cost.pixels)
    plain = task_cost(Task(other, (other,)), tiny_samples, "cpu")
    cost = task_cost(Task(other, (other,)), tiny_samples, "cpu", speeds=own)
    assert cost.crop == pytest.approx(3 * plain.crop) and cost.evaluation == pytest.approx(4 * plain.evaluation)


def test_work_is_weighed_by_what_is_still_to_be_made(table, tiny_samples):
    works, total = pending_work([table, table], "cpu")
    first, _, third = table.recipes.values()
    assert set(works) == {
        *(training_step(one, LSPET14) for one in (first, third)),
        *(evaluation_step(one, LSPET14) for one in (first, third)),  # decoders read the same maps
    }
    assert sum(work.weight for work in works.values()) == pytest.approx(total)
    work = works[training_step(first, LSPET14)]
    assert work.estimate == crop_seconds(first, LSPET14, "cpu") and work.weight == pytest.approx(72 * work.estimate)


def test_what_is_not_measured_misses_its_estimate_as_the_rest_does(table):
    works, _ = pending_work([table], "cpu")
    first, _, third = table.recipes.values()
    one, two = (training_step(recipe, LSPET14) for recipe in (first, third))
    known = {one: {"crop": 2 * works[one].estimate}, "of another command": {"crop": 9.0, "memory": 5e9}}
    made = speeds_of(works, known)
    assert made.training == pytest.approx(2.0) and made.evaluation == 1.0
    assert made.memory == {"of another command": 5_000_000_000}
    known[two] = {"crop": 4 * works[two].estimate}
    mean = (2 * works[one].weight + 4 * works[two].weight) / (works[one].weight + works[two].weight)
    assert speeds_of(works, known).training == pytest.approx(mean)


def test_short_commands_are_not_measured(table, monkeypatch):
    monkeypatch.setattr(measuring, "_measure", lambda *a: pytest.fail("measured"))
    assert measured_speeds([table], ALONE) == UNMEASURED
    assert not speeds.speeds_file().exists()
    step = training_step(table.recipes["0", 0], LSPET14)
    keep_speeds(speeds.machine_name(CPU, 1), {step: {"crop": 2.0}})  # of a longer one
    assert measured_speeds([table], ALONE).crops == {step: 2.0}


def test_processes_that_train_together_agree_on_what_is_estimated(table, measured, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert measured_speeds([table], ALONE) is UNMEASURED and measured == []


@pytest.fixture
def measured(monkeypatch) -> list[str]:
    """Every command is long enough, and all steps take a second a crop and a millisecond a pixel; those that were measured."""
    asked = []

    def measure(work, machine) -> dict[str, float]:
        asked.append("training" if work.training else "evaluation")
        return {"crop": 1.0} if work.training else {"pixel": 1e-3}

    monkeypatch.setattr(measuring, "TINY", 0.0)
    monkeypatch.setattr(measuring, "SHARE", 1e9)
    monkeypatch.setattr(measuring, "_measure", measure)
    return asked


def test_steps_are_measured_once_and_kept(table, measured, capsys):
    made = measured_speeds([table], ALONE)
    assert sorted(measured) == ["evaluation", "evaluation", "training", "training"]
    assert set(made.crops.values()) == {1.0} and set(made.pixels.values()) == {1e-3}
    assert "Measuring this machine took 0 s (4 kinds of steps)." in capsys.readouterr().out
    assert measured_speeds([table], ALONE) == made and len(measured) == 5  # one of them is tried again
    assert "Measuring this machine took 0 s (1 kind of steps)." in capsys.readouterr().out
    measured_speeds([table], replace(ALONE, threads=2))  # another machine, as far as speed goes
    assert len(measured) == 9


@pytest.mark.parametrize(("factor", "again"), [(1.25, 1), (1.35, 4), (4.0, 4), (1 / 1.25, 1), (1 / 4, 4)])
def test_what_was_measured_on_a_busy_machine_is_measured_again(factor, again, table, measured, places, monkeypatch):
    quiet = measured_speeds([table], ALONE)
    file = speeds.speeds_file()
    known = json.loads(file.read_text())
    (steps,) = known.values()
    steps["of another command"] = {"crop": 9.0, "at": next(iter(steps.values()))["at"]}
    steps["of another time"] = {"crop": 9.0, "at": 5.0}
    for seconds in steps.values():
        seconds.update({unit: factor * value for unit, value in seconds.items() if unit != "at"})
    file.write_text(json.dumps(known))
    measured.clear()
    made = measured_speeds([table], ALONE)
    assert len(measured) == again
    own = set(quiet.crops)
    if again == 1:  # what is kept is right enough
        assert {made.crops[step] for step in own} == {factor} and "of another command" in made.crops
        return
    assert {made.crops[step] for step in own} == {1.0} and set(made.pixels.values()) == {1e-3}
    assert "of another command" not in made.crops and "of another time" in made.crops
    (left,) = json.loads(file.read_text()).values()
    assert set(left) == {*quiet.crops, *quiet.pixels, "of another time"}


def test_steps_that_were_measured_at_different_times_are_tried_each(table, measured):
    measured_speeds([table], ALONE)
    file = speeds.speeds_file()
    known = json.loads(file.read_text())
    (steps,) = known.values()
    busy = [step for step, seconds in steps.items() if "pixel" in seconds]
    for step in busy:
        steps[step] = {"pixel": 1.0, "at": 5.0}
    file.write_text(json.dumps(known))
    measured.clear()
    assert set(measured_speeds([table], ALONE).pixels.values()) == {1e-3}
    assert sorted(measured) == ["evaluation", "evaluation", "training"]


def test_a_kept_step_that_cannot_be_tried_again_is_taken(table, measured, monkeypatch):
    made = measured_speeds([table], ALONE)

    def fail(work, machine):
        raise RuntimeError("busy")

    monkeypatch.setattr(measuring, "_measure", fail)
    assert measured_speeds([table], ALONE) == made


def test_what_weighs_most_is_measured_first_and_the_rest_left(table, measured, monkeypatch, capsys):
    monkeypatch.setattr(measuring, "BUDGET", -1.0)
    assert measured_speeds([table], ALONE).crops == {}
    assert "(0 kinds of steps; 4 more are estimated)" in capsys.readouterr().out
    clock = iter([0.0, 0.0, 99.0, 99.0, 99.0, 99.0])
    monkeypatch.setattr(measuring, "BUDGET", 15.0)
    monkeypatch.setattr(measuring, "time", SimpleNamespace(perf_counter=lambda: next(clock), time=lambda: 5.0))
    made = measured_speeds([table], ALONE)
    works, _ = pending_work([table], "cpu")
    heaviest = max(works, key=lambda step: works[step].weight)
    assert [*made.crops, *made.pixels] == [heaviest]


def test_measuring_takes_a_tenth_of_a_command_at_most(table, measured, monkeypatch):
    monkeypatch.setattr(measuring, "SHARE", 0.1)
    asked = []
    stopwatch = measuring._Stopwatch
    monkeypatch.setattr(measuring, "_Stopwatch", lambda machine, budget: asked.append(budget) or stopwatch(machine, budget))
    _, total = pending_work([table], "cpu")
    measured_speeds([table], ALONE)
    assert asked == [pytest.approx(total / 10)]


def test_a_step_that_cannot_be_measured_is_estimated_in_a_sentence(table, measured, monkeypatch, capsys):
    def fail(work, machine):
        raise RuntimeError("no kernel for this\nand a second line")

    threads = torch.get_num_threads()
    monkeypatch.setattr(measuring, "_measure", fail)
    made = measured_speeds([table], replace(ALONE, threads=threads + 1))
    assert (made.crops, made.training) == ({}, 1.0)
    assert "4 of them could not be measured, the first by RuntimeError: no kernel for this\n" in capsys.readouterr().err
    assert torch.get_num_threads() == threads


def test_a_cache_that_cannot_be_written_is_told(table, measured, monkeypatch, capsys):
    monkeypatch.setattr(measuring, "keep_speeds", lambda *a: (_ for _ in ()).throw(OSError("no space left")))
    assert measured_speeds([table], ALONE).crops
    assert "What was measured cannot be kept (no space left)." in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{", '{"me": 3}', '{"me": {"a": {"crop": "fast"}, "b": {"crop": 0}}}'])
def test_a_damaged_file_of_speeds_holds_none(text, places):
    speeds.speeds_file().parent.mkdir(parents=True)
    speeds.speeds_file().write_text(text)
    assert read_speeds("me") == {}
    keep_speeds("me", {"a": {"crop": 1.0}})
    assert read_speeds("me") == {"a": {"crop": 1.0}}
    keep_speeds("you", {"a": {"crop": 2.0}})
    keep_speeds("me", {"b": {"pixel": 3.0}})
    assert json.loads(speeds.speeds_file().read_text())["me"] == {"a": {"crop": 1.0}, "b": {"pixel": 3.0}}


def test_real_steps_are_measured_without_a_trace(places, data):
    """A step of the smoke scale as a command measures it: random numbers and settings stay, and no run is made."""
    request = Request("skeletal", 3, SCALES["smoke"], "people", None, (0,), ("hrnet",), "random")
    (table,) = outline_tables([request])
    works, _ = pending_work([table], "cpu")
    state = torch.get_rng_state()
    with measuring._as_before(1):
        found = measuring._Stopwatch(ALONE, 60.0).take(works)
    assert set(found) == set(works) and all(value > 0 for one in found.values() for value in one.values())
    assert torch.equal(state, torch.get_rng_state()) and not (places / "runs").exists()


@pytest.mark.parametrize(
    ("seconds", "jobs", "wall"),
    [
        ([], 2, 0.0),
        ([5.0, 4.0, 3.0], 1, 12.0),
        ([5.0, 4.0, 3.0], 2, 7.0),  # the third begins at 4
        ([5.0, 4.0, 3.0], 8, 5.0),
        ([3.0, 3.0, 3.0], 2, 6.0),
    ],
)
def test_tasks_side_by_side_take_as_long_as_the_last(seconds, jobs, wall):
    assert wall_seconds(seconds, jobs) == wall
    assert costs.wall_seconds(iter(seconds), jobs) == wall


def test_estimates_of_pixels_are_those_that_tasks_are_made_of(data, tiny_samples, places):
    recipe = tiny_recipe(data)
    cost = task_cost(Task(recipe, (recipe,)), tiny_samples, "cpu")
    assert cost.evaluation == pytest.approx(cost.pixels * shown_pixel_seconds(recipe, LSPET14, "cpu"))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "5", "{", '{"m": 5}', '{"m": {"step": 5}}', '{"m": {"step": {"crop": Infinity}}}']
)
def test_damaged_speeds_are_those_of_no_step(text):
    speeds.speeds_file().parent.mkdir(parents=True, exist_ok=True)
    speeds.speeds_file().write_text(text)
    assert read_speeds("m") == {}
    keep_speeds("m", {"step": {"crop": 2.0}})
    assert read_speeds("m") == {"step": {"crop": 2.0}}
