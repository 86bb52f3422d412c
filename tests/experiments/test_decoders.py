"""The networks and decoders that the experiment crosses."""

from __future__ import annotations

import json

import pytest
import torch

from repro.errors import ReproError
from repro.experiments import decoders as experiment
from repro.experiments.commands import COMMANDS
from repro.experiments.decoders import DECODERS, ROWS, check_complete
from repro.papers.cal.rows import TABLES
from repro.tasks import Machine

from ..tiny_runs import SIZE, tiny_recipe


def test_each_row_is_read_by_its_own_decoder_and_by_the_others():
    rows = TABLES[8].rows
    assert set(ROWS) == {"HRNet W32", "DARK W32", "HRNet W48", "DARK W48"}
    for name, row in ROWS.items():
        own = "DARK" if name.startswith("DARK") else "highest pixel"
        assert rows[row].recipe.method.decoder == DECODERS[own]
        assert rows[row].recipe.input.size == (48, 64)
    quarter = rows["hrnet-quarter-w32-64x48"].recipe
    assert quarter.method.decoder == DECODERS["quarter offset"]
    assert quarter.training_key == rows[ROWS["HRNet W32"]].recipe.training_key


class OnePeak(torch.nn.Module):
    """A network whose every heatmap is highest at one pixel and falls off to the right."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        heatmaps = images.new_zeros(len(images), 14, SIZE[1] // 4, SIZE[0] // 4)
        heatmaps[:, :, 5, 3], heatmaps[:, :, 5, 4] = 0.5, 0.4
        return {"heatmaps": heatmaps}


def test_the_file_holds_every_network_seed_and_decoder(places, tiny_samples, data, monkeypatch):
    recipe = tiny_recipe(data)
    monkeypatch.setattr(experiment, "table_samples", lambda *_: (tiny_samples, data))
    monkeypatch.setattr(
        experiment, "table_recipes", lambda *args: {(row, seed): recipe for row in args[5] for seed in args[4]}
    )
    monkeypatch.setattr(experiment, "is_trained", lambda _: True)
    monkeypatch.setattr(experiment, "build_network", lambda *_: OnePeak())
    monkeypatch.setattr(experiment, "load_weights", lambda *_: None)
    path = experiment.run_decoders(Machine("cpu"), (0, 2))
    assert path == places / "results" / "cal" / "decoders.json"
    kept = json.loads(path.read_text())
    assert [(line["network"], line["seed"], line["decoder"]) for line in kept["runs"]] == [
        (network, seed, decoder) for network in ROWS for seed in (0, 2) for decoder in DECODERS
    ]
    assert len({line["OKS"] for line in kept["runs"]}) == len(DECODERS)
    assert kept["threads"] == 1


def test_missing_runs_are_named_with_the_command_that_makes_them(places, data):
    recipes = {("dark-w32-64x48", seed): tiny_recipe(data) for seed in (0, 1)}
    with pytest.raises(ReproError, match="2 runs are not trained.*ROW=dark-w32-64x48 SEEDS=0,1` first"):
        check_complete(recipes)


def test_the_command_is_there():
    assert "decoders" in {command.name for command in COMMANDS}
