"""A trained network and a table of it, made up, for experiments that read what others trained."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from repro.experiments import trained
from repro.papers.cal.rows import udp
from repro.recipe import Evaluation, Recipe

from ..tiny_runs import SIZE, tiny_recipe


class OnePeak(nn.Module):
    """A network whose every heatmap of 12 x 16 is highest at (x, y) = (3, 5), and next to it at (4, 5); offsets are 0."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        heatmaps = images.new_zeros(len(images), 14, SIZE[1] // 4, SIZE[0] // 4)
        heatmaps[:, :, 5, 3], heatmaps[:, :, 5, 4] = 0.5, 0.4
        return {"heatmaps": heatmaps, "offsets": torch.zeros_like(heatmaps).unsqueeze(2).repeat(1, 1, 2, 1, 1)}


@pytest.fixture
def one_peak(monkeypatch) -> None:
    """Every trained network is ``OnePeak``."""
    monkeypatch.setattr(trained, "build_network", lambda *_: OnePeak())
    monkeypatch.setattr(trained, "final_weights", lambda _: None)
    monkeypatch.setattr(trained, "load_weights", lambda *_: None)


@pytest.fixture
def unbiased_recipe(data) -> Recipe:
    """A tiny recipe on unbiased crops."""
    recipe = tiny_recipe(data, udp("64x48", 32).method)
    return recipe.but(input=udp("64x48", 32).input, evaluation=Evaluation(shift=False))


@pytest.fixture
def tiny_table(tiny_samples, data, unbiased_recipe, monkeypatch) -> Recipe:
    """Every row and seed of every table is this recipe, and trained."""
    monkeypatch.setattr(trained, "table_samples", lambda *_: (tiny_samples, data))
    monkeypatch.setattr(
        trained, "table_recipes", lambda *args: {(row, seed): unbiased_recipe for row in args[5] for seed in args[4]}
    )
    monkeypatch.setattr(trained, "is_trained", lambda _: True)
    return unbiased_recipe
