"""A table as its notebook shows it: opened from a result folder, or from runs that are made when they are asked for."""

from __future__ import annotations

import glob
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from IPython.display import Image, display
from matplotlib.figure import Figure

from repro import paths
from repro.approaches.base import approach_of
from repro.data.catalogue import data_set, skeleton_given
from repro.errors import ReproError
from repro.papers import PAPERS
from repro.papers.details import said_deviations
from repro.papers.recipes import runnable_rows
from repro.recipe import Recipe
from repro.reporting import figures, gains, keypoint_factors, table
from repro.reporting.evidence_file import read_evidence
from repro.reporting.examples import read_examples
from repro.reporting.folders import folder_name, newest_folder
from repro.reporting.keypoint_factors import KeptFactors
from repro.reporting.measured import Measured
from repro.reporting.outcome import Outcome
from repro.reporting.pose_sheet import pose_grid, save_photograph
from repro.reporting.protocol import protocol_of
from repro.runs.schedule import Machine
from repro.scales.scale import get_scale
from repro.support.options import optional_path, parse_seeds, text_of
from repro.tables.current import check_readable, earlier_rule, told_run
from repro.tables.given import with_given
from repro.tables.plan import outcome_skeleton, table_recipes
from repro.tables.reproduce import reproduce
from repro.tables.request import Request, check_requests
from repro.tables.weights import stand_in_data


