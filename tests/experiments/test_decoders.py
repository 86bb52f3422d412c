"""The networks and decoders that the experiment crosses."""

from __future__ import annotations

import json

from repro.cli.experiments import COMMANDS
from repro.experiments import decoders as experiment
from repro.experiments.decoders import DECODERS, ROWS, halves
from repro.papers.cal.rows import TABLES
from repro.runs.schedule import Machine

HRNET, DARK = (TABLES[8].rows[ROWS[name]].recipe for name in ("HRNet W32", "DARK W32"))


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


def test_the_halves_lie_between_both_rows():
    """Each shares crops and protocol with one row and the Gaussians with the other."""
    unrounded, unbiased = halves(HRNET, DARK).values()
    assert (unrounded.input, unrounded.evaluation) == (HRNET.input, HRNET.evaluation)
    assert (unbiased.input, unbiased.evaluation) == (DARK.input, DARK.evaluation)
    assert not unrounded.method.encoder.rounded and unbiased.method.encoder.rounded
    assert len({one.training_key for one in (HRNET, unrounded, unbiased, DARK)}) == 4


def test_the_file_holds_every_network_seed_and_decoder(places, one_peak, tiny_table, monkeypatch):
    monkeypatch.setattr(experiment, "make_runs", lambda *_: None)
    path = experiment.run_decoders(Machine("cpu"), (0, 2))
    assert path == places / "results" / "cal" / "decoders.json"
    kept = json.loads(path.read_text())
    assert [(line["network"], line["seed"], line["decoder"]) for line in kept["runs"]] == [
        (network, seed, decoder) for network in ROWS for seed in (0, 2) for decoder in DECODERS
    ] + [(half, seed, decoder) for seed in (0, 2) for half in halves(HRNET, DARK) for decoder in DECODERS]
    assert len({line["OKS"] for line in kept["runs"]}) == len(DECODERS)
    assert kept["threads"] == 1


def test_the_command_is_there():
    assert "decoders" in {command.name for command in COMMANDS}
