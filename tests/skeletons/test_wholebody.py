from __future__ import annotations

import numpy as np

from repro.data.augment import half_body_crops
from repro.data.persons import PersonSet
from repro.skeletons.wholebody import WHOLEBODY133

RANGES = {"body": (0, 17), "foot": (17, 23), "face": (23, 91), "lefthand": (91, 112), "righthand": (112, 133)}


def test_parts_lie_where_the_data_set_has_them():
    assert len(WHOLEBODY133) == len(WHOLEBODY133.sigmas) == 133
    for name, members in WHOLEBODY133.parts:
        assert [WHOLEBODY133.index(n) for n in members] == list(range(*RANGES[name]))


def test_flip_pairs_are_the_official_ones():
    """61 pairs: body 8, feet (17, 20), (18, 21), (19, 22), face 29 from (23, 39) to (88, 90), hands (91 + i, 112 + i)."""
    pairs = {tuple(sorted(p)) for p in WHOLEBODY133.flip_pairs}
    assert len(pairs) == len(WHOLEBODY133.flip_pairs) == 61
    assert {(17, 20), (18, 21), (19, 22), (23, 39), (88, 90), (59, 68)} <= pairs
    assert {(91 + i, 112 + i) for i in range(21)} <= pairs
    assert sum(a >= 23 and b < 91 for a, b in pairs) == 29 and sum(b < 17 for _, b in pairs) == 8
    middle = set(range(133)) - {k for p in pairs for k in p}
    # Nose; of the face chin, bridge and tip of the nose (27 to 30), 33, and the middle of the lips 51, 57, 62, 66.
    assert middle == {0, *(23 + i for i in (8, 27, 28, 29, 30, 33, 51, 57, 62, 66))}


def test_sigmas_of_the_parts():
    sums = {name: round(float(WHOLEBODY133.sigma_array[slice(*r)].sum()), 3) for name, r in RANGES.items()}
    assert sums["foot"] == round(0.068 + 2 * 0.066 + 0.092 + 2 * 0.094, 3)
    assert sums["lefthand"] == sums["righthand"]
    assert WHOLEBODY133.sigmas[23:25] == (0.042, 0.043) and WHOLEBODY133.sigmas[90] == 0.008
    assert WHOLEBODY133.sigmas[91] == WHOLEBODY133.sigmas[112] == 0.029 and WHOLEBODY133.sigmas[132] == 0.031


def test_half_body_groups():
    """Upper: the 11 of the body from nose to wrists. All others are lower, face and hands too, as in MMPose 0.x."""
    assert np.flatnonzero(WHOLEBODY133.upper_mask).tolist() == list(range(11))


def one_person(labelled: list[int]) -> PersonSet:
    """A person whose keypoint k lies at (k, 2 k)."""
    visibility = np.zeros((1, 133), dtype=np.int8)
    visibility[0, labelled] = 2
    points = np.stack([np.arange(133.0), 2 * np.arange(133.0)], axis=1)[None]
    boxes, ones = np.array([[0.0, 0, 133, 266]]), np.ones(1)
    return PersonSet(
        WHOLEBODY133, None, np.zeros(1, int), np.ones(1, int), points, visibility, boxes, ones, ones, ones, ()
    )  # fmt: skip


def test_half_bodies_of_a_whole_body():
    """Labelled: shoulders to wrists (5 to 10), ankles 15 and 16, heels 19 and 22, a left hand 91 to 111."""
    persons = one_person([*range(5, 11), 15, 16, 19, 22, *range(91, 112)])
    centers, scales, possible = half_body_crops(persons, np.array([True]), 0.75)
    assert possible.all() and centers[0].tolist() == [7.5, 15]
    centers, scales, possible = half_body_crops(persons, np.array([False]), 0.75)
    # Keypoints 15, 16, 19, 22 and 91 to 111 (mean 101): (72 + 21 x 101) / 25; they span 96 x 192 px: 1.5 x 192 / 200 high.
    assert centers[0].tolist() == [(72 + 2121) / 25, 2 * (72 + 2121) / 25]
    assert scales[0].tolist() == [1.5 * 144 / 200, 1.5 * 192 / 200]
