"""The trainings that the experiment compares, and what they share."""

from __future__ import annotations

import json

from repro.experiments import crop_convention as experiment
from repro.experiments.crop_convention import variants
from repro.papers.cal.rows import TABLES
from repro.runs.schedule import Machine

HRNET, DARK = (TABLES[8].rows[row].recipe for row in ("hrnet-w32-64x48", "dark-w32-64x48"))


def test_crops_length_and_start_are_all_that_differs():
    tried = variants(HRNET.but(initialisation="start"), DARK.but(initialisation="start"))
    assert [(crops, start, one.optimisation.epochs) for crops, start, one in tried] == [
        (crops, start, epochs)
        for start, epochs in (("warm", 210), ("warm", 630), ("random", 630))
        for crops in ("biased", "unbiased")
    ]
    for crops, start, one in tried:
        assert one.input == (DARK if crops == "unbiased" else HRNET).input
        assert one.evaluation == (DARK if crops == "unbiased" else HRNET).evaluation
        assert one.method == HRNET.method or crops == "unbiased"
        assert one.method.encoder == HRNET.method.encoder
        assert (one.initialisation is None) == (start == "random")
    assert len({one.key for *_, one in tried}) == 6


def test_the_file_holds_every_seed_and_training(places, one_peak, tiny_table, monkeypatch):
    monkeypatch.setattr(experiment, "make_runs", lambda *_: None)
    path = experiment.run_crop_convention(Machine("cpu"), (0, 1))
    assert path == places / "results" / "cal" / "crop_convention.json"
    lines = json.loads(path.read_text())["runs"]
    assert [(line["seed"], line["crops"], line["start"]) for line in lines] == [
        (seed, crops, start)
        for seed in (0, 1)
        for start in ("warm", "warm", "random")
        for crops in ("biased", "unbiased")
    ]
