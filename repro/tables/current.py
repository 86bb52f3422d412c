"""Whether the recipes of a result folder are still those of today: of its scale's rule and of its rows.

A folder of an earlier rule stays what it was, a comparison of rows that were all run alike; it is shown, and what has changed
since is said beside it.
"""

from __future__ import annotations

from typing import Any

from repro.data.catalogue import data_set
from repro.data.detection_files import file_of_boxes
from repro.errors import ReproError
from repro.recipe import Recipe
from repro.reporting.outcome import Outcome, RunOutcome, stale_runs
from repro.scales.lengths import written
from repro.scales.scale import get_scale
from repro.tables.plan import table_recipes
from repro.tables.weights import given_recipes, weights_of

MOST_NAMED = 6  # changes that a sentence names


def check_readable(outcome: Outcome) -> None:
    """Raise ReproError, naming the table and the command, when a recipe of an outcome has fields that are no more."""
    try:
        for run in outcome.runs:
            Recipe.from_plain(run.recipe)
    except ReproError as error:
        raise ReproError(
            f"The recipes of table {outcome.table} of {outcome.paper} have changed since it was reproduced "
            f"({str(error).rstrip('.')}): run `{command_of(outcome)}` again, with the ROW= and BOXES= of then, if any."
        ) from error


def earlier_rule(outcome: Outcome) -> str:
    """A sentence that says what is otherwise in today's recipes; "" where they are the same, or nothing was run."""
    if not outcome.runs:
        return ""
    try:
        today = recipes_of_today(outcome)
    except ReproError as error:  # a row or a start that is no more
        changes = [str(error).rstrip(".")]
    else:
        if not stale_runs(outcome, today):
            return ""
        changes = changed_fields(outcome, today)
    more = f" and {len(changes) - MOST_NAMED} more" if len(changes) > MOST_NAMED else ""
    return (
        f"Made by an earlier rule of the scale {outcome.scale_text}: since then {', '.join(changes[:MOST_NAMED])}{more}. "
        f"`{command_of(outcome)}` makes the table by today's."
    )


def changed_fields(outcome: Outcome, today: dict[tuple[str, int], Recipe]) -> list[str]:
    """The fields of recipes that have other values today, as ``optimisation.epochs 5 → 20``, of all runs together."""
    found: dict[str, None] = {}
    for run in outcome.runs:
        recipe = today.get((run.row, run.seed))
        if recipe is None:
            found[f"{run.row} seed {run.seed} is no more"] = None
            continue
        before, after = _flat(run.recipe), _flat(recipe.to_plain())
        for name in sorted(set(before) | set(after)):
            old, new = before.get(name, "default"), after.get(name, "default")
            if old != new:
                found[f"{name} {old} → {new}"] = None
    return list(found) or ["the revision of the code"]


def command_of(outcome: Outcome) -> str:
    """The command that makes a table like that of an outcome, without its rows and boxes."""
    seeds = ",".join(map(str, outcome.seeds))
    named = outcome.scale + ("" if outcome.length == 1 else f" LENGTH={written(outcome.length)}")
    root = f" DATA_ROOT=/path/to/{outcome.data}" if data_set(outcome.data).needs_root else ""
    return (
        f"make reproduce PAPER={outcome.paper} TABLE={outcome.table} SCALE={named} DATA={outcome.data}{root} "
        f"SEEDS={seeds} START={outcome.start}"
    )


def _flat(plain: Any, name: str = "") -> dict[str, str]:
    """The values of nested fields by their path, as text."""
    if not isinstance(plain, dict):
        return {name: f"{plain:g}" if isinstance(plain, float) else str(plain)}
    found: dict[str, str] = {}
    for key, value in plain.items():
        found |= _flat(value, f"{name}.{key}" if name else key)
    return found


def recipes_of_today(outcome: Outcome) -> dict[tuple[str, int], Recipe]:
    """The recipes that the rows of an outcome with runs have today, by (row, seed), on the samples that it was made on."""
    recipe = Recipe.from_plain(told_run(outcome).recipe)
    rows = list(dict.fromkeys(run.row for run in outcome.runs))
    scale = get_scale(outcome.scale).of_length(outcome.length)
    own = (outcome.paper, outcome.table, scale, recipe.samples, outcome.seeds, rows, outcome.start)
    today = table_recipes(*own, boxes=file_of_boxes(run.recipe for run in outcome.runs))
    weights = weights_of((run.row, Recipe.from_plain(run.recipe)) for run in outcome.runs)
    return given_recipes(with_warm_starts(outcome, today), weights)


def told_run(outcome: Outcome) -> RunOutcome:
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
