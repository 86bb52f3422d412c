from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.grouping.centernet import CenterNetGrouper, snap

from .rendered import crowd, nearest_error

PROPERTY = settings(derandomize=True, deadline=None, max_examples=20)
BOX = torch.tensor([[0.0, 0, 100, 50]])  # longer side 100: reach 30


def snapped(point, *candidates) -> tuple[list[float], bool]:
    rows = torch.tensor(candidates, dtype=torch.float32).view(1, -1, 2)
    heats = torch.full(rows.shape[:2], 0.5)
    points, _, moved = snap(torch.tensor([[point]], dtype=torch.float32), BOX, rows, heats, heats > 0)
    return points[0, 0].tolist(), moved.item()


def test_a_keypoint_snaps_to_the_nearest_candidate():
    assert snapped((50, 25), (60, 25), (30, 25)) == ([60, 25], True)


def test_not_beyond_the_reach_nor_out_of_the_box():
    assert snapped((50, 25), (79.5, 25)) == ([79.5, 25], True)
    assert snapped((50, 25), (80.5, 25)) == ([50, 25], False)
    assert snapped((50, 45), (50, 51)) == ([50, 45], False)
    assert snapped((50, 45), (50, 51), (50, 30)) == ([50, 45], False)  # only the nearest is asked


def centernet_maps(poses: torch.Tensor, side: int, blur: float = 0.0) -> dict[str, torch.Tensor]:
    """Targets of the paper at stride 4: single pixels for centres and keypoints, offsets to the true places.

    ``blur`` displaces the regressed keypoints, which the keypoint heatmaps then mend.
    """
    poses = poses.double() / 4
    people, joints = poses.shape[:2]
    low, high = poses.amin(1), poses.amax(1)
    centres, sizes = (low + high) / 2, high - low + 4
    pixel, joint_pixel = centres.floor().long(), poses.floor().long()
    maps = {
        "centres": torch.zeros(1, 1, side, side),
        "sizes": torch.zeros(1, 2, side, side),
        "centre_offsets": torch.zeros(1, 2, side, side),
        "offsets": torch.zeros(1, 2 * joints, side, side),
        "heatmaps": torch.zeros(1, joints, side, side),
        "keypoint_offsets": torch.zeros(1, 2, side, side),
    }
    for p in range(people):
        x, y = pixel[p]
        maps["centres"][0, 0, y, x] = 1 - 0.01 * p
        maps["sizes"][0, :, y, x] = sizes[p].float()
        maps["centre_offsets"][0, :, y, x] = (centres[p] - pixel[p]).float()
        maps["offsets"][0, :, y, x] = (poses[p] - pixel[p] + blur).flatten().float()
        for k in range(joints):
            x, y = joint_pixel[p, k]
            maps["heatmaps"][0, k, y, x] = 0.9
            maps["keypoint_offsets"][0, :, y, x] = (poses[p, k] - joint_pixel[p, k]).float()
    return maps


@PROPERTY
@given(seed=st.integers(0, 10**6), people=st.integers(1, 6))
def test_regressed_people_are_found(seed, people):
    """Without keypoint heat the regression alone is exact; the order is that of the centres."""
    poses = crowd(seed, people, 17, 256.0)
    maps = centernet_maps(poses, 64)
    maps["heatmaps"] *= 0
    found = CenterNetGrouper(logits=False)(maps)
    assert len(found) == people
    torch.testing.assert_close(found.points, poses, rtol=0, atol=1e-3)
    assert not found.keypoint_scores.any()


def test_keypoint_peaks_mend_the_regression():
    """One person, regression 1.2 map px off along both axes: the peaks, with their sub-pixel offsets, are exact."""
    poses = crowd(3, 1, 4, 256.0)
    found = CenterNetGrouper(logits=False)(centernet_maps(poses, 64, blur=0.5))
    assert nearest_error(found.points, poses).max() < 1e-3
    assert found.keypoint_scores.tolist() == [pytest.approx([0.9] * 4)]
    assert found.scores.item() == 1


def test_candidates_below_the_threshold_do_not_count():
    poses = crowd(3, 1, 4, 256.0)
    maps = centernet_maps(poses, 64, blur=0.5)
    maps["heatmaps"] *= 0.1
    found = CenterNetGrouper(logits=False)(maps)
    torch.testing.assert_close(found.points, poses + 2, rtol=0, atol=1e-3)


def test_logits_pass_the_sigmoid():
    maps = centernet_maps(crowd(3, 2, 4, 256.0), 64)
    for name in ("centres", "heatmaps"):
        maps[name] = torch.logit(maps[name].clamp(1e-4, 1 - 1e-4))
    found = CenterNetGrouper(count=2)(maps)
    assert found.scores.tolist() == pytest.approx([0.9999, 0.99], abs=1e-4)


def test_at_most_so_many_and_errors():
    maps = centernet_maps(crowd(3, 4, 4, 256.0), 64)
    assert len(CenterNetGrouper(logits=False, max_people=3)(maps)) == 3
    assert len(CenterNetGrouper(logits=False)({**maps, "centres": maps["centres"] * 0})) == 0
    with pytest.raises(ReproError, match="'sizes'"):
        CenterNetGrouper()({name: m for name, m in maps.items() if name != "sizes"})
    with pytest.raises(ReproError, match="4 keypoints and 3 heatmaps"):
        CenterNetGrouper()({**maps, "heatmaps": maps["heatmaps"][:, :3]})
