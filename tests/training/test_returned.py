"""What parts return is looked at before it is used."""

from __future__ import annotations

import re

import pytest
import torch

from repro.errors import ReproError
from repro.training.returned import check_minimised, decoded, named


class Part:
    pass


async def later():
    return {}


def test_tensors_by_name_pass():
    maps = {"heatmaps": torch.zeros(1, 2, 4, 4)}
    assert named(maps, Part()) is maps
    weight = torch.ones((), requires_grad=True)
    check_minimised({"loss": 2 * weight, "other": torch.ones(3)}, Part())
    points, scores = decoded((torch.zeros(3, 2, 2), torch.zeros(3, 2)), Part(), (3, 2))
    assert points.shape == (3, 2, 2) and scores.shape == (3, 2)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (torch.zeros(1, 2), "Part returns a tensor (1, 2), expected tensors by name"),
        (None, "Part returns NoneType, expected tensors by name"),
        ({"heatmaps": 0.5}, "Part returns 'heatmaps' as float, expected a tensor"),
    ],
)
def test_anything_else_is_said(found, message):
    with pytest.raises(ReproError, match=re.escape(message)):
        named(found, Part())


def test_a_coroutine_is_no_dict():
    coroutine = later()
    with pytest.raises(ReproError, match="Part returns coroutine, expected tensors by name"):
        named(coroutine, Part())
    coroutine.close()


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({}, "Part gives nothing and no 'loss'"),
        ({"error": torch.ones(())}, "Part gives error and no 'loss'"),
        ({"loss": torch.ones(4, requires_grad=True)}, "Part gives a loss of shape (4,), expected one number"),
        ({"loss": torch.ones(())}, "Part gives a loss without a gradient"),
    ],
)
def test_a_loss_is_one_number_with_a_gradient(terms, message):
    with pytest.raises(ReproError, match=re.escape(message)):
        check_minimised(terms, Part())


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (torch.zeros(3, 2, 2), "a tensor (3, 2, 2)"),
        ((torch.zeros(3, 2, 2),), "a tensor (3, 2, 2)"),
        ((torch.zeros(3, 2), torch.zeros(3, 2, 2)), "a tensor (3, 2), a tensor (3, 2, 2)"),
        ((torch.zeros(3, 2, 2), torch.zeros(3, 2, 1)), "a tensor (3, 2, 2), a tensor (3, 2, 1)"),
        ((torch.zeros(3, 2, 2), 1.0), "a tensor (3, 2, 2), float"),
    ],
)
def test_a_decoder_returns_points_and_scores(found, said):
    message = f"Part returns {said}, expected points (3, 2, 2) and scores (3, 2): return both, in a tuple."
    with pytest.raises(ReproError, match=re.escape(message)):
        decoded(found, Part(), (3, 2))
