"""What the networks of the experiment are shown."""

from __future__ import annotations

import json

import pytest
import torch

from repro.experiments import enlarged as experiment
from repro.experiments.enlarged import CROPS, ROWS, shown
from repro.models.enlarge import bicubic
from repro.papers.cal.rows import TABLES
from repro.runs.schedule import Machine

ROW = TABLES[2].rows["udp-spsr-w32"].recipe


def test_rows_are_the_ones_that_cal_is_compared_with():
    rows = TABLES[2].rows
    assert {(step.baseline, step.row) for step in TABLES[2].expected} >= {
        ("udp-spsr-w32", "cal-w32"),
        ("udp-spsr-w48", "cal-w48"),
    }
    assert all(rows[row].recipe.evaluation.enlarged_from == (48, 64) for row in ROWS.values())


def test_crops_that_were_never_small_are_cut_at_the_networks_size():
    recipe, enlarger = shown(ROW, "never small", torch.device("cpu"))
    assert recipe.evaluation.enlarged_from is None and enlarger is None
    assert recipe.training_key == ROW.training_key and recipe.key != ROW.key


def test_the_bicubic_enlarger_is_bicubic():
    recipe, enlarger = shown(ROW, "bicubic", torch.device("cpu"))
    images = torch.rand(2, 3, 8, 6, generator=torch.Generator().manual_seed(0))
    assert recipe == ROW
    torch.testing.assert_close(enlarger(images, "unbiased"), bicubic(images, 2, "unbiased"))


def test_super_resolution_is_the_tables():
    assert shown(ROW, "super-resolution", torch.device("cpu")) == (ROW, None)


@pytest.mark.usefixtures("one_peak", "tiny_table")
def test_the_file_holds_every_network_seed_and_kind_of_crops(places):
    path = experiment.run_enlarged(Machine("cpu"), (0, 1))
    assert path == places / "results" / "cal" / "enlarged.json"
    lines = json.loads(path.read_text())["runs"]
    assert [(line["network"], line["seed"], line["crops"]) for line in lines] == [
        (name, seed, crops) for name in ROWS for seed in (0, 1) for crops in CROPS
    ]
