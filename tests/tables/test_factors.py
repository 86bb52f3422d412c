"""The adaptive factors that a result folder keeps: of the weights early in a training and at its end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from repro.approaches.samples import Samples
from repro.losses.keypoint_adaptive import KeypointAdaptiveLoss
from repro.models.checkpoints import save_weights
from repro.models.whole_body import AdaptiveFactorNetwork
from repro.reporting.keypoint_factors import read_factors
from repro.skeletons.wholebody import WHOLEBODY133
from repro.tables import factors
from repro.tables.factors import keep_factors
from repro.training.loop import build_network

from ..tiny_runs import BACKBONE, BASELINE, tiny_recipe

CPU = torch.device("cpu")
KAL = BASELINE.but(network=AdaptiveFactorNetwork(backbone=BACKBONE), loss=KeypointAdaptiveLoss())


@pytest.fixture
def whole(val_persons):
    """Eight persons with 133 keypoints along a line."""
    share = np.linspace(0.1, 0.9, 133)[:, None]
    points = val_persons.boxes[:, None, :2] + share * val_persons.boxes[:, None, 2:]
    skeleton, visibility = WHOLEBODY133, np.full((8, 133), 2, np.int8)
    return replace(val_persons, skeleton=skeleton, keypoints=points, visibility=visibility)


def test_factors_are_those_of_the_weights_that_were_kept(whole, data, tmp_path, monkeypatch):
    """Heads without weights: the factor of keypoint k is sigmoid(bias + k / 100), whatever the picture."""
    recipe, kept = tiny_recipe(data, KAL, seed=3), []
    for number, bias in enumerate((0.0, -1.0, -4.0)):
        network = build_network(recipe, whole, CPU)
        torch.nn.init.zeros_(network.factor_head.weight)
        network.factor_head.bias.data = bias + torch.arange(133) / 100
        save_weights(network, tmp_path / f"{number}.safetensors")
        kept.append((tmp_path / f"{number}.safetensors", {"epoch": number + 1, "persons": 100 * (number + 1)}))
    monkeypatch.setattr(factors, "snapshots", lambda one: kept)
    folder, samples = tmp_path / "folder", Samples(whole, whole, frozenset({"oks"}))
    folder.mkdir()
    keep_factors(folder, {"mse": tiny_recipe(data), "kal": recipe}, samples, CPU, images=True)
    found = read_factors(folder)
    assert found.persons == 8 and list(found.rows) == ["kal"] and len(found.drawn) == 3
    one = found.rows["kal"]
    assert one.seed == 3 and one.seen == (100, 300)
    first, last = (1 / (1 + np.exp(-(bias + np.arange(133) / 100))) for bias in (0.0, -4.0))
    np.testing.assert_allclose(one.mean, last, rtol=0.0006)
    np.testing.assert_allclose(one.quantiles, np.tile(last, (5, 1)), rtol=0.0006)
    np.testing.assert_allclose(one.poses, np.stack([np.tile(first, (3, 1)), np.tile(last, (3, 1))]), rtol=0.0006)


def test_rows_that_learn_no_factors_keep_none(tiny_samples, data, tmp_path):
    keep_factors(tmp_path, {"mse": tiny_recipe(data)}, tiny_samples, CPU, images=True)
    assert not list(tmp_path.iterdir())
