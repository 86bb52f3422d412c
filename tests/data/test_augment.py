from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.data.augment import Augmentation, draw_crops, half_body_crops, plain_crops
from repro.data.persons import PersonSet
from repro.geometry import box_to_center_scale
from repro.skeletons.skeleton import COCO17, LSPET14, MPII16, Skeleton

PROPERTY = settings(derandomize=True, deadline=None, max_examples=40)
ASPECT, PADDING = 0.75, 1.25
MANY = 20_000
UPPER = [i for i, name in enumerate(COCO17.keypoints) if COCO17.upper_mask[i]]
LOWER = [i for i in range(17) if i not in UPPER]
NOTHING = Augmentation(scale=0, rotation=0, rotation_probability=0, mirror=0, half_body=0)


@dataclass(frozen=True)
class NoImages:
    ids = np.array([1])
    sizes = np.array([[640, 480]])

    def read(self, index: int) -> np.ndarray:
        raise AssertionError("Augmentation draws numbers; it needs no image.")


def persons(visibility: np.ndarray, keypoints: np.ndarray | None = None, skeleton: Skeleton = COCO17) -> PersonSet:
    """Persons in boxes of 60 x 80 px around (130, 140); where no keypoints are given, keypoint k is at (100 + 3 k, 110 + k^2)."""
    n, k = visibility.shape
    if keypoints is None:
        keypoints = np.broadcast_to(np.stack([100 + 3.0 * np.arange(k), 110 + np.arange(k) ** 2.0], 1), (n, k, 2))
    return PersonSet(
        skeleton=skeleton,
        images=NoImages(),
        image_index=np.zeros(n, dtype=np.int64),
        person_ids=np.arange(n),
        keypoints=np.array(keypoints, dtype=np.float64),
        visibility=visibility.astype(np.int8),
        boxes=np.tile([100.0, 100.0, 60.0, 80.0], (n, 1)),
        areas=np.ones(n),
        scores=np.ones(n),
        head_sizes=np.full(n, np.nan),
        annotations=(),
    )


def labelled(*indices: int, n: int = 1, k: int = 17) -> np.ndarray:
    """(n, k): 2 for these keypoints, 0 for the others."""
    visibility = np.zeros((n, k))
    visibility[:, list(indices)] = 2
    return visibility


def centre(indices: list[int]) -> tuple[float, float]:
    """Of the keypoints at (100 + 3 k, 110 + k^2)."""
    return np.mean([100 + 3 * k for k in indices]), np.mean([110 + k**2 for k in indices])


def draw(people: PersonSet, augmentation: Augmentation, seed: int = 0):
    return draw_crops(people, augmentation, ASPECT, PADDING, np.random.default_rng(seed))


def within(share: float, probability: float, n: int) -> bool:
    """Whether a share of n draws is within four standard errors of its probability."""
    return abs(share - probability) < 4 * math.sqrt(probability * (1 - probability) / n)


def test_plain_crops_are_the_padded_boxes():
    crops = plain_crops(persons(labelled(0, n=2)), ASPECT, PADDING)
    # 60 / 200 x 1.25 and 80 / 200 x 1.25.
    np.testing.assert_allclose(crops.centers, [[130, 140]] * 2)
    np.testing.assert_allclose(crops.scales, [[0.375, 0.5]] * 2)
    assert not crops.rotations.any() and not crops.mirrored.any() and crops.mirrored.dtype == bool


def test_augmentation_by_nothing_is_the_plain_crop():
    people = persons(labelled(*range(17), n=50))
    crops, plain = draw(people, NOTHING), plain_crops(people, ASPECT, PADDING)
    for name in ("centers", "scales", "rotations", "mirrored"):
        np.testing.assert_array_equal(getattr(crops, name), getattr(plain, name))


def test_scales_are_normal_and_clipped_at_one_deviation():
    """The clipped normal stands at either end with P(n > 1) = .1587; its variance is
    P(|n| < 1) - 2 phi(1) + P(|n| > 1) = 1 - 2 x .24197 = .51606 times 0.35 squared."""
    crops = draw(persons(labelled(0, n=MANY)), Augmentation())
    factors = crops.scales[:, 0] / 0.375
    np.testing.assert_allclose(crops.scales[:, 1] / 0.5, factors)  # both axes alike
    assert factors.min() == pytest.approx(0.65) and factors.max() == pytest.approx(1.35)
    tail = 0.5 * math.erfc(1 / math.sqrt(2))
    assert within(np.isclose(factors, 0.65).mean(), tail, MANY) and within(np.isclose(factors, 1.35).mean(), tail, MANY)
    deviation = 0.35 * math.sqrt(0.51606)
    assert abs(factors.mean() - 1) < 4 * deviation / math.sqrt(MANY)
    assert factors.std() == pytest.approx(deviation, rel=4 / math.sqrt(2 * MANY))


