"""Given weights are evaluated as a training's own are, in runs apart from trainings, and a wrong file says what differs."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from repro.errors import ReproError
from repro.models.backbones.hrnet import HRNet
from repro.models.guided import GuidedHigherNetwork
from repro.models.networks import HeatmapNetwork
from repro.papers.hgr.rows import guided
from repro.recipe import Augmentation, Data, GivenWeights, Initialisation, Optimisation, Scoring, SecondStage
from repro.runs.given_weights import evaluated_with, keep_given, needs_training_samples, read_given
from repro.runs.run import Task, crops_of, folder, is_done, load_run, make_task
from repro.skeletons.skeleton import COCO17, LSPET14
from repro.training.distributed import World

from ..models.published.official import weights_of
from ..tiny_runs import tiny_recipe

CPU = torch.device("cpu")
WEIGHTS = GivenWeights(sha256="ab" * 32, network="hgr-hrw48")
SCORER = GivenWeights(sha256="cd" * 32, network="hgr-scoring-coco17")


def made(task, samples):
    make_task(task, samples, World(0, 1, CPU), 0, lambda crops: None)


def test_a_checkpoint_gives_the_numbers_of_its_training_without_training(places, data, tiny_samples, tmp_path):
    trained = tiny_recipe(data, seed=3)
    made(Task(trained, (trained,)), tiny_samples)
    file = tmp_path / "copy.safetensors"
    shutil.copy(folder(trained) / "model.safetensors", file)
    with torch.device("meta"):
        network = trained.method.network.build(LSPET14)
    weights, _ = read_given(network, file)
    assert weights.network is None and weights.title == f"given weights, sha256 {weights.sha256[:8]}"
    given = evaluated_with(trained, weights)
    assert given.training_key != trained.training_key and crops_of(given) == 0 and not needs_training_samples(given)
    keep_given(given, file, LSPET14, CPU)
    written = (folder(given) / "run.json").stat().st_mtime_ns
    keep_given(given, file, LSPET14, CPU)
    assert (folder(given) / "run.json").stat().st_mtime_ns == written and is_done(Task(given, (given,)))
    made(Task(given, (given,)), tiny_samples)
    ours, theirs = load_run(given), load_run(trained)
    assert ours.metrics == theirs.metrics and ours.seconds == 0 and len(ours.curve) == 1
    assert np.array_equal(ours.arrays("points")["points"], theirs.arrays("points")["points"])


def test_damaged_given_weights_are_asked_for_again_and_never_trained(places, data, tiny_samples, tmp_path):
    given = evaluated_with(tiny_recipe(data), GivenWeights(sha256="0" * 64))
    with pytest.raises(ReproError, match="name their file in WEIGHTS again"):
        made(Task(given, (given,)), tiny_samples)
    network = HeatmapNetwork(backbone=HRNet(width=16, stem=8, stem_blocks=1, modules=(1, 1, 1), blocks=1)).build(
        LSPET14
    )
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    given = evaluated_with(tiny_recipe(data), read_given(network, tmp_path / "mine.pth")[0])
    keep_given(given, tmp_path / "mine.pth", LSPET14, CPU)
    (folder(given) / "model.safetensors").unlink()
    next((folder(given) / "snapshots").iterdir()).unlink()
    assert not is_done(Task(given, (given,)))
    keep_given(given, tmp_path / "mine.pth", LSPET14, CPU)
    assert is_done(Task(given, (given,)))
    torch.save({n: t + 1 for n, t in network.state_dict().items()}, tmp_path / "mine.pth")
    shutil.rmtree(folder(given))
    with pytest.raises(ReproError, match="has changed since it was looked at"):
        keep_given(given, tmp_path / "mine.pth", LSPET14, CPU)


def test_the_identity_is_that_of_the_evaluation_alone(data):
    one = evaluated_with(tiny_recipe(data), WEIGHTS)
    others = tiny_recipe(data, seed=5, learning_rate=0.1, epochs=9)
    others = others.but(
        augmentation=Augmentation(rotation=1.0),
        initialisation=Initialisation(name="a", sha256="b"),
        second_stage=SecondStage(loss=others.method.loss),
        data=replace(data, train_fingerprint="x", train_count=99),
    )
    assert evaluated_with(others, WEIGHTS).key == one.key
    assert one.optimisation == Optimisation(epochs=1)
    assert evaluated_with(others, replace(WEIGHTS, sha256="ef" * 32)).key != one.key
    assert evaluated_with(others.but(data=replace(data, val_count=7)), WEIGHTS).key != one.key
    assert evaluated_with(tiny_recipe(data, precision="bfloat16"), WEIGHTS).key != one.key


def test_a_scoring_network_is_trained_only_where_none_is_given():
    data = Data(name="coco", train_fingerprint="t", train_count=9, val_fingerprint="v", val_count=3)
    row = guided().but(data=data)
    alone, scored = evaluated_with(row, WEIGHTS), evaluated_with(row, WEIGHTS, SCORER)
    assert needs_training_samples(alone) and alone.data == data
    assert not needs_training_samples(scored) and scored.data == replace(data, train_fingerprint="", train_count=0)
    assert scored.scene_evaluation.scoring == Scoring(weights=SCORER) and scored.training_key != row.training_key
    unscored = evaluated_with(guided(scoring=False).but(data=data), WEIGHTS, SCORER)
    assert unscored.scene_evaluation.scoring is None and not needs_training_samples(unscored)


def test_published_weights_of_hrhrnet_are_tested_as_released():
    data = Data(name="coco", train_fingerprint="t", train_count=9, val_fingerprint="v", val_count=3)
    row = guided(48, higher=True).but(data=data)
    assert evaluated_with(row, WEIGHTS).method.network == GuidedHigherNetwork(tested="maximum")
    assert evaluated_with(row, replace(WEIGHTS, network=None)).method.network == GuidedHigherNetwork()
    assert evaluated_with(guided().but(data=data), WEIGHTS).method.network == guided().method.network


def test_published_names_are_read_and_told_from_own_ones(tmp_path):
    state = weights_of("hrnet_pose_w32_coco")
    torch.save({"state_dict": {f"module.{n}": t for n, t in state.items()}}, tmp_path / "pose.pth")
    with torch.device("meta"):
        right, wrong = (HeatmapNetwork(backbone=HRNet(width=width)).build(COCO17) for width in (32, 48))
    weights, tensors = read_given(right, tmp_path / "pose.pth")
    assert weights.network == "hrnet-w32" and torch.equal(tensors["final_layer.bias"], state["final_layer.bias"])
    assert weights.title == f"published weights (hrnet-w32), sha256 {weights.sha256[:8]}"
    with pytest.raises(ReproError, match=r"its network is hrnet-w32, with \d+ of another shape: transition1"):
        read_given(wrong, tmp_path / "pose.pth")
    save_file({n: t.clone() for n, t in state.items()}, tmp_path / "pose-12345678.safetensors")
    with pytest.raises(ReproError, match="its name says that its SHA-256 begins with 12345678"):
        read_given(right, tmp_path / "pose-12345678.safetensors")
    del state["final_layer.bias"]
    save_file({n: t.clone() for n, t in state.items()}, tmp_path / "cut.safetensors")
    with pytest.raises(ReproError, match=r"missing.*final_layer.bias"):
        read_given(right, tmp_path / "cut.safetensors")
    assert len(load_file(tmp_path / "cut.safetensors")) == len(state)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    with torch.device("meta"):
        network = HeatmapNetwork(backbone=HRNet(width=16, modules=(1, 1, 1))).build(COCO17)
    state = {n: torch.zeros(t.shape) for n, t in network.state_dict().items()}
    state["final_layer.bias"][0] = float("nan")
    torch.save(state, tmp_path / "nan.pth")
    with pytest.raises(ReproError, match="not finite"):
        read_given(network, tmp_path / "nan.pth")
