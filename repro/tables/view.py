"""A table as its notebook shows it: opened from a result folder, or from runs that are made when they are asked for."""

from __future__ import annotations

import glob
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from IPython.display import Image, display

from repro import paths
from repro.approaches.base import approach_of
from repro.data.catalogue import data_set
from repro.data.detection_files import file_of_boxes
from repro.errors import ReproError
from repro.papers import PAPERS
from repro.papers.recipes import runnable_rows
from repro.recipe import Recipe
from repro.reporting import figures, table
from repro.reporting.examples import read_examples
from repro.reporting.folders import folder_name, newest_folder
from repro.reporting.outcome import Outcome, RunOutcome, stale_runs
from repro.reporting.protocol import protocol_of
from repro.reporting.verdicts import VERDICTS
from repro.runs.schedule import Machine
from repro.scales.lengths import written
from repro.scales.scale import get_scale
from repro.support.options import optional_path, parse_seeds, text_of
from repro.tables.given import with_given
from repro.tables.plan import table_recipes, table_skeleton
from repro.tables.reproduce import reproduce
from repro.tables.request import Request, check_requests
from repro.tables.weights import given_recipes, weights_of


@dataclass(frozen=True)
class TableView:
    """An outcome and the folder that keeps it.

    Args:
        outcome: of a table.
        folder: that keeps it.
        earlier: why its recipes are not today's; empty where they are.
    """

    outcome: Outcome
    folder: Path
    earlier: str = ""

    def heading(self) -> None:
        """Say which table this is and what it was reproduced with."""
        one, spec = self.outcome, PAPERS[self.outcome.paper].table(self.outcome.table)
        rows = runnable_rows(one.paper, one.table)
        print(f"{PAPERS[one.paper].title}, table {one.table}: {spec.caption}.")
        print(f"Printed: {spec.data}.")
        print(f"Ours: {self._ours()}")
        print(f"Result folder: {folder_name(self.folder)}")
        if self.earlier:
            print(f"Of an earlier rule. {self.earlier}")
        if spec.note:
            print(f"About the print: {spec.note}")
        if rows.note:
            print(f"About these runs: {rows.note}")
        for slug, extra in rows.extras.items():
            if slug in {run.row for run in one.runs}:
                print(f"Added row {slug}: {extra.why}")

    def _ours(self) -> str:
        """What the numbers were made with."""
        one = self.outcome
        if not one.runs:
            return "counted at the printed size."
        recipe = Recipe.from_plain(_told(one).recipe)
        what = approach_of(recipe).samples
        where = f"{data_set(one.data).title}, scale {one.scale_text}"
        if recipe.weights is not None:
            return f"{where}; nothing was trained, {recipe.samples.val_count} evaluation {what}, inputs divided by {one.divisor}."
        return (
            f"{where}, seeds {one.seeds}; {recipe.samples.train_count} training and "
            f"{recipe.samples.val_count} evaluation {what}, {recipe.optimisation.epochs} epochs, inputs divided by {one.divisor}."
        )

    def table(self) -> pd.DataFrame:
        """The printed table with our numbers beside: ``printed / ours ± deviation over seeds``."""
        return table.wide_table(self.outcome)

    def steps(self) -> pd.DataFrame:
        """The steps of the ablation, printed and ours, with verdicts."""
        return table.steps_table(self.outcome)

    def verdicts(self) -> None:
        """Count the verdicts and say what they mean."""
        counts = self.steps()["verdict"].value_counts()
        for name, meaning in VERDICTS.items():
            print(f"{counts.get(name, 0)} {name}: {meaning}")

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

    def poses(self) -> None:
        """Draw the poses of a few evaluated persons, or of all people of a few images: truth in grey, rows below each other."""
        skeleton = table_skeleton(self.outcome.paper, self.outcome.table, self.outcome.data)
        figure = figures.pose_grid(read_examples(self.folder), figures.pose_labels(self.outcome), skeleton)
        photograph = io.BytesIO()
        figures.save_photograph(figure, photograph)
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
) -> TableView | NoResults:
    """Open a table.

    Args:
        paper: its key.
        number: of the table.
        folder: result folder relative to the results; empty for the newest one of this table on ``data``, or on any data set
            where there is none. In a git checkout that is the newest one which git knows.
        scale: when given, the runs are made now, or loaded where they are complete, and a new result folder is written.
        data: data set.
        data_root: its folder, for runs that are made now.
        seeds: of such runs: a number, a text as SEEDS takes it, or a list.
        device: of such runs.
        boxes: a detector's file for such runs, where the table is evaluated with a detector's boxes.
        start: what such runs start from, as START takes it (``tables.start``).
        weights: of rows that are evaluated and not trained, as WEIGHTS takes them (``tables.weights``).

    Raises:
        ReproError: for a parameter of another type or value. A folder whose recipes have changed since it was made is shown, and
            its heading says so.
    """
    sns.set_theme(style="whitegrid", context="notebook", font_scale=0.8)
    pd.set_option("display.max_colwidth", None, "display.max_rows", None)
    given = {"folder": folder, "scale": scale, "data": data, "device": device, "start": start, "weights": weights}
    folder, scale, data, device, start, weights = (text_of(name, value) for name, value in given.items())
    chosen = parse_seeds(seeds)
    data_set(data)
    if scale:
        root, file = optional_path("data_root", data_root), optional_path("boxes", boxes)
        request = Request(paper, number, get_scale(scale), data, root, chosen, boxes=file)
        check_requests([request])
        (request,) = with_given([request], start=start, weights=weights)
        made = reproduce(request, Machine(device=device))
        assert made is not None, "the process that leads writes the folder"
        place = made
    else:
        try:
            place = _find(folder) if folder else newest_folder(paper, number, data)
        except ReproError:
            if folder:
                raise
            return NoResults(paper, number)
    outcome = Outcome.read(place / "runs.json")
    try:
        check_current(outcome)
    except ReproError as error:
        return TableView(outcome, place, str(error))
    return TableView(outcome, place)


