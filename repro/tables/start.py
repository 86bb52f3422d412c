"""What START names, checked against every row that would start from it before anything is copied or trained."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from repro import paths
from repro.errors import ReproError, choice_error
from repro.models.checkpoints import ADVICE
from repro.models.foreign_weights import read_weights
from repro.recipe import Data, Network
from repro.skeletons.skeleton import Skeleton
from repro.tables.plan import counts_alone, table_recipes, table_skeleton
from repro.tables.request import Request
from repro.training.warm_start import check_finite, check_fit, import_weights, read_start, takes_weights, weight_files

WORDS = ("warm", "random")


def take_start(given: str, requests: Sequence[Request]) -> str:
    """The name of what rows start from: ``warm``, ``random``, or the weights of a checkpoint, which is taken in once it fits.

    Args:
        given: a word, a path to a checkpoint, or the name of one that was taken in before.
        requests: whose rows are to start from it.

    Raises:
        ReproError: for another name, a file that holds no weights, and weights that a row cannot start from.
    """
    if given in WORDS:
        return given
    known = weight_files()
    path = paths.user_path("START", given)
    if given in known:
        path = known[given].with_suffix(".safetensors")
    elif not os.path.isfile(path):  # False also for what cannot be a path
        raise choice_error("START", given, (*WORDS, "a path to a checkpoint", *known))
    elif path.stem in known and path.resolve() == known[path.stem].with_suffix(".safetensors").resolve():
        given = path.stem  # taken in before, named by its file
    tensors = read_weights(path) if given in known else read_start(path)
    _check_rows(tensors, path, given, requests)
    check_finite(tensors, path)
    return given if given in known else import_weights(path, tensors)


def _check_rows(tensors: dict[str, torch.Tensor], path: Path, given: str, requests: Sequence[Request]) -> None:
    """Raise ReproError, naming them, when rows cannot start from weights, or none would."""
    fitting: list[str] = []
    failed: list[str] = []
    why = ""
    tried: dict[tuple[Network, Skeleton], str] = {}
    for row, network, skeleton in _starting_rows(requests):
        if (network, skeleton) not in tried:
            tried[network, skeleton] = _misfit(network, skeleton, tensors, path)
        (failed if tried[network, skeleton] else fitting).append(row)
        why = why or tried[network, skeleton]
    if failed and fitting:
        raise ReproError(
            f"START is {given}, which these rows cannot start from: {', '.join(failed)}. Give weights that fit, or choose by "
            f"ROW= those that can: {', '.join(fitting)}.\n{why}"
        )
    if failed:
        scale = requests[0].scale
        small = (
            f" Networks at scale {scale.name} are smaller than published ones: take SCALE=gpu or SCALE=paper for these."
        )
        raise ReproError(
            f"START is {given}, which no row that was asked for can start from: give weights that fit."
            f"{small if scale.small_backbone else ''}\n{why}"
        )
    if not fitting:
        raise ReproError(
            f"START is {given}, which has no effect: nothing that was asked for starts from weights of a file; leave START out."
        )


def _misfit(network: Network, skeleton: Skeleton, tensors: dict[str, torch.Tensor], path: Path) -> str:
    """Why a network cannot start from weights; '' when it can. It is built without values, which takes a moment only."""
    with torch.device("meta"):
        built = network.build(skeleton)
    try:
        check_fit(built, tensors, path)
    except ReproError as error:
        return str(error).removesuffix(f"\n{ADVICE}")
    return ""


def _starting_rows(requests: Sequence[Request]) -> Iterator[tuple[str, Network, Skeleton]]:
    """Row, network and skeleton of each row that starts from weights that are asked for."""
    for request in requests:
        where = (request.paper, request.table)
        if counts_alone(*where):
            continue
        none = Data(
            name=request.data, train_fingerprint="", train_count=1, val_fingerprint="", val_count=1
        )  # no network needs it
        for (row, _), recipe in table_recipes(*where, request.scale, none, (0,), request.rows, "random").items():
            if takes_weights(recipe.method.network.backbone):
                yield f"{row} of {request.title}", recipe.method.network, table_skeleton(*where, request.data)
