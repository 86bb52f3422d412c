"""What hgr's method notebook is shown on: transforms by hand, owners of pixels, erased peaks and mixed poses."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from repro.encoders.centre_offsets import CentreOffsets
from repro.encoders.people_batch import person_centres
from repro.models.heads.adaptive import sampling_positions
from repro.papers.hgr.examples import (
    body_transforms,
    mixed_poses,
    owners,
    people_of,
    sampled_poses,
    turned,
    without_peak,
)
from repro.skeletons.skeleton import COCO17


def nine(transform: torch.Tensor) -> torch.Tensor:
    return sampling_positions(transform.view(1, 4, 1, 1))[0, :, :, 0, 0]


def test_people_have_the_boxes_of_their_keypoints():
    people = people_of(torch.tensor([[[2.0, 3.0], [10.0, 7.0]]]), torch.tensor([50.0]), (16, 12))
    assert people.boxes.tolist() == [[[2, 3, 8, 4]]] and people.mask.shape == (1, 12, 16)
    assert person_centres(people).tolist() == [[[6, 5]]]


def test_each_pixel_of_a_region_is_owned_by_the_person_that_its_offset_leads_to():
    """Two people of one keypoint whose 8 x 8 regions share a column: the smaller person has it."""
    poses = torch.tensor([[[10.0, 10.0]], [[17.0, 10.0]]])
    people = people_of(poses, torch.tensor([400.0, 100.0]), (32, 32))
    found = CentreOffsets()(people, person_centres(people), people.present, size=(32, 32))
    owner = owners(found["offsets"][0], found["offset_weights"][0, 0], poses[:, 0])
    assert owner[10].tolist() == [0] * 6 + [1] * 7 + [2] * 8 + [0] * 11
    assert (owner[5] == 0).all() and (owner[14] == 0).all()


@given(st.floats(-180, 180), st.floats(0.2, 4), st.floats(0.2, 4))
def test_turned_kernels_are_stretched_and_turned_clockwise(degrees, x, y):
    """The right-hand middle position (1, 0) and the lower middle one (0, 1)."""
    angle = math.radians(degrees)
    right, below = nine(turned(degrees, x, y))[[5, 7]].tolist()
    assert right == pytest.approx([x * math.cos(angle), x * math.sin(angle)], abs=1e-4)
    assert below == pytest.approx([-y * math.sin(angle), y * math.cos(angle)], abs=1e-4)


def test_no_turn_is_the_ordinary_kernel():
    assert nine(turned(0)).tolist() == [[x, y] for y in (-1, 0, 1) for x in (-1, 0, 1)]


@given(st.floats(-80, 80))
def test_body_transforms_follow_the_principal_axis(degrees):
    """Four keypoints on a line of half length 6 and two across at 2: deviations sqrt(2 * 36 / 6) and sqrt(2 * 4 / 6)."""
    angle = math.radians(degrees)
    line = torch.tensor([[0, 6.0], [0, -6], [2, 0], [-2, 0], [0, 0], [0, 0], [99, 99]])
    turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    labelled = torch.tensor([[True] * 6 + [False]])
    points = line @ turn + torch.tensor([20.0, 30.0])
    below = nine(body_transforms(points[None], labelled, reach=1.0)[0])[7]
    long = math.sqrt(12)
    assert below.tolist() == pytest.approx([-long * math.sin(angle), long * math.cos(angle)], abs=1e-3)
    right = nine(body_transforms(points[None], labelled, reach=1.0)[0])[5]
    short = math.sqrt(8 / 6)
    assert right.tolist() == pytest.approx([short * math.cos(angle), short * math.sin(angle)], abs=1e-3)


def test_only_the_peak_of_one_keypoint_is_erased():
    heatmaps = torch.ones(2, 9, 9)
    out = without_peak(heatmaps, 1, torch.tensor([4.0, 4.0]), 1.0)
    assert (out[0] == 1).all() and int((out[1] == 0).sum()) == 5 and out[1, 4, 5] == 0 and out[1, 5, 5] == 1
    assert (heatmaps == 1).all()


def test_sampled_poses_are_of_people_about_one_height_tall():
    poses = sampled_poses(20, COCO17)
    assert poses.shape == (20, 17, 2)
    assert (poses.abs() < 1.2).all() and (poses.amax((1, 2)) - poses.amin((1, 2))).median() > 0.5
    assert torch.equal(poses, sampled_poses(20, COCO17))


def test_mixed_poses_take_keypoints_of_the_neighbour_and_nothing_else():
    """Without noise every keypoint that is not exchanged is the true one; about half of the people have none exchanged."""
    poses = sampled_poses(200, COCO17)
    found, truth, exchanged = mixed_poses(poses, torch.Generator().manual_seed(1), most=3, noise=0.0)
    assert torch.equal(found.points[~exchanged], truth[~exchanged])
    counts = exchanged.sum(1)
    assert counts.max() <= 3 and 0.35 < float((counts > 0).float().mean()) < 0.65
    assert truth.mean(1).abs().max() < 1e-3
    assert torch.equal(found.scores, found.keypoint_scores.mean(1))
    beside = found.points[exchanged] - truth.roll(1, 0)[exchanged]
    assert (beside.abs() <= torch.tensor([60.0, 20.0]) + 1e-3).all()
