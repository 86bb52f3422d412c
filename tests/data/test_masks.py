"""Regions are refused before pycocotools sees them; what is taken is what pycocotools makes of it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as run_length

from repro.data.masks import codes, region_fault

WIDTH, HEIGHT = 40, 30
PIXELS = WIDTH * HEIGHT


@pytest.mark.parametrize(
    ("region", "fault"),
    [
        (None, None),
        ([], None),
        ([[1, 2]], None),  # encloses nothing
        ([[0, 0, 9, 0, 9, 9]], None),
        ([[-5, 0, 45, 0, 45, 35.5]], None),  # reaches out of the image
        ([[0, 0, 400, 0, 9, 9]], None),
        ([[0, 0, 401, 0, 9, 9]], "coordinate 401, expected numbers of at most 400 px"),
        ([[0, 0, 1e9, 0, 1e9, 1e9]], "coordinate 1000000000.0"),
        ([[0, 0, float("nan"), 0, 9, 9]], "coordinate nan"),
        ([[0, 0, "9", 0, 9, 9]], "coordinate '9'"),
        ([[0, 0, 9, 0, 9]], "expected polygons"),
        ([0, 0, 9, 0, 9, 9], "holds 0, expected polygons"),
        ("polygon", "is 'polygon', expected a list of polygons or a run-length code"),
        ({"counts": [PIXELS]}, r"is for None px, its image has \[30, 40\]"),
        ({"size": [40, 30], "counts": [PIXELS]}, r"is for \[40, 30\] px"),
        ({"size": [30, 40]}, "expected a list of polygons or a run-length code"),
        ({"size": [30, 40], "counts": [PIXELS]}, None),
        ({"size": [30, 40], "counts": [0, 2**31]}, "of 2147483648 px, its image has 1200"),
        ({"size": [30, 40], "counts": [PIXELS - 1]}, "of 1199 px"),
        ({"size": [30, 40], "counts": [PIXELS + 5, -5]}, "expected whole numbers"),
        ({"size": [30, 40], "counts": [600.0, 600.0]}, "expected whole numbers"),
        ({"size": [30, 40], "counts": 7}, "expected whole numbers"),
        ({"size": [30, 40], "counts": "b'0000'"}, "expected whole numbers"),
        ({"size": [30, 40], "counts": "PPPPPPPPPPPPPPPPPPPPPPPP"}, "expected whole numbers"),
        ({"size": [30, 40], "counts": ""}, "of 0 px"),
    ],
)
def test_faults_are_named(region, fault):
    found = region_fault(region, WIDTH, HEIGHT)
    assert found is None if fault is None else re.search(fault, found or ""), found


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_compressed_codes_of_any_mask_are_right(seed, share):
    mask = np.random.default_rng(seed).random((HEIGHT, WIDTH)) < share
    code = run_length.encode(np.asfortranarray(mask.astype(np.uint8)))
    region = {"size": [HEIGHT, WIDTH], "counts": code["counts"].decode("ascii")}
    assert region_fault(region, WIDTH, HEIGHT) is None
    (found,) = codes(region, WIDTH, HEIGHT)
    np.testing.assert_array_equal(run_length.decode(found), mask)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(st.characters(codec="latin-1"), max_size=12))
def test_text_is_a_code_of_the_image_or_refused(text):
    """What is not refused fills the image: pycocotools then ends, and decodes as many px as the image has."""
    region = {"size": [3, 2], "counts": text}
    if region_fault(region, 2, 3) is None:
        (found,) = codes(region, 2, 3)
        assert run_length.decode(run_length.merge([found])).shape == (3, 2)
