"""Estimated work: counted by hand on networks of one convolution, and in what tasks still have to do."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn
from torchvision.ops import DeformConv2d

from repro.decoders.peaks import Argmax
from repro.losses.mse import HeatmapMSE
from repro.papers.recipes import table_rows
from repro.recipe import Evaluation, SecondStage
from repro.runs import costs
from repro.runs.costs import Cost, TaskProgress, network_work, pass_seconds, task_cost
from repro.runs.run import Task
from repro.scales.scale import SCALES
from repro.skeletons.skeleton import LSPET14
from repro.tables.plan import table_recipes

from ..tiny_runs import BASELINE, SIZE, tiny_recipe
from ..tiny_scenes import SIDE, scene_data, scene_recipe, tiny_scenes


class Plain(nn.Module):
    """A convolution with the kernel 3, from 3 channels to 4."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, images):
        return self.convolution(images)


class Deformable(nn.Module):
    """The same convolution, at places that another one with the kernel 1 gives."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets = nn.Conv2d(3, 18, 1)
        self.convolution = DeformConv2d(3, 4, 3, padding=1)

    def forward(self, images):
        return self.convolution(images, self.offsets(images))


@dataclass(frozen=True)
class Network:
    """Builds one of them."""

    kind: type[nn.Module]

    def build(self, skeleton) -> nn.Module:
        return self.kind()


def test_a_network_is_counted_without_being_computed():
    # 8 x 6 pixels of output, 3 x 3 places of 3 channels for each of 4 filters; 18 filters of one place of 3 channels
    assert network_work(Network(Plain), (8, 6), LSPET14) == (48 * 9 * 3 * 4, 0)
    assert network_work(Network(Deformable), (8, 6), LSPET14) == (48 * 9 * 3 * 4 + 48 * 3 * 18, 48 * 9 * 3)


def test_a_pass_costs_its_multiply_adds_and_what_it_looks_up(data, monkeypatch):
    monkeypatch.setattr(costs, "network_work", lambda *a: (9e9, 1.8e8))
    recipe = tiny_recipe(data)
    width, height = SIZE
    assert pass_seconds(recipe, LSPET14, "cpu") == pytest.approx((0.1 + 0.225) / (width * height))
    assert pass_seconds(recipe, LSPET14, "cuda") == pytest.approx((4.5e-4 + 0.015) / (width * height))






@pytest.fixture
def unit(monkeypatch) -> None:
    """A forward pass costs a second a pixel; loading and grouping are free."""
    monkeypatch.setattr(costs, "pass_seconds", lambda recipe, skeleton, kind: 1.0)
    monkeypatch.setattr(costs, "PIXEL", {"cpu": 0.0, "cuda": 0.0})
    monkeypatch.setattr(costs, "GROUPED", 0.0)
    monkeypatch.setattr(costs, "VALUE", {"cpu": 0.0})


def test_a_task_costs_its_crops_three_times_and_its_evaluations_once(data, tiny_samples, places, unit):
    recipe, area = tiny_recipe(data), SIZE[0] * SIZE[1]
    other = recipe.but(method=BASELINE.but(decoder=Argmax()))  # reads the same maps
    plain = recipe.but(evaluation=Evaluation(flip=False))
    cost = task_cost(Task(recipe, (recipe, other)), tiny_samples, "cpu")
    assert cost == Cost(crops=72, crop=3 * area, pixels=48 * area, evaluation=48 * area)
    assert cost.seconds == (72 * 3 + 48) * area
    assert task_cost(Task(recipe, (recipe, plain)), tiny_samples, "cpu").evaluation == (48 + 24) * area
    assert task_cost(Task(recipe), tiny_samples, "cpu").seconds == 72 * 3 * area
    assert task_cost(Task(recipe, (recipe,)), tiny_samples, "cpu", trained=True).seconds == 48 * area


def test_heatmaps_cost_what_targets_and_loss_take(data, tiny_samples, places, unit, monkeypatch):
    """A quarter of the input each way: a sixteenth of its pixels, for each keypoint."""
    monkeypatch.setattr(costs, "VALUE", {"cpu": 2.0})
    recipe, area = tiny_recipe(data), SIZE[0] * SIZE[1]
    keypoints = len(tiny_samples.val.skeleton)
    assert task_cost(Task(recipe), tiny_samples, "cpu").crop == pytest.approx(area * (3 + 2 * keypoints / 16))


def test_what_an_earlier_session_did_costs_nothing(data, tiny_samples, places, unit):
    recipe = tiny_recipe(data)
    partial = places / "runs" / f"{recipe.training_key}.partial"
    partial.mkdir(parents=True)
    (partial / "state.json").write_text(json.dumps({"epoch": 2, "file": "state"}))
    assert task_cost(Task(recipe, (recipe,)), tiny_samples, "cpu").crops == 24
    second = recipe.but(second_stage=SecondStage(loss=HeatmapMSE(), epochs=4))  # epochs 4 to 7
    partial = places / "runs" / f"{second.training_key}.partial"
    partial.mkdir()
    assert task_cost(Task(second, (second,)), tiny_samples, "cpu").crops == 4 * 24
    (partial / "state.json").write_text(json.dumps({"epoch": 6, "file": "state"}))
    assert task_cost(Task(second, (second,)), tiny_samples, "cpu").crops == 24


COST = Cost(crops=10, crop=2.0, pixels=100, evaluation=50.0)


def test_a_task_reports_seconds_of_its_estimate():
    done: list[float] = []
    progress = TaskProgress(COST, done.append)
    progress.trained(16)  # of an earlier session
    progress.trained(4)
    assert done == [8.0]
    progress.trained(4)
    progress.trained(4)  # two more than were estimated
    assert done == [8.0, 8.0, 4.0]
    progress.evaluated(60)
    progress.evaluated(60)
    assert done[3:] == [30.0, 20.0]
    progress.complete()
    assert sum(done) == COST.seconds == 70.0


def test_a_task_that_is_complete_has_done_all_that_was_estimated():
    done: list[float] = []
    progress = TaskProgress(COST, done.append)
    progress.evaluated(10)
    progress.complete()
    assert sum(done) == 70.0
    done.clear()
    free = TaskProgress(replace(COST, crops=0, pixels=0, evaluation=0.0), done.append)
    free.evaluated(10)
    free.complete()
    assert sum(done) == 0.0


def test_adaptive_convolutions_look_up_values():
    scenes = tiny_scenes(2)
    plain, adaptive = (scene_recipe(scene_data(scenes, scenes), adaptive=adaptive) for adaptive in (False, True))
    adds, none = network_work(plain.method.network, (SIDE, SIDE), LSPET14)
    more, look_ups = network_work(adaptive.method.network, (SIDE, SIDE), LSPET14)
    assert none == 0 < look_ups and look_ups % (SIDE // 4) ** 2 == 0 and 0 < adds < more * 2
    assert not torch.empty(0).is_meta


@pytest.mark.parametrize("paper", ["skeletal", "cal", "hgr", "sahg", "fowkal"])
def test_every_network_can_be_counted(data, paper):
    own = replace(data, name="people")
    for recipe in table_recipes(paper, 2, SCALES["smoke"], own, (0,), start="random").values():
        assert pass_seconds(recipe, table_rows(paper, 2).skeleton, "cpu") > 0
