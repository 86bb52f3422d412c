"""Adaptive factors over trainings: kept of logs, scaled between parts as in Fig. 5, averaged over seeds, drawn."""

from __future__ import annotations

from dataclasses import replace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from repro.papers.fowkal.rows import TABLES
from repro.reporting.factors import factor_curves, factor_frame, factor_log, factor_table
from repro.reporting.outcome import Outcome
from repro.skeletons.wholebody import BODY_PARTS

from .sample_outcome import make_outcome

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close() -> None:
    yield
    plt.close("all")


def line(persons: int, *values: float) -> dict[str, float]:
    """A line of a run's log with the factors of body, foot, face and hand."""
    names = ("factor_body", "factor_foot", "factor_face", "factor_hand")
    return {"epoch": persons / 100, "persons": persons, "loss": 1.0, **dict(zip(names, values, strict=True))}


def outcome_with(*runs: tuple[str, int, list[tuple[float, ...]]]) -> Outcome:
    """Runs of fowkal table 2, each with its row, seed and lines of persons seen and the four factors."""
    like = make_outcome().runs[0]
    names = ("persons", "body", "foot", "face", "hand")
    made = [
        replace(like, row=row, seed=seed, factors=[dict(zip(names, values, strict=True)) for values in lines])
        for row, seed, lines in runs
    ]
    return replace(make_outcome(), paper="fowkal", table=2, data="people", runs=tuple(made))


KAL = (
    ("kal", 0, [(1000, 0.5, 0.3, 0.1, 0.2), (2000, 0.2, 0.1, 0.05, 0.1)]),
    ("kal", 1, [(1000, 0.3, 0.1, 0.3, 0.2), (2000, 0.0, 0.1, 0.25, 0.3)]),
    ("mse", 0, []),
    ("fowkal", 0, [(1000, 0.4, 0.4, 0.4, 0.4), (2000, 0.004, 0.001, 0.002, 0.003)]),
)


def test_a_log_keeps_persons_and_the_four_factors() -> None:
    found = factor_log([line(100, 0.5, 0.4, 0.123456, 0.2), line(200, 0.3, 0.2, 0.00123456, 0.1)])
    assert found == [
        {"persons": 100, "body": 0.5, "foot": 0.4, "face": 0.1235, "hand": 0.2},
        {"persons": 200, "body": 0.3, "foot": 0.2, "face": 0.001235, "hand": 0.1},
    ]


@pytest.mark.parametrize("log", [[], [{"persons": 1, "loss": 0.1}], [line(100, *4 * [0.0]), line(200, *4 * [0.0])]])
def test_losses_that_learn_no_factors_keep_none(log) -> None:
    assert factor_log(log) == []


def test_factors_are_scaled_between_the_least_and_the_greatest_part() -> None:
    frame = factor_frame(outcome_with(*KAL))
    assert list(frame["row"].unique()) == ["(d) + KAL", "(f) + KAL + FWAHR"] and len(frame) == 3 * 2 * len(BODY_PARTS)
    first = frame[(frame["seed"] == 0) & (frame["persons"] == 1000)]
    assert list(first["part"]) == 2 * list(BODY_PARTS)
    assert list(first["scaled"]) == pytest.approx([1, 0.5, 0, 0.25, 0, 0, 0, 0])  # all equal in the second row


@settings(max_examples=30, deadline=None)
@given(
    arrays(float, (3, 4), elements=st.floats(0.01, 1)),
    st.floats(0.001, 1),
    st.floats(0, 0.5),
)
def test_the_scaling_hides_the_size_of_the_factors(factors, times, plus) -> None:
    """Why Fig. 5 cannot show a collapse: factors that are multiplied or moved together look the same."""
    scaled = []
    for values in (factors, times * factors + plus):
        lines = [(1000 * (i + 1), *row) for i, row in enumerate(values)]
        scaled.append(factor_frame(outcome_with(("kal", 0, lines)))["scaled"].to_numpy().reshape(3, 4))
    apart = np.ptp(factors, axis=1) > 1e-3
    assert scaled[1][apart] == pytest.approx(scaled[0][apart], abs=1e-6)


def test_a_figure_has_a_column_a_row_of_the_table_and_both_views() -> None:
    figure = factor_curves(outcome_with(*KAL))
    kal, fowkal, kal_scaled, fowkal_scaled = figure.axes
    assert [axis.get_title() for axis in figure.axes[:2]] == ["(d) + KAL", "(f) + KAL + FWAHR"]
    assert (kal.get_yscale(), kal_scaled.get_yscale()) == ("log", "linear")
    assert [entry.get_text() for entry in fowkal.get_legend().get_texts()] == list(BODY_PARTS)
    assert kal.get_legend() is None and fowkal_scaled.get_legend() is None
    foot = fowkal.lines[1]
    assert foot.get_xdata().tolist() == [1000, 2000] and foot.get_ydata() == pytest.approx([0.4, 0.001])
    assert kal.lines[0].get_ydata() == pytest.approx([0.4, 0.1])  # the mean of both seeds
    assert fowkal_scaled.lines[3].get_ydata() == pytest.approx([0, 2 / 3])  # (3 - 1) / (4 - 1)
    assert fowkal_scaled.get_xlabel() == "crops seen"


def test_a_table_tells_size_and_order() -> None:
    table = factor_table(outcome_with(*KAL))
    assert list(table["crops seen"]) == [1000, 2000, 1000, 2000]
    assert list(table["nearest to AWing"][:2]) == ["body", "hand"]  # means 0.4 0.2 0.2 0.2, then 0.1 0.1 0.15 0.2
    assert list(table["face"]) == ["0.2", "0.15", "0.4", "0.002"]


def test_without_factors_the_figure_says_so_and_the_table_is_empty() -> None:
    none = outcome_with(("mse", 0, []))
    assert "No run kept" in factor_curves(none).axes[0].texts[0].get_text()
    assert factor_table(none).empty and factor_frame(none).empty


def test_rows_that_learn_factors_are_those_whose_networks_give_them() -> None:
    learned = {
        name
        for name, row in TABLES[2].rows.items()
        if type(row.recipe.method.network).__name__ == "AdaptiveFactorNetwork"
    }
    assert learned == {"kal", "fowkal", "kal-detached"}
