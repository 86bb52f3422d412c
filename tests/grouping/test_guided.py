from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.grouping.guided import GuidedGrouper
from repro.grouping.maps import fused_heatmaps
from repro.grouping.regressed import Cues
from repro.grouping.shown import Shown
from repro.models.guided import GuidedNetwork
from repro.skeletons.skeleton import COCO17

from .rendered import crowd, gaussians, nearest_error, rendered

PROPERTY = settings(derandomize=True, deadline=None, max_examples=20)


@PROPERTY
@given(seed=st.integers(0, 10**6), people=st.integers(1, 9), joints=st.sampled_from([14, 17]))
def test_rendered_people_are_found(seed, people, joints):
    """Centres are 5 px or more apart and rendered without error; joints of one type lie apart, so that every peak is its own.

    A Gaussian of sigma 2 map px that is interpolated linearly peaks within 0.2 input px of its place.
    """
    poses = crowd(seed, people, joints, 256.0)
    apart = (poses[:, None] - poses[None]).norm(dim=-1) + 1000 * torch.eye(people)[..., None]
    found = GuidedGrouper()(rendered(poses, (64, 64), 4), stride=4)
    assert len(found) == people
    far = apart.amin(1) > 36  # others are one blob in the heatmap
    for person in range(people):
        error = (found.points - poses[person]).norm(dim=-1)
        best = error.mean(1).argmin()
        assert (error[best][far[person]] < 0.4).all()
    assert (found.scores[:-1] >= found.scores[1:]).all()


@PROPERTY
@given(seed=st.integers(0, 10**6), people=st.integers(1, 9))
def test_regressed_poses_are_exact(seed, people):
    """Without heat the offsets alone give the joints; scores take the heat at the joint."""
    poses = crowd(seed, people, 17, 256.0)
    maps = rendered(poses, (64, 64), 4)
    found = GuidedGrouper(output="regression")(maps, stride=4)
    assert len(found) == people and nearest_error(found.points, poses).max() < 1e-3
    assert (
        found.keypoint_scores.min() > 0.85
    )  # half a px off a pixel, a Gaussian of sigma 2 is 0.94 high, 0.88 interpolated


def test_the_score_is_the_mean_heat_times_the_centre():
    """Peaks on pixels: heats 1 and 0.5, centre 0.6: 0.75 * 0.6."""
    maps = {
        "heatmaps": torch.zeros(1, 2, 16, 16),
        "centres": torch.zeros(1, 1, 16, 16),
        "offsets": torch.zeros(1, 4, 16, 16),
    }
    maps["heatmaps"][0, 0, 8, 8], maps["heatmaps"][0, 1, 8, 12], maps["centres"][0, 0, 8, 8] = 1.0, 0.5, 0.6
    found = GuidedGrouper(adjust=False)(maps, stride=4)
    assert found.points.tolist() == [[[32, 32], [48, 32]]]
    assert found.keypoint_scores.tolist() == [[1, 0.5]] and found.scores.item() == pytest.approx(0.45)


def test_adjusting_asks_for_heat_times_centre():
    """Heat 1 with a centre of 0.04 stays below 0.05: the peak at 8.3 keeps its pixel 8."""
    maps = rendered(torch.full((1, 2, 2), 33.2), (20, 20), 4)
    assert GuidedGrouper()(maps, stride=4).points[0, 0, 0].item() == pytest.approx(33.2, abs=0.2)
    maps["centres"] *= 0.04
    assert GuidedGrouper()(maps, stride=4).points[0, 0, 0].item() == 32


def test_ground_truth_as_cue():
    """The heatmap quality of Table 4: truth leads to the peaks; a joint without peak near goes to the only one, with score 0;
    an unlabelled joint is left out of the score, 1 and 0 give 0.5."""
    heatmaps = gaussians(torch.tensor([[10.0, 10], [30, 10], [20, 5]]), (40, 24), 2.0)[None].float()
    truth = Cues(
        points=torch.tensor([[[45.0, 40], [20, 40], [0, 0]]]),
        scores=torch.ones(1),
        labelled=torch.tensor([[True, True, False]]),
    )
    maps = {"heatmaps": heatmaps}
    found = GuidedGrouper()(maps, stride=4, cues=truth)
    np.testing.assert_allclose(found.points[0, :2], [[40, 40], [120, 40]], atol=0.1)
    assert found.keypoint_scores[0, 0] > 0.95 and found.keypoint_scores[0, 1] == 0
    assert found.scores.item() == pytest.approx(found.keypoint_scores[0, 0].item() / 2)


