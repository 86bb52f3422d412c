"""The trainings that the experiment compares, and what they share."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from repro.encoders.scale_aware import adaptive_sigmas
from repro.errors import ReproError
from repro.experiments.gaussian_width import ROWS, variants, with_sigma
from repro.papers.cal.rows import TABLES as CAL
from repro.papers.sahg.rows import TABLES

BASELINE, SAHG = (TABLES[2].rows[row].recipe for row in ROWS)


@pytest.mark.parametrize("recipe", [BASELINE, SAHG])
def test_a_width_changes_the_keypoints_gaussians_alone(recipe):
    made = with_sigma(recipe, 1.0)
    encoder = made.method.encoder
    assert encoder.heatmaps.sigma == 1.0 and encoder.centre_sigma == recipe.method.encoder.centre_sigma
    heatmaps = replace(encoder.heatmaps, sigma=2.0)
    assert made.but(method=made.method.but(encoder=replace(encoder, heatmaps=heatmaps))) == recipe
    assert made.training_key != recipe.training_key


def test_half_the_basic_width_halves_every_keypoints():
    """Equation 8: sigma_i is the basic one times a factor of the keypoint."""
    scales = torch.tensor([0.026, 0.062, 0.107])
    wide, narrow = (adaptive_sigmas(scales, sigma, 0.062) for sigma in (2.0, 1.0))
    torch.testing.assert_close(narrow, wide / 2)
    torch.testing.assert_close(wide, torch.tensor([2.0, 2.0, 2 * (0.107 / 0.062) ** 0.5]))


def test_a_recipe_with_other_targets_has_no_such_width():
    with pytest.raises(ReproError, match="GuidedTargets"):
        with_sigma(CAL[8].rows["hrnet-w32-64x48"].recipe, 1.0)


def test_both_rows_are_trained_with_both_widths():
    tried = variants({"baseline": BASELINE, "sahg": SAHG})
    assert [(row, sigma) for row, sigma, _ in tried] == [
        ("baseline", 2.0),
        ("sahg", 2.0),
        ("baseline", 1.0),
        ("sahg", 1.0),
    ]
    assert len({one.key for *_, one in tried}) == 4
