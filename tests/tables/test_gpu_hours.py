"""Hours follow from operations and a rate by hand; the bytes of a step from the maps that its backward pass needs."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from torch import nn

from repro.errors import ReproError
from repro.papers import PAPERS
from repro.runs.schedule import Machine
from repro.scales.scale import SCALES
from repro.skeletons.skeleton import LSPET14
from repro.tables import gpu_hours
from repro.tables.budget import say_plan
from repro.tables.gpu_hours import (
    GPU,
    GPUS,
    Pending,
    basis_text,
    hours_text,
    memory_text,
    most_operations,
    parse_gpus,
    pending_work,
    said_hours,
    step_bytes,
)
from repro.tables.plan import check_measurable
from repro.tables.request import Request, outline_tables

from ..tiny_runs import SIZE, tiny_recipe

SLOW, FAST = GPU("Slow", 1e12, None, 1e9), GPU("Fast", 1e13, 1e15, 64e9)
SAMPLES = os.environ.get("REPRO_SAMPLES", "")
TABLES = [(key, table.number) for key, paper in PAPERS.items() for table in paper.tables]


@pytest.fixture
def pending(data, monkeypatch) -> Pending:
    """A thousand crops in training and a hundred images in evaluation, of a network of 10^9 multiply-adds."""
    monkeypatch.setattr(gpu_hours, "network_work", lambda network, size, skeleton: (1e9, 0))
    monkeypatch.setattr(gpu_hours, "step_bytes", lambda network, size, skeleton: (1e8, 5e8))
    monkeypatch.setattr(gpu_hours, "most_operations", lambda: {"crops": 5e12, "images": 1e12})
    recipe = tiny_recipe(data)
    optimisation = replace(recipe.optimisation, batch=20, precision="float32")
    return Pending(recipe.but(optimisation=optimisation), LSPET14, 1000, 100 * SIZE[0] * SIZE[1])


def low(pending: Pending) -> Pending:
    """The same in bfloat16."""
    recipe = pending.recipe
    optimisation = replace(recipe.optimisation, precision="bfloat16")
    return replace(pending, recipe=recipe.but(optimisation=optimisation))


def test_hours_are_operations_by_a_share_of_the_peak(pending):
    assert pending.operations == 2e9 * (3 * 1000 + 100)
    assert pending.hours(SLOW) == pytest.approx(6.2e12 / (0.35 * 1e12) / 3600)
    assert pending.hours(FAST) == pytest.approx(6.2e12 / (0.35 * 1e13) / 3600)
    assert low(pending).hours(SLOW) == pending.hours(SLOW)  # which has no bfloat16
    assert low(pending).hours(FAST) == pytest.approx(6.2e12 / 5e12 / 3600)  # no more than was measured


def test_memory_is_that_of_the_batch_and_of_what_adam_keeps(pending):
    assert pending.memory == 20 * 1e8 + 5e8
    assert low(pending).memory == pytest.approx(0.7 * 20 * 1e8 + 5e8)
    assert memory_text([pending], [FAST]) == "up to 2 GB of GPU memory a training"
    assert memory_text([replace(pending, crops=0)], [FAST]) == ""  # evaluated alone
    assert memory_text([pending], [FAST, SLOW]) == "up to 2 GB of GPU memory a training, a batch shared by 3 Slow"


def test_texts(pending):
    many = [replace(pending, crops=10**9)] * 2
    assert hours_text(many, [FAST]) == "Fast 952 h"  # 2 x 6e18 / 3.5e12 / 3600
    assert [said_hours(hours) for hours in (0.04, 0.24, 12.4, 1234.5)] == [
        *("under 0.1 h", "0.2 h", "12 h", "1,234 h")
    ]
    said = basis_text([pending])
    assert "35% on crops" in said and "(5 on crops; benchmarks/gpu.csv)" in said and "images of" not in said


@dataclass(frozen=True)
class Two:
    """Two convolutions of 1x1 with a ReLU between them."""

    def build(self, skeleton) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, len(skeleton), 1))


def test_the_bytes_of_a_step_are_those_of_the_maps_that_the_backward_pass_needs():
    kept, states = step_bytes(Two(), (10, 6), LSPET14)
    assert kept == 4 * (3 + 4) * 60  # the image, and the map between, which ReLU and the second convolution share
    assert states == 4 * 4 * (3 * 4 + 4 + 4 * 14 + 14)


def test_the_measured_rate_is_that_of_the_file():
    assert most_operations() == {"crops": pytest.approx(0.0351 * 989e12), "images": pytest.approx(0.0107 * 989e12)}


def test_gpus_are_named():
    assert parse_gpus("h100, A100") == [GPUS["h100"], GPUS["a100"]]
    assert [gpu.name for gpu in parse_gpus("")] == ["H200", "A100", "RTX4090", "V100"]
    with pytest.raises(ReproError, match="A1000"):
        parse_gpus("A1000")


def test_what_tables_share_is_counted_once():
    table = Request("skeletal", 3, SCALES["paper"], "people", None, (0,), ("attention",), "random")
    both = outline_tables([table, replace(table, rows=("attention", "attention-weighted"))])
    (first,), again = pending_work(both)
    batch, samples = first.recipe.optimisation.batch, both[0].samples.train.count
    assert first.crops == len(first.recipe.epochs) * (samples // batch * batch)
    assert [one.crops for one in again] == [0]  # the weighted row is evaluated with the training before it


def plan_of(paper: str, number: int, capsys) -> list[str]:
    """The lines of a plan at the papers' scale, on COCO where its numbers can be measured there, else on drawn people."""
    name, root = "coco", Path(SAMPLES) / "coco-kp"
    try:
        check_measurable(paper, number, name)
    except ReproError:
        name, root = "people", None
    request = Request(paper, number, SCALES["paper"], name, root, (0,), start="random")
    say_plan([request], Machine("cpu", jobs=1), parse_gpus("A100"))
    return capsys.readouterr().out.splitlines()


@pytest.mark.skipif(not SAMPLES, reason="REPRO_SAMPLES is not set")
def test_a_plan_at_the_papers_scale_needs_no_detectors_file(places, capsys):
    lines = plan_of("cal", 9, capsys)
    assert re.match(r"cal 9: \d+ runs from 6 trainings, [\d,]+ steps, ", lines[0])
    assert lines[1].startswith("  GPU-hours: A100 ") and "of GPU memory a training" in lines[1]
    assert lines[2].startswith("  To be made it needs BOXES")
    assert lines[3].startswith("In all ") and "here" not in lines[3]
    assert lines[-1] == "Photographs of cal 9 were never read here; what is complete already is known then."


@pytest.mark.slow
@pytest.mark.skipif(not SAMPLES, reason="REPRO_SAMPLES is not set")
@pytest.mark.parametrize(("paper", "number"), TABLES)
def test_every_table_has_a_plan_at_the_papers_scale(paper, number, places, capsys):
    lines = plan_of(paper, number, capsys)
    assert lines[0].startswith(f"{paper} {number}: ")
    assert "counts alone" in lines[0] or lines[1].startswith("  GPU-hours: A100 ")
