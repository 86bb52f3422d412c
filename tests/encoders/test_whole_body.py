from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from repro.encoders.gaussian import GaussianHeatmap
from repro.encoders.whole_body import WholeBodyHeatmap, keypoint_parts
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17
from repro.skeletons.wholebody import BODY_PARTS, WHOLEBODY133


def test_the_parts_of_the_paper():
    """17 keypoints on the body, 6 on the feet, 68 on the face, 42 on both hands, in this order."""
    assert BODY_PARTS == ("body", "foot", "face", "hand")
    assert keypoint_parts(WHOLEBODY133) == (0,) * 17 + (1,) * 6 + (2,) * 68 + (3,) * 42


def test_skeletons_without_the_parts_are_refused():
    with pytest.raises(ReproError, match="coco17 has no part 'body'.*wholebody133"):
        keypoint_parts(COCO17)
    without_a_toe = replace(WHOLEBODY133, parts=tuple((n, p if n != "foot" else p[1:]) for n, p in WHOLEBODY133.parts))
    with pytest.raises(ReproError, match="the keypoint 'left_big_toe' in none of its parts"):
        keypoint_parts(without_a_toe)


def test_targets_are_darks_and_the_parts():
    points = torch.rand(2, 133, 2, generator=torch.Generator().manual_seed(0)) * 12
    labelled = torch.ones(2, 133)
    labelled[1, 40] = 0
    targets = WholeBodyHeatmap()(points, labelled, size=(12, 16), skeleton=WHOLEBODY133)
    assert set(targets) == {"heatmaps", "weights", "keypoint_parts"}
    dark = GaussianHeatmap(sigma=2.0, rounded=False, truncated=False)
    expected = dark(points, labelled, size=(12, 16), skeleton=WHOLEBODY133)
    assert all(torch.equal(targets[name], expected[name]) for name in expected)
    assert targets["heatmaps"].min() > 0 and targets["weights"][1, 40] == 0  # the Gaussian fills the map
    assert targets["keypoint_parts"].dtype == torch.int64
    assert targets["keypoint_parts"].bincount().tolist() == [17, 6, 68, 42]


def test_the_keypoint_encoder_is_a_setting():
    points, labelled = torch.full((1, 133, 2), 20.0), torch.ones(1, 133)
    cut = WholeBodyHeatmap(keypoints=GaussianHeatmap(sigma=1.0))
    targets = cut(points, labelled, size=(40, 40), skeleton=WHOLEBODY133)
    assert (targets["heatmaps"][0, 0] > 0).sum() == 7 * 7