def test_three_in_five_crops_are_rotated_by_a_normal_clipped_at_two_deviations():
    """P(|n| > 2) = .0455 of them stand at -+ 90 degrees; the variance is .9545 - 4 phi(2) + 4 x .0455 = .92054."""
    rotations = draw(persons(labelled(0, n=MANY)), Augmentation()).rotations
    turned = rotations[rotations != 0]
    assert within(len(turned) / MANY, 0.6, MANY)
    assert (turned.min(), turned.max()) == (-90, 90)
    assert within((np.abs(turned) == 90).mean(), math.erfc(2 / math.sqrt(2)), len(turned))
    deviation = 45 * math.sqrt(0.92054)
    assert abs(turned.mean()) < 4 * deviation / math.sqrt(len(turned))
    assert turned.std() == pytest.approx(deviation, rel=4 / math.sqrt(2 * len(turned)))


def test_half_of_the_crops_are_mirrored():
    mirrored = draw(persons(labelled(0, n=MANY)), Augmentation()).mirrored
    assert mirrored.dtype == bool and within(mirrored.mean(), 0.5, MANY)


def test_draws_of_one_kind_tell_nothing_of_another():
    """Correlations of independent draws have the standard deviation 1 / sqrt(n)."""
    people = persons(labelled(*range(17), n=MANY))
    crops, unscaled = (draw(people, Augmentation(rotation_probability=1, scale=scale)) for scale in (0.35, 0))
    factors = crops.scales[:, 0] / unscaled.scales[:, 0]
    upper, halved = np.isclose(crops.centers, centre(UPPER)).all(1), crops.centers[:, 0] != 130
    values = np.array([factors, crops.rotations, crops.mirrored, halved])
    assert np.abs(np.corrcoef(values)[np.triu_indices(4, 1)]).max() < 4.5 / math.sqrt(MANY)
    among_halved = np.corrcoef([*values[:3, halved], upper[halved]])[3, :3]
    assert np.abs(among_halved).max() < 4.5 / math.sqrt(halved.sum())


def test_the_settings_of_mpii():
    """Scales of 1 -+ .25, rotations up to 60 degrees, whole bodies."""
    people = persons(labelled(*range(16), n=2000, k=16), skeleton=MPII16)
    crops = draw(people, Augmentation(scale=0.25, rotation=30, half_body=0))
    factors = crops.scales[:, 0] / 0.375
    assert factors.min() == pytest.approx(0.75) and factors.max() == pytest.approx(1.25)
    assert (crops.rotations.min(), crops.rotations.max()) == (-60, 60)
    np.testing.assert_array_equal(crops.centers, np.tile([130.0, 140.0], (2000, 1)))


def test_three_in_ten_persons_are_halved_and_seven_in_ten_of_those_to_the_upper_half():
    """randn() < .5 happens with probability Phi(.5) = .6915."""
    crops = draw(persons(labelled(*range(17), n=MANY)), Augmentation())
    upper, lower = (np.isclose(crops.centers, centre(half)).all(1) for half in (UPPER, LOWER))
    whole = np.isclose(crops.centers, [130, 140]).all(1)
    assert (upper + lower + whole == 1).all()
    halved = upper.sum() + lower.sum()
    assert within(halved / MANY, 0.3, MANY)
    assert within(upper.sum() / halved, 0.5 * math.erfc(-0.5 / math.sqrt(2)), halved)
    assert Augmentation().half_body_upper == pytest.approx(0.5 * math.erfc(-0.5 / math.sqrt(2)), abs=1e-15)


def test_only_persons_with_more_than_eight_labelled_keypoints_are_halved():
    always = Augmentation(scale=0, rotation_probability=0, mirror=0, half_body=1)
    eight, nine = (draw(persons(labelled(*range(n), n=20)), always) for n in (8, 9))
    np.testing.assert_array_equal(eight.centers, np.tile([130.0, 140.0], (20, 1)))
    np.testing.assert_allclose(nine.centers, np.tile(centre(list(range(9))), (20, 1)))  # all nine are upper
    eight_allowed = draw(persons(labelled(*range(8), n=20)), Augmentation(half_body=1, half_body_above=7))
    np.testing.assert_allclose(eight_allowed.centers, np.tile(centre(list(range(8))), (20, 1)))


def test_hidden_keypoints_count_as_labelled():
    always = Augmentation(scale=0, rotation_probability=0, mirror=0, half_body=1)
    hidden = np.minimum(labelled(*range(9)), 1)
    np.testing.assert_allclose(draw(persons(hidden), always).centers, [centre(list(range(9)))])


