"""Parts put together in Python."""

from __future__ import annotations

import pytest

import repro
from repro.decoders.weighted import WeightedInference
from repro.errors import ReproError
from repro.losses.mse import HeatmapMSE
from repro.papers.recipes import table_rows

BASE = "cal/8/dark-w32-64x48"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    for name in ("runs", "results", "cache"):
        monkeypatch.setenv(f"REPRO_{name.upper()}", str(tmp_path / name))


@pytest.mark.parametrize("decoder", ["WeightedInference(n=5)", WeightedInference(n=5)])
def test_a_combination_is_a_row(decoder):
    study, table, row = repro.combine(BASE, decoder=decoder).split("/")
    recipe = table_rows(study, int(table)).rows[row].recipe
    base = table_rows("cal", 8).rows["dark-w32-64x48"].recipe
    assert recipe == base.but(method=base.method.but(decoder=WeightedInference(n=5)))


def test_it_is_trained_like_one():
    run = repro.train(repro.combine(BASE, decoder="Argmax", name="mine"), scale="smoke", device="cpu")
    assert type(run.recipe.method.decoder).__name__ == "Argmax" and 0 <= run.metrics["OKS"] <= 1


def test_what_does_not_fit_is_refused():
    with pytest.raises(ReproError, match="OffsetDecoder reads 'offsets', which HeatmapMSE does not teach"):
        repro.combine("cal/8/udp-w32-64x48", loss=HeatmapMSE())
    with pytest.raises(ReproError, match="The loss is 3, expected a text"):
        repro.combine(BASE, loss=3)
    with pytest.raises(ReproError, match="The decoder is .*, expected a text"):
        repro.combine(BASE, decoder=WeightedInference)


def test_a_recipe_that_does_not_fit_is_not_trained(tmp_path):
    udp = table_rows("cal", 8).rows["udp-w32-64x48"].recipe
    with pytest.raises(ReproError, match="which HeatmapMSE does not teach"):
        repro.train(udp.but(method=udp.method.but(loss=HeatmapMSE())), scale="smoke", device="cpu")
    assert not list(tmp_path.glob("runs/*"))