@dataclass(frozen=True)
class TableView:
    """An outcome and the folder that keeps it."""

    outcome: Outcome
    folder: Path

    def heading(self) -> None:
        """Say which table this is and what it was reproduced with."""
        one, spec = self.outcome, PAPERS[self.outcome.paper].table(self.outcome.table)
        rows = runnable_rows(one.paper, one.table)
        print(f"{PAPERS[one.paper].title}, table {one.table}: {spec.caption}.")
        print(f"Printed: {spec.data}.")
        print(f"Ours: {self._ours()}")
        print(f"Result folder: {folder_name(self.folder)}")
        if earlier := earlier_rule(one):
            print(earlier)
        if spec.note:
            print(f"About the print: {spec.note}")
        if rows.note:
            print(f"About these runs: {rows.note}")
        for slug, extra in rows.extras.items():
            if slug in {run.row for run in one.runs}:
                print(f"Added row {slug}: {extra.why}")
        for number, line in enumerate(differences(one)):
            print("Where this differs from the print, at paper scale:\n" * (number == 0) + f"- {line}")

    def _ours(self) -> str:
        """What the numbers were made with."""
        one = self.outcome
        if not one.runs:
            return "counted at the printed size."
        recipe = Recipe.from_plain(told_run(one).recipe)
        what = approach_of(recipe).samples
        own = f" ({recipe.data.skeleton.name})" if recipe.data and recipe.data.skeleton else ""
        where = f"{data_set(one.data).title}{own}, scale {one.scale_text}"
        if recipe.weights is not None:
            return f"{where}; nothing was trained, {recipe.samples.val_count} evaluation {what}, inputs divided by {one.divisor}."
        return (
            f"{where}, seeds {one.seeds}; {recipe.samples.train_count} training and "
            f"{recipe.samples.val_count} evaluation {what}, {recipe.optimisation.epochs} epochs, inputs divided by {one.divisor}."
        )

    @cached_property
    def measured(self) -> Measured:
        """The outcome with the evidence that the folder keeps."""
        return Measured(self.outcome, read_evidence(self.folder))

    def table(self) -> pd.DataFrame:
        """The printed table with our numbers beside: ``printed / ours ± deviation over seeds``."""
        return table.wide_table(self.measured)

    def steps(self) -> pd.DataFrame:
        """The judged steps of the table, printed and ours, with intervals and verdicts."""
        return table.steps_table(self.measured)

    def verdicts(self) -> None:
        """Say what the intervals know, count the verdicts and say what they mean."""
        print("\n".join([table.about_intervals(self.measured), *table.count_verdicts(self.measured)]))

    def other_steps(self) -> pd.DataFrame:
        """The steps in the columns that do not judge them."""
        return table.other_steps(self.measured)

    def protocol(self) -> pd.DataFrame:
        """The evaluation protocol of each row that was run."""
        first = {run.row: run for run in reversed(self.outcome.runs)}
        labels = figures.row_labels(self.outcome)
        lines = [
            {
                "row": labels[row],
                "protocol": protocol_of(
                    Recipe.from_plain(first[row].recipe), first[row].precision, self.outcome.length
                ),
                "recipe": first[row].key,
            }
            for row in labels
        ]
        return pd.DataFrame(lines)

    def learning_curves(self) -> None:
        """Draw metrics against crops seen."""
        figures.learning_curves(self.outcome)
        plt.show()

    def by_setting(self, setting: str, metric: str = "AP") -> None:
        """Draw a metric against one of the table's settings, as ``Input size``."""
        figures.by_setting(self.outcome, setting, metric, metric)
        plt.show()

    def keypoints(self) -> None:
        """Draw keypoint similarity by kind of keypoint."""
        figures.keypoint_bars(self.outcome)
        plt.show()

    def errors(self) -> None:
        """Draw which errors the keypoints of found people have, for bottom-up methods."""
        figures.error_bars(self.outcome)
        plt.show()

    def error_gains(self) -> None:
        """Draw what AP gains where each kind of error is corrected; say so where it was not measured."""
        if not gains.has_gains(self.outcome):
            print(gains.NONE)
            return
        gains.gain_bars(self.outcome)
        plt.show()

    @cached_property
    def factors(self) -> KeptFactors | None:
        """The adaptive factors by keypoint that the folder keeps; None for one that keeps none."""
        return keypoint_factors.read_factors(self.folder)

    def keypoint_factors(self) -> None:
        """Draw the adaptive factor of each keypoint over the evaluation persons; say so where none are kept."""
        if self.factors is None:
            print(keypoint_factors.NONE)
            return
        labels = figures.row_labels(self.outcome)
        keypoint_factors.factor_spread(self.factors, labels, outcome_skeleton(self.outcome))
        plt.show()

    def pose_factors(self) -> None:
        """Draw a few persons with their keypoints coloured by the adaptive factors; say so where none are kept."""
        if self.factors is None:
            print(keypoint_factors.NONE)
            return
        _show_photograph(keypoint_factors.factor_poses(self.factors, figures.row_labels(self.outcome)))

    def poses(self) -> None:
        """Draw the poses of a few evaluated persons, or of all people of a few images: truth in grey, rows below each other."""
        skeleton = outcome_skeleton(self.outcome)
        _show_photograph(pose_grid(read_examples(self.folder), figures.pose_labels(self.outcome), skeleton))


def _show_photograph(figure: Figure) -> None:
    """Show a figure that holds images as JPEG."""
    photograph = io.BytesIO()
    save_photograph(figure, photograph)
    plt.close(figure)
    display(Image(photograph.getvalue()))


class NoResults:
    """Stands for a table that has no result folder yet: its heading says so, everything else is empty."""

    def __init__(self, paper: str, number: int) -> None:
        self.paper, self.number = paper, number

    def heading(self) -> None:
        """Say which table this is and how to reproduce it."""
        spec = PAPERS[self.paper].table(self.number)
        print(f"{PAPERS[self.paper].title}, table {self.number}: {spec.caption}.")
        print(
            f"No result folder of it is committed. `make reproduce PAPER={self.paper} TABLE={self.number}` makes one, which "
            "holds this notebook executed; name it in `folder` to see it here."
        )

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not hasattr(TableView, name):
            raise AttributeError(name)
        return lambda *arguments: None


