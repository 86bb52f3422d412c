"""What sahg's method notebook is shown on: kernels, peaks, and maps that forms of the loss optimise."""

from __future__ import annotations

import math

import pytest
import torch

from repro.encoders.people_gaussian import PeopleGaussian
from repro.encoders.scale_aware import ScaleAwareGaussian
from repro.papers.sahg.examples import (
    PRINTED_SCALES,
    kernel,
    keypoint_rates,
    missing_scales,
    optimise_map,
    peaks,
    weight_forms,
)
from repro.skeletons.skeleton import COCO17


def test_the_printed_list_lacks_an_elbow():
    assert len(PRINTED_SCALES) == 16 and missing_scales(COCO17) == [0.072]


@pytest.mark.parametrize(
    ("scale", "count", "sigma"), [(0.025, 113, 2.0), (0.062, 113, 2.0), (0.072, 137, 2.1553), (0.107, 193, 2.6274)]
)
def test_scale_aware_kernels_end_at_the_threshold(scale, count, sigma):
    """Numbers of pixels within R = sigma sqrt(2 ln 100), as established for the paper's settings."""
    values = kernel(ScaleAwareGaussian(), scale, 25)
    assert int((values > 0).sum()) == count and float(values[values > 0].min()) >= 0.01
    assert float(values[12, 12]) == 1 and float(values[12, 15]) == pytest.approx(
        math.exp(-9 / (2 * sigma**2)), abs=1e-4
    )


def test_standard_kernels_are_squares_of_three_sigma():
    values = kernel(PeopleGaussian(window="square"), 0.107, 25)
    assert int((values > 0).sum()) == 169 and float(values[6, 6]) == pytest.approx(math.exp(-9))


def test_peaks_are_counted_once_where_two_values_are_equal():
    assert peaks(torch.tensor([0.0, 1, 0, 2, 2, 0, 1])) == 2


def test_as_printed_the_map_falls_without_end_and_the_default_learns():
    """The printed weight is negative below ln 2 - 0.7, so that the loss passes zero; the default reaches the peak."""
    target = kernel(ScaleAwareGaussian(), 0.062, 17)
    forms = weight_forms(target)
    maps, losses = optimise_map(forms["as printed"], target, steps=150, rate=0.02)
    assert float(losses[-1]) < 0 and float(maps[-1].min()) < -1
    for name in ("both (default)", "of the target"):
        maps, losses = optimise_map(forms[name], target, steps=150, rate=0.02)
        assert float(losses[-1]) >= 0 and (maps[-1] - target).abs().max() < 0.1
    assert len(maps) == len(losses) == 150


def test_each_change_alone_is_not_enough():
    """Kept within [0, 1] the peak is not learned at a rate below the threshold; not learned through the background falls."""
    target = kernel(ScaleAwareGaussian(), 0.062, 17)
    forms = weight_forms(target)
    kept, _ = optimise_map(forms["kept within [0, 1]"], target, steps=400, rate=0.005)
    assert float(kept[-1, 8, 8]) < 0.01
    loose, losses = optimise_map(forms["not learned through"], target, steps=400, rate=0.02)
    assert float(loose[-1].min()) < -1 and float(losses[-1]) < 0


def test_rates_by_kind_are_the_mean_of_left_and_right():
    metrics = {"pckh@0.5": 0.9, "pckh@0.5/left_hip": 0.4, "pckh@0.5/right_hip": 0.6, "pckh@0.5/head": 0.7, "pckh@0.1/head": 0.1}
    assert keypoint_rates(metrics) == {"hip": 50.0, "head": 70.0}
