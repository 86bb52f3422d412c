"""Pictures with few colours."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from repro.reporting.pictures import with_few_colours


def png(pixels: np.ndarray) -> bytes:
    saved = BytesIO()
    Image.fromarray(pixels).save(saved, "png")
    return saved.getvalue()


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


def test_a_picture_of_few_colours_stays_as_it_is_and_becomes_smaller():
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 256, (40, 3), dtype=np.uint8)[rng.integers(0, 40, (64, 96))]
    small = with_few_colours(png(drawn))
    assert len(small) < len(png(drawn)) / 2
    np.testing.assert_array_equal(pixels_of(small), drawn)
    assert with_few_colours(small) == small


def test_a_photograph_keeps_its_colours():
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    assert with_few_colours(png(noise)) == png(noise)


def test_what_is_transparent_becomes_white():
    clear = np.zeros((32, 32, 4), dtype=np.uint8)
    clear[:16] = (255, 0, 0, 255)
    found = pixels_of(with_few_colours(png(clear)))
    assert (found[:16] == (255, 0, 0)).all() and (found[16:] == 255).all()
