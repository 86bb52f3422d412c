from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from repro.approaches.top_down.factors import person_factors, whole_persons
from repro.approaches.top_down.predict import evaluation_images
from repro.data.crops import normalise
from repro.skeletons.wholebody import WHOLEBODY133

from ...tiny_runs import tiny_recipe

CPU = torch.device("cpu")
FACE = slice(23, 91)


class Bright(nn.Module):
    """Gives each keypoint the mean of its image, and one more a keypoint."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"factors": images.mean((1, 2, 3))[:, None] + torch.arange(14)}


def test_a_person_has_the_factors_of_its_own_crop(val_persons, data):
    recipe = tiny_recipe(data)
    found = person_factors(Bright(), val_persons, recipe, CPU)
    shown = normalise(torch.cat(list(evaluation_images(val_persons, recipe, CPU))))
    assert found.shape == (8, 14) and found.dtype == np.float32
    np.testing.assert_allclose(found[:, 0], shown.mean((1, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(found - found[:, :1], np.tile(np.arange(14.0), (8, 1)), atol=1e-5)
    assert person_factors(Bright(), val_persons.take(np.arange(0)), recipe, CPU).shape == (0, 14)


@pytest.fixture
def whole(val_persons):
    """Eight persons in boxes of 48 x 64 px with all 133 keypoints; the faces are 2, 4, ... 16 px high."""
    points = np.full((8, 133, 2), 20.0)
    points[:, 23, 1], points[:, 24, 1] = 10.0, 10.0 + 2.0 * np.arange(1, 9)
    boxes = np.tile([0.0, 0.0, 48.0, 64.0], (8, 1))
    visibility = np.full((8, 133), 2, np.int8)
    visibility[:, 25:91] = 0
    return replace(val_persons, skeleton=WHOLEBODY133, keypoints=points, visibility=visibility, boxes=boxes)


def test_persons_with_all_parts_and_large_faces_are_drawn(whole):
    assert whole_persons(whole, 3, 0.75).tolist() == [7, 6, 5]
    whole.visibility[7, 17:23] = 0  # no foot
    whole.boxes[6] = [0.0, 0.0, 96.0, 64.0]  # lies: the crop is 128 px high, of which 14 are the face
    assert whole_persons(whole, 3, 0.75).tolist() == [5, 4, 3]
    whole.visibility[:, FACE] = 0
    assert whole_persons(whole, 9, 0.75).tolist() == [0, 1, 2, 3, 4, 5, 6, 7]  # three parts each, but for the last's two