def open_table(
    paper: str,
    number: int,
    *,
    folder: str = "",
    scale: str = "",
    data: str = "people",
    data_root: str = "",
    seeds: int | str | Sequence[int] = (0,),
    device: str = "auto",
    boxes: str = "",
    start: str = "warm",
    weights: str = "",
    skeleton: str = "",
) -> TableView | NoResults:
    """Open a table.

    Args:
        paper: its key.
        number: the number of the table.
        folder: name of a result folder, as `repro results list` shows it; empty for the newest one of this table on ``data``,
            or on any data set where there is none. In a git checkout that is the newest one which git knows.
        scale: when given, the runs are made now, or loaded where they are complete, and a new result folder is written.
        data: data set.
        data_root: its folder, for runs that are made now.
        seeds: the seeds of such runs: a number, a text as SEEDS takes it, or a list.
        device: the device of such runs.
        boxes: a detector's file for such runs, where the table is evaluated with a detector's boxes.
        start: what such runs start from, as START takes it (``tables.start``).
        weights: the weights of rows that are evaluated and not trained, as WEIGHTS takes them (``tables.weights``).
        skeleton: a TOML on own keypoints, for such runs on ``coco-format``.

    Raises:
        ReproError: for a parameter of another type or value, and for a folder whose recipes can no longer be read: the table must
            be reproduced again. One whose recipes are others today is shown, and its heading says so.
    """
    sns.set_theme(style="whitegrid", context="notebook", font_scale=0.8)
    pd.set_option("display.max_colwidth", None, "display.max_rows", None)
    given = {"folder": folder, "scale": scale, "data": data, "device": device, "start": start, "weights": weights}
    folder, scale, data, device, start, weights = (text_of(name, value) for name, value in given.items())
    chosen = parse_seeds(seeds)
    data_set(data)
    if scale:
        root, file = optional_path("data_root", data_root), optional_path("boxes", boxes)
        own = skeleton_given(data, root, optional_path("skeleton", skeleton))
        request = Request(paper, number, get_scale(scale), data, root, chosen, boxes=file, skeleton=own)
        check_requests([request])
        (request,) = with_given([request], start=start, weights=weights)
        made = reproduce(request, Machine(device=device))
        assert made is not None, "the process that leads writes the folder"
        place = made
    else:
        try:
            place = _find(folder) if folder else newest_folder(paper, number, data)
        except ReproError:
            if folder or data != "people":
                raise
            return NoResults(paper, number)
    outcome = Outcome.read(place / "runs.json")
    if not scale:
        _check_asked(outcome, paper, number, folder, data)
    check_readable(outcome)
    return TableView(outcome, place)


def _check_asked(outcome: Outcome, paper: str, number: int, folder: str, data: str) -> None:
    """Raise ReproError for results of another table, or of another data set than one that is named."""
    if (outcome.paper, outcome.table) != (paper, number):
        raise ReproError(
            f"folder is {folder!r}, which holds table {outcome.table} of {outcome.paper}, expected one of table {number} of "
            f"{paper}: `repro results list` names them."
        )
    if not folder and data not in ("people", outcome.data):
        raise ReproError(
            f"Table {number} of {paper} has no result folder on {data}: leave `data` out to see that on {outcome.data}, or make "
            f"one, as by `make reproduce PAPER={paper} TABLE={number} DATA={data}`."
        )


def differences(outcome: Outcome) -> list[str]:
    """Where the recipes of an outcome's rows at paper scale, on the paper's data set, are not as printed, and why."""
    rows, where = runnable_rows(outcome.paper, outcome.table), (outcome.paper, outcome.table)
    own = [row for row in rows.rows if row in {run.row for run in outcome.runs}]
    if not own:
        return []
    recipes = table_recipes(*where, get_scale("paper"), stand_in_data(rows.data), (0,), own, "random")
    return said_deviations(*where, {row: recipe for (row, _), recipe in recipes.items()})


def _find(name: str) -> Path:
    """A result folder by its name relative to the results; one that is still being filled counts too."""
    found = []
    for final in (place / name for place in paths.result_places()):
        unfinished = sorted(final.parent.glob(f".{glob.escape(final.name)}.*.partial"))
        found += [place for place in (final, *reversed(unfinished)) if (place / "runs.json").is_file()]
    if not found:
        raise ReproError(f"There is no result folder {name!r} under {paths.results().name}/: see `repro results list`.")
    return found[0]
