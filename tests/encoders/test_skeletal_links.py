from __future__ import annotations

import numpy as np
import pytest

from repro.encoders.skeletal_links import SKELETAL_LINKS, UPPER_LINKS, flip_permutation, link_indices, upper_links
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17, CROWDPOSE14, LSPET14, MPII16, Skeleton


def test_links_of_coco_and_mpii():
    physical = [(5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12), (11, 13), (13, 15), (12, 14), (14, 16)]
    virtual = [(5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)]
    assert link_indices(COCO17).tolist() == [list(link) for link in physical + virtual]
    mpii = {5: 13, 6: 12, 7: 14, 8: 11, 9: 15, 10: 10, 11: 3, 12: 2, 13: 4, 14: 1, 15: 5, 16: 0}
    assert link_indices(MPII16).tolist() == [[mpii[a], mpii[b]] for a, b in physical + virtual]
    assert link_indices(CROWDPOSE14).shape == link_indices(LSPET14).shape == (16, 2)


def test_upper_and_lower_links():
    """Arms 0-3, torso sides 4-5, legs 6-9, virtual: shoulders, elbows, wrists 10-12, hips, knees, ankles 13-15."""
    assert [i for i, upper in enumerate(UPPER_LINKS) if upper] == [0, 1, 2, 3, 4, 5, 10, 11, 12]
    other = upper_links(torso_side_is_upper=False)
    assert [i for i, upper in enumerate(other) if upper] == [0, 1, 2, 3, 10, 11, 12]


def test_a_mirror_exchanges_the_bones_and_keeps_the_virtual_links():
    assert flip_permutation() == (2, 3, 0, 1, 5, 4, 8, 9, 6, 7, 10, 11, 12, 13, 14, 15)
    assert [SKELETAL_LINKS[i] for i in (0, 2)] == [("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow")]


@pytest.mark.parametrize("skeleton", [COCO17, CROWDPOSE14, LSPET14, MPII16], ids=lambda s: s.name)
def test_flipping_maps_agrees_with_flipping_keypoints(skeleton):
    """Map i of the mirrored image joins what the keypoints of map i are called there."""
    links, keypoints = link_indices(skeleton), np.array(skeleton.flip_permutation)
    for link, mirrored in zip(links, links[list(flip_permutation())], strict=True):
        assert set(keypoints[link]) == set(mirrored)


def test_ten_bones_are_one_sided_and_six_links_join_a_keypoint_with_its_mirror_image():
    sides = [{end.partition("_")[0] for end in link} for link in SKELETAL_LINKS]
    joints = [{end.partition("_")[2] for end in link} for link in SKELETAL_LINKS]
    assert [len(s) for s in sides] == [1] * 10 + [2] * 6
    assert [len(j) for j in joints] == [2] * 10 + [1] * 6
    assert len({frozenset(link) for link in SKELETAL_LINKS}) == 16


def test_a_skeleton_without_limbs_has_no_links():
    head = Skeleton(name="head", keypoints=("nose",), sigmas=(0.1,), links=(), upper_body=("nose",))
    with pytest.raises(ReproError, match="head has no keypoint 'left_ankle', which skeletal heatmaps need"):
        link_indices(head)
