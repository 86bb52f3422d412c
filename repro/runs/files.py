"""The files of runs: where they lie, and whether they are whole and belong to the run (see ``runs.run`` for what there is).

``run.json``, which completes a training, is sealed and holds the log and the checksums of all weights. An evaluation is sealed
and names its recipe, the checksum of the weights that it was made with, and that of its poses. A file that does not fit counts
as not there: it is made again, which one line on stderr says. Runs of before there were checksums are taken as they are where
nothing in them contradicts it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from repro import paths
from repro.errors import ReproError
from repro.recipe import Recipe
from repro.support import processes
from repro.support.sealed import Damaged, about_file, check_file, file_checksum, read_sealed, replacing, tell
from repro.training.checkpoints import (
    TRAINING,
    TRAINING_BEFORE,
    check_state,
    check_tensors,
    is_sealed,
    log_lines,
    parsed,
    snapshot_file,
)
from repro.training.loop import snapshot_epochs

EVALUATION = "evaluation"  # kind of sealed file
EVALUATION_BEFORE = ("recipe", "metrics", "curve")  # fields of such files before they were sealed
MODEL = "model.safetensors"


def folder(recipe: Recipe) -> Path:
    """Where the recipe's training lies, or will lie."""
    return paths.runs() / recipe.training_key


def partial_folder(recipe: Recipe) -> Path:
    """Where the recipe's training works until it is complete."""
    return paths.runs() / f"{recipe.training_key}.partial"


def evaluation_file(recipe: Recipe) -> Path:
    """The JSON of the recipe's evaluation; its poses lie beside it as ``.npz``."""
    return folder(recipe) / "evaluations" / f"{recipe.key}.json"


def read_training(recipe: Recipe) -> dict[str, Any]:
    """``environment``, ``seconds`` and ``log`` (values) of one complete training, a recipe's last stage.

    A sealed one has ``kind`` and ``files`` too, the lengths and checksums of its weights; the lengths are compared here.

    Raises:
        Damaged: when the training is not there, not complete, or damaged.
    """
    place = folder(recipe)
    about = read_sealed(place / "run.json", TRAINING, before=TRAINING_BEFORE, training=recipe.training_key)
    log = place / "log.jsonl"
    if "kind" in about:
        for name, one in about["files"].items():
            if name not in _final(recipe):
                check_file(place / name, one, deep=False, delete=place)
        lines = parsed(about["log"], log)
    else:
        lines = parsed(log_lines(log), log)
        if [line["epoch"] for line in lines] != [epoch + 1 for epoch in recipe.epochs]:
            raise Damaged(log, "is cut or that of another training", place)
    return {**about, "log": lines}


def is_trained(recipe: Recipe) -> bool:
    """Whether the recipe's training is complete; of the weights only the lengths are looked at."""
    return folder(recipe).exists() and _fits(read_training, recipe)


def is_intact(recipe: Recipe) -> bool:
    """Whether the recipe's training is complete and all its weights fit their checksums."""
    return is_trained(recipe) and _fits(snapshots_of_stage, recipe)


def _fits(look: Any, recipe: Recipe) -> bool:
    try:
        look(recipe)
    except Damaged as damaged:
        tell(damaged, "the training is made again")
        return False
    return True


def has_state(recipe: Recipe) -> bool:
    """Whether a run is complete and still has the state that another training goes on from."""
    if not is_trained(recipe):
        return False
    place = folder(recipe)
    try:
        pointer = check_state(place, recipe.training_key)
        if pointer is not None and pointer["epoch"] != recipe.epochs.stop:
            raise Damaged(place / "state.json", f"is of epoch {pointer['epoch']}, expected {recipe.epochs.stop}", place)
    except Damaged as damaged:
        tell(damaged, "the training is made again")
        return False
    return pointer is not None


def is_evaluated(recipe: Recipe) -> bool:
    """Whether the recipe's evaluation is complete, and the trainings that it is of."""
    if not evaluation_file(recipe).exists() or not all(is_trained(stage) for stage in recipe.stages):
        return False
    try:
        read_evaluation(recipe)
    except Damaged as damaged:
        tell(damaged, "the evaluation is made again")
        return False
    return True


def read_evaluation(recipe: Recipe) -> dict[str, Any]:
    """``metrics`` and ``curve`` of a complete evaluation.

    Raises:
        Damaged: when it is not there, damaged, or of other weights than the training's.
    """
    about, file = read_training(recipe), evaluation_file(recipe)
    poses = file.with_suffix(".npz")
    if "kind" in about:
        weights = about["files"][MODEL]["sum"]
        stored = read_sealed(file, EVALUATION, key=recipe.key, weights=weights)
    else:
        stored = read_sealed(file, EVALUATION, before=EVALUATION_BEFORE)
    if stored["recipe"] != json.loads(json.dumps(recipe.to_plain())):
        raise Damaged(file, "is of another recipe")
    if "kind" in stored:
        check_file(poses, stored["poses"])
    elif not poses.exists():
        raise Damaged(poses, "is not there", file)
    return stored


