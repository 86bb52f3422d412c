"""What START names, checked against every row that would start from it before anything is copied or trained.

    START=warm, START=random                     a word for all rows
    START=hrnet_w32-36af842e.pth                 a checkpoint that all rows start from
    START=w32=hrnet_w32.pth,w48=hrnet_w48.pth,r50=random      one start a backbone, of HRNet-W32 and -W48 and of ResNets
    START=/data/imagenet                         a folder with one file a backbone: hrnet_w32*, w32*, resnet50*, r50*

Scale ``paper`` has no warm start of its own: there the papers start from ImageNet weights, and random ones must be asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import torch

from repro import paths
from repro.errors import ReproError, choice_error
from repro.models.base import built
from repro.models.checkpoints import ADVICE
from repro.models.foreign_weights import read_weights
from repro.recipe import Network
from repro.skeletons.skeleton import Skeleton
from repro.support import processes
from repro.tables.plan import counts_alone, table_recipes, table_skeleton
from repro.tables.request import Request
from repro.tables.weights import SUFFIXES, stand_in_data
from repro.training.warm_start import (
    by_backbone,
    check_finite,
    check_fit,
    import_weights,
    read_start,
    starts_of,
    takes_weights,
    weight_files,
)

WORDS = ("warm", "random")
Tensors = dict[str, torch.Tensor]
_NAMED = re.compile(r"(?:hrnet(?:v2)?[_-]?w|w)([0-9]+)(?![0-9])|(?:resnet[_-]?|r)([0-9]+)(?![0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class Starting:
    """A row that is trained: its name, network and skeleton, what START calls its backbone, and whether this takes weights."""

    row: str
    network: Network
    skeleton: Skeleton
    word: str
    takes: bool


def take_start(given: str, requests: Sequence[Request], *, planned: bool = False) -> str:
    """The name of what rows start from: ``warm``, ``random``, or the weights of checkpoints, which are taken in once they fit.

    Args:
        given: a word, a path to a checkpoint, the name of one that was taken in before, a start a backbone, or a folder.
        requests: the requests whose rows are to start from it.
        planned: whether the command says its plan alone, for which rows may lack the start that they will need.

    Raises:
        ReproError: for another name, a file that holds no weights, weights that a row cannot start from, a backbone that is not
            named, and, at paper scale, rows that would start from random weights without START=random.
    """
    if given == "warm":
        _check_paper(requests, planned)
    if given in WORDS:
        return given
    if by_backbone(given):
        return _take_each(starts_of(given), requests, given)
    if os.path.isdir(given):
        return _take_each(_in_folder(paths.user_path("START", given)), requests, given, folder=True)
    return _taken_in(*_looked_at(given, requests, list(_starting_rows(requests))))


def _check_paper(requests: Sequence[Request], planned: bool) -> None:
    """Raise ReproError, or say it in a plan, where rows at paper scale would start from random weights."""
    rows = list(_starting_rows([request for request in requests if request.scale.name == "paper"]))
    if not rows:
        return
    words = ",".join(f"{word}=file" for word in dict.fromkeys(one.word for one in rows) if word)
    asked = f"START={words} or START=folder (`repro fetch imagenet-weights`)" if words else "nothing else"
    text = (
        f"At scale paper these rows would start from random weights, where the papers start from ImageNet: "
        f"{', '.join(one.row for one in rows)}. Give {asked}, or START=random to mean it."
    )
    if not planned:
        raise ReproError(text)
    if processes.leads():
        click.echo(text)


def _in_folder(folder: Path) -> dict[str, str]:
    """The files of a folder by the word of the backbone that their names begin with. Raises ReproError for two of one."""
    found: dict[str, str] = {}
    for file in sorted(folder.iterdir()):
        named = _NAMED.match(file.name) if file.suffix in SUFFIXES else None
        if named is None:
            continue
        word = f"w{named[1]}" if named[1] else f"r{named[2]}"
        if word in found:
            raise ReproError(
                f"START is the folder {folder}, which has {Path(found[word]).name} and {file.name} for {word}: leave one, or "
                f"name it as in START={word}={file}."
            )
        found[word] = str(file)
    return found


def _take_each(named: dict[str, str], requests: Sequence[Request], given: str, *, folder: bool = False) -> str:
    """The start by backbone, with the names of what was taken in; a folder may have files for backbones that no row has."""
    rows = list(_starting_rows(requests))
    wanted = dict.fromkeys(one.word for one in rows if one.word)
    unused = [word for word in named if word not in wanted]
    lacking = [one for one in rows if one.word and one.word not in named]
    if lacking:
        raise ReproError(_said_lacking(given, lacking, [] if folder else unused, folder=folder))
    if unused and (not folder or not wanted):
        raise ReproError(
            f"START is {given}, and no row that was asked for starts from {' and '.join(unused)}: leave it out; the backbones of "
            f"these rows are {', '.join(wanted) or 'none'}."
        )
    fits = {
        word: _looked_at(named[word], requests, [one for one in rows if one.word == word])
        for word in wanted
        if named[word] != "random"
    }
    return ",".join(f"{word}={_taken_in(*fits[word]) if word in fits else 'random'}" for word in wanted)


def _said_lacking(given: str, lacking: Sequence[Starting], unused: Sequence[str], *, folder: bool) -> str:
    """That rows start from backbones that a folder, or a list of starts, has none for; ``unused`` it has for no row."""
    words = list(dict.fromkeys(one.word for one in lacking))
    rows, word = ", ".join(one.row for one in lacking), words[0]
    if folder:
        file = Path(given) / (f"hrnet_{word}.pth" if word.startswith("w") else f"resnet{word[1:]}.pth")
        return (
            f"The folder of starts {given} has no file for {' and '.join(words)}, that these rows start from: {rows}. Put one "
            f"there, named as in {file}, give START={word}=file, {word}=random to mean it, or choose rows by ROW=."
        )
    others = f"; no row that was asked for starts from {' and '.join(unused)}" if unused else ""
    return (
        f"START is {given}, which names no weights for {' and '.join(words)}, that these rows start from: {rows}{others}. "
        f"Add {word}=file, {word}=random to mean it, or choose rows by ROW=."
    )


def _looked_at(given: str, requests: Sequence[Request], rows: list[Starting]) -> tuple[str, Path, Tensors]:
    """One checkpoint that fits the ``rows`` that start from it: the name that it is given by, its file and its tensors."""
    known = weight_files()
    path = paths.user_path("START", given)
    if given in known:
        path = known[given].with_suffix(".safetensors")
    elif not os.path.isfile(path):  # False also for what cannot be a path
        raise choice_error("START", given, (*WORDS, "a path to a checkpoint", *known))
    elif path.stem in known and path.resolve() == known[path.stem].with_suffix(".safetensors").resolve():
        given = path.stem  # taken in before, named by its file
    tensors = read_weights(path) if given in known else read_start(path)
    _check_rows(tensors, path, given, requests, rows)
    check_finite(tensors, path)
    return given, path, tensors


def _taken_in(given: str, path: Path, tensors: Tensors) -> str:
    """The name of a checkpoint that was looked at, taken in where it is not yet."""
    return given if given in weight_files() else import_weights(path, tensors)


def _check_rows(
    tensors: Tensors, path: Path, given: str, requests: Sequence[Request], rows: list[Starting]
) -> None:
    """Raise ReproError, naming them, when rows cannot start from weights, or none would."""
    fitting: list[str] = []
    failed: list[str] = []
    why = ""
    tried: dict[tuple[Network, Skeleton], str] = {}
    for one in rows:
        if not one.takes:  # a backbone that starts from random weights whatever is given
            continue
        what = (one.network, one.skeleton)
        if what not in tried:
            tried[what] = _misfit(*what, tensors, path)
        (failed if tried[what] else fitting).append(one.row)
        why = why or tried[what]
    if failed and fitting:
        raise ReproError(
            f"START is {given}, which these rows cannot start from: {', '.join(failed)}. Give weights that fit, a start a "
            f"backbone as in START=w32=file,w48=file, or choose by ROW= those that can: {', '.join(fitting)}.\n{why}"
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


def _misfit(network: Network, skeleton: Skeleton, tensors: Tensors, path: Path) -> str:
    """Why a network cannot start from weights; '' when it can. It is built without values, which takes a moment only."""
    with torch.device("meta"):
        module = built(network, skeleton)
    try:
        check_fit(module, tensors, path)
    except ReproError as error:
        return str(error).removesuffix(f"\n{ADVICE}")
    return ""


def _starting_rows(requests: Sequence[Request]) -> Iterator[Starting]:
    """The rows that are trained, each once; those that are evaluated with given weights are not among them."""
    for request in requests:
        where = (request.paper, request.table)
        if counts_alone(*where):
            continue
        none = stand_in_data(request.data)  # no network needs it
        for (row, _), recipe in table_recipes(*where, request.scale, none, (0,), request.rows, "random").items():
            if row not in request.weights.rows:
                network, skeleton = recipe.method.network, table_skeleton(*where, request.data, request.skeleton)
                takes = takes_weights(network.backbone)
                word = (network.backbone.start_word if takes else None) or ""
                yield Starting(f"{row} of {request.title}", network, skeleton, word, takes)
