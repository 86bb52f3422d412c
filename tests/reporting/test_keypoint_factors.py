"""Adaptive factors by keypoint and by pose (Fig. 5 of the whole-body paper): summarised, kept, read again and drawn."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from repro.approaches.examples import Example
from repro.errors import ReproError
from repro.reporting.keypoint_factors import (
    WHITE_TO_BLUE,
    KeptFactors,
    factor_poses,
    factor_spread,
    read_factors,
    row_factors,
    write_factors,
)
from repro.site.figure_texts import factor_poses_text, spread_text
from repro.skeletons.wholebody import WHOLEBODY133

matplotlib.use("Agg")
LABELS = {"kal": "(d) + KAL", "fowkal": "(f) + KAL + FWAHR"}
K = len(WHOLEBODY133)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture
def kept() -> KeptFactors:
    """Two rows over 101 persons whose factors rise from .001 to .002 and are ten times that for feet; two persons are drawn."""
    scale = np.ones(K)
    scale[17:23] = 10
    factors = np.linspace(0.001, 0.002, 101)[:, None] * scale
    early, late = 0.1 * np.stack([scale, 2 * scale]), 0.001 * np.stack([scale, np.linspace(1, 2, K)])
    visibility = np.full(K, 2)
    visibility[:17] = 0
    truth = np.stack([np.linspace(5, 140, K), np.linspace(5, 180, K)], 1)
    image = np.full((192, 144, 3), 200, np.uint8)
    drawn = [Example(truth, visibility, {}, image, (144, 192)), Example(truth, np.full(K, 2), {}, image, (144, 192))]
    rows = {row: row_factors(1, factors, {4000: early, 16000: late}) for row in LABELS}
    return KeptFactors(101, rows, drawn)


def test_a_run_keeps_means_and_quantiles_over_persons(kept) -> None:
    one = kept.rows["kal"]
    assert one.mean[[0, 17]] == pytest.approx([0.0015, 0.015])
    assert one.quantiles[:, 0] == pytest.approx([0.00105, 0.00125, 0.0015, 0.00175, 0.00195])
    assert one.seen == (4000, 16000) and one.poses.shape == (2, 2, K)


def test_what_is_kept_is_read_again_with_four_digits(kept, tmp_path: Path) -> None:
    write_factors(kept, tmp_path, images=True)
    again = read_factors(tmp_path)
    assert again.persons == 101 and list(again.rows) == list(LABELS)
    for row, one in kept.rows.items():
        found = again.rows[row]
        assert (found.seed, found.seen) == (one.seed, one.seen)
        for name in ("mean", "quantiles", "poses"):
            np.testing.assert_allclose(getattr(found, name), getattr(one, name), rtol=0.0005)
    assert [one.visibility.tolist() for one in again.drawn] == [one.visibility.tolist() for one in kept.drawn]
    assert again.drawn[0].image.shape == (192, 144, 3)
    assert {file.name for file in tmp_path.iterdir()} == {
        *("factors.json", "factor_poses.json", "factor_pose0.jpg", "factor_pose1.jpg")
    }
    assert (tmp_path / "factors.json").stat().st_size < 30_000 * len(LABELS)


def test_photographs_that_may_not_be_passed_on_are_kept_apart(kept, tmp_path: Path) -> None:
    write_factors(kept, tmp_path, images=False)
    assert read_factors(tmp_path).drawn[0].image is None
    assert read_factors(tmp_path, private=True).drawn[0].image is not None
    assert len(factor_poses(read_factors(tmp_path), LABELS).axes) == 2 * 4 + 1  # drawn without them


def test_a_folder_without_factors_has_none_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    assert read_factors(tmp_path) is None
    (tmp_path / "factors.json").write_text('{"persons": 1, "rows": {"kal": {"seed": 0}}}')
    with pytest.raises(ReproError, match="does not hold adaptive factors"):
        read_factors(tmp_path)


def test_the_spread_has_a_panel_a_row_and_a_dot_a_keypoint_by_part(kept) -> None:
    figure = factor_spread(kept, LABELS, WHOLEBODY133)
    assert [axis.get_title() for axis in figure.axes] == [f"{label}, seed 1" for label in LABELS.values()]
    whole, quartiles, dots = figure.axes[0].collections
    x, y = np.asarray(dots.get_offsets()).T
    assert len(x) == K and (np.diff(x) > 0).all() and (np.diff(x) == 4).sum() == 3  # gaps between four parts
    assert y[:17] == pytest.approx(0.0015) and y[17:23] == pytest.approx(0.015)
    assert whole.get_segments()[0][:, 1] == pytest.approx([0.00105, 0.00195])
    assert quartiles.get_segments()[17][:, 1] == pytest.approx([0.0125, 0.0175])
    names = [text.get_text() for text in figure.axes[-1].get_xticklabels()]
    assert names == ["body (17)", "foot (6)", "face (68)", "hand (42)"]
    assert figure.get_size_inches()[0] * 100 == 1400


def test_a_pose_goes_from_white_for_its_least_to_blue_for_its_greatest_factor(kept) -> None:
    """As Fig. 5 scales: by the pose, over the keypoints that are drawn."""
    figure = factor_poses(kept, LABELS)
    early, late, _, other, *_ = figure.axes
    assert [axis.get_title() for axis in (early, late)] == ["after 4,000 crops", "after 16,000 crops"]
    assert early.get_xlabel() == "0.1 to 1" and other.get_xlabel() == "0.001 to 0.002"
    points = other.collections[0]
    points.update_scalarmappable()
    colours = points.get_facecolors()
    assert len(early.collections[0].get_offsets()) == K - 17 and len(colours) == K
    assert colours[0] == pytest.approx(WHITE_TO_BLUE(0.0)) == (1, 1, 1, 1) and colours[-1] == pytest.approx(WHITE_TO_BLUE(1.0))
    assert (np.diff(colours[:, 0]) <= 0).all()  # less and less red
    assert [axis.get_ylabel() for axis in (early, figure.axes[4])] == list(LABELS.values())


def test_the_figures_are_told_in_words(kept) -> None:
    told = spread_text(kept, LABELS, WHOLEBODY133)
    assert "101 evaluation persons" in told and "(d) + KAL body 0.0015 to 0.0015, foot 0.015 to 0.015" in told
    assert "2 persons" in factor_poses_text(kept, LABELS) and "(f) + KAL + FWAHR" in factor_poses_text(kept, LABELS)
