"""What a command gives the rows of its tables: weights that are evaluated, and what the others' trainings start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from repro import paths
from repro.errors import ReproError
from repro.tables.plan import check_rows, counts_alone, table_recipes, table_skeleton
from repro.tables.request import Request
from repro.tables.start import take_start
from repro.tables.weights import NONE, check_used, named_files, stand_in_data, take_weights


def with_given(
    requests: Sequence[Request], *, start: str = "warm", starts: str = "", weights: str = "", planned: bool = False
) -> list[Request]:
    """The requests with the weights and the start that their rows are given, each of which fits.

    Args:
        requests: the requests that were checked otherwise.
        start: the start as START gives it.
        starts: a folder of starts as STARTS gives it, in place of ``start``; empty for none.
        weights: the weights as WEIGHTS gives them; empty for none.
        planned: whether the command says its plan alone.

    Raises:
        ReproError: for anything that does not fit, before anything is read, drawn or trained.
    """
    if starts.strip():
        if start != "warm":
            raise ReproError(f"START is {start} and STARTS is {starts}: give one of them.")
        folder = paths.user_path("STARTS", starts.strip())
        if not folder.is_dir():
            raise ReproError(
                f"STARTS is {starts}, which is no folder: give one with a checkpoint a backbone, as {starts}/hrnet_w32.pth."
            )
        start = str(folder)
    made = _with_weights(requests, weights) if weights.strip() else list(requests)
    if any(_trains(request) for request in made) or start not in ("warm", "random"):
        taken = take_start(start, made, planned=planned)
        made = [replace(request, start=taken) for request in made]
    return made


def _trains(request: Request) -> bool:
    """Whether a request has rows that are trained."""
    if counts_alone(request.paper, request.table):
        return False
    return not set(_rows_of(request)) <= set(request.weights.rows)


def _with_weights(requests: Sequence[Request], given: str) -> list[Request]:
    rows = [_rows_of(request) for request in requests]
    names = list(dict.fromkeys(row for own in rows for row in own))
    if not names:
        raise ReproError(f"WEIGHTS is {given}, which has no effect: the table prints counts alone; leave WEIGHTS out.")
    files = named_files(given, names)
    made = []
    for number, request in enumerate(requests):
        taken = NONE
        if rows[number]:
            where = (request.paper, request.table)
            data, skeleton = stand_in_data(request.data), table_skeleton(*where, request.data, request.skeleton)
            recipes = table_recipes(*where, request.scale, data, (0,), request.rows, "random")
            taken = take_weights(files, recipes, skeleton)
        made.append(replace(request, weights=taken))
    check_used(files, [request.weights for request in made], names)
    return made


def _rows_of(request: Request) -> list[str]:
    """The rows of a request that are run."""
    if counts_alone(request.paper, request.table):
        return []
    return list(check_rows(request.paper, request.table, request.rows))
