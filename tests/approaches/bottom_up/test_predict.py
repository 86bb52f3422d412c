"""People of whole images: from maps to image px, measured; and that all parts fit, by learning two scenes by heart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from repro.approaches.bottom_up import predict
from repro.approaches.bottom_up.approach import BOTTOM_UP
from repro.approaches.bottom_up.measure import measure_scenes
from repro.approaches.bottom_up.predict import (
    Asked,
    ScenePoses,
    answers_of,
    gather,
    group_people,
    predict_scenes,
    predict_scenes_with,
    true_cues,
)
from repro.data.scene_batches import SceneBatches
from repro.encoders.people_batch import PeopleBatch
from repro.errors import ReproError
from repro.grouping.centernet import CenterNetGrouper
from repro.grouping.people import People
from repro.recipe import SceneEvaluation
from repro.training.loop import build_network

from ...tiny_scenes import SIDE, scene_data, scene_recipe, tiny_scenes

CPU = torch.device("cpu")


def true_poses(scenes, score: float = 1.0) -> ScenePoses:
    """The truth as a prediction."""
    n, k = scenes.visibility.shape
    return ScenePoses(scenes.image_index, scenes.keypoints.copy(), np.ones((n, k)), np.full(n, score))


class Oracle(nn.Module):
    """The targets of the images as they come, by the recipe's encoder, at any scale; mirror images are not asked for."""

    def __init__(self, scenes, recipe) -> None:
        super().__init__()
        self.scenes, self.recipe, self.batches, self.next = scenes, recipe, SceneBatches(scenes, recipe.input), 0

    def forward(self, images):
        scale = images.shape[-1] / SIDE
        scales = len(self.recipe.evaluation.scales)
        start = self.next // scales * 8
        self.next += 1
        index = np.arange(start, start + len(images))
        matrices = np.repeat(np.eye(2, 3)[None] * scale, len(index), 0)
        batch = self.batches.people(index, matrices, np.zeros(len(index), dtype=bool))
        size = (images.shape[-1] // 4, images.shape[-2] // 4)
        batch["mask"] = torch.ones(len(index), size[1], size[0])
        people = PeopleBatch.from_batch(batch, 1 / 4)
        return self.recipe.method.encoder(people, size=size, skeleton=self.scenes.skeleton)


@pytest.fixture(scope="module")
def scenes():
    return tiny_scenes(10)


@pytest.fixture(scope="module")
def recipe(scenes):
    return scene_recipe(scene_data(scenes, scenes))


@pytest.mark.parametrize("scales", [(1.0,), (1.0, 2.0)])
@pytest.mark.parametrize("several", ["concatenated", "averaged"])
def test_right_maps_give_the_right_people(scenes, recipe, scales, several):
    recipe = recipe.but(evaluation=SceneEvaluation(flip=False, scales=scales, reading=several))
    answers = answers_of(recipe)
    assert answers == ("final", "regression", "heatmap")
    found = predict_scenes(Oracle(scenes, recipe), scenes, recipe, CPU, answers=answers)
    figures = measure_scenes(scenes, found)
    assert figures["AP"] == figures["AP_regression"] == figures["AP_heatmap"] == figures["AR"] == 1.0
    assert figures["diagnosis/final/good"] == figures["diagnosis/heatmap/found"] == 1.0
    assert min(figures[name] for name in ("OKS", "OKS_regression", "OKS_heatmap")) > 0.95
    for image in range(len(scenes)):
        truth = scenes.keypoints[scenes.image_index == image]
        points = found["final"].of_image(image).points
        off = np.abs(points[:, None] - truth[None]).max((2, 3)).min(0)
        assert off.max() < 1.5  # px of the image: a Gaussian of sigma 8 px fitted in a window of 13


def test_recipes_share_the_scales_that_they_read(scenes, recipe):
    """Ten images are two passes at each of three scales, each with its mirror image: 12 in place of 4 + 12 + 8."""
    asked = [
        Asked(recipe.but(evaluation=SceneEvaluation(scales=scales, reading=several)), answers)
        for scales, several, answers in (
            ((1.0,), "concatenated", ("final", "regression")),
            ((0.5, 1.0, 2.0), "averaged", ("final",)),
            ((2.0, 1.0), "concatenated", ("final", "heatmap")),
        )
    ]
    torch.manual_seed(0)
    network, passes = build_network(recipe, scenes, CPU), []
    network.register_forward_hook(lambda *_: passes.append(1))
    together = predict_scenes_with(network, scenes, asked, CPU)
    assert len(passes) == 12
    for one, found in zip(asked, together, strict=True):
        alone = predict_scenes(network, scenes, one.recipe, CPU, answers=one.answers)
        assert list(found) == list(alone) == list(one.answers)
        for answer, poses in alone.items():
            for name, column in vars(poses).items():
                np.testing.assert_array_equal(vars(found[answer])[name], column)
    assert len(passes) == 12 + 4 + 12 + 8


def test_people_are_grouped_the_same_beside_a_gpu(scenes, recipe, monkeypatch):
    recipe = recipe.but(evaluation=SceneEvaluation(flip=False))
    alone = predict_scenes(Oracle(scenes, recipe), scenes, recipe, CPU, answers=answers_of(recipe))
    in_turn = predict._grouping
    monkeypatch.setattr(predict, "_grouping", lambda device: in_turn(torch.device("cuda")))
    monkeypatch.setattr(predict, "MOST_THREADS", 2)
    beside = predict_scenes(Oracle(scenes, recipe), scenes, recipe, CPU, answers=answers_of(recipe))
    for answer, poses in alone.items():
        for name, column in vars(poses).items():
            np.testing.assert_array_equal(getattr(beside[answer], name), column)


def test_a_grouper_that_fails_beside_a_gpu_is_heard():
    def fail() -> None:
        raise ReproError("nobody")

    with pytest.raises(ReproError, match="nobody"), predict._grouping(torch.device("cuda")) as run:
        run(fail)()


def test_only_the_images_asked_for_are_evaluated(scenes, recipe):
    index = np.array([0, 1, 2])
    found = predict_scenes(Oracle(scenes, recipe), scenes, recipe, CPU, index=index)["final"]
    assert set(found.image_index) == {0, 1, 2}
    assert measure_scenes(scenes, {"final": found}, index)["AR"] == 1.0
    assert measure_scenes(scenes, {"final": found})["AR"] == pytest.approx(0.3)  # of ten images three
    three, ten = measure_scenes(scenes, {"final": found}, index)["OKS"], measure_scenes(scenes, {"final": found})["OKS"]
    assert three > 0.95 and ten == pytest.approx(0.3 * three)










def test_true_cues_are_labelled_people_in_input_px(scenes):
    visibility = scenes.visibility.copy()
    visibility[0] = 0
    visibility[1, :3] = 0
    some = replace(scenes, visibility=visibility)
    matrix = np.array([[2.0, 0, 5], [0, 2.0, 7]])
    cues = true_cues(some, some.starts(), 0, matrix)
    np.testing.assert_allclose(cues.points.numpy(), 2 * scenes.keypoints[1:2] + [5, 7], rtol=1e-6)
    assert cues.scores.tolist() == [1.0] and cues.labelled.sum() == 11 and not cues.labelled[0, :3].any()


def test_centernet_has_no_rule_for_several_scales(scenes, recipe):
    recipe = recipe.but(method=recipe.method.but(decoder=CenterNetGrouper()))
    assert answers_of(recipe) == ("final",)
    both = recipe.but(evaluation=SceneEvaluation(scales=(1.0, 2.0)))
    with pytest.raises(ReproError, match="CenterNetGrouper groups one scale"):
        group_people({1.0: {}, 2.0: {}}, both, scenes.skeleton)


def test_people_are_gathered_with_their_images():
    people = People(points=torch.ones(2, 3, 2), keypoint_scores=torch.zeros(2, 3), scores=torch.tensor([0.5, 0.25]))
    found = gather([(4, people), (5, people.select(torch.tensor([], dtype=torch.long))), (7, people)], 3)
    assert found.image_index.tolist() == [4, 4, 7, 7] and found.scores.tolist() == [0.5, 0.25] * 2
    assert found.of_image(7).points.shape == (2, 3, 2) and len(found.of_image(5).scores) == 0
    assert gather([], 3).points.shape == (0, 3, 2)


@pytest.mark.parametrize("device", [pytest.param("cpu"), pytest.param("cuda", marks=pytest.mark.cuda)])
def test_a_network_learns_two_scenes_by_heart(device):
    """Encoders, network, loss, grouping and evaluation agree: nothing else can give these people from these images."""
    from repro.training.feed import Feed, Step
    from repro.training.loop import train_step

    torch.set_num_threads(1)
    device = torch.device(device)
    scenes = tiny_scenes(2)
    recipe = scene_recipe(scene_data(scenes, scenes))
    network = build_network(recipe, scenes, device)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    batch = next(iter(BOTTOM_UP.batches(recipe, scenes)(epoch=0, batch=2)))
    batch = {name: value.to(device) for name, value in batch.items()}
    network.train()
    feed = Feed(BOTTOM_UP, recipe, scenes.skeleton, device)
    for step in range(200):
        optimiser.param_groups[0]["lr"] = 3e-3 if step < 150 else 3e-4
        train_step(recipe, network, optimiser, Step(batch), feed)
    found = predict_scenes(network, scenes, recipe, device, answers=answers_of(recipe))
    figures = measure_scenes(scenes, found)
    assert figures["AP"] > 0.6 and figures["AP_regression"] > 0.6 and figures["AP_heatmap"] > 0.6