@pytest.mark.parametrize(
    ("upper", "lower", "taken_if_upper_first", "taken_if_lower_first"),
    [
        (11, 6, "upper", "lower"),
        (3, 3, "upper", "lower"),
        (2, 6, "lower", "lower"),  # the upper half needs more than two
        (0, 3, "lower", "lower"),
        (11, 2, "upper", "upper"),  # so does the lower one
        (2, 2, "upper", "upper"),  # neither has: the upper one is taken all the same
        (1, 2, None, None),  # but one keypoint is no crop, even if the lower half has two
        (0, 0, None, None),
    ],
)
def test_which_half_is_taken(upper, lower, taken_if_upper_first, taken_if_lower_first):
    halves = {"upper": UPPER[:upper], "lower": LOWER[:lower]}
    people = persons(labelled(*halves["upper"], *halves["lower"], n=2))
    centers, _, possible = half_body_crops(people, np.array([True, False]), ASPECT)
    taken = (taken_if_upper_first, taken_if_lower_first)
    assert possible.tolist() == [t is not None for t in taken]
    for center, half in zip(centers, taken, strict=True):
        if half:
            np.testing.assert_allclose(center, centre(halves[half]))


@pytest.mark.parametrize(
    ("points", "center", "scale"),
    [
        # Extent 30 x 30: at 3/4 it takes 30 x 40 px, times 1.5 / 200.
        ([(10, 10), (0, 20), (30, 40)], (40 / 3, 70 / 3), (0.225, 0.3)),
        # Extent 10 x 80: 60 x 80 px.
        ([(10, 0), (20, 80), (15, 40)], (15, 40), (0.45, 0.6)),
        # Extent 0 x 40: 30 x 40 px.
        ([(7, 0), (7, 40), (7, 5)], (7, 15), (0.225, 0.3)),
    ],
)
def test_a_half_body_crop_by_hand(points, center, scale):
    """Unlabelled keypoints have no say, whatever their coordinates are."""
    keypoints = np.full((1, 17, 2), np.nan)
    keypoints[0, UPPER[:3]] = points
    centers, scales, possible = half_body_crops(persons(labelled(*UPPER[:3]), keypoints), np.array([True]), ASPECT)
    assert possible.all()
    np.testing.assert_allclose(centers, [center])
    np.testing.assert_allclose(scales, [scale])


def test_a_half_body_crop_is_not_padded_but_scaled_like_others():
    """1.5 is its margin; the factor of the scale augmentation multiplies it."""
    augmentation = Augmentation(half_body=1, half_body_upper=1, rotation_probability=0)
    crops = draw(persons(labelled(*range(17), n=500)), augmentation)
    width = 1.5 * max(3 * 10, 10**2 * ASPECT) / 200  # keypoints 0 to 10: 30 px wide, 100 px high
    factors = crops.scales[:, 0] / width
    assert factors.min() == pytest.approx(0.65) and factors.max() == pytest.approx(1.35)
    np.testing.assert_allclose(crops.scales[:, 0] / crops.scales[:, 1], ASPECT)


def test_persons_whose_keypoints_all_coincide_stay_whole():
    always = Augmentation(scale=0, rotation_probability=0, mirror=0, half_body=1)
    crops = draw(persons(labelled(*range(17)), np.full((1, 17, 2), 50.0)), always)
    np.testing.assert_array_equal(crops.centers, [[130, 140]])
    np.testing.assert_allclose(crops.scales, [[0.375, 0.5]])


def test_halves_follow_the_skeleton():
    """The upper body of LSPET is keypoints 6 to 13."""
    people = persons(labelled(*range(14), n=2, k=14), skeleton=LSPET14)
    centers, _, _ = half_body_crops(people, np.array([True, False]), ASPECT)
    np.testing.assert_allclose(centers, [centre(list(range(6, 14))), centre(list(range(6)))])


def test_crops_are_a_function_of_the_generator():
    people = persons(labelled(*range(17), n=100))
    first, again, other = (draw(people, Augmentation(), seed) for seed in (3, 3, 4))
    for name in ("centers", "scales", "rotations", "mirrored"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))


@PROPERTY
@given(seed=st.integers(0, 10**6), changed=st.integers(0, 19), left=st.integers(0, 17))
def test_the_draws_of_a_person_do_not_depend_on_the_labels_of_others(seed, changed, left):
    visibility = labelled(*range(17), n=20)
    before = draw(persons(visibility), Augmentation(), seed)
    visibility[changed, left:] = 0
    after = draw(persons(visibility), Augmentation(), seed)
    others = np.arange(20) != changed
    for name in ("centers", "scales", "rotations", "mirrored"):
        np.testing.assert_array_equal(getattr(before, name)[others], getattr(after, name)[others])
    np.testing.assert_array_equal(before.rotations, after.rotations)
    np.testing.assert_array_equal(before.mirrored, after.mirrored)


def test_the_persons_are_not_changed():
    people = persons(labelled(*range(17), n=50))
    boxes, keypoints = people.boxes.copy(), people.keypoints.copy()
    draw(people, Augmentation(half_body=1))
    np.testing.assert_array_equal(people.boxes, boxes)
    np.testing.assert_array_equal(people.keypoints, keypoints)
    np.testing.assert_array_equal(box_to_center_scale(people.boxes, ASPECT)[0][0], [130, 140])
