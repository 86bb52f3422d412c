"""What AP gains where errors are corrected: read of runs, in points, drawn with a bar a row (beside Fig. 4 of hgr)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

from repro.metrics.error_gains import ERRORS
from repro.reporting.gains import NONE, SHOWN, gain_bars, gain_frame, has_gains
from repro.reporting.outcome import Outcome

from .sample_outcome import make_outcome

matplotlib.use("Agg")
ALONE = dict(zip(("AP", *ERRORS), (0.2, 0.3, 0.25, 0.2, 0.4, 0.35, 0.21, 1.0), strict=True))
STEPS = dict(zip(("AP", *ERRORS), (0.2, 0.3, 0.35, 0.35, 0.6, 0.8, 0.85, 1.0), strict=True))
GAINS = {"alone": ALONE, "cumulative": STEPS, "of": {"images": 400.0}}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def outcome_with(*runs: tuple[str, int, dict]) -> Outcome:
    """Runs of hgr table 4, each with its row, seed and gains."""
    like = make_outcome().runs[0]
    made = tuple(replace(like, row=row, seed=seed, gains=gains) for row, seed, gains in runs)
    return replace(make_outcome(), paper="hgr", table=4, data="people", runs=made)


def test_alone_is_over_ap_and_one_after_the_other_over_the_one_before() -> None:
    frame = gain_frame(outcome_with(("baseline", 0, GAINS), ("guidance", 0, {})))
    assert set(frame["row"]) == {"baseline"}
    alone, steps = (frame[frame["way"] == way].set_index("error")["gain"] for way in ("alone", "cumulative"))
    assert alone.to_dict() == pytest.approx(
        {"miss": 10, "swap": 5, "inversion": 0, "jitter": 20, "score": 15, "background": 1}
    )
    assert steps.to_dict() == pytest.approx(
        {"miss": 10, "swap": 5, "inversion": 0, "jitter": 25, "score": 20, "background": 5, "missed": 15}
    )
    assert steps.sum() == pytest.approx(100 - 20)  # from AP to 100


def test_bars_are_means_over_seeds_in_the_order_of_correction() -> None:
    more = {**GAINS, "alone": {**ALONE, "miss": 0.5}}
    figure = gain_bars(outcome_with(("baseline", 0, GAINS), ("baseline", 1, more), ("guidance", 0, GAINS)))
    alone, steps = figure.axes
    assert [text.get_text() for text in steps.get_xticklabels()] == [SHOWN.get(one, one) for one in ERRORS]
    assert [text.get_text() for text in alone.get_xticklabels()] == [SHOWN.get(one, one) for one in ERRORS[:-1]]
    assert [bar.get_height() for bar in alone.containers[0]] == pytest.approx([20, 5, 0, 20, 15, 1])  # 10 and 30
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["baseline", "Heatmap guidance"]
    assert figure.get_size_inches()[0] * 100 == 1400


def test_what_was_not_measured_is_said() -> None:
    assert not has_gains(make_outcome()) and has_gains(outcome_with(("baseline", 0, GAINS)))
    assert gain_bars(make_outcome()).axes[0].texts[0].get_text() == NONE
    nobody = {way: dict.fromkeys(ALONE) for way in ("alone", "cumulative")}  # nan in a file
    assert gain_frame(outcome_with(("baseline", 0, nobody))).empty


def test_gains_are_kept_with_an_outcome(tmp_path: Path) -> None:
    outcome_with(("baseline", 0, GAINS), ("guidance", 0, {})).write(tmp_path / "runs.json")
    first, second = Outcome.read(tmp_path / "runs.json").runs
    assert first.gains == GAINS and second.gains == {}
