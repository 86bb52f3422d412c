"""Training of the enlarger: its crops are those of evaluation, it learns, and the kept weights beat bicubic."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from repro.data.augment import Augmentation, plain_crops
from repro.data.crops import CropBatches, Input
from repro.data.drawn.load import load_people
from repro.data.persons import PersonSet
from repro.errors import ReproError
from repro.models.enlarge import FILE, Enlarger, load_enlarger
from repro.pretraining.enlarger import (
    EnlargerTraining,
    cut,
    enlarger_quality,
    make_enlarger,
    psnr,
    train_enlarger,
    training_crops,
)

TINY = EnlargerTraining(
    enlarger=Enlarger(channels=16, convolutions=3), people=24, validation=4, low=(12, 16), epochs=1, batch=8
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory) -> PersonSet:
    """40 drawn people of the split that neither training nor validation has seen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRO_CACHE", str(tmp_path_factory.mktemp("cache")))
        return load_people("test", limit=40, size=(96, 128))


@pytest.mark.parametrize("convention", ["biased", "unbiased"])
def test_crops_are_those_of_evaluation_in_all_sizes(persons, convention):
    crops = plain_crops(persons, 0.75, 1.25)
    sizes = ((12, 16), (24, 32), (48, 64))
    for size, own in zip(sizes, cut(persons, crops, np.arange(8), sizes, convention), strict=True):
        batch = next(CropBatches(persons, Input(size=size, convention=convention)).evaluation(8))
        assert torch.equal(own, batch["images"])


def test_sizes_double_twice():
    assert EnlargerTraining().sizes == ((24, 32), (48, 64), (96, 128))


def test_conventions_take_turns_and_every_epoch_shows_all(persons):
    steps = list(training_crops(persons, replace(TINY, epochs=2)))
    assert [convention for convention, _ in steps] == ["biased", "unbiased"] * 3
    assert [tuple(one.shape) for one in steps[0][1]] == [(8, 16, 12, 3), (8, 32, 24, 3), (8, 64, 48, 3)]
    still = replace(TINY, augmentation=Augmentation(scale=0, rotation_probability=0, mirror=0, half_body=0))
    whole = [high for _, (*_, high) in training_crops(persons, replace(still, batch=12))]
    sums = sorted(torch.cat(whole).flatten(1).sum(1).tolist())
    one, other = (
        cut(persons, plain_crops(persons, 0.75, 1.25), np.arange(24), TINY.sizes, c)[-1] for c in ("biased", "unbiased")
    )
    possible = {*one.flatten(1).sum(1).tolist(), *other.flatten(1).sum(1).tolist()}
    assert len(sums) == 24 and set(sums) <= possible


def mean_error(network: torch.nn.Module, people: PersonSet, trained: EnlargerTraining) -> float:
    """Mean absolute error of doubling the smallest crops of one epoch."""
    errors = []
    with torch.no_grad():
        for convention, (low, middle, _) in training_crops(people, replace(trained, epochs=1)):
            low, middle = (one.permute(0, 3, 1, 2) / 255 for one in (low, middle))
            errors.append(float((network(low, convention) - middle).abs().mean()))
    return float(np.mean(errors))


def test_training_lowers_the_error_of_bicubic(persons):
    longer = replace(TINY, epochs=20)
    plain, trained = TINY.enlarger.build(), train_enlarger(persons, longer, CPU)
    assert mean_error(trained, persons, longer) < 0.985 * mean_error(plain, persons, longer)


def test_quality_of_bicubic_itself(persons):
    quality = enlarger_quality(TINY.enlarger.build(), persons, TINY)  # untrained it is bicubic
    assert set(quality) == {"biased", "unbiased"}
    for tasks in quality.values():
        assert set(tasks) == {"12x16 to 24x32", "24x32 to 48x64", "12x16 to 48x64"}
        assert tasks["12x16 to 24x32"]["network"] == pytest.approx(tasks["12x16 to 24x32"]["bicubic"], abs=0.02)
        assert 10 < tasks["12x16 to 48x64"]["bicubic"] < tasks["24x32 to 48x64"]["bicubic"] < 50


def test_training_is_deterministic(persons):
    first, second, other = (train_enlarger(persons, replace(TINY, seed=seed), CPU).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["layers.0.weight"], other["layers.0.weight"])


def test_psnr_by_hand():
    black = torch.zeros(2, 4, 4, 3, dtype=torch.uint8)
    other = black.clone()
    other[0] += 1  # mean squared error 1: 20 log10(255)
    other[1, 0, 0, 0] = 48  # 48^2 / 48 = 48
    np.testing.assert_allclose(psnr(other, black), [48.1308, 10 * np.log10(255**2 / 48)], atol=1e-4)


def test_made_weights_lie_with_their_manifest(places):
    manifest = make_enlarger("cpu", keep=False, settings=TINY)
    assert manifest == places / "runs" / "weights" / "enlarge-x2.json"
    about = json.loads(manifest.read_text())
    assert about["command"] == "repro enlarger"
    assert about["enlarger"] == {"type": "Enlarger", "channels": 16, "convolutions": 3}
    assert {"psnr", "training", "people", "validation", "minutes", "commit", "versions", "device"} <= set(about)
    network = load_enlarger("cpu", manifest)
    assert network.layers[0].weight.dtype == torch.float32 and len(network.layers) == 3


def test_kept_weights_beat_bicubic_on_people_they_have_not_seen(strangers):
    for tasks in enlarger_quality(load_enlarger(), strangers, EnlargerTraining()).values():
        for figures in tasks.values():
            assert figures["network"] > figures["bicubic"]


def test_the_manifest_tells_the_gain_and_the_settings():
    about = json.loads(FILE.read_text())
    assert about["training"] == {"type": "EnlargerTraining"}, "trained with other settings than the defaults"
    for tasks in about["psnr"].values():
        assert len(tasks) == 3 and all(t["network"] > t["bicubic"] for t in tasks.values())


@pytest.mark.parametrize("fields", [{"batch": 0}, {"people": 4, "batch": 8}, {"epochs": 0}, {"validation": 0}])
def test_impossible_settings_are_refused(fields):
    with pytest.raises(ReproError, match="EnlargerTraining has"):
        EnlargerTraining(**fields)
