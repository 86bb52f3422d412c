from __future__ import annotations

import pickle

import numpy as np
import pytest

from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17, CROWDPOSE14, LSPET14, MPII16, Skeleton, mirrored_name

ALL = (COCO17, CROWDPOSE14, LSPET14, MPII16)
by_skeleton = pytest.mark.parametrize("skeleton", ALL, ids=lambda s: s.name)

# Official constants, times ten, by joint.
TENFOLD = {"shoulder": 0.79, "elbow": 0.72, "wrist": 0.62, "hip": 1.07, "knee": 0.87, "ankle": 0.89}


def tiny(**fields: object) -> Skeleton:
    """left_eye, right_eye and nose."""
    own = {"name": "tiny", "keypoints": ("left_eye", "right_eye", "nose"), "sigmas": (0.1, 0.2, 0.3)}
    return Skeleton(**{**own, "links": (("nose", "left_eye"),), "upper_body": ("nose",), **fields})


@pytest.mark.parametrize(
    ("skeleton", "pairs"),
    [
        (COCO17, {(1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)}),
        (CROWDPOSE14, {(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11)}),
        # The official lists are (0, 5), (1, 4), (2, 3), ... : right first. Here left comes first.
        (MPII16, {(5, 0), (4, 1), (3, 2), (15, 10), (14, 11), (13, 12)}),
        (LSPET14, {(5, 0), (4, 1), (3, 2), (11, 6), (10, 7), (9, 8)}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_flip_pairs(skeleton, pairs):
    assert set(skeleton.flip_pairs) == pairs and len(skeleton.flip_pairs) == len(pairs)


def test_flip_permutations():
    assert COCO17.flip_permutation == (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
    assert MPII16.flip_permutation == (5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 15, 14, 13, 12, 11, 10)
    assert LSPET14.flip_permutation == (5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13)


@by_skeleton
def test_mirroring_twice_changes_nothing_and_once_exchanges_left_and_right(skeleton):
    order = skeleton.flip_permutation
    assert [order[i] for i in order] == list(range(len(skeleton)))
    exchange = str.maketrans({"l": "r", "r": "l"})
    for name, i in zip(skeleton.keypoints, order, strict=True):
        sided = name.startswith(("left_", "right_"))
        assert skeleton.keypoints[i].partition("_")[2] == name.partition("_")[2]
        assert skeleton.keypoints[i][0] == (name[0].translate(exchange) if sided else name[0])


def test_coco_sigmas():
    tenfold = [0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89]
    np.testing.assert_allclose(COCO17.sigma_array, np.array(tenfold) / 10, rtol=1e-12)
    assert COCO17.sigma_array.dtype == np.float64


def test_crowdpose_sigmas():
    tenfold = [0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89, 0.79, 0.79]
    np.testing.assert_allclose(CROWDPOSE14.sigma_array, np.array(tenfold) / 10, rtol=1e-12)


@by_skeleton
def test_a_joint_has_the_same_sigma_in_every_skeleton(skeleton):
    for name, sigma in zip(skeleton.keypoints, skeleton.sigmas, strict=True):
        joint = name.partition("_")[2]
        if joint in TENFOLD:
            assert sigma == pytest.approx(TENFOLD[joint] / 10), name


def test_the_upper_body_of_half_body_augmentation():
    """HRNet: keypoints 0 to 10 of COCO, 7 to 15 of MPII (thorax, neck, head and the arms)."""
    assert np.flatnonzero(COCO17.upper_mask).tolist() == list(range(11))
    assert np.flatnonzero(MPII16.upper_mask).tolist() == list(range(7, 16))
    assert np.flatnonzero(LSPET14.upper_mask).tolist() == list(range(6, 14))
    assert np.flatnonzero(CROWDPOSE14.upper_mask).tolist() == [0, 1, 2, 3, 4, 5, 12, 13]


@by_skeleton
def test_links_look_the_same_in_the_mirror(skeleton):
    links = {frozenset(link) for link in skeleton.link_indices}
    order = skeleton.flip_permutation
    assert {frozenset(order[i] for i in link) for link in links} == links
    assert len(links) == len(skeleton.links)


@by_skeleton
def test_links_join_all_keypoints(skeleton):
    reached, before = {0}, set()
    while reached != before:
        before = set(reached)
        reached |= {i for link in skeleton.link_indices if reached & set(link) for i in link}
    assert reached == set(range(len(skeleton)))


def test_keypoints_by_name():
    assert [COCO17.index(n) for n in ("nose", "left_shoulder", "right_ankle")] == [0, 5, 16]
    assert [MPII16.index(n) for n in ("right_ankle", "pelvis", "thorax", "neck", "head")] == [0, 6, 7, 8, 9]
    assert [len(s) for s in ALL] == [17, 14, 14, 16]
    assert tiny().link_indices == ((2, 0),)


def test_an_unknown_keypoint_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ReproError, match="tiny has no keypoint 'ear': it has left_eye, right_eye, nose"):
        tiny().index("ear")


@pytest.mark.parametrize(
    "fields",
    [
        {"links": (("nose", "ear"),)},
        {"upper_body": ("nose", "ear")},
        {"parts": (("face", ("nose",)), ("rest", ("ear",)))},
    ],
)
def test_naming_a_keypoint_that_does_not_exist_is_an_error(fields):
    with pytest.raises(ReproError, match="tiny has no keypoint 'ear': use names of its keypoints"):
        tiny(**fields)


def test_every_keypoint_needs_a_sigma():
    with pytest.raises(ReproError, match="tiny has 2 sigmas for 3 keypoints"):
        tiny(sigmas=(0.1, 0.2))


def test_a_left_keypoint_without_a_right_one_is_an_error_once_it_is_mirrored():
    one_sided = tiny(keypoints=("left_eye", "nose", "mouth"))
    with pytest.raises(ReproError, match="tiny has no keypoint 'right_eye'"):
        _ = one_sided.flip_permutation


def test_skeletons_are_values():
    assert tiny() == tiny() and hash(tiny()) == hash(tiny()) and tiny() != tiny(name="other")
    copy = pickle.loads(pickle.dumps(COCO17))
    assert copy == COCO17 and copy.flip_pairs == COCO17.flip_pairs


def test_names_in_the_mirror():
    assert mirrored_name("left_knee") == "right_knee" and mirrored_name("right_knee") == "left_knee"
    assert mirrored_name("nose") == "nose" and mirrored_name("leftover") == "leftover"
    assert mirrored_name("left_hand_left") == "right_hand_left"
