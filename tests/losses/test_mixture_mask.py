from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from repro.encoders.offsets import OffsetField
from repro.errors import ReproError
from repro.losses.mixture_mask import (
    FIRST_DEVIATIONS,
    FIRST_MEANS,
    Mixture,
    MixtureMask,
    displacements,
    fit_mixture,
    initial_mixture,
    log_densities,
    mask_grid,
    paste,
)
from repro.skeletons.skeleton import COCO17
from repro.support import serial

PROPERTY = settings(derandomize=True, deadline=None, max_examples=25)
SIZE = (24, 32)


def cloud(count: int, deviation: float, centre: tuple[float, float] = (0.0, 0.0), seed: int = 0) -> torch.Tensor:
    """(count, 2) float64, normally distributed."""
    noise = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.tensor(centre, dtype=torch.float64) + deviation * noise


def one_gaussian(mean: tuple[float, float], variances: tuple[float, float], covariance: float = 0.0) -> Mixture:
    matrix = [[variances[0], covariance], [covariance, variances[1]]]
    return Mixture(*(torch.tensor(v, dtype=torch.float64) for v in ([1.0], [mean], [matrix])))


def scikit_learn(samples: torch.Tensor, components: int, **settings_: float) -> GaussianMixture:
    """GaussianMixture from the same start."""
    return GaussianMixture(
        components,
        reg_covar=1e-6,
        **{"tol": 1e-3, "max_iter": 100, **settings_},
        weights_init=np.full(components, 1 / components),
        means_init=np.array(FIRST_MEANS[:components]),
        precisions_init=np.array([np.eye(2) / d**2 for d in FIRST_DEVIATIONS[:components]]),
    ).fit(samples.numpy())


def assert_same(mixture: Mixture, expected: GaussianMixture) -> None:
    np.testing.assert_allclose(mixture.weights, expected.weights_, atol=1e-6)
    np.testing.assert_allclose(mixture.means, expected.means_, atol=1e-6)
    np.testing.assert_allclose(mixture.covariances, expected.covariances_, atol=1e-6)


def test_displacements_lead_from_the_keypoint_to_the_peak():
    heatmaps = torch.zeros(1, 3, 4, 5, requires_grad=True)
    with torch.no_grad():
        heatmaps[0, 0, 2, 3] = 0.4
        heatmaps[0, 1] -= 1
        heatmaps[0, 1, 1, 4] = -0.5  # the highest, though not above zero
        heatmaps[0, 2, 3, 0] = 1
    points = torch.tensor([[[2.5, 2.25], [4.0, 0.0], [1.0, 1.0]]])
    d, counted = displacements(heatmaps, points, torch.tensor([[1.0, 1.0, 0.0]]))
    assert d.tolist() == [[0.5, -0.25], [0, 1], [-1, 2]] and counted.tolist() == [1, 1, 0]
    assert d.dtype == torch.float64 and not d.requires_grad


def test_the_start_is_fixed():
    start = initial_mixture(3, torch.zeros(0, 2, dtype=torch.float64))
    np.testing.assert_allclose(start.weights, [1 / 3] * 3)
    assert start.means.tolist() == [[0, 0], [0.5, 0.5], [-0.5, -0.5]]
    assert start.covariances.tolist() == [[[v, 0], [0, v]] for v in (0.25, 4, 16)]


def test_a_density_by_hand():
    """Variances 2 and 1, covariance 1: determinant 1, inverse [[1, -1], [-1, 2]]; at (1, 2) 1 - 4 + 8 = 5."""
    logs = log_densities(torch.tensor([[1.0, 2.0]], dtype=torch.float64), one_gaussian((0, 0), (2, 1), 1))
    assert logs.item() == pytest.approx(-math.log(2 * math.pi) - 2.5)


