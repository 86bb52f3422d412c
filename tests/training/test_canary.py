"""Pinned numbers of one small recipe a method: they change when the code does something else under the same recipe."""

from __future__ import annotations

import json

import pytest
import torch

from repro.approaches.base import approach_of
from repro.decoders.dark import Dark
from repro.decoders.peaks import Argmax, QuarterOffset
from repro.decoders.weighted import WeightedInference
from repro.encoders.gaussian import GaussianHeatmap
from repro.encoders.skeletal import SkeletalHeatmap
from repro.skeletons.skeleton import LSPET14
from repro.training.distributed import World
from repro.training.loop import Job, train

from ..tiny_runs import BASELINE, SIZE, SKELETAL, STANDING, tiny_recipe

CHANGED = (
    "The code computes other numbers under the same recipe. If that is meant, raise REVISION in repro/recipe.py, pin the "
    "new numbers here and reproduce the tables again; if not, undo the change."
)
HEATMAP = (SIZE[0] // 4, SIZE[1] // 4)  # (width, height)
POINTS = torch.tensor(STANDING * HEATMAP, dtype=torch.float32)[None]  # (1, 14, 2)
LABELLED = torch.ones(1, 14)

# Losses of two epochs of three steps. Kernels of other processors round differently; the rate is low so that Adam, which
# follows the signs of small gradients, does not make much of it: 1e-5 was seen in the first epoch, 3e-4 in the second.
LOSSES = {
    "baseline": (BASELINE, {"loss": (0.0285208, 0.0254017)}),
    "skeletal": (
        SKELETAL,
        {
            "loss": (0.0354603, 0.0311270),
            "keypoint_loss": (0.0285504, 0.0254076),
            "skeletal_loss": (0.0345497, 0.0285974),
        },
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, data, persons, tmp_path):
    method, expected = LOSSES[name]
    recipe = tiny_recipe(data, method, epochs=2, learning_rate=1e-4)
    train(recipe, approach_of(recipe), persons, tmp_path, Job(World(0, 1, torch.device("cpu"))))
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    for term, (first, second) in expected.items():
        assert log[0][term] == pytest.approx(first, rel=1e-4), CHANGED
        assert log[1][term] == pytest.approx(second, rel=1e-3), CHANGED


# Sum, sum of squares and the value at (x, y) = (6, 8) of all maps together.
TARGETS = {
    "rounded": (GaussianHeatmap(), "heatmaps", (313.4858, 163.8539, 3.139101)),
    "exact": (GaussianHeatmap(sigma=1.5, rounded=False, truncated=False), "heatmaps", (185.5462, 95.35358, 1.845382)),
    "skeletal": (SkeletalHeatmap(), "skeletal", (310.9412, 244.021, 5.295883)),
}


def describe(maps: torch.Tensor) -> tuple[float, float, float]:
    """Three numbers that hardly stay the same when maps change."""
    return float(maps.sum()), float(maps.square().sum()), float(maps[0, :, 8, 6].sum())


@pytest.mark.parametrize("name", TARGETS)
def test_targets(name):
    encoder, key, expected = TARGETS[name]
    targets = encoder(POINTS, LABELLED, size=HEATMAP, skeleton=LSPET14)
    assert describe(targets[key]) == pytest.approx(expected, rel=1e-5), CHANGED


# x and y of the right hip (5.04, 8.8), the left elbow (8.88, 6.4) and the neck (6, 3.52).
DECODED = {
    "argmax": (Argmax(), (5.0, 9.0, 9.0, 6.0, 6.0, 4.0)),
    "quarter": (QuarterOffset(), (5.25, 8.75, 8.75, 6.25, 6.25, 3.75)),
    "dark": (Dark(), (5.1987, 9.025, 8.6189, 6.6111, 6.1371, 3.7719)),
    "weighted": (WeightedInference(), (5.1011, 8.8387, 8.8553, 6.4009, 6.1073, 3.6741)),
}


def decode(decoder) -> list[float]:
    """Three decoded joints of maps with a tilt, as networks give them."""
    encoder = GaussianHeatmap(rounded=False, truncated=False)
    maps = encoder(POINTS, LABELLED, size=HEATMAP, skeleton=LSPET14)["heatmaps"]
    tilt = torch.linspace(0, 0.1, HEATMAP[0]) + torch.linspace(0, 0.2, HEATMAP[1])[:, None]
    points, _ = decoder({"heatmaps": maps + tilt})
    return points[0, [2, 10, 12]].flatten().tolist()


@pytest.mark.parametrize("name", DECODED)
def test_decodings(name):
    decoder, expected = DECODED[name]
    assert decode(decoder) == pytest.approx(expected, abs=1e-4), CHANGED
