from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from repro.approaches.top_down.measure import measure
from repro.approaches.top_down.predict import evaluation_images, network_outputs, predict
from repro.data.crops import normalise
from repro.decoders.peaks import Argmax, QuarterOffset
from repro.encoders.gaussian import GaussianHeatmap
from repro.geometry import box_to_center_scale, crop_matrices, transform_points
from repro.models.enlarge import Enlarger, enlarge
from repro.recipe import Evaluation

from ...tiny_runs import BASELINE, SIZE, tiny_recipe

CPU = torch.device("cpu")
BOTH = frozenset({"oks", "pckh"})




class Oracle(nn.Module):
    """Draws the heatmaps of persons that it is told; of mirrored images on every second call, as the flip test calls."""

    def __init__(self, points: torch.Tensor, flip: bool) -> None:
        super().__init__()
        self.points, self.flip, self.calls, self.start = points, flip, 0, 0

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        mirrored = self.flip and self.calls % 2
        points = self.points[self.start : self.start + len(images)]
        self.calls += 1
        if mirrored or not self.flip:
            self.start += len(images)
        width, height = images.shape[-1] // 4, images.shape[-2] // 4
        encoder = GaussianHeatmap(rounded=False, truncated=False)
        maps = encoder(points, torch.ones(points.shape[:2]), size=(width, height), skeleton=None)["heatmaps"]
        return {"heatmaps": maps.flip(-1) if mirrored else maps}


def on_heatmaps(persons, recipe) -> torch.Tensor:
    """The persons' keypoints on the heatmaps of their crops."""
    centers, scales = box_to_center_scale(persons.boxes, recipe.input.aspect, recipe.input.padding)
    matrices = crop_matrices(centers, scales, np.zeros(len(persons)), recipe.input.size, recipe.input.convention)
    factor = 4 if recipe.input.convention == "biased" else (np.array(SIZE) - 1) / (np.array(SIZE) // 4 - 1)
    return torch.tensor(transform_points(matrices, persons.keypoints) / factor, dtype=torch.float32)




















@pytest.mark.parametrize("convention", ["biased", "unbiased"])
@pytest.mark.parametrize("flip", [False, True])
def test_right_maps_give_the_right_places_in_the_image(data, val_persons, convention, flip):
    recipe = tiny_recipe(data, BASELINE.but(decoder=QuarterOffset()))
    recipe = recipe.but(
        input=replace(recipe.input, convention=convention), evaluation=Evaluation(flip=flip, shift=False)
    )
    points = on_heatmaps(val_persons, recipe)
    network = Oracle(points, flip)
    if flip:  # the mirror image shows the left side where the right one was
        network.forward = _swapped(network, val_persons.skeleton.flip_permutation)
    poses = predict(network, val_persons, recipe, CPU)
    assert poses.points.shape == (8, 14, 2) and poses.scores.shape == (8, 14)
    # The highest pixel is off by half a pixel at most, the quarter offset leaves a quarter, but not at the maps' borders.
    _, scales = box_to_center_scale(val_persons.boxes, recipe.input.aspect, recipe.input.padding)
    pixel = scales[:, :1] * 200 / (12 if convention == "biased" else 11)  # image px a heatmap px
    peaks = torch.ceil(points - 0.5)  # of two equal pixels the first
    inner = ((peaks > 1) & (peaks < torch.tensor([11, 15]))).all(-1).numpy()
    off = np.abs(poses.points - val_persons.keypoints).max(-1) / pixel
    assert off[inner].max() <= 0.2501 and off.max() <= 0.5001
    assert measure(val_persons, poses, recipe, BOTH)["pckh@0.5"] == 1.0


def _swapped(network: Oracle, permutation: tuple[int, ...]):
    """The oracle with left and right exchanged in the maps of mirrored images."""
    forward = network.forward

    def call(images: torch.Tensor) -> dict[str, torch.Tensor]:
        mirrored = network.calls % 2
        maps = forward(images)["heatmaps"]
        return {"heatmaps": maps[:, list(permutation)] if mirrored else maps}

    return call


def test_persons_are_predicted_in_order_also_over_several_batches(data, val_persons):
    """At 64x48 a batch has 256 persons."""
    many = val_persons.take(np.arange(260) % 8)
    recipe = tiny_recipe(data, BASELINE.but(decoder=Argmax())).but(evaluation=Evaluation(flip=False))
    oracle = Oracle(on_heatmaps(many, recipe), flip=False)
    poses = predict(oracle, many, recipe, CPU)
    assert len(poses.points) == 260 and oracle.calls == 2
    np.testing.assert_array_equal(poses.points[:252], poses.points[8:])


class Seen(nn.Module):
    """Returns maps of ones for an image and of threes for its mirror image, and keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        self.images.append(images)
        return {"heatmaps": torch.full((len(images), 14, 16, 12), 2.0 * len(self.images) - 1)}


def test_the_flip_test_averages_an_image_and_its_mirror_image(data, val_persons):
    images = normalise(torch.arange(64 * 48 * 3, dtype=torch.uint8).reshape(1, 64, 48, 3))
    network = Seen()
    outputs = network_outputs(network, images, tiny_recipe(data), val_persons)
    assert torch.equal(network.images[1], network.images[0].flip(-1))
    assert outputs["heatmaps"].unique().tolist() == [2.0]
    network = Seen()
    plain = network_outputs(network, images, tiny_recipe(data).but(evaluation=Evaluation(flip=False)), val_persons)
    assert len(network.images) == 1 and plain["heatmaps"].unique().tolist() == [1.0]


def test_no_persons_give_no_poses(data, val_persons):
    none = val_persons.take(np.arange(0))
    poses = predict(Seen(), none, tiny_recipe(data), CPU)
    assert poses.points.shape == (0, 14, 2) and poses.scores.shape == (0, 14)




def test_crops_are_cut_small_and_enlarged_by_the_network_that_is_given(data, val_persons):
    whole = tiny_recipe(data)
    size = tuple(side // 2 for side in whole.input.size)
    recipe = whole.but(evaluation=replace(whole.evaluation, enlarged_from=size))
    plain = Enlarger().build()
    small = whole.but(input=replace(whole.input, size=size))
    (found,) = evaluation_images(val_persons, recipe, CPU, enlarger=plain)
    (expected,) = evaluation_images(val_persons, small, CPU)
    assert torch.equal(found, enlarge(plain, expected, 2, "biased")) and found.shape[1:3] == whole.input.size[::-1]
    (trained,) = evaluation_images(val_persons, recipe, CPU)
    assert trained.shape == found.shape and not torch.equal(trained, found)