def test_one_component_has_the_mean_and_covariance_of_the_sample():
    samples = torch.tensor([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 4.0]], dtype=torch.float64)
    mixture = fit_mixture(samples, 1)
    np.testing.assert_allclose(mixture.means, [[1, 1.5]], rtol=1e-12)
    assert mixture.weights.tolist() == [1]
    # Deviations x: -1, 1, 1, -1; y: -1.5, -1.5, .5, 2.5; squares 4 and 11, products 1.5 - 1.5 + .5 - 2.5 = -2.
    np.testing.assert_allclose(mixture.covariances[0], [[1 + 1e-6, -0.5], [-0.5, 2.75 + 1e-6]], rtol=1e-12)


@pytest.mark.parametrize("components", [1, 2, 3])
@PROPERTY
@given(
    seed=st.integers(0, 2**20),
    count=st.integers(6, 200),
    deviation=st.floats(0.3, 3),
    far=st.floats(0, 4),
)
def test_a_fit_is_that_of_scikit_learn(components, seed, count, deviation, far):
    samples = torch.cat([cloud(count, deviation, seed=seed), cloud(count // 2, 1.0, (far, -far / 2), seed + 1)])
    assert_same(fit_mixture(samples, components), scikit_learn(samples, components))


@pytest.mark.parametrize("components", [2, 3])
def test_a_fixed_number_of_steps_is_that_many(components):
    samples = torch.cat([cloud(200, 0.6), cloud(100, 2.0, (0.7, 0.7), 1)])
    with pytest.warns(UserWarning, match="did not converge"):
        expected = scikit_learn(samples, components, tol=0.0, max_iter=4)
    assert_same(fit_mixture(samples, components, iterations=4), expected)
    fifth = fit_mixture(samples, components, iterations=5)
    assert np.abs(fifth.means.numpy() - expected.means_).max() > 1e-4


def test_samples_of_weight_zero_are_not_there():
    kept, other = cloud(50, 1.0), cloud(30, 9.0, (5, 5), 1)
    weights = torch.cat([torch.ones(50), torch.zeros(30)]).double()
    got = fit_mixture(torch.cat([kept, other]), 2, weights=weights)
    expected = fit_mixture(kept, 2)
    for name in ("weights", "means", "covariances"):
        torch.testing.assert_close(getattr(got, name), getattr(expected, name), atol=1e-9, rtol=0)


@pytest.mark.parametrize("components", [1, 2, 3])
def test_equal_samples_and_none_at_all_give_numbers(components):
    same = torch.tensor([[0.3, 0.2]], dtype=torch.float64).expand(20, 2)
    for mixture in (fit_mixture(same, components), fit_mixture(same, components, weights=torch.zeros(20).double())):
        assert all(v.isfinite().all() for v in (mixture.weights, mixture.means, mixture.covariances))
    grid = mask_grid(fit_mixture(same, components), 4)
    assert grid.isfinite().all() and grid[4, 4] == 1 and grid.sum() == pytest.approx(1)


def test_a_grid_by_hand():
    """Unit variance around (1, 0), R = 1: densities exp(-r^2 / 2) of r^2 = (x - 1)^2 + y^2, scaled so that exp(-5 / 2) is 0."""
    low = math.exp(-2.5)
    expected = [[(math.exp(-((x - 1) ** 2 + y**2) / 2) - low) / (1 - low) for x in (-1, 0, 1)] for y in (-1, 0, 1)]
    got = mask_grid(one_gaussian((1, 0), (1, 1)), 1)
    np.testing.assert_allclose(got, expected, atol=1e-12)
    assert got[1, 2] == 1 and got[0, 0] == 0 and got[2, 0] == 0


def test_perfect_peaks_give_nearly_a_single_pixel():
    """Peaks on the nearest pixel are spread evenly over (-1/2, 1/2): variance 1/12, next to the centre exp(-6) = .0025."""
    line = (torch.arange(40, dtype=torch.float64) + 0.5) / 40 - 0.5
    samples = torch.cartesian_prod(line, line)
    row = mask_grid(fit_mixture(samples, 1), 4)[4]
    np.testing.assert_allclose(row[3:6], [math.exp(-6), 1, math.exp(-6)], rtol=0.01)


def test_a_flat_density_counts_in_full():
    assert mask_grid(one_gaussian((0, 0), (1e30, 1e30)), 2).tolist() == [[1] * 5] * 5


def test_a_mixture_narrower_than_a_pixel_does_not_vanish():
    """The density at the nearest pixel is exp(-.13 / (2e-6)), which no float holds."""
    grid = mask_grid(one_gaussian((0.3, -0.2), (1e-6, 1e-6)), 2)
    assert grid[2, 2] == 1 and grid.sum() == 1


def test_a_grid_is_laid_around_the_nearest_pixel_and_cut_at_the_border():
    grid = torch.arange(1.0, 10).view(3, 3)
    pasted = paste(grid, torch.tensor([[[2.4, 1.6], [-0.4, 3.0], [-1.4, 0.0], [90.0, 1.0]]]), (5, 4))[0]
    assert pasted[0].tolist() == [[0] * 5, [0, 1, 2, 3, 0], [0, 4, 5, 6, 0], [0, 7, 8, 9, 0]]
    assert pasted[1].tolist() == [[0] * 5, [0] * 5, [2, 3, 0, 0, 0], [5, 6, 0, 0, 0]]
    assert pasted[2].tolist() == [[6, 0, 0, 0, 0], [9, 0, 0, 0, 0], [0] * 5, [0] * 5]  # centred on column -1
    assert not pasted[3].any()


@PROPERTY
@given(x=st.floats(-3, 27), y=st.floats(-3, 35), radius=st.integers(1, 4))
def test_pasting_is_a_shift(x, y, radius):
    side = 2 * radius + 1
    grid = torch.rand(side, side, generator=torch.Generator().manual_seed(0)).double() + 1
    pasted = paste(grid, torch.tensor([[[x, y]]], dtype=torch.float64), SIZE)[0, 0]
    expected = torch.zeros(32, 24, dtype=torch.float64)
    for j in range(side):
        for i in range(side):
            column, row = math.floor(x + 0.5) + i - radius, math.floor(y + 0.5) + j - radius
            if 0 <= column < 24 and 0 <= row < 32:
                expected[row, column] = grid[j, i]
    assert torch.equal(pasted, expected)


def batch(shift: tuple[float, float], *, deviation: float = 0.5, count: int = 6) -> tuple[torch.Tensor, dict]:
    """Predicted maps whose peaks lie ``shift`` (and a random way) from the 17 keypoints of each person, and the targets."""
    generator = torch.Generator().manual_seed(0)
    points = 6 + torch.rand(count, 17, 2, generator=generator) * torch.tensor([11.0, 19.0])
    peaks = points + torch.tensor(shift) + deviation * torch.randn(count, 17, 2, generator=generator)
    encoder = OffsetField(heatmap="gaussian")
    labelled = torch.ones(count, 17)
    predicted = encoder(peaks, labelled, size=SIZE, skeleton=COCO17)["heatmaps"]
    return predicted, encoder(points, labelled, size=SIZE, skeleton=COCO17)


@pytest.mark.parametrize("components", [1, 2, 3])
def test_the_mask_is_highest_where_peaks_fall(components):
    """The peaks lie two pixels right of the keypoints and one above."""
    predicted, targets = batch((2.0, -1.0))
    mask, number = MixtureMask(components=components)(predicted, targets)
    assert mask.shape == predicted.shape and mask.dtype == torch.float32 and not mask.requires_grad
    assert number > 0.95 * 6 * 17
    assert not mask[targets["discs"] == 0].any() and mask.min() >= 0 and mask.max() == 1
    index = mask.flatten(2).argmax(-1)
    top = torch.stack([index % 24, index // 24], -1)
    assert torch.equal(top, (targets["points"] + 0.5).floor() + torch.tensor([2, -1]))


def test_the_mask_is_the_fitted_density_by_numpy():
    predicted, targets = batch((0.4, 0.1), deviation=0.8)
    mask, number = MixtureMask()(predicted, targets)
    index = predicted.flatten(2).argmax(-1)
    d = (torch.stack([index % 24, index // 24], -1) - targets["points"]).flatten(0, 1).double().numpy()
    d = d[np.abs(d).max(1) <= 4]
    assert number == len(d)
    inverse = np.linalg.inv(np.cov(d.T, bias=True))
    lattice = np.stack(np.meshgrid(np.arange(-4, 5), np.arange(-4, 5)), -1) - d.mean(0)
    density = np.exp(-0.5 * np.einsum("yxi,ij,yxj->yx", lattice, inverse, lattice))
    density = (density - density.min()) / (density.max() - density.min())
    column, row = (int(v) for v in (targets["points"][0, 0] + 0.5).floor())
    square = (slice(row - 4, row + 5), slice(column - 4, column + 5))
    np.testing.assert_allclose(mask[0, 0][square], density * targets["discs"][0, 0][square].numpy(), atol=1e-5)


def test_outliers_widen_the_mask_only_if_they_are_kept():
    """In the first map of each person the peak is moved to a corner, more than 4 px from every keypoint."""
    predicted, targets = batch((0.0, 0.0), deviation=0.1)
    predicted[:, 0] = 0
    predicted[:, 0, 0, 0] = 1
    clean, fewer = MixtureMask()(predicted, targets)
    wide, all_ = MixtureMask(keep_outliers=True)(predicted, targets)
    assert (fewer.item(), all_.item()) == (6 * 16, 6 * 17)
    at_two = (targets["points"] + 0.5).floor().long() + torch.tensor([2, 0])
    index = (at_two[..., 1] * 24 + at_two[..., 0])[..., None]
    assert clean.flatten(2).gather(2, index).max() < 0.001 < 0.1 < wide.flatten(2).gather(2, index).min()


def test_unlabelled_keypoints_do_not_count():
    predicted, targets = batch((1.0, 0.0))
    targets["weights"] = torch.zeros(6, 17).index_fill(1, torch.tensor([3, 4]), 1)
    assert MixtureMask(keep_outliers=True)(predicted, targets)[1] == 12


@pytest.mark.parametrize(("components", "labelled", "fits"), [(1, 1, False), (1, 2, True), (2, 3, False), (2, 4, True)])
def test_too_few_displacements_fall_back_to_the_weights_of_the_first_stage(components, labelled, fits):
    predicted, targets = batch((1.0, 0.0), count=1, deviation=0.3)
    targets["weights"] = (torch.arange(17) < labelled).float()[None]
    mask, number = MixtureMask(components=components, keep_outliers=True)(predicted, targets)
    assert number == labelled
    assert torch.equal(mask, targets["heatmaps"]) != fits


def test_no_labelled_keypoint_gives_numbers():
    predicted, targets = batch((1.0, 0.0))
    targets["weights"] = torch.zeros(6, 17)
    mask, number = MixtureMask(components=2)(predicted, targets)
    assert number == 0 and torch.equal(mask, targets["heatmaps"])


def test_settings_survive_json():
    mask = MixtureMask(components=2, iterations=10)
    assert serial.to_plain(mask) == {"type": "MixtureMask", "components": 2, "iterations": 10}
    assert serial.from_plain(MixtureMask, serial.to_plain(mask)) == mask


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"components": 4}, "components is 4: give 1, 2 or 3"),
        ({"radius": 0}, "radius is 0: give a whole number"),
        ({"radius": 3.5}, "radius is 3.5: give a whole number"),
        ({"iterations": -1}, "iterations is -1: give 1 or more"),
    ],
)
def test_impossible_settings_are_errors(settings_, message):
    with pytest.raises(ReproError, match=message):
        MixtureMask(**settings_)


def test_a_fit_of_other_than_one_to_three_components_is_an_error():
    with pytest.raises(ReproError, match="has 4 components"):
        fit_mixture(cloud(20, 1.0), 4)