def test_equal_truths_remain_two():
    truth = Cues(points=torch.full((2, 17, 2), 40.0), scores=torch.ones(2))
    maps = {"heatmaps": gaussians(torch.full((17, 2), 10.0), (24, 24), 2.0)[None].float()}
    assert len(GuidedGrouper()(maps, stride=4, cues=truth)) == 2


def test_an_empty_image():
    maps = rendered(torch.full((1, 17, 2), 33.2), (20, 20), 4)
    found = GuidedGrouper()({name: torch.zeros_like(m) for name, m in maps.items()}, stride=4)
    assert len(found) == 0 and found.points.shape == (0, 17, 2)


def test_at_most_so_many_people():
    maps = rendered(crowd(3, 9, 17, 256.0), (64, 64), 4)
    assert len(GuidedGrouper(max_people=4)(maps, stride=4)) == 4


def test_a_scorer_reorders():
    poses = crowd(5, 3, 17, 256.0)
    found = GuidedGrouper()(rendered(poses, (64, 64), 4), stride=4, scorer=lambda people: -people.points[:, 0, 0])
    assert found.scores.tolist() == (-found.points[:, 0, 0]).tolist()
    assert (found.scores[:-1] >= found.scores[1:]).all()


def test_regressed_poses_and_true_cues_keep_the_naive_score():
    """Regression quality is measured in that order, with a scoring network and without."""
    poses = crowd(5, 3, 17, 256.0)

    def people(answer, scorer):
        one = {1.0: rendered(poses, (64, 64), 4)}
        described = GuidedNetwork().outputs
        cues = Cues(points=poses, scores=torch.ones(3)) if answer == "heatmap" else None
        shown = Shown(
            scales=one, stride=4, skeleton=COCO17, described=described, answer=answer, cues=cues, scorer=scorer
        )
        return GuidedGrouper().people(shown)

    for answer in ("regression", "heatmap"):
        plain, scored = people(answer, None), people(answer, lambda found: -found.points[:, 0, 0])
        torch.testing.assert_close(plain.scores, scored.scores, rtol=0, atol=0)
        torch.testing.assert_close(plain.points, scored.points, rtol=0, atol=0)
    assert (people("final", lambda found: -found.points[:, 0, 0]).scores < 0).all()


def test_maps_of_twice_the_size_are_averaged():
    """4x maps of 0.2 at pixel 3 show 0.2 at pixel 6 of the 2x maps; averaged with 0.6 there 0.4, at stride 2."""
    coarse, fine = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 16, 16)
    coarse[0, 0, 2, 3], fine[0, 0, 4, 6] = 0.2, 0.6
    maps, stride = fused_heatmaps({"heatmaps": coarse, "heatmaps_2x": fine}, 4)
    assert stride == 2 and maps[0, 4, 6].item() == pytest.approx(0.4)
    assert maps[0, 4, 5].item() == pytest.approx(0.05)


@pytest.mark.parametrize("setting", [{"kernel": 4}, {"centre_kernel": 2}, {"max_people": 0}, {"output": "both"}])
def test_settings_that_cannot_be(setting):
    with pytest.raises(ReproError):
        GuidedGrouper(**setting)


def test_errors_name_what_is_wrong():
    maps = rendered(torch.full((1, 2, 2), 33.2), (20, 20), 4)
    with pytest.raises(ReproError, match="'offsets'"):
        GuidedGrouper()({"heatmaps": maps["heatmaps"], "centres": maps["centres"]}, stride=4)
    with pytest.raises(ReproError, match="one image, got 2"):
        GuidedGrouper()({name: m.repeat(2, 1, 1, 1) for name, m in maps.items()}, stride=4)
    with pytest.raises(ReproError, match="3 keypoints, the heatmaps 2"):
        GuidedGrouper()(maps, stride=4, cues=Cues(points=torch.zeros(1, 3, 2), scores=torch.ones(1)))
