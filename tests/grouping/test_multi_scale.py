from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.decoders.flip import mirrored_back
from repro.errors import ReproError
from repro.grouping.guided import GuidedGrouper
from repro.grouping.multi_scale import (
    MultiScale,
    averaged_heatmaps,
    concatenated_cues,
    resized_offsets,
)
from repro.grouping.regressed import Cues
from repro.grouping.sampling import resample
from repro.skeletons.outputs import CENTRES, HEATMAPS, OFFSETS
from repro.skeletons.skeleton import COCO17

from .rendered import crowd, nearest_error, rendered

PROPERTY = settings(derandomize=True, deadline=None, max_examples=8)


def scales_of(poses: torch.Tensor, side: int) -> dict[float, dict[str, torch.Tensor]]:
    """Maps of stride 4 of the same people at half, full and double size of an input of ``side`` px."""
    return {s: rendered(poses * s, (int(side * s) // 4,) * 2, 4) for s in (0.5, 1, 2)}


@PROPERTY
@given(seed=st.integers(0, 10**6), people=st.integers(1, 5), several=st.sampled_from(["concatenated", "averaged"]))
def test_people_of_all_scales_are_one(seed, people, several):
    """Regressed joints of all scales agree, so that each person is found once, at scale 1."""
    poses = crowd(seed, people, 17, 256.0)
    grouper = GuidedGrouper(output="regression")
    described = {"heatmaps": HEATMAPS, "centres": CENTRES, "offsets": OFFSETS}
    found = MultiScale(grouper=grouper, several=several)(scales_of(poses, 256), described=described)
    assert len(found) == people
    assert nearest_error(found.points, poses).max() < 0.01


def test_heatmaps_of_all_scales_lead_to_the_same_place():
    poses = crowd(1, 1, 17, 256.0)
    found = MultiScale(grouper=GuidedGrouper())(scales_of(poses, 256))
    assert len(found) == 1 and nearest_error(found.points, poses).max() < 1.0


def test_a_person_that_only_another_scale_finds_comes_last():
    poses = crowd(2, 3, 17, 256.0)
    scales = scales_of(poses, 256)
    scales[1] = rendered(poses[:2], (64, 64), 4)
    found = MultiScale(grouper=GuidedGrouper(output="regression"))(scales)
    assert len(found) == 3
    assert (found.points[2] - poses[2]).norm(dim=-1).max() < 0.01
    assert found.scores[2] < 0.001 < found.scores[1]


def test_centres_of_other_scales_are_brought_to_scale_one():
    """Maxima 0.5 at scale 1 and 0.25 at scale 2: there 0.25 -> 0.0005, and 0.1 -> 0.0002; scale 1 comes first."""
    maps = {s: rendered(torch.full((1, 2, 2), 40.0 * s), (16 * s, 16 * s), 4) for s in (1, 2)}
    for s, heats in ((1, {(8, 8): 0.5}), (2, {(16, 16): 0.25, (4, 4): 0.1, (28, 28): 0.004})):
        maps[s]["centres"] = torch.zeros_like(maps[s]["centres"])
        for (x, y), heat in heats.items():
            maps[s]["centres"][0, 0, y, x] = heat
    cues = concatenated_cues(maps, stride=4, grouper=GuidedGrouper())
    # 0.004 -> 0.000008 is below the threshold 0.01 * 0.001
    assert cues.scores.tolist() == pytest.approx([0.5, 0.0005, 0.0002])
    torch.testing.assert_close(cues.points, torch.full((3, 2, 2), 40.0))


def test_offsets_count_in_px_of_their_map():
    offsets = torch.full((1, 2, 4, 6), 3.0)
    torch.testing.assert_close(resized_offsets(offsets, (12, 8)), torch.full((1, 2, 8, 12), 6.0))
    torch.testing.assert_close(resized_offsets(offsets, (3, 4))[0, :, 2, 1], torch.tensor([1.5, 3.0]))


def test_the_mirror_image_states_the_same_joints():
    """Maps of the mirrored pose, W - 1 - x with left and right exchanged, mirrored back are the maps of the pose."""
    poses = crowd(7, 2, 17, 128.0)
    own = rendered(poses, (32, 32), 1)["offsets"]
    mirror = poses[:, list(COCO17.flip_permutation)].clone()
    mirror[..., 0] = 31 - mirror[..., 0]
    other = rendered(mirror, (32, 32), 1)["offsets"]
    torch.testing.assert_close(mirrored_back(other, OFFSETS, COCO17), own, rtol=0, atol=1e-4)


def test_truth_as_cue_at_several_scales():
    poses = crowd(4, 2, 17, 256.0)
    found = MultiScale(grouper=GuidedGrouper())(scales_of(poses, 256), cues=Cues(points=poses, scores=torch.ones(2)))
    assert len(found) == 2


def test_errors():
    scales = scales_of(crowd(0, 1, 17, 128.0), 128)
    with pytest.raises(ReproError, match="averaged"):
        MultiScale(grouper=GuidedGrouper(), several="summed")
    with pytest.raises(ReproError, match="scale 1 must be"):
        MultiScale(grouper=GuidedGrouper())({0.5: scales[0.5]})
    with pytest.raises(ReproError, match="exact multiples"):
        MultiScale(grouper=GuidedGrouper())({1: scales[1], 2: scales[0.5]})


def test_the_mean_at_the_finest_size_is_that_at_the_input():
    """Noise at three scales: up-sampled to the input, the mean of stride 2 is the mean of the up-sampled maps."""
    scales = scales_of(crowd(4, 2, 3, 128.0), 128)
    generator = torch.Generator().manual_seed(0)
    for maps in scales.values():
        maps["heatmaps"] = torch.rand(maps["heatmaps"].shape, generator=generator)
    mean, stride = averaged_heatmaps(scales, 4)
    assert stride == 2
    expected = torch.stack([resample(maps["heatmaps"][0], (128, 128)) for maps in scales.values()]).mean(0)
    torch.testing.assert_close(resample(mean, (128, 128)), expected, rtol=0, atol=1e-5)
