"""The flip test of whole images: what the mirror image states lies exactly where the image states it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from repro.approaches.bottom_up.outputs import mirrored_images, scene_outputs
from repro.data.scene_batches import SceneInput
from repro.decoders.flip import mirrored_back
from repro.models.centernet import CenterNetwork
from repro.models.guided import GuidedHigherNetwork, GuidedNetwork
from repro.models.higher import HigherNetwork
from repro.recipe import SceneEvaluation
from repro.skeletons.outputs import CENTRES, HEATMAPS
from repro.skeletons.skeleton import LSPET14

from ...tiny_scenes import scene_data, scene_recipe, tiny_scenes

LEFT, RIGHT = LSPET14.index("left_wrist"), LSPET14.index("right_wrist")


class Sampler(nn.Module):
    """Maps that are the image's first channel at every stride-th px: a network without any error of its own."""

    def __init__(self, **strides: int) -> None:
        super().__init__()
        self.strides = strides

    def forward(self, images):
        return {name: images[:, :1, ::stride, ::stride] for name, stride in self.strides.items()}


@pytest.fixture
def recipe():
    scenes = tiny_scenes()
    return scene_recipe(scene_data(scenes, scenes)).but(evaluation=SceneEvaluation(flip=True))


def test_mirror_images_are_moved_to_the_left():
    image = torch.arange(8.0).reshape(1, 1, 1, 8)
    assert mirrored_images(image, 3).flatten().tolist() == [4, 3, 2, 1, 0, 0, 0, 0]
    assert mirrored_images(image, 0).flatten().tolist() == [7, 6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("stride", [2, 4])
def test_maps_of_the_moved_mirror_image_lie_on_those_of_the_image(stride):
    image = torch.randn(1, 1, 8, 32, generator=torch.Generator().manual_seed(0))
    network = Sampler(centres=stride)
    back = mirrored_back(network(mirrored_images(image, stride - 1))["centres"], CENTRES, LSPET14)
    assert torch.equal(back, network(image)["centres"])


def test_a_shift_for_one_stride_is_wrong_for_another():
    image = torch.randn(1, 1, 8, 32, generator=torch.Generator().manual_seed(0))
    network = Sampler(centres=2)
    back = mirrored_back(network(mirrored_images(image, 3))["centres"], CENTRES, LSPET14)
    assert not torch.equal(back, network(image)["centres"])


class Symmetric(nn.Module):
    """All maps of both strides from the image alone, the same for every keypoint: left and right look alike."""

    def forward(self, images):
        coarse, fine = images[:, :1, ::4, ::4], images[:, :1, ::2, ::2]
        b, _, h, w = coarse.shape
        return {
            "heatmaps": coarse.repeat(1, 14, 1, 1),
            "heatmaps_2x": fine.repeat(1, 14, 1, 1),
            "centres": coarse,
            "tags": coarse.repeat(1, 14, 1, 1),
            "offsets": torch.ones(b, 28, h, w),
        }


def test_means_of_maps_that_agree_are_the_maps(recipe):
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    recipe = recipe.but(method=recipe.method.but(network=GuidedHigherNetwork()))
    own, mean = Symmetric()(images), scene_outputs(Symmetric(), images, recipe, LSPET14)
    for name in ("heatmaps", "heatmaps_2x", "centres"):
        torch.testing.assert_close(mean[name], own[name])
    assert "tags" not in mean  # which the network says nothing of
    tags = scene_outputs(Symmetric(), images, recipe.but(method=recipe.method.but(network=HigherNetwork())), LSPET14)[
        "tags"
    ]
    assert tags.shape == (2, 14, 2, 16, 16)
    torch.testing.assert_close(tags[:, :, 0], tags[:, :, 1])
    # every px says: one px to the right and below; the mirror image says to the left, so that x cancels
    assert mean["offsets"][:, 0::2].unique().tolist() == [0.0] and mean["offsets"][:, 1::2].unique().tolist() == [1.0]
    plain = scene_outputs(Symmetric(), images, recipe.but(evaluation=SceneEvaluation(flip=False)), LSPET14)
    assert torch.equal(plain["offsets"], own["offsets"])


def test_left_and_right_change_places():
    maps = torch.zeros(1, 14, 4, 4)
    maps[0, LEFT, 1, 0] = 1
    back = mirrored_back(maps, HEATMAPS, LSPET14)
    assert back[0, RIGHT, 1, 3] == 1 and back.sum() == 1


def test_logits_are_averaged_as_probabilities(recipe):
    class Logits(nn.Module):
        calls = 0

        def forward(self, images):
            self.calls += 1
            height = torch.tensor([0.2, 0.6][self.calls - 1]).logit()
            return {"centres": height.expand(1, 1, 4, 4), "centre_offsets": torch.full((1, 2, 4, 4), float(self.calls))}

    recipe = recipe.but(method=recipe.method.but(network=CenterNetwork()), input=SceneInput(size=(64, 64)))
    out = scene_outputs(Logits(), torch.zeros(1, 3, 16, 16), recipe, LSPET14)
    assert out["centres"].sigmoid().unique().item() == pytest.approx(0.4, abs=1e-6)
    assert out["centre_offsets"].unique().tolist() == [1.0]  # the image's own
    means = recipe.but(method=recipe.method.but(network=GuidedNetwork()))
    out = scene_outputs(Logits(), torch.zeros(1, 3, 16, 16), means, LSPET14)
    assert out["centres"].unique().item() == pytest.approx((-1.386294 + 0.405465) / 2)  # ln(.2 / .8), ln(.6 / .4)
