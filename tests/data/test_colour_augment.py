"""Changes of colour: by hand, and against the steps one after the other on floating-point pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from repro.data.colour_augment import AXES, GREY, KINDS, Colours, changed_colours, draw_colours, one_change
from repro.data.scene_augment import SceneAugmentation
from repro.errors import ReproError


def colours_of(*changes: tuple[str, float]) -> Colours:
    """The changes of one image, in their order, without light."""
    matrix, grey = np.eye(3), 0.0
    for kind, factor in changes:
        matrix, grey = one_change(kind, factor, matrix, grey)
    return Colours(matrix[None], np.array([grey]), np.zeros((1, 3)))


def changed(pixels: list[list[int]], colours: Colours) -> list[list[int]]:
    return changed_colours(torch.tensor([[pixels]], dtype=torch.uint8), colours)[0, 0].tolist()


def test_each_change_by_hand():
    """Greys of (200, 0, 0) and (0, 100, 0) are 59.8 and 58.7, their mean is 59.25."""
    pixels = [[200, 0, 0], [0, 100, 0]]
    assert changed(pixels, colours_of(("brightness", 1.2))) == [[240, 0, 0], [0, 120, 0]]
    # 0.5 x + 0.5 * 59.25
    assert changed(pixels, colours_of(("contrast", 0.5))) == [[130, 30, 30], [30, 80, 30]]
    # 0.5 x + 0.5 grey of the pixel
    assert changed(pixels, colours_of(("saturation", 0.5))) == [[130, 30, 30], [29, 79, 29]]
    assert changed(pixels, colours_of(("brightness", 1.4))) == [[255, 0, 0], [0, 140, 0]]  # 280 is cut


def test_all_together_are_the_steps_one_after_the_other():
    rng = np.random.default_rng(0)
    images = rng.integers(60, 180, (5, 8, 6, 3)).astype(np.uint8)
    own = np.random.default_rng(7)
    colours = draw_colours(5, 0.2, 0.05, own)
    again = np.random.default_rng(7)  # the same numbers, drawn in the same order
    factors = 1 + again.uniform(-0.2, 0.2, (5, 3))
    orders = again.permuted(np.tile(np.arange(3), (5, 1)), axis=1)
    light = again.normal(0.0, 0.05, (5, 3))
    for i, image in enumerate(images / 255):
        grey = image @ GREY
        out = image.copy()
        for kind in orders[i]:
            factor = factors[i, kind]
            target = {"brightness": 0.0, "contrast": grey.mean(), "saturation": grey[..., None]}[KINDS[kind]]
            out = factor * out + (1 - factor) * target
        out = out + AXES @ light[i]
        found = changed_colours(torch.from_numpy(images[i : i + 1]), colours.take(np.array([i])))[0].numpy()
        assert np.abs(found - np.clip(255 * out, 0, 255)).max() <= 0.51  # rounding, and that of float32
    assert len({tuple(order) for order in orders.tolist()}) > 1


def test_nothing_is_drawn_where_colours_stay():
    rng = np.random.default_rng(0)
    assert draw_colours(4, 0.0, 0.0, rng) is None
    assert rng.random() == np.random.default_rng(0).random()


def test_strengths_bound_what_becomes_of_white():
    """Brightness changes it by at most 0.4; contrast and saturation, 1.4 at most, each draw what has become of it from white."""
    colours = draw_colours(400, 0.4, 0.0, np.random.default_rng(1))
    white = colours.matrices.sum(2)[:, 0] + colours.greys
    assert np.abs(white - 1).max() <= 0.4 * 1.4**2 and white.max() - white.min() > 0.7
    assert not colours.shifts.any()


@pytest.mark.parametrize("wrong", [{"colour": -0.1}, {"colour": 1.0}, {"lighting": -1.0}])
def test_strengths_that_cannot_be(wrong):
    with pytest.raises(ReproError, match="colour"):
        SceneAugmentation(**wrong)
