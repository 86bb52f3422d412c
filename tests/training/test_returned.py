"""What parts return is looked at before it is used."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from repro.errors import ReproError
from repro.grouping.people import People
from repro.grouping.shown import Shown
from repro.skeletons.skeleton import LSPET14
from repro.training.returned import check_alike, check_minimised, compared, decoded, grouped, named, network_maps

from ..tiny_runs import BASELINE


class Part:
    """A part that returns what its ``found`` is, or raises it."""

    found: Any = None

    def __call__(self, *given):
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found

    people = __call__


def returning(found):
    part = Part()
    part.found = found
    return part


async def later():
    return {}


def test_tensors_by_name_pass():
    maps = {"heatmaps": torch.zeros(1, 2, 4, 4)}
    assert named(maps, Part()) is maps
    weight = torch.ones((), requires_grad=True)
    check_minimised({"loss": 2 * weight, "other": torch.ones(3)}, Part())
    points, scores = decoded(returning((torch.zeros(3, 2, 2), torch.zeros(3, 2))), {}, (3, 2))
    assert points.shape == (3, 2, 2) and scores.shape == (3, 2)
    half = decoded(returning((torch.full((1, 1, 2), 1.5).bfloat16(), torch.ones(1, 1, dtype=torch.float64))), {}, (1, 1))
    assert [one.dtype for one in half] == [torch.float32, torch.float64] and half[0].tolist() == [[[1.5, 1.5]]]


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
        decoded(returning(found), {}, (3, 2))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, "Part returns nothing first, expected maps (B, C, H, W)"),
        ({"heatmaps": torch.zeros(2, 3)}, "Part returns 'heatmaps' as a tensor (2, 3) first, expected maps (B, C, H, W)"),
        ([torch.zeros(2, 3, 4, 4)], "Part returns list, expected tensors by name"),
    ],
)
def test_a_network_returns_maps(found, said):
    with pytest.raises(ReproError, match=re.escape(said)):
        network_maps(found, Part())


MAPS = torch.zeros(2, 17, 8, 6)


@pytest.mark.parametrize("shape", [(2, 17, 8, 8), (2, 18, 8, 6), (2, 1, 8, 6), (1, 17, 8, 6)])
def test_heatmaps_of_other_sizes_are_refused(shape):
    """Those of one channel, too, which torch would compare with all maps."""
    check_alike({"heatmaps": MAPS}, {"heatmaps": MAPS, "weights": torch.ones(2, 17)}, BASELINE)
    said = f"GaussianHeatmap gives 'heatmaps' of shape {shape}, HeatmapNetwork of shape (2, 17, 8, 6): make targets of the size"
    with pytest.raises(ReproError, match=re.escape(said)):
        check_alike({"heatmaps": MAPS}, {"heatmaps": torch.zeros(shape)}, BASELINE)


def test_a_loss_that_cannot_compare_names_what_it_was_given():
    class Difference(Part):
        def __call__(self, outputs, targets):
            return {"loss": (outputs["heatmaps"] - targets["offsets"]).mean()}

    said = "Difference cannot compare what HeatmapNetwork and GaussianHeatmap give (The size of tensor a (6) must match "
    with pytest.raises(ReproError, match=re.escape(said)) as caught:
        compared(Difference(), {"heatmaps": MAPS}, {"offsets": torch.zeros(2, 17, 8, 5)}, BASELINE)
    assert "outputs heatmaps (2, 17, 8, 6); targets offsets (2, 17, 8, 5). Give maps that fit" in str(caught.value)
    with pytest.raises(ReproError, match="Difference needs 'offsets', which HeatmapNetwork and GaussianHeatmap do not both give"):
        compared(Difference(), {"heatmaps": MAPS}, {}, BASELINE)


def test_what_a_device_lacks_is_not_the_fault_of_a_loss():
    with pytest.raises(torch.OutOfMemoryError):
        compared(returning(torch.OutOfMemoryError("CUDA out of memory")), {}, {}, BASELINE)


PEOPLE = {"points": torch.zeros(1, 14, 2), "keypoint_scores": torch.zeros(1, 14), "scores": torch.zeros(1)}
SHOWN = Shown(scales={1.0: {"heatmaps": MAPS}}, stride=4, skeleton=LSPET14)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "Part returns NoneType, expected People"),
        (torch.zeros(1, 14, 2), "Part returns a tensor (1, 14, 2), expected People"),
        (People(**{name: value.numpy() for name, value in PEOPLE.items()}), "Part returns people whose points are ndarray"),
        (People(points=MAPS[0, :3, :7, :2], keypoint_scores=MAPS[0, 0, :3, :1].expand(3, 7), scores=MAPS[0, 0, 0, :3]),
         "Part returns people of 7 keypoints, expected the 14 of lspet14"),
        (KeyError("tags"), "Part reads 'tags', which the network does not give: it gives heatmaps; choose"),
        (RuntimeError("no GPU"), f"Part of {__name__} ends with RuntimeError (no GPU; test_returned.py, line"),
    ],
)  # fmt: skip
def test_a_grouper_returns_people(found, said):
    people = People(**PEOPLE)
    assert grouped(returning(people), SHOWN) is people
    with pytest.raises(ReproError, match=re.escape(said)):
        grouped(returning(found), SHOWN)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (KeyError("offsets"), "Part reads 'offsets', which the network does not give: it gives heatmaps; choose"),
        (SystemExit(3), f"Part of {__name__} ends with SystemExit (3; test_returned.py, line"),
    ],
)
def test_a_decoder_that_raises_is_named(found, said):
    with pytest.raises(ReproError, match=re.escape(said)):
        decoded(returning(found), {"heatmaps": MAPS}, (2, 17))
