"""Displacements of peaks: counts and likelihoods by hand, and the way from a network to the file."""

from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from repro.errors import ReproError
from repro.experiments import displacements as experiment
from repro.experiments.displacements import (
    EDGES,
    ROWS,
    SCATTERED,
    as_mixture,
    collect,
    distance_shares,
    fitted,
    labelled_displacements,
    log_likelihood,
    plane_histogram,
    summarise,
)
from repro.losses.mixture_mask import Mixture
from repro.runs.schedule import Machine
from repro.tables.plan import check_rows

PROPERTY = settings(derandomize=True, deadline=None, max_examples=25)
CROSS = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]], dtype=torch.float64)


def cloud(count: int, deviation: float, seed: int = 0) -> Tensor:
    """(count, 2) float64, normally distributed around 0."""
    return deviation * torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_only_labelled_keypoints_count_and_the_way_goes_from_the_keypoint_to_the_peak() -> None:
    heatmaps = torch.zeros(1, 3, 6, 8)
    for k, (x, y) in enumerate(((2, 1), (7, 5), (0, 4))):
        heatmaps[0, k, y, x] = 1
    points = torch.tensor([[[1.75, 1.5], [3.0, 3.0], [2.0, 3.0]]])
    found = labelled_displacements(heatmaps, points, torch.tensor([[1.0, 0.0, 1.0]]))
    assert found.tolist() == [[0.25, -0.5], [-2.0, 1.0]]


def test_shares_of_intervals_by_hand() -> None:
    samples = torch.tensor([[0.3, 0.4], [0.0, 0.25], [0.0, -1.2], [3.0, 4.0], [-0.6, 0.8]])  # |d| = .5, .25, 1.2, 5, 1
    assert distance_shares(samples, (0.0, 0.5, 1.0, 2.0)) == pytest.approx([0.2, 0.2, 0.4, 0.2])


@PROPERTY
@given(count=st.integers(1, 60), deviation=st.floats(0.1, 9), seed=st.integers(0, 9))
def test_shares_sum_to_one_and_count_what_lies_between_the_edges(count: int, deviation: float, seed: int) -> None:
    samples = cloud(count, deviation, seed)
    shares, distances = distance_shares(samples), samples.norm(dim=-1)
    limits = (*EDGES, math.inf)
    for share, low, high in zip(shares, limits, limits[1:], strict=False):
        assert share * count == pytest.approx(sum(low <= d < high for d in distances.tolist()))
    assert sum(shares) == pytest.approx(1)


def test_histogram_has_its_middle_bin_around_zero_rows_for_y_and_leaves_out_what_is_farther() -> None:
    samples = torch.tensor([[0.0, 0.0], [-0.24, 0.24], [0.25, 0.0], [-1.0, 0.5], [0.0, 1.2], [1.26, 0.0]])
    expected = torch.zeros(5, 5, dtype=torch.int64)  # bins of .5 from -1.25 to 1.25
    expected[2, 2], expected[2, 3], expected[3, 0], expected[4, 2] = 2, 1, 1, 1
    assert torch.equal(plane_histogram(samples, half=2, step=0.5), expected)


def test_log_likelihood_of_a_gaussian_by_hand() -> None:
    mixture = Mixture(
        *(torch.tensor(v, dtype=torch.float64) for v in ([1.0], [[0.0, 0.0]], [[[4.0, 0.0], [0.0, 1.0]]]))
    )
    # Deviations 2 and 1: -log(2 pi 2) - (1/4 + 1/4 + 4 + 4) / (2 * 4)
    assert log_likelihood(CROSS, mixture) == pytest.approx(-math.log(4 * math.pi) - 8.5 / 8)


def test_one_gaussian_has_the_moments_of_the_displacements_and_the_likelihood_that_follows() -> None:
    found = fitted(CROSS, 1, keep_outliers=False)
    assert found["means"] == [[0, 0]]
    assert found["covariances"] == [[[0.5, 0], [0, 2]]]
    # At its own moments the mean squared distance is 2: -log(2 pi) - log(det) / 2 - 1, and det = 1.
    assert found["likelihood"] == found["likelihood_inside"] == pytest.approx(-math.log(2 * math.pi) - 1, abs=1e-4)
    assert torch.equal(as_mixture(found).covariances, torch.tensor([[[0.5, 0], [0, 2]]], dtype=torch.float64))