def check_current(outcome: Outcome) -> None:
    """Raise ReproError, naming the table, when the recipes of an outcome are not today's; counts have none."""
    if not outcome.runs:
        return
    try:
        changed = ", ".join(stale_runs(outcome, recipes_of_today(outcome)))
    except ReproError as error:  # a field, a row or a start that is no more
        changed = str(error).rstrip(".")
    if changed:
        seeds = ",".join(map(str, outcome.seeds))
        named = outcome.scale + ("" if outcome.length == 1 else f" LENGTH={written(outcome.length)}")
        root = f" DATA_ROOT=/path/to/{outcome.data}" if data_set(outcome.data).needs_root else ""
        raise ReproError(
            f"The recipes of table {outcome.table} of {outcome.paper} have changed since it was reproduced ({changed}): run "
            f"`make reproduce PAPER={outcome.paper} TABLE={outcome.table} SCALE={named} DATA={outcome.data}{root} "
            f"SEEDS={seeds} START={outcome.start}` again, with the ROW= and BOXES= of then, if any."
        )


def recipes_of_today(outcome: Outcome) -> dict[tuple[str, int], Recipe]:
    """The recipes that the rows of an outcome with runs have today, by (row, seed), on the samples that it was made on."""
    recipe = Recipe.from_plain(_told(outcome).recipe)
    rows = list(dict.fromkeys(run.row for run in outcome.runs))
    scale = get_scale(outcome.scale).of_length(outcome.length)
    own = (outcome.paper, outcome.table, scale, recipe.samples, outcome.seeds, rows, outcome.start)
    today = table_recipes(*own, boxes=file_of_boxes(run.recipe for run in outcome.runs))
    weights = weights_of((run.row, Recipe.from_plain(run.recipe)) for run in outcome.runs)
    return given_recipes(with_warm_starts(outcome, today), weights)


def _told(outcome: Outcome) -> RunOutcome:
    """The first run that was trained, whose recipe names the training samples; the first of all where none was."""
    return next((run for run in outcome.runs if "weights" not in run.recipe), outcome.runs[0])


def with_warm_starts(outcome: Outcome, today: dict[tuple[str, int], Recipe]) -> dict[tuple[str, int], Recipe]:
    """Today's recipes; rows whose warm start was made elsewhere, as that of the ``gpu`` scale is, begin with the weights that the
    outcome names, where this machine has none for their backbone."""
    known = {(run.row, run.seed): Recipe.from_plain(run.recipe).initialisation for run in outcome.runs}
    made = dict(today)
    for place, recipe in today.items():
        backbone, given = recipe.method.network.backbone, known.get(place)
        if given is None or recipe.initialisation is not None:
            continue
        if outcome.start == "warm" and given.name == backbone.plain().warm_name:
            made[place] = recipe.but(initialisation=given)
    return made


def _find(name: str) -> Path:
    """A result folder by its name relative to the results; one that is still being filled counts too."""
    final = paths.results() / name
    unfinished = sorted(final.parent.glob(f".{glob.escape(final.name)}.*.partial"))
    found = [place for place in (final, *reversed(unfinished)) if (place / "runs.json").is_file()]
    if not found:
        raise ReproError(f"There is no result folder {name!r} under {paths.results().name}/: see `repro results list`.")
    return found[0]
