"""What the folder of runs takes on a disk, and how some of it is given back.

A training keeps its weights, for the learning curve weights of between (snapshots, the last of which are its final weights once
more), and what its evaluations found. A sealed training can do without its snapshots: rows that are evaluated with it later have
a learning curve of its end alone.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from repro import paths
from repro.errors import ReproError
from repro.recipe import Recipe
from repro.runs.files import MODEL
from repro.support.locks import is_held
from repro.support.sealed import Damaged, read_sealed, write_sealed
from repro.training.checkpoints import TRAINING, TRAINING_BEFORE, read_pointer

PARTIAL, REMOVED = ".partial", ".removed"


@dataclass(frozen=True)
class DiskRun:
    """A training on the disk.

    Args:
        place: its folder.
        sizes: bytes of ``weights``, ``snapshots``, ``evaluations``, of the ``state`` that a training goes on from, and ``rest``.
        recipe: the recipe of the training; None where it cannot be read.
        evaluations: keys of the recipes that were evaluated.
        seconds: the seconds that it took; of an unfinished one None.
        epochs: the epochs that have ended.
    """

    place: Path
    sizes: dict[str, int] = field(default_factory=dict)
    recipe: Recipe | None = None
    evaluations: tuple[str, ...] = ()
    seconds: float | None = None
    epochs: int = 0

    @property
    def key(self) -> str:
        """12 hex digits that name it."""
        return self.place.name.removesuffix(PARTIAL)

    @property
    def complete(self) -> bool:
        """Whether the training ended."""
        return not self.place.name.endswith(PARTIAL)

    @property
    def size(self) -> int:
        """All its bytes."""
        return sum(self.sizes.values())

    @property
    def locked(self) -> bool:
        """Whether a process works on it now."""
        lock = paths.runs() / f"{self.key}.lock"
        return lock.exists() and is_held(lock)

    @property
    def about(self) -> str:
        """Its recipe in a few words."""
        recipe = self.recipe
        if recipe is None:
            return "a recipe that this version does not read"
        method, (width, height) = recipe.method, recipe.input.size
        parts = "with ".join(f"{type(part).__name__} " for part in (method.network, method.loss)).strip()
        on = f" on {recipe.data.name}" if recipe.data else ""
        return f"{parts}{on}, {width}x{height}, seed {recipe.seed}"


def runs_on_disk() -> list[DiskRun]:
    """The trainings in the folder of runs, the largest first; folders that hold none are left out."""
    place = paths.runs()
    found = [_look(one) for one in place.iterdir() if _is_run(one)] if place.is_dir() else []
    return sorted(found, key=lambda run: (-run.size, run.place.name))


def other_bytes() -> int:
    """What lies in the folder of runs beside trainings: weights of warm starts, reports."""
    place = paths.runs()
    others = [one for one in place.iterdir() if not _is_run(one)] if place.is_dir() else []
    return sum(_size(one) for one in others)


def _is_run(place: Path) -> bool:
    return not place.name.startswith(".") and (place / "recipe.json").is_file()


def _look(place: Path) -> DiskRun:
    recipe, seconds, epochs = None, None, 0
    with suppress(OSError, ValueError, RecursionError, ReproError):
        recipe = Recipe.from_plain(json.loads((place / "recipe.json").read_text(encoding="utf-8")))
    with suppress(Damaged):
        if place.name.endswith(PARTIAL):
            pointer = read_pointer(place)
            epochs = int(pointer["epoch"]) if pointer else 0
        else:
            seconds = float(read_sealed(place / "run.json", TRAINING, before=TRAINING_BEFORE)["seconds"])
            epochs = recipe.epochs.stop if recipe else 0
    evaluations = tuple(sorted(file.stem for file in (place / "evaluations").glob("*.json")))
    return DiskRun(place, _sizes(place), recipe, evaluations, seconds, epochs)


def _sizes(place: Path) -> dict[str, int]:
    sizes = dict.fromkeys(("weights", "snapshots", "evaluations", "state", "rest"), 0)
    for one in place.iterdir():
        kind = one.name if one.name in sizes else "weights" if one.name == MODEL else "rest"
        sizes["state" if one.name.startswith("state") else kind] += _size(one)
    return sizes


def _size(place: Path) -> int:
    """Bytes of a file, or of the files below a folder; 0 for what has just gone."""
    with suppress(OSError):
        if not place.is_dir():
            return place.lstat().st_size
        return sum(_size(one) for one in place.iterdir())
    return 0


def spare_snapshots(run: DiskRun) -> list[Path]:
    """The snapshots that a training can do without: all of them once it is complete and sealed, and its weights are there."""
    if not run.complete:
        return []
    try:
        about = read_sealed(run.place / "run.json", TRAINING, before=TRAINING_BEFORE)
        whole = (run.place / MODEL).stat().st_size == about["files"][MODEL]["bytes"]
    except (Damaged, OSError, KeyError):  # KeyError: of before there were checksums
        return []
    return sorted((run.place / "snapshots").glob("*.safetensors")) if whole else []


def drop_snapshots(run: DiskRun) -> int:
    """Remove the snapshots of a complete training; ``run.json`` no longer names them. Returns the bytes that were freed."""
    spare = spare_snapshots(run)
    if not spare:
        return 0
    freed = sum(_size(file) for file in spare)
    about = read_sealed(run.place / "run.json", TRAINING)
    last = max(name for name in about["files"] if name != MODEL)  # the final weights once more: the model stands for it
    kept = {name: value for name, value in about["files"].items() if name in (MODEL, last)}
    write_sealed(run.place / "run.json", TRAINING, {**about, "files": kept})
    for file in spare:
        file.unlink(missing_ok=True)
    return freed


def remove_run(run: DiskRun) -> int:
    """Remove a training with its evaluations. Returns the bytes that were freed.

    It loses its name first, so that what a kill leaves of it is never taken for a run.
    """
    gone = run.place.with_name(f".{run.place.name}{REMOVED}")
    shutil.rmtree(gone, ignore_errors=True)
    run.place.rename(gone)
    shutil.rmtree(gone)
    return run.size


def remove_halves() -> None:
    """Remove what kills left of runs that were being removed."""
    for left in paths.runs().glob(f".*{REMOVED}"):
        shutil.rmtree(left, ignore_errors=True)
