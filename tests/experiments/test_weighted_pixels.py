"""The decoders that the experiment reads the same maps with."""

from __future__ import annotations

import json

import pytest

from repro.errors import ReproError
from repro.experiments import trained
from repro.experiments import weighted_pixels as experiment
from repro.experiments.weighted_pixels import DECODERS
from repro.papers.skeletal.rows import TABLES
from repro.runs.schedule import Machine


def test_the_printed_number_of_pixels_is_among_those_tried():
    assert DECODERS["N = 20"] == TABLES[3].rows["attention-weighted"].recipe.method.decoder
    assert TABLES[3].rows["attention"].recipe.method.decoder in DECODERS.values()


@pytest.mark.usefixtures("one_peak", "tiny_table")
def test_the_file_holds_every_data_set_seed_and_decoder(places):
    path = experiment.run_weighted_pixels({"people": None}, Machine("cpu"), (0, 1))
    assert path == places / "results" / "skeletal" / "weighted_pixels.json"
    lines = json.loads(path.read_text())["runs"]
    assert [(line["data"], line["seed"], line["decoder"]) for line in lines] == [
        ("people", seed, decoder) for seed in (0, 1) for decoder in DECODERS
    ]


@pytest.mark.usefixtures("tiny_table")
def test_runs_that_are_missing_are_named_and_the_file_stays_as_it_is(places, monkeypatch):
    monkeypatch.setattr(trained, "is_trained", lambda _: False)
    with pytest.raises(ReproError, match="ROW=attention SEEDS=0,1 DATA=lspet DATA_ROOT=/photos` first"):
        experiment.run_weighted_pixels({"lspet": "/photos"}, Machine("cpu"), (0, 1))
    assert not (places / "results").exists()
