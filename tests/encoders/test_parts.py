"""Body parts at heatmap size against hand-made maps."""

import pytest
import torch

from repro.data.drawn.figures import PART
from repro.encoders.parts import PartMap, shrink_parts
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17

ARM = PART["left_upper_arm"]


NOWHERE = torch.zeros(1, 17, 2), torch.zeros(1, 17)  # the keypoints, which are not used


def test_shrinking_takes_the_part_at_the_centre_of_each_heatmap_pixel():
    parts = torch.arange(8)[None, None].expand(1, 8, 8)
    # biased: heatmap pixel i lies at input pixel 4 i
    assert shrink_parts(parts, (2, 2), "biased").tolist() == [[[0, 4], [0, 4]]]
    # unbiased: (8 - 1) / (2 - 1) = 7 input px a heatmap px
    assert shrink_parts(parts, (2, 2), "unbiased").tolist() == [[[0, 7], [0, 7]]]


def test_targets_are_the_parts_at_heatmap_size():
    parts = torch.full((1, 8, 8), ARM)
    targets = PartMap()(*NOWHERE, size=(2, 2), skeleton=COCO17, parts=parts)
    assert targets["parts"].tolist() == [[[ARM, ARM], [ARM, ARM]]]


def test_data_without_parts_is_an_error():
    with pytest.raises(ReproError, match="no part maps"):
        PartMap()(*NOWHERE, size=(2, 2), skeleton=COCO17)
