"""Figures are drawn from an outcome alone, and show what it holds."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from PIL import Image

from repro.approaches.examples import Example
from repro.reporting.figures import (
    error_bars,
    has_errors,
    has_keypoints,
    keypoint_bars,
    learning_curves,
    measured_on,
    pose_labels,
    row_groups,
    row_labels,
    settings_label,
)
from repro.reporting.pose_sheet import pose_grid, save_photograph
from repro.skeletons.skeleton import LSPET14

from .sample_outcome import PCKH, make_outcome

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close() -> None:
    yield
    plt.close("all")


def test_learning_curves_have_a_line_a_row_and_reach_the_mean_over_seeds() -> None:
    figure = learning_curves(make_outcome())
    first, second = figure.axes
    assert (first.get_ylabel(), second.get_ylabel()) == ("PCKh@0.5", "mean OKS")
    lines = [line for line in first.get_lines() if len(line.get_xdata())]
    assert [line.get_ydata()[-1] for line in lines] == pytest.approx([50 * sum(values) for values in PCKH.values()])


def test_keypoint_bars_show_each_row() -> None:
    figure = keypoint_bars(make_outcome())
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["hip"]
    heights = [
        patch.get_height() for container in axis.containers for patch in container if hasattr(patch, "get_height")
    ]
    assert [h for h in heights if h] == pytest.approx([50.0] * 3)


def links(axis: Axes) -> list[tuple[float, ...]]:
    """The colour of each link that is drawn, in the order of drawing."""
    lines = [one for one in axis.collections if isinstance(one, LineCollection)]
    return [tuple(one.get_colors()[0][:3]) for one in lines for _ in one.get_segments()]


def test_poses_are_drawn_with_and_without_an_image() -> None:
    labels = row_labels(make_outcome())
    points = np.random.default_rng(0).uniform(0, 60, (14, 2))
    image = np.zeros((64, 64, 3), np.uint8)
    examples = [Example(points, np.full(14, 2), dict.fromkeys(labels, points), i, (64, 64)) for i in (image, None)]
    figure = pose_grid(examples, labels, LSPET14)
    assert len(figure.axes) == 6
    assert [len(axis.images) for axis in figure.axes] == [1, 0] * 3
    assert all(len(links(axis)) == 2 * len(LSPET14.links) for axis in figure.axes)
    assert figure.axes[0].get_ylabel() == "HRNet-w32"


def test_bars_are_means_of_left_and_right_and_over_seeds() -> None:
    outcome = make_outcome()
    metrics = {"OKS/left_hip": 0.2, "OKS/right_hip": 0.4, "OKS/head": 0.9}
    outcome = replace(outcome, runs=tuple(replace(run, metrics=metrics) for run in outcome.runs))
    axis = keypoint_bars(outcome).axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["hip", "head"]
    assert [[bar.get_height() for bar in bars] for bars in axis.containers] == 3 * [pytest.approx([30.0, 90.0])]
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels == ["HRNet-w32", "+ skeletal attention module", "+ weighted inference"]


def test_numbered_keypoints_share_a_bar() -> None:
    outcome = make_outcome()
    metrics = {
        "OKS/left_hip": 0.2,
        "OKS/face_30": 0.6,
        "OKS/right_face_3": 0.8,
        "OKS/left_hand_0": 0.5,
        "OKS/right_hand_20": 0.1,
    }
    outcome = replace(outcome, runs=tuple(replace(run, metrics=metrics) for run in outcome.runs))
    axis = keypoint_bars(outcome).axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["hip", "face", "hand"]
    assert [bar.get_height() for bar in axis.containers[0]] == pytest.approx([20.0, 70.0, 30.0])


def test_learning_curves_say_what_they_were_measured_on() -> None:
    outcome = make_outcome()
    assert measured_on(outcome) == "crops seen"
    runs = tuple(replace(run, curve=[{**point, "of": 400} for point in run.curve]) for run in outcome.runs)
    assert measured_on(replace(outcome, runs=runs)) == "crops seen (measured on 400)"
    assert learning_curves(replace(outcome, runs=runs)).axes[0].get_xlabel() == "crops seen (measured on 400)"


def test_keypoints_are_known_to_be_measured_or_not() -> None:
    measured = make_outcome()
    assert has_keypoints(measured)
    without = replace(
        measured,
        runs=tuple(
            replace(run, metrics={n: v for n, v in run.metrics.items() if not n.startswith("OKS/")})
            for run in measured.runs
        ),
    )
    assert not has_keypoints(without)


def test_what_was_not_measured_is_said_and_not_drawn() -> None:
    outcome = make_outcome()
    none = replace(outcome, runs=tuple(replace(run, metrics={"pckh@0.5": None}) for run in outcome.runs))
    for figure, text in (
        (learning_curves(none), "No metric"),
        (keypoint_bars(none), "not measured: it takes ground-truth boxes"),
    ):
        assert text in figure.axes[0].texts[0].get_text()
    one = replace(outcome, runs=tuple(replace(run, metrics={"pckh@0.5": 0.5}) for run in outcome.runs))
    assert [axis.get_ylabel() for axis in learning_curves(one).axes] == ["PCKh@0.5"]


def guided_outcome(rows: dict[str, dict[str, float]], paper: str = "hgr", table: int = 4):
    """Runs of a bottom-up table with given metrics."""
    like = make_outcome().runs[0]
    runs = tuple(replace(like, row=row, metrics=metrics) for row, metrics in rows.items())
    return replace(make_outcome(), paper=paper, table=table, runs=runs)


def test_errors_have_a_panel_an_answer_and_a_bar_a_row() -> None:
    final = {f"diagnosis/final/{name}": share for name, share in (("jitter", 0.1), ("miss", 0.2), ("good", 0.7))}
    more = final | {"diagnosis/regression/swap": 0.05, "diagnosis/final/found": 0.9}
    outcome = guided_outcome({"baseline": {"diagnosis/final/miss": None}, "guidance": more, "guidance-tradeoff": final})
    assert has_errors(outcome) and not has_errors(make_outcome())
    regression, final_axis = error_bars(outcome).axes
    assert regression.get_title() == "regressed poses" and final_axis.get_title() == "final poses"
    bars = [[bar.get_height() for bar in bars] for bars in final_axis.containers]
    assert len(bars) == 3  # a row of which nothing was found keeps its place and its colour
    assert bars[1][:2] == pytest.approx([10.0, 20.0])
    names = [text.get_text() for text in error_bars(outcome).legends[0].get_texts()]
    assert names == ["baseline", "Heatmap guidance", "Heatmap guidance + Tradeoff loss"]
    assert "bottom-up" in error_bars(make_outcome()).axes[0].texts[0].get_text()


def test_labels_name_the_parts_that_are_on() -> None:
    assert settings_label({"SAHG": "yes", "WR loss": "yes"}) == "SAHG + WR loss"
    assert settings_label({"SAHG": "no", "WR loss": "yes"}) == "WR loss"
    assert settings_label({"Method": "part-balanced MSE", "MSE": "-", "KAL": "-"}) == "part-balanced MSE"
    assert settings_label({"Method": "HRNet", "Input size": "256x192"}) == "HRNet 256x192"
    outcome = guided_outcome({"baseline": {}, "sahg": {}}, "sahg", 2)
    assert row_labels(outcome) == {"baseline": "baseline", "sahg": "SAHG"}
    assert row_labels(guided_outcome({"baseline": {}}, "sahg", 4)) == {"baseline": "baseline"}


def test_many_rows_in_pairs_are_parted_by_their_first_setting() -> None:
    slugs = ("centernet-dla", "hrhrnet-w32-ae", "hrhrnet-w48-ae", "hgr-hrnet-w32", "hgr-hrnet-w48", "hgr-hrhrnet-w48")
    rows = [*slugs, *(f"{slug}-multi" for slug in slugs[1:])]
    groups = row_groups(guided_outcome({row: {} for row in rows}, "hgr", 2))
    assert {name: len(group) for name, group in groups.items()} == {"single-scale": 6, "multi-scale": 5}
    assert groups["multi-scale"]["hgr-hrnet-w32-multi"] == "Ours (HRNet-W32) 512"


def test_poses_of_many_rows_are_those_of_the_largest_group() -> None:
    rows = [
        "simplebaseline-r50-128x96",
        *(f"{name}-w{width}-128x96" for name in ("hrnet", "udp", "cal") for width in (32, 48)),
    ]
    few = guided_outcome({row: {} for row in rows}, "cal", 1)
    assert list(pose_labels(few)) == rows
    more = guided_outcome(
        {row: {} for row in [*rows, *(f"simplebaseline-r{depth}-128x96" for depth in (101, 152))]}, "cal", 1
    )
    assert pose_labels(more) == {
        f"{name}-w32-128x96": label
        for name, label in zip(
            ("hrnet", "udp", "cal"),
            ("HRNet HRNet-W32 128x96", "UDP HRNet-W32 128x96", "CAL HRNet-W32 128x96"),
            strict=True,
        )
    }


def test_no_pose_is_grey_as_the_truth_is() -> None:
    labels = {f"row-{i}": f"Row {i}" for i in range(8)}
    points = np.random.default_rng(0).uniform(0, 60, (14, 2))
    example = Example(points, np.full(14, 2), dict.fromkeys(labels, points), None, (64, 64))
    drawn = [links(axis)[-1] for axis in pose_grid([example], labels, LSPET14).axes]
    assert len(set(drawn)) == 8
    assert all(max(rgb) - min(rgb) > 0.1 for rgb in map(to_rgb, drawn))


def test_a_row_has_one_colour_in_all_groups_and_in_the_legend() -> None:
    slugs = ("centernet-dla", "hrhrnet-w32-ae", "hrhrnet-w48-ae", "hgr-hrnet-w32", "hgr-hrnet-w48", "hgr-hrhrnet-w48")
    rows = [*slugs, *(f"{slug}-multi" for slug in slugs[1:])]
    outcome = guided_outcome({row: {"AP": 0.5} for row in rows}, "hgr", 2)
    heights = {row: (1 + i % 6) / 10 for i, row in enumerate(slugs)} | {
        f"{s}-multi": (1 + i) / 10 for i, s in enumerate(slugs)
    }
    curves = {row: [{"persons": 1000 * n, "AP": n * height} for n in (1, 2)] for row, height in heights.items()}
    figure = learning_curves(replace(outcome, runs=tuple(replace(run, curve=curves[run.row]) for run in outcome.runs)))
    colours = [
        {round(float(line.get_ydata()[-1]) / 20): line.get_color() for line in axis.lines if len(line.get_xdata())}
        for axis in figure.axes
    ]  # by the place of the method among the six
    assert len(colours[0]) == 6 and colours[1] == {i: colours[0][i] for i in colours[1]} and len(colours[1]) == 5
    legend = figure.legends[0]
    shown = {
        text.get_text(): line.get_color() for text, line in zip(legend.get_texts(), legend.get_lines(), strict=True)
    }
    assert (
        len(shown) == 6
        and shown["CenterNet-DLA 512"] == colours[0][1]
        and shown["Ours (HRNet-W48) 640"] == colours[0][5]
    )


def test_all_people_of_an_image_are_drawn() -> None:
    labels = row_labels(make_outcome())
    people = np.random.default_rng(0).uniform(0, 60, (3, 14, 2))
    example = Example(people[:2], np.full((2, 14), 2), dict.fromkeys(labels, people), None, (64, 64))
    figure = pose_grid([example], labels, LSPET14)
    assert all(len(links(axis)) == 5 * len(LSPET14.links) for axis in figure.axes)


def test_a_sheet_of_six_is_1400_px_wide_and_each_pose_has_its_score() -> None:
    labels = row_labels(make_outcome())
    truth = np.random.default_rng(0).uniform(0, 60, (14, 2))
    poses = dict(zip(labels, (truth, truth + 1000.0, np.full((14, 2), np.nan)), strict=True))
    person = Example(truth, np.full(14, 2), poses, np.zeros((64, 64, 3), np.uint8), (64, 64), areas=900.0)
    figure = pose_grid([person] * 6, labels, LSPET14)
    written = [[text.get_text() for text in axis.texts] for axis in figure.axes]
    assert written == 6 * [["1.00"]] + 6 * [["0.00"]] + 6 * [[]]
    made = BytesIO()
    save_photograph(figure, made)
    assert Image.open(made).width == 1400
    assert "0.53" not in figure.texts[0].get_text()


def test_people_of_an_image_have_the_score_of_the_person_that_they_are_most_like() -> None:
    labels = row_labels(make_outcome())
    people = np.random.default_rng(0).uniform(0, 60, (2, 14, 2)) + [[[0, 0]], [[500, 0]]]
    poses = dict.fromkeys(labels, people[[1, 0, 1]])
    example = Example(people, np.full((2, 14), 2), poses, None, (640, 64))
    figure = pose_grid([example], labels, LSPET14)
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.00"] * 3
    assert "0.53 of the box" in figure.texts[0].get_text()
    none = replace(example, truth=people[:0], visibility=np.zeros((0, 14)))
    assert not pose_grid([none], labels, LSPET14).axes[0].texts
