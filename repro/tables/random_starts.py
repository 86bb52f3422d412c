"""What a command says of rows that begin with random weights: which these are, and the one reason of each."""

from __future__ import annotations

from collections.abc import Sequence

from repro.papers.recipes import runnable_rows
from repro.recipe import Recipe
from repro.tables.request import PlannedTable, Request
from repro.training.warm_start import by_backbone, takes_weights


def said_random_starts(tables: Sequence[PlannedTable]) -> list[str]:
    """A line for each reason why rows begin with random weights; none where all begin with others."""
    rows: dict[str, dict[str, list[str]]] = {}  # by reason and table
    trained = 0
    for table in tables:
        recipes = {row: recipe for (row, _), recipe in table.recipes.items() if recipe.weights is None}
        trained += len(recipes)
        for row, recipe in recipes.items():
            if recipe.initialisation is None:
                of_table = rows.setdefault(reason(table.request, row, recipe), {})
                of_table.setdefault(table.request.title, []).append(row)
    return [f"Random weights at the start of {_named(those, trained)}: {why}." for why, those in rows.items()]


def reason(request: Request, row: str, recipe: Recipe) -> str:
    """Why a row, whose recipe names no weights, begins with random ones."""
    start = request.start
    if start == "random":
        return "START=random was given"
    if not takes_weights(recipe.method.network.backbone):
        return "there is no start for their backbone"
    if by_backbone(start):
        return f"START={start} gives their backbone none"
    if request.scale.name == "paper":
        return "scale paper has no warm start of its own"
    printed = runnable_rows(request.paper, request.table).rows[row].recipe.method.network.backbone
    return (
        "the warm start of their backbone is not here; "
        f"`repro warm-start --scale {request.scale.name} {printed.warm_option}` makes it"
    )


def _named(rows: dict[str, list[str]], trained: int) -> str:
    """The rows by table, or that it is all that are trained."""
    if sum(map(len, rows.values())) == trained:
        return "all rows"
    return "; ".join(f"{', '.join(names)} of {title}" for title, names in rows.items())