def test_outliers_widen_one_gaussian_and_cost_it_likelihood_inside_the_square() -> None:
    samples = torch.cat([cloud(950, 0.9), torch.tensor([[8.0, 0.0], [-8.0, 0.0]], dtype=torch.float64).repeat(25, 1)])
    without, with_ = (fitted(samples, 1, keep_outliers=keep) for keep in (False, True))
    assert (without["fitted_to"], with_["fitted_to"]) == (950, 1000)
    inside = samples[:950]
    variance = float((inside[:, 0] - inside[:, 0].mean()).square().mean())
    assert without["covariances"][0][0][0] == pytest.approx(variance, abs=1e-4)
    # 5 % at a distance of 8 add .05 * 64 to the variance, and take .05 of the others'.
    assert with_["covariances"][0][0][0] == pytest.approx(0.95 * variance + 0.05 * 64, abs=0.01)
    assert without["likelihood_inside"] > with_["likelihood_inside"] + 0.2


def test_too_few_displacements_are_an_error_that_says_how_many_there_are() -> None:
    with pytest.raises(ReproError, match=r"5 displacements lie within 4 heatmap px, too few for a mixture of 3"):
        fitted(torch.cat([cloud(5, 0.5), torch.full((9, 2), 30.0, dtype=torch.float64)]), 3, keep_outliers=True)


def test_a_summary_is_small_plain_and_keeps_displacements_spread_over_all() -> None:
    samples = cloud(5000, 0.8)
    found = summarise(samples)
    assert found["count"] == 5000 and len(found["scattered"]) == SCATTERED
    assert found["scattered"][0] == pytest.approx(samples[0].tolist(), abs=0.005)
    assert found["scattered"][-1] == pytest.approx(samples[-1].tolist(), abs=0.005)
    assert found["median"] == pytest.approx(0.8 * math.sqrt(2 * math.log(2)), abs=0.03)  # of Rayleigh's distribution
    assert found["mean"] == pytest.approx(0.8 * math.sqrt(math.pi / 2), abs=0.03)
    assert [(one["components"], one["keep_outliers"]) for one in found["mixtures"]] == [
        (k, keep) for keep in (False, True) for k in (1, 2, 3)
    ]
    assert len(json.dumps(found)) < 20_000
    assert len(summarise(samples[:50])["scattered"]) == 50


def test_collected_displacements_are_those_of_the_crops_in_heatmap_pixels(
    one_peak, val_persons, unbiased_recipe
) -> None:
    found = collect(unbiased_recipe, val_persons, torch.device("cpu"))
    assert found.shape == (8 * 14, 2)
    # Unbiased crops: the box's centre at ((W - 1) / 2, (H - 1) / 2), and its padded, widened side becomes W - 1 px.
    x, y, w, h = val_persons.boxes[3].tolist()
    centre = torch.tensor([x + w / 2, y + h / 2], dtype=torch.float64)
    height = 1.25 * max(h, w * 4 / 3)
    keypoints = torch.as_tensor(val_persons.keypoints[3], dtype=torch.float64)
    heatmap = (keypoints - centre) / torch.tensor([height * 3 / 4, height]) * torch.tensor([11, 15]) + torch.tensor(
        [5.5, 7.5]
    )
    expected = torch.tensor([3.0, 5.0], dtype=torch.float64) - heatmap
    torch.testing.assert_close(found[3 * 14 : 4 * 14], expected, atol=1e-4, rtol=0)


def test_rows_are_those_of_table_8() -> None:
    assert set(ROWS.values()) <= set(check_rows("cal", 8, []))


def test_the_file_holds_every_network_and_what_it_was_computed_with(places, one_peak, tiny_table) -> None:
    path = experiment.run_displacements(Machine("cpu"), seed=1)
    assert path == places / "results" / "cal" / "displacements.json"
    kept = json.loads(path.read_text())
    assert list(kept["networks"]) == ["UDP 64x48", "CAL 64x48", "UDP 128x96", "CAL 128x96"]
    assert (kept["seed"], kept["persons"], kept["threads"]) == (1, 8, 1)
    assert kept["networks"]["UDP 64x48"]["run"] == tiny_table.training_key
    assert kept["networks"]["UDP 64x48"]["count"] == 8 * 14
