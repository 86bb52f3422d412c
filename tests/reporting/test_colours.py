from __future__ import annotations

import pytest
import seaborn as sns

from repro.reporting.colours import DASHES, HUES, family, row_colours, row_styles


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("HRNet, quarter offset", "HRNet"), ("CAL (Ours)", "CAL"), ("UDP", "UDP")),
        *(("+ attention", "+ attention"), ("(a) MSE", "(a) MSE")),
    ],
)
def test_a_variant_is_of_the_family_that_its_name_begins_with(name, expected):
    assert family(name) == expected


def test_a_variant_has_a_paler_colour_of_the_same_hue_and_is_dashed():
    (colour, solid), (pale, dashed) = row_styles(["HRNet", "HRNet, quarter offset"]).values()
    assert colour == pytest.approx(sns.color_palette("colorblind")[0]) and (solid, dashed) == DASHES[:2]
    assert pale == pytest.approx([value + 0.45 * (1 - value) for value in colour])


def test_no_more_than_six_hues_and_no_colour_twice():
    names = [f"row {letter}" for letter in "abcdefgh"]
    styles = row_styles(names)
    assert len({colour for colour, _ in styles.values()}) == len(set(styles.values())) == 8
    assert [dashes for _, dashes in styles.values()] == ["", "", "", "", "", "", DASHES[1], DASHES[1]]
    assert list(row_colours(names).values())[:HUES] == list(sns.color_palette("colorblind", HUES))
