from __future__ import annotations

import math

import pytest
import torch

from repro.encoders.scale_aware import ScaleAwareGaussian, adaptive_sigmas, visible_radii
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17

from .some_people import people_of

# Keypoint, sigma_i, R of the Gaussian of peak 1, R of equation 5, pixels of the disc at a whole pixel; computed by hand
# from equations 8 and 6 with sigma 2, theta .01 and s_thr .062.
TABLE = [
    ("nose", 2.0, 6.070, 4.893, 113),
    ("left_ear", 2.0, 6.070, 4.893, 113),
    ("left_wrist", 2.0, 6.070, 4.893, 113),
    ("left_elbow", 2.1553, 6.541, 5.207, 137),
    ("right_shoulder", 2.2576, 6.851, 5.411, 145),
    ("left_knee", 2.3692, 7.190, 5.630, 161),
    ("right_ankle", 2.3962, 7.272, 5.683, 169),
    ("left_hip", 2.6274, 7.974, 6.128, 193),
]
SCALES = torch.tensor(COCO17.sigmas, dtype=torch.float64)


def one_person(place: tuple[float, float] = (32, 32), **choices) -> torch.Tensor:
    """The maps (17, 64, 64) of a person whose keypoints all lie at one place."""
    people = people_of([[place] * 17], size=(64, 64))
    return ScaleAwareGaussian(**choices).maps(people, size=(64, 64), skeleton=COCO17)[0]


@pytest.mark.parametrize(("name", "sigma", "radius", "equation_5", "pixels"), TABLE)
def test_sigmas_radii_and_pixels_of_coco(name, sigma, radius, equation_5, pixels):
    k = COCO17.index(name)
    sigmas = adaptive_sigmas(SCALES, 2.0, 0.062)
    assert sigmas[k].item() == pytest.approx(sigma, abs=5e-5)
    assert visible_radii(sigmas, 0.01)[k].item() == pytest.approx(radius, abs=5e-4)
    assert visible_radii(sigmas, 0.01, "eq5")[k].item() == pytest.approx(equation_5, abs=5e-4)
    heatmap = one_person()[k]
    assert int((heatmap > 0).sum()) == pixels
    assert heatmap[heatmap > 0].min() >= 0.01 and heatmap[32, 32] == 1
    assert heatmap[32, 35].item() == pytest.approx(math.exp(-9 / (2 * sigma**2)), rel=1e-4)


@pytest.mark.parametrize(("threshold", "unit", "one_d"), [(0.005, 6.51, 5.43), (0.01, 6.07, 4.89), (0.015, 5.80, 4.55)])
def test_radii_over_the_papers_thresholds(threshold, unit, one_d):
    """Table 3's just noticeable values at sigma 2."""
    sigma = torch.tensor([2.0], dtype=torch.float64)
    assert visible_radii(sigma, threshold).item() == pytest.approx(unit, abs=5e-3)
    assert visible_radii(sigma, threshold, "eq5").item() == pytest.approx(one_d, abs=5e-3)


def test_radii_over_the_papers_scale_thresholds():
    """Table 4: at .035 hips are 3.50 and wrists 2.66 px, at .072 hips 2.44; none is below the basic 2 px."""
    hip, wrist = COCO17.index("left_hip"), COCO17.index("left_wrist")
    low, high = adaptive_sigmas(SCALES, 2.0, 0.035), adaptive_sigmas(SCALES, 2.0, 0.072)
    assert (low[hip].item(), low[wrist].item()) == (pytest.approx(3.497, abs=5e-3), pytest.approx(2.662, abs=5e-3))
    assert high[hip].item() == pytest.approx(2.438, abs=5e-3)
    assert low.min() == high.min() == 2


def test_the_disc_is_where_the_gaussian_reaches_the_threshold():
    """At any place the drawn pixels are those of value >= theta, to the last one."""
    place = (31.3, 32.8)
    heatmap = one_person(place, threshold=0.05)[COCO17.index("left_knee")]
    variance = 0.087 / 0.062 * 4
    for j in range(64):
        for i in range(64):
            value = math.exp(-((i - place[0]) ** 2 + (j - place[1]) ** 2) / (2 * variance))
            assert heatmap[j, i].item() == pytest.approx(value if value >= 0.05 else 0, abs=1e-5)


def test_equation_5_cuts_higher_values():
    """Sigma 2, R^2 = 23.94: of the squared distances 20 and 25 of whole pixels the first is kept, exp(-20 / 8) = .082."""
    heatmap = one_person(radius="eq5")[0]
    assert heatmap[heatmap > 0].min().item() == pytest.approx(math.exp(-2.5), rel=1e-5)
    assert heatmap[34, 36] > 0 and heatmap[32, 37] == 0


def test_the_larger_value_of_two_people_stays_or_the_clipped_sum():
    people = people_of([[(20, 32)] * 17, [(26, 32)] * 17], size=(64, 64))
    larger, added = (
        ScaleAwareGaussian(overlap=overlap).maps(people, size=(64, 64), skeleton=COCO17)[0, 0]
        for overlap in ("max", "sum")
    )
    assert larger[32, 23].item() == pytest.approx(math.exp(-9 / 8), rel=1e-6)
    assert added[32, 23].item() == pytest.approx(2 * math.exp(-9 / 8), rel=1e-6)
    assert added[32, 20] == 1  # 1 + exp(-36 / 8), clipped


def test_the_encoder_gives_maps_and_the_mask():
    people = people_of([[(10, 10)] * 17])
    targets = ScaleAwareGaussian()(people, size=(40, 32), skeleton=COCO17)
    assert targets["heatmaps"].shape == (1, 17, 32, 40) and torch.equal(targets["heatmap_weights"][:, 0], people.mask)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"radius": "eq4"}, "value, eq5"),
        ({"threshold": 1.0}, "is 1.0, expected between 0 and 1"),
        ({"scale_threshold": 0.0}, "scale_threshold .* is 0.0"),
        ({"sigma": -1.0}, "sigma .* is -1.0"),
    ],
)
def test_settings_that_make_no_gaussian_are_errors(choices, words):
    with pytest.raises(ReproError, match=words):
        ScaleAwareGaussian(**choices)
