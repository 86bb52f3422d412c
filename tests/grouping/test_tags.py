from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.grouping.tags import TagGrouper, joint_order, match_tags, quarter_steps
from repro.skeletons.skeleton import COCO17, CROWDPOSE14

from .rendered import crowd, gaussians

PROPERTY = settings(derandomize=True, deadline=None, max_examples=15)


def tag_maps(poses: torch.Tensor, side: int, tags: list[float], stride: int = 4) -> dict[str, torch.Tensor]:
    """Heatmaps, and tag maps in which every pixel has the tag of the person whose joint is nearest."""
    pixels = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="xy"), -1).double()
    apart = (pixels[None, None] - poses.double()[:, :, None, None] / stride).square().sum(-1)
    heatmaps = gaussians(poses / stride, (side, side), 2.0).amax(0)
    return {"heatmaps": heatmaps[None].float(), "tags": torch.tensor(tags)[apart.argmin(0)][None]}


def test_the_order_of_the_official_parser():
    assert joint_order(COCO17) == (0, 1, 2, 3, 4, 5, 6, 11, 12, 7, 8, 9, 10, 13, 14, 15, 16)
    names = [CROWDPOSE14.keypoints[i] for i in joint_order(CROWDPOSE14)]
    assert names[:4] == ["head", "neck", "left_shoulder", "right_shoulder"] and names[-1] == "right_ankle"


def test_tags_decide_not_the_order_of_the_peaks():
    """Tags 0 and 5; the second joint has its peaks the other way round."""
    tags = np.array([[[0.0], [5.0]], [[5.1], [0.1]]])
    chosen = match_tags(tags, np.array([[0.9, 0.8], [0.9, 0.8]]), np.ones((2, 2), bool), (0, 1))
    assert chosen.tolist() == [[0, 1], [1, 0]]


def test_of_peaks_at_the_same_rounded_distance_the_higher_wins():
    """Tag 0.4 with heat 0.5 and tag 0.1 with 0.9 and tag 0.0 with heat 0.2: all distances round to 0. The others start anew."""
    tags = np.array([[[0.0], [0.0], [0.0]], [[0.4], [0.1], [0.0]]])
    valid = np.array([[True, False, False], [True, True, True]])
    chosen = match_tags(tags, np.array([[1.0, 0, 0], [0.5, 0.9, 0.2]]), valid, (0, 1))
    assert chosen.tolist() == [[0, 1], [-1, 0], [-1, 2]]


def test_distances_from_one_on_start_a_new_person():
    heats, valid = np.array([[1.0], [0.5]]), np.ones((2, 1), bool)
    assert len(match_tags(np.array([[[0.0]], [[0.99]]]), heats, valid, (0, 1))) == 1
    assert len(match_tags(np.array([[[0.0]], [[1.0]]]), heats, valid, (0, 1))) == 2
    flipped = np.array([[[0.0, 0.0]], [[0.8, 0.8]]])  # two tags: sqrt(2) * 0.8 = 1.13
    assert len(match_tags(flipped, heats, valid, (0, 1))) == 2


def test_the_mean_tag_of_a_person_moves():
    """Tags 0, 0.9, then 1.3: from the mean 0.45 it is 0.85 away and matches; from 0 it would be 1.3 away."""
    tags = np.array([[[0.0]], [[0.9]], [[1.3]]])
    assert match_tags(tags, np.ones((3, 1)), np.ones((3, 1), bool), (0, 1, 2)).tolist() == [[0, 0, 0]]


def test_a_quarter_step_toward_the_higher_neighbour():
    maps = torch.zeros(1, 5, 5)
    maps[0, 2] = torch.tensor([0, 0.2, 1, 0.3, 0])
    assert quarter_steps(maps, torch.tensor([0]), torch.tensor([[2.0, 2.0]])).tolist() == [[0.25, 0]]


@PROPERTY
@given(seed=st.integers(0, 10**6), people=st.integers(1, 5))
def test_rendered_people_are_found(seed, people):
    """A peak lies at its pixel or the next, then moves by a quarter px: at most 2.25 + rounding along each axis."""
    poses = crowd(seed, people, 17, 256.0)
    apart = (poses[:, None] - poses[None]).norm(dim=-1) + 1000 * torch.eye(people)[..., None]
    far = (apart.amin(1) > 40).all(0)  # joints whose peaks do not merge
    found = TagGrouper(skeleton=COCO17, refine=False)(tag_maps(poses, 64, [3.0 * i for i in range(people)]))
    assert len(found) >= people
    for pose in poses:
        error = (found.points[:, far] - pose[far]).abs().amax((1, 2))
        assert error.min() < 2.3


def test_a_missing_joint_is_filled_in():
    """The joint's peak of 0.05 is below the threshold; the score is the mean before it is filled in."""
    poses = torch.full((1, 17, 2), 60.0)
    maps = tag_maps(poses, 32, [1.0])
    maps["heatmaps"][0, 9] *= 0.05
    lacking = TagGrouper(skeleton=COCO17, refine=False)(maps)
    assert lacking.keypoint_scores[0, 9] == 0 and not lacking.points[0, 9].any()
    filled = TagGrouper(skeleton=COCO17)(maps)
    assert (filled.points[0, 9] - 60).abs().max() <= 0.25
    assert filled.keypoint_scores[0, 9].item() == pytest.approx(0.05, rel=1e-5)
    assert filled.scores.item() == lacking.scores.item() == pytest.approx(16 / 17, rel=1e-5)


def test_filling_in_takes_other_peoples_joints_unless_limited():
    """Nobody but the other person, 5 tags away, has the joint."""
    poses = torch.stack([torch.full((17, 2), 40.0), torch.full((17, 2), 120.0)])
    maps = tag_maps(poses, 48, [0.0, 5.0])
    maps["heatmaps"][0, 9] = gaussians(torch.tensor([[30.0, 30.0]]), (48, 48), 1.0)[0]
    maps["heatmaps"][0, 9, :20, :20] = 0
    maps["tags"][0, 9] = 5.0
    free = TagGrouper(skeleton=COCO17)(maps)
    assert (free.keypoint_scores[:, 9] > 0.9).all()
    limited = TagGrouper(skeleton=COCO17, refine_limit=1.0)(maps)
    assert sorted((limited.keypoint_scores[:, 9] > 0).tolist()) == [False, True]


def test_tags_of_the_mirror_image_and_finer_heatmaps():
    poses = torch.stack([torch.full((17, 2), 40.0), torch.full((17, 2), 120.0)])
    maps = tag_maps(poses, 48, [0.0, 5.0])
    maps["tags"] = torch.stack([maps["tags"], 2 * maps["tags"]], 2)
    maps["heatmaps_2x"] = tag_maps(poses, 96, [0.0, 5.0], stride=2)["heatmaps"]
    found = TagGrouper(skeleton=COCO17)(maps)
    assert len(found) == 2
    assert sorted(found.points.mean((1, 2)).tolist()) == pytest.approx([40, 120], abs=0.01)


def test_nobody_and_errors():
    maps = tag_maps(torch.full((1, 17, 2), 60.0), 32, [1.0])
    assert len(TagGrouper(skeleton=COCO17)({**maps, "heatmaps": torch.zeros(1, 17, 32, 32)})) == 0
    with pytest.raises(ReproError, match="the 14 keypoints of crowdpose14"):
        TagGrouper(skeleton=CROWDPOSE14)(maps)
