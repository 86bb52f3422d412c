"""Adaptive factors over trainings: read off logs, scaled between parts as in Fig. 5, averaged over seeds, drawn."""

from __future__ import annotations

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from repro.errors import ReproError
from repro.experiments import factors as experiment
from repro.experiments.factors import ROWS, factor_curves, factor_log, mean_factors, run_factors, scaled_between_parts
from repro.papers.fowkal.rows import TABLES
from repro.recipe import Data
from repro.scales import SCALES

DATA = Data(name="people", train_fingerprint="a", train_count=4000, val_fingerprint="b", val_count=1000)


def line(persons: int, *values: float) -> dict[str, float]:
    """A line of a run's log with the factors of body, foot, face and hand."""
    names = ("factor_body", "factor_foot", "factor_face", "factor_hand")
    return {"epoch": persons / 100, "persons": persons, "loss": 1.0, **dict(zip(names, values, strict=True))}


def run(row: str, seed: int, *values: tuple[float, ...]) -> dict:
    """A run as the file has it."""
    log = [dict(zip(("persons", "body", "foot", "face", "hand"), v, strict=True)) for v in values]
    return {"row": row, "seed": seed, "run": "x", "log": log}


def test_a_log_keeps_persons_and_the_four_factors():
    found = factor_log([line(100, 0.5, 0.4, 0.123456, 0.2), line(200, 0.3, 0.2, 0.00123456, 0.1)])
    assert found == [
        {"persons": 100, "body": 0.5, "foot": 0.4, "face": 0.123, "hand": 0.2},
        {"persons": 200, "body": 0.3, "foot": 0.2, "face": 0.00123, "hand": 0.1},
    ]


@pytest.mark.parametrize("log", [[], [{"persons": 1, "loss": 0.1}]])
def test_a_log_without_factors(log):
    with pytest.raises(ReproError, match="no adaptive factors"):
        factor_log(log)


def test_factors_are_scaled_between_the_least_and_the_greatest_part():
    factors = np.array([[0.5, 0.1, 0.3, 0.2], [0.01, 0.01, 0.01, 0.01]])
    assert scaled_between_parts(factors) == pytest.approx(np.array([[1, 0, 0.5, 0.25], [0, 0, 0, 0]]))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(arrays(np.float64, (3, 4), elements=st.floats(2**-10, 1, width=32)), st.floats(0.01, 1), st.floats(0, 0.5))
def test_the_scaling_hides_the_size_of_the_factors(factors, times, plus):
    """Why Fig. 5 cannot show a collapse: factors that are multiplied or moved together look the same."""
    spread = np.ptp(factors, axis=1) > 1e-3
    assert scaled_between_parts(times * factors + plus)[spread] == pytest.approx(
        scaled_between_parts(factors)[spread], abs=1e-6
    )


def test_seeds_are_averaged():
    runs = [
        run("kal", 0, (10, 0.4, 0.2, 0.1, 0.3), (20, 0.2, 0.1, 0.0, 0.1)),
        run("kal", 1, (10, 0.6, 0.4, 0.3, 0.3), (20, 0.4, 0.1, 0.2, 0.3)),
        run("fowkal", 0, (10, 0.9, 0.9, 0.9, 0.9)),
    ]
    persons, factors = mean_factors(runs, "kal")
    assert persons.tolist() == [10, 20]
    assert factors == pytest.approx(np.array([[0.5, 0.3, 0.2, 0.3], [0.3, 0.1, 0.1, 0.2]]))
    with pytest.raises(ReproError, match="'awing' has 0 runs"):
        mean_factors(runs, "awing")
    with pytest.raises(ReproError, match="2 runs with 2 different lengths"):
        mean_factors([*runs, run("fowkal", 1, (5, 0.9, 0.9, 0.9, 0.9))], "fowkal")


def test_a_figure_has_a_column_a_row_of_the_table_and_both_views():
    found = {"runs": [run("fowkal", 0, (1000, 0.4, 0.2, 0.1, 0.3), (2000, 0.2, 0.1, 0.05, 0.1))]}
    figure = factor_curves(found)
    real, scaled = figure.axes
    assert (real.get_title(), real.get_yscale(), scaled.get_yscale()) == ("FoWKAL", "log", "linear")
    assert [entry.get_text() for entry in real.get_legend().get_texts()] == ["body", "foot", "face", "hand"]
    assert real.lines[2].get_xdata().tolist() == [1, 2] and real.lines[2].get_ydata().tolist() == [0.1, 0.05]
    assert scaled.lines[3].get_ydata() == pytest.approx([2 / 3, 1 / 3])
    plt.close(figure)


def test_complete_runs_alone_reach_the_file(places, monkeypatch):
    monkeypatch.setattr(experiment, "table_samples", lambda *_: (None, DATA))
    monkeypatch.setattr(experiment, "is_trained", lambda recipe: recipe.seed == 1)
    monkeypatch.setattr(experiment, "read_log", lambda _: [line(100, 0.5, 0.4, 0.3, 0.2)])
    path = run_factors(SCALES["laptop"], (0, 1))
    assert path == places / "results" / "fowkal" / "factors.json"
    found = json.loads(path.read_text())
    assert [(one["row"], one["seed"]) for one in found["runs"]] == [("kal", 1), ("fowkal", 1)]
    assert found["runs"][0]["log"] == [{"persons": 100, "body": 0.5, "foot": 0.4, "face": 0.3, "hand": 0.2}]
    assert found["scale"] == "laptop"


def test_no_complete_run_names_the_command(places, monkeypatch):
    monkeypatch.setattr(experiment, "table_samples", lambda *_: (None, DATA))
    monkeypatch.setattr(experiment, "is_trained", lambda _: False)
    with pytest.raises(ReproError, match="PAPER=fowkal TABLE=2 ROW=kal,fowkal SCALE=laptop"):
        run_factors(SCALES["laptop"], (0,))


def test_the_rows_are_those_whose_networks_give_factors():
    networks = {name: type(row.recipe.method.network).__name__ for name, row in TABLES[2].rows.items()}
    assert {name for name, network in networks.items() if network == "AdaptiveFactorNetwork"} == set(ROWS)
