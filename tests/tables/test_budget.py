"""What a command costs by a made-up machine: a second a crop, and evaluation that takes as long at every length."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from repro.errors import ReproError
from repro.runs.costs import WRITTEN, Cost
from repro.runs.run import Task, make_task
from repro.runs.schedule import Machine
from repro.runs.speeds import UNMEASURED, Speeds, training_step
from repro.scales.lengths import LENGTHS
from repro.scales.scale import SCALES
from repro.support import processes
from repro.tables import budget
from repro.tables.budget import (
    fitting_length,
    length_seconds,
    said_bytes,
    said_minutes,
    say_costs,
    say_plan,
    table_seconds,
)
from repro.tables.request import Request, outline_tables, plan_tables

from ..runs.test_run import ALONE

ONE = Machine(device="cpu", jobs=1)
TABLE = Request("skeletal", 3, SCALES["laptop"], "people", None, (0,), ("hrnet", "attention"), "random")
CROPS = 24_000  # of each of the two trainings at length 1


@pytest.fixture
def priced(monkeypatch, places) -> None:
    """A crop takes a hundredth of a second and the evaluation of a recipe a minute; nothing is measured."""

    def cost(task: Task, samples, kind, *, trained=False, speeds=None) -> Cost:
        return Cost(crops=0 if trained else task.crops, crop=0.01, evaluation=60.0 * len(task.evaluated))

    monkeypatch.setattr("repro.runs.schedule.task_cost", cost)
    monkeypatch.setattr(budget, "measured_speeds", lambda tables, machine: UNMEASURED)


def seconds_at(length: float) -> float:
    """Of the two trainings one by one, by hand."""
    return 2 * (0.01 * CROPS * length + 60) + WRITTEN


def test_every_length_has_its_seconds(priced):
    found = length_seconds([TABLE], ONE, UNMEASURED)
    assert list(found) == list(LENGTHS)
    for length, seconds in found.items():
        assert seconds == pytest.approx(seconds_at(length), rel=0.02)  # whole epochs of whole batches


@pytest.mark.parametrize(
    ("minutes", "length"),
    # 615 s at length 1, 375 at 1/2, 255 at 1/4, 195 at 1/8, 1,095 at 2, 3,975 at 8
    [(3.4, 0.125), (6.2, 0.25), (6.4, 0.5), (10.4, 1.0), (18.5, 2.0), (600, 8.0)],
)
def test_minutes_choose_the_largest_length_that_fits(priced, minutes, length, capsys):
    assert fitting_length([TABLE], ONE, minutes) == length
    assert f"MINUTES={minutes:g}: trainings of length" in capsys.readouterr().out


def test_minutes_that_not_even_the_shortest_fits_are_refused(priced):
    with pytest.raises(ReproError, match="MINUTES is 3, and the shortest trainings, LENGTH=1/8, take about 3 minutes here: give"):
        fitting_length([TABLE], ONE, 3)


def test_minutes_choose_one_length_for_all_tables(priced):
    both = [TABLE, replace(TABLE, rows=("attention-weighted",)), replace(TABLE, paper="hgr", table=1, rows=())]
    # the weighted row shares the training of "attention": a minute of evaluation more, and two more folders
    assert length_seconds(both, ONE, UNMEASURED)[1.0] == pytest.approx(seconds_at(1.0) + 60 + 2 * WRITTEN, rel=0.02)


def test_the_papers_scale_has_no_length_to_choose(priced):
    with pytest.raises(ReproError, match="which scale paper prints: leave MINUTES out"):
        fitting_length([replace(TABLE, scale=SCALES["paper"])], ONE, 60)


def test_what_is_complete_does_not_change_the_choice(priced, monkeypatch):
    before = length_seconds([TABLE], ONE, UNMEASURED)
    monkeypatch.setattr("repro.runs.schedule.is_trained", lambda recipe: True)
    assert length_seconds([replace(TABLE, scale=SCALES["laptop"].of_length(0.5))], ONE, UNMEASURED) == before


@pytest.mark.parametrize(
    ("cores", "jobs", "threads", "slower"),
    [(2, 2, 1, 1.1), (4, 2, 1, 1.1), (2, 4, 1, 2.2), (2, 2, 2, 2.2)],
)
def test_trainings_side_by_side_are_slower_each(priced, monkeypatch, cores, jobs, threads, slower):
    monkeypatch.setattr(processes, "available_cores", lambda: cores)
    machine = Machine(device="cpu", jobs=jobs, threads=threads)
    (alone,), (beside,) = (table_seconds(outline_tables([TABLE]), one, UNMEASURED) for one in (ONE, machine))
    assert beside == pytest.approx(min(alone, slower * (alone - WRITTEN) / 2 + WRITTEN))


def test_trainings_that_share_a_gpu_gain_nothing_in_an_estimate(priced, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    tables = outline_tables([TABLE])
    one, two = (table_seconds(tables, Machine(jobs=jobs), UNMEASURED) for jobs in (1, 2))
    assert one == two


def test_a_long_command_says_its_costs_and_those_of_other_lengths(priced, capsys):
    tables = outline_tables([TABLE])
    say_costs(tables, ONE, UNMEASURED, advise=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "About 10 minutes here." and len(lines) == 7
    assert lines[1] == "  with LENGTH=1/8 all would take about 3 minutes"
    assert lines[-1] == "  with LENGTH=8 all would take about 66 minutes"
    say_costs(tables, ONE, UNMEASURED, advise=False)
    assert capsys.readouterr().out == "About 10 minutes here.\n"
    say_costs([replace(tables[0], recipes={})], ONE, UNMEASURED, advise=True)
    assert capsys.readouterr().out == ""


def test_a_plan_tells_trainings_steps_time_and_disk_and_draws_nothing(priced, places, capsys):
    weighted = replace(TABLE, rows=("attention", "attention-weighted"))
    say_plan([TABLE, weighted, replace(TABLE, paper="hgr", table=1, rows=())], ONE)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("skeletal 3: 2 runs from 2 trainings, 1,500 steps, about 10 minutes, ")  # 6 x 125 each
    assert lines[1].startswith("skeletal 3: 2 runs from 1 training, 1 shared with tables before, 0 steps, about 75 seconds")
    assert lines[2].startswith("hgr 1: counts alone, nothing is trained, about 15 seconds, 0 MB")
    assert lines[3].startswith("In all about 12 minutes here, ") and str(places / "runs") in lines[3]
    assert lines[4].startswith("People have to be drawn first, about ") and str(places / "cache") in lines[4]
    assert not (places / "cache" / "people").exists() and not (places / "runs").exists()


def test_a_plan_of_drawn_people_knows_what_is_complete(priced, places, capsys):
    few = replace(SCALES["smoke"], drawn_train=8, drawn_val=4, drawn_crops=8, batch=8)
    request = replace(TABLE, scale=few)
    (table,) = plan_tables([request])  # draws them
    capsys.readouterr()
    make_task(Task(table.recipes["hrnet", 0]), table.samples, ALONE, 0, lambda crops: None)
    say_plan([request], ONE)
    first, total = capsys.readouterr().out.splitlines()
    assert first.startswith("skeletal 3: 2 runs from 2 trainings, 1 complete already, 1 step, ")
    assert total.startswith("In all about ")


def test_a_plan_tells_the_memory_of_a_gpu_where_it_is_known(priced, places, monkeypatch, capsys):
    (table,) = outline_tables([TABLE])
    step = training_step(table.recipes["hrnet", 0], table.samples.val.skeleton)
    monkeypatch.setattr(budget, "measured_speeds", lambda *a: Speeds(memory={step: 3_400_000_000}))
    say_plan([TABLE], ONE)
    assert "up to 3.4 GB of GPU memory each" in capsys.readouterr().out


def test_a_run_keeps_its_weights_and_those_of_its_snapshots(places):
    (table,) = outline_tables([TABLE])
    recipe = table.recipes["hrnet", 0]  # six epochs, six snapshots
    network = recipe.method.network.build(table.samples.val.skeleton)
    weights = sum(value.numel() * value.element_size() for value in network.state_dict().values())
    assert budget.run_bytes(recipe, table) == 7 * weights


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 seconds"), (89, "89 seconds"), (90, "2 minutes"), (3600, "60 minutes"), (9000, "2.5 hours"), (864_000, "10 days")],
)
def test_times_are_said_in_units_that_fit(seconds, text):
    assert said_minutes(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 MB"), (1, "1 MB"), (2.1e6, "3 MB"), (3.44e9, "3.4 GB")])
def test_sizes_are_said_in_units_that_fit(number, text):
    assert said_bytes(number) == text
