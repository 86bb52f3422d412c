"""``make reproduce``: the runs of a table, then a result folder made of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import matplotlib.pyplot as plt

from repro.approaches.base import approach_of
from repro.approaches.samples import Samples
from repro.data.catalogue import data_set
from repro.papers import PAPERS
from repro.recipe import GivenWeights, Recipe
from repro.reporting import examples, figures
from repro.reporting.evidence_file import write_evidence
from repro.reporting.factors import factor_log
from repro.reporting.folders import folder_name, name_of, new_folder, table_folder
from repro.reporting.gains import gain_bars, has_gains
from repro.reporting.keypoint_factors import factor_poses, factor_spread, read_factors
from repro.reporting.outcome import Outcome, RunOutcome
from repro.reporting.pictures import with_few_colours
from repro.reporting.pose_sheet import pose_grid, save_photograph
from repro.reporting.protocol import protocol_of
from repro.reporting.table_files import write_tables
from repro.runs.costs import WRITTEN
from repro.runs.run import load_run, training_of
from repro.runs.schedule import Machine, announce, make_runs, pending_seconds
from repro.runs.speeds import Speeds
from repro.support import processes
from repro.support.environment import describe
from repro.support.progress import Progress
from repro.tables.budget import say_costs
from repro.tables.factors import keep_factors
from repro.tables.last_step import check_last_step, keep_without_notebook, notebook_of, shown_by
from repro.tables.measuring import measured_speeds
from repro.tables.notebooks import run_notebook
from repro.tables.plan import counted_columns, outcome_skeleton, table_divisor
from repro.tables.random_starts import said_random_starts
from repro.tables.request import PlannedTable, Request, plan_tables
from repro.tables.test_dev import write_test_dev
from repro.training.checkpoints import write_json
from repro.training.distributed import choose_device


def reproduce(request: Request, machine: Machine) -> Path | None:
    """Make or load the runs of a table and write its result folder.

    Returns:
        the folder; None on the processes of ``torchrun`` that write nothing.

    Raises:
        ReproError: for anything that the user can mend.
    """
    (folder,) = reproduce_tables([request], machine)
    return folder


def reproduce_tables(requests: list[Request], machine: Machine, *, advise: bool = False) -> Iterator[Path | None]:
    """Make or load the runs of tables, one table after the other, under one progress bar, and write their result folders.

    All tables are planned before the first is begun; each folder is written, and given, as soon as its own runs are complete.
    A table that prints counts alone has no runs.

    Args:
        requests: the tables.
        machine: the machine that they are made with.
        advise: whether it is said what other lengths would take here.

    Returns:
        the folders, None each on the processes of ``torchrun`` that write nothing; the bar is put away while one is looked at.

    Raises:
        ReproError: for anything that the user can mend.
    """
    if processes.leads():
        check_last_step([notebook_of(one.paper, one.table) for one in requests])
    tables = plan_tables(requests)
    trained = [table for table in tables if table.recipes]
    if trained:
        announce([recipe for table in trained for recipe in table.recipes.values()], len(trained))
    if processes.leads():
        for line in said_random_starts(trained):
            click.echo(line)
    speeds = measured_speeds(tables, machine)
    own = [(table.recipes.values(), table.samples) for table in tables]
    seconds = pending_seconds(own, machine.kind, machine.side_by_side, speeds)
    say_costs(tables, machine, speeds, advise=advise)
    if processes.leads() and any(seconds):
        check_last_step([notebook_of(one.paper, one.table) for one in requests], training=True)
    with Progress(sum(seconds) + len(tables) * WRITTEN, shown=processes.leads()) as progress:
        for planned, share in zip(tables, seconds, strict=True):
            with progress.part(planned.request.title, share + WRITTEN):
                folder = _make_table(planned, share, machine, progress, speeds)
            with progress.aside():
                yield folder


def _make_table(
    planned: PlannedTable, share: float, machine: Machine, progress: Progress, speeds: Speeds
) -> Path | None:
    """Make the runs of a table that are not complete, by estimate ``share`` seconds of its part, and write its folder."""
    started = time.perf_counter() - planned.seconds
    request, samples, recipes = planned.request, planned.opened, planned.recipes
    if samples is not None:
        make_runs(recipes.values(), samples, machine, progress, speeds)
    if not processes.leads():
        return None
    progress.say("writing its results")
    progress.reach(share)
    outcome = collect(request, recipes)
    folder = write_folder(request, outcome, recipes, samples, machine, time.perf_counter() - started)
    said = write_test_dev(folder, request, recipes, samples, choose_device(machine.device), machine.workers)
    if said:
        with progress.aside():
            click.echo(said)
    return folder


def collect(request: Request, recipes: dict[tuple[str, int], Recipe]) -> Outcome:
    """The outcome of complete runs."""
    runs = []
    for (row, seed), recipe in recipes.items():
        run = load_run(recipe)
        runs.append(
            RunOutcome(
                row=row,
                seed=seed,
                recipe=recipe.to_plain(),
                key=recipe.key,
                training_key=recipe.training_key,
                metrics=run.metrics,
                curve=run.curve,
                seconds=run.seconds,
                factors=factor_log(run.log),
                precision=run.precision,
            )
        )
    return Outcome(
        paper=request.paper,
        table=request.table,
        scale=request.scale.name,
        data=request.data,
        divisor=table_divisor(request.paper, request.table, request.scale),
        runs=tuple(runs),
        counted=counted_columns(request.paper, request.table, request.rows),
        start=request.start,
        length=request.scale.length,
    )


def with_gains(
    outcome: Outcome, recipes: dict[tuple[str, int], Recipe], samples: Samples | None
) -> Outcome:
    """The outcome with what AP gains where errors are corrected in the poses that its runs keep; without samples as it is."""
    if samples is None:
        return outcome
    own = [(run, recipes[run.row, run.seed]) for run in outcome.runs]
    gained = [replace(run, gains=approach_of(one).error_gains(samples, load_run(one))) for run, one in own]
    return replace(outcome, runs=tuple(gained))


def write_folder(
    request: Request,
    outcome: Outcome,
    recipes: dict[tuple[str, int], Recipe],
    samples: Samples | None,
    machine: Machine,
    seconds: float,
) -> Path:
    """Write the result folder of a table: tables, figures, examples, manifest and the executed notebook."""
    now = datetime.now(UTC)
    about = describe(choose_device(machine.device))
    length = "" if request.scale.length == 1 else f"-length{request.scale.length:g}"
    version = f"{request.scale.name}-{request.data}{length}-{now:%Y%m%dT%H%M%S}-{(about['commit'] or 'nogit')[:7]}"
    about |= {"threads": machine.threads}
    with new_folder(request.paper, request.table, version) as folder:
        manifest = make_manifest(request, outcome, about, now, seconds)
        write_json(folder / "manifest.json", manifest | {"computed_with": training_environments(recipes.values())})
        with_gains(outcome, recipes, samples).write(folder / "runs.json")
        outcome = Outcome.read(folder / "runs.json")  # as the notebook will see it, rounded
        write_evidence(folder, {(row, seed): load_run(recipe).evidence for (row, seed), recipe in recipes.items()})
        write_tables(folder)
        if samples is not None:
            write_examples(folder, outcome, recipes, samples)
            own = {row: recipe for (row, seed), recipe in recipes.items() if seed == outcome.seeds[0]}
            passed_on = data_set(outcome.data).redistributable
            keep_factors(folder, own, samples, choose_device(machine.device), images=passed_on)
            write_figures(folder, outcome)
        final = table_folder(request.paper, request.table) / folder_name(folder)
        notebook, parameters = shown_by(request.paper, request.table, name_of(final))
        try:
            run_notebook(notebook, folder / "notebook.ipynb", parameters)
        except (
            Exception
        ) as error:  # what it shows is there: hours of work are not thrown away for the page that shows it
            keep_without_notebook(folder, final, error)
    return final


def make_manifest(
    request: Request, outcome: Outcome, about: dict[str, Any], now: datetime, seconds: float
) -> dict[str, Any]:
    """Where every number of a folder comes from."""
    recipes = {run.row: Recipe.from_plain(run.recipe) for run in outcome.runs}
    stages = [
        stage for run in outcome.runs for stage in Recipe.from_plain(run.recipe).stages if stage.weights is None
    ]
    given = {row: recipe.weights for row, recipe in recipes.items() if recipe.weights is not None}
    trainings = {stage.training_key: training_of(stage)["seconds"] for stage in stages}
    return {
        "paper": request.paper,
        "table": request.table,
        "title": PAPERS[request.paper].title,
        "scale": request.scale.name,
        "length": request.scale.length,
        "data": request.data,
        "samples": outcome.runs[0].recipe["data"] if outcome.runs else None,
        "input_divisor": outcome.divisor,
        "seeds": outcome.seeds,
        **({"boxes": request.boxes.name} if request.boxes else {}),
        "rows": {
            run.row: protocol_of(Recipe.from_plain(run.recipe), run.precision, outcome.length) for run in outcome.runs
        }
        or dict.fromkeys(outcome.counted, "counted at the printed size"),
        "recipes": {f"{run.row} seed {run.seed}": run.key for run in outcome.runs},
        **({"weights": {row: _about_weights(request, row, one) for row, one in given.items()}} if given else {}),
        "trainings": trainings,
        "training_minutes": round(sum(trainings.values()) / 60, 1),
        "minutes": round(seconds / 60, 1),
        "created": now.isoformat(timespec="seconds"),
        **about,
    }


def _about_weights(request: Request, row: str, weights: GivenWeights) -> dict[str, Any]:
    """What a manifest says of the weights that a row was evaluated with."""
    files = {"file": request.weights.rows[row][1].name} if row in request.weights.rows else {}
    scoring = request.weights.scoring
    scored = {"scoring": {"file": scoring[1].name, "sha256": scoring[0].sha256}} if scoring is not None else {}
    return {"what": weights.title, "network": weights.network, "sha256": weights.sha256, **files, **scored}


def training_environments(recipes: Iterable[Recipe]) -> list[dict[str, Any]]:
    """What trainings were computed with, those that agree together: complete ones may be older than the folder's code."""
    found: dict[str, dict[str, Any]] = {}
    for key, stage in {s.training_key: s for recipe in recipes for s in recipe.stages if not s.weights}.items():
        environment = training_of(stage)["environment"]
        agreeing = found.setdefault(json.dumps(environment, sort_keys=True), {"trainings": [], **environment})
        agreeing["trainings"].append(key)
    return list(found.values())