def _final(recipe: Recipe) -> tuple[str, str]:
    """The two files of a training's final weights, which are equal: relative to its folder."""
    return MODEL, f"snapshots/{snapshot_file(Path(), recipe.epochs.stop).name}"


def final_weights(recipe: Recipe) -> Path:
    """The file of a complete training's final weights: one of the two that it has of them.

    Raises:
        Damaged: when neither fits.
    """
    about, place, found = read_training(recipe), folder(recipe), []
    for name in _final(recipe):
        try:
            if "kind" in about:
                check_file(place / name, about["files"][name], delete=place)
            else:
                check_tensors(place / name, delete=place)
            found.append(place / name)
        except Damaged as damaged:
            lost = damaged
    if not found:
        raise lost
    if len({file_checksum(file) for file in found}) > 1:
        raise Damaged(found[-1], f"and {MODEL} hold different weights", place)
    return found[0]


def snapshots_of_stage(recipe: Recipe) -> list[tuple[Path, dict[str, float]]]:
    """The kept weights of one training in their order, each with the epochs and persons seen; the last are the final ones.

    Raises:
        Damaged: when one is not there or does not fit its checksum.
    """
    about, place = read_training(recipe), folder(recipe)
    seen = {line["epoch"]: line["persons"] for line in about["log"]}
    found = []
    for epoch in _kept_epochs(recipe, about):
        file = snapshot_file(place, epoch)
        if epoch == recipe.epochs.stop:
            file = final_weights(recipe)
        elif "kind" in about:
            check_file(file, about["files"][f"snapshots/{file.name}"], delete=place)
        else:
            check_tensors(file, delete=place)
        found.append((file, {"epoch": epoch, "persons": seen[epoch]}))
    return found


def _kept_epochs(recipe: Recipe, about: dict[str, Any]) -> list[int]:
    """The epochs, counted from 1, whose weights a complete training has, or had."""
    known = snapshot_epochs(recipe.epochs)
    if "kind" in about:
        known = {int(Path(name).stem.removeprefix("epoch-")) for name in about["files"] if name != MODEL}
    else:
        there = {int(f.stem[6:]) for f in (folder(recipe) / "snapshots").glob("epoch-*.safetensors")}
        if not there <= known:  # of when more or fewer were kept
            known = there | {recipe.epochs.stop}
    return sorted(known & {line["epoch"] for line in about["log"]})


def snapshots(recipe: Recipe) -> list[tuple[Path, dict[str, float]]]:
    """The kept weights of all stages in their order; see ``snapshots_of_stage``."""
    return [one for stage in recipe.stages for one in snapshots_of_stage(stage)]


def files_of(place: Path, kept: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What ``run.json`` says about the weights in a folder.

    Args:
        place: the folder.
        kept: length and checksum of the snapshots, of which the last equals the final weights.
    """
    return {MODEL: about_file(place / MODEL), **{f"snapshots/{name}": about for name, about in sorted(kept.items())}}


def _is_of_training(file: Path, recipe: Recipe) -> bool:
    """Whether a file holds the recipe of another row that has the same training, written as such files are."""
    try:
        text = file.read_text(encoding="utf-8")
        other = Recipe.from_plain(json.loads(text))
    except (ValueError, RecursionError, ReproError):
        return False
    return other.training_key == recipe.training_key and text == json.dumps(other.to_plain(), indent=1) + "\n"


def restore_text(recipe: Recipe) -> None:
    """Write ``log.jsonl`` and ``recipe.json`` of a complete training anew where they are not what ``run.json`` knows."""
    if not processes.leads() or not is_trained(recipe) or not is_sealed(folder(recipe)):
        return
    about = read_sealed(folder(recipe) / "run.json", TRAINING)
    whole = {
        "log.jsonl": "".join(f"{line}\n" for line in about["log"]),
        "recipe.json": json.dumps(recipe.to_plain(), indent=1) + "\n",
    }
    for name, text in whole.items():
        file = folder(recipe) / name
        try:
            if file.is_file() and (file.read_bytes() == text.encode() or _is_of_training(file, recipe)):
                continue
            tell(Damaged(file, "is lost or altered"), "it is written again")
            with replacing(file) as temporary:
                temporary.write_text(text, encoding="utf-8")
        except OSError:  # nothing reads it
            continue