def write_examples(folder: Path, outcome: Outcome, recipes: dict[tuple[str, int], Recipe], samples: Samples) -> None:
    """Keep some persons with the poses that the rows' first seed predicted."""
    seed = outcome.seeds[0]
    own = {row: recipe for (row, s), recipe in recipes.items() if s == seed}
    images = data_set(outcome.data).redistributable
    runs = {row: load_run(recipe) for row, recipe in own.items()}
    found = approach_of(next(iter(own.values()))).examples(samples, runs)
    examples.write_examples(found, folder, images=images)


def write_figures(folder: Path, outcome: Outcome) -> None:
    """``figures/``: learning curves and poses; keypoints, errors, what these cost and adaptive factors where they were measured;
    poses on photographs that may not be passed on: private."""
    (folder / "figures").mkdir()
    labels = figures.pose_labels(outcome)
    skeleton = outcome_skeleton(outcome)
    drawn = {
        folder / "figures" / "learning_curves.png": figures.learning_curves(outcome),
        folder / "figures" / "poses.jpg": pose_grid(examples.read_examples(folder), labels, skeleton),
    }
    if figures.has_keypoints(outcome):
        drawn[folder / "figures" / "keypoints.png"] = figures.keypoint_bars(outcome)
    if figures.has_errors(outcome):
        drawn[folder / "figures" / "errors.png"] = figures.error_bars(outcome)
    if has_gains(outcome):
        drawn[folder / "figures" / "error_gains.png"] = gain_bars(outcome)
    if (kept := read_factors(folder)) is not None:
        all_labels = figures.row_labels(outcome)
        drawn[folder / "figures" / "keypoint_factors.png"] = factor_spread(kept, all_labels, skeleton)
        drawn[folder / "figures" / "factor_poses.jpg"] = factor_poses(kept, all_labels)
    if (folder / "private").exists():
        own = examples.read_examples(folder, private=True)
        drawn[folder / "private" / "poses.jpg"] = pose_grid(own, labels, skeleton)
        if (kept := read_factors(folder, private=True)) is not None:
            drawn[folder / "private" / "factor_poses.jpg"] = factor_poses(kept, figures.row_labels(outcome))
    for path, figure in drawn.items():
        if path.suffix == ".jpg":
            save_photograph(figure, path)
        else:
            figure.savefig(path, dpi=100)
            path.write_bytes(with_few_colours(path.read_bytes()))
        plt.close(figure)
