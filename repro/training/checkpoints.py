"""The state of an unfinished training: weights and Adam's moments as safetensors, the rest as sealed JSON, replaced as one.

The state is written to a new file that carries its epoch in its name; ``state.json`` then points to it in one atomic step,
so a kill at any moment leaves the former state or the new one, never a mixture. ``state.json`` also holds the log up to that
epoch and the checksums of the tensors and of the snapshots, so that what lies beside it is known to belong to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from repro.support.sealed import (
    Damaged,
    about_file,
    check_file,
    read_sealed,
    replacing,
    write_json,
    write_sealed,
)

KIND = "state"
BEFORE = ("epoch", "file")  # the fields of ``state.json`` before it was sealed
TRAINING = "training"  # kind of the sealed ``run.json`` of a complete training
TRAINING_BEFORE = ("environment", "seconds")  # its fields before it was sealed


@dataclass
class Ledger:
    """What a training has left so far, beside its state.

    Args:
        training: the key of what is trained.
        log: the lines of its log, one an epoch of its last stage.
        snapshots: length and checksum of each snapshot by name (``epoch-00003.safetensors``), as ``about_file`` gives them.
    """

    training: str = ""
    log: list[str] = field(default_factory=list)
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)


def save_state(
    folder: Path, epoch: int, network: nn.Module, optimiser: torch.optim.Optimizer, ledger: Ledger | None = None
) -> None:
    """Keep what is needed to go on after ``epoch`` epochs."""
    ledger = ledger or Ledger()
    tensors = {f"network.{k}": v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        for key, value in optimiser.state[parameter].items():
            tensors[f"optimiser.{key}.{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    file = folder / f"state-{epoch:05d}.safetensors"
    with replacing(file) as temporary:
        save_file(tensors, temporary)
        about = about_file(temporary)
    pointer = {"epoch": epoch, "file": file.name, "tensors": about, **vars(ledger)}
    write_sealed(folder / "state.json", KIND, pointer)
    for old in folder.glob("state-*.safetensors"):
        if old != file:
            old.unlink()


def read_pointer(folder: Path, training: str | None = None) -> dict[str, Any] | None:
    """What ``state.json`` says; None where there is none.

    Args:
        folder: the folder of the training.
        training: the key that it has to be of; None for any.

    Raises:
        Damaged: when it does not fit.
    """
    file = folder / "state.json"
    if not file.exists():
        return None
    identity = {} if training is None else {"training": training}
    pointer = read_sealed(file, KIND, before=BEFORE, **identity)
    if type(pointer["epoch"]) is not int or Path(str(pointer["file"])).name != pointer["file"]:
        raise Damaged(file, "does not say which state it is of")
    return pointer


def check_state(folder: Path, training: str, *, deep: bool = True) -> dict[str, Any] | None:
    """What ``state.json`` says, after a look at the tensors that it names; None where there is none.

    Args:
        folder: the folder of the training, which is what is to be deleted where something does not fit.
        training: its key.
        deep: whether the tensors are read; else their length alone is compared.

    Raises:
        Damaged: when anything does not fit.
    """
    pointer = read_pointer(folder, training)
    if pointer is not None:
        tensors = folder / pointer["file"]
        if "kind" in pointer:
            check_file(tensors, pointer["tensors"], deep=deep, delete=folder)
        else:
            check_tensors(tensors, delete=folder)
    return pointer


def check_tensors(path: Path, delete: Path | None = None) -> None:
    """Look whether a safetensors file of which nothing is known is there and whole. Raises Damaged when it is not."""
    try:
        with safe_open(path, framework="pt"):
            pass
    except FileNotFoundError:
        raise Damaged(path, "is not there", delete) from None
    except (OSError, SafetensorError, ValueError) as error:
        raise Damaged(path, f"is no whole safetensors file ({error})", delete) from error


def load_state(folder: Path, network: nn.Module, optimiser: torch.optim.Optimizer, training: str | None = None) -> int:
    """Restore the last state and return the number of finished epochs; 0 when there is none.

    Args:
        folder: the folder of the training.
        network: the network whose weights are restored.
        optimiser: the optimiser whose moments are restored.
        training: the key that the state has to be of; None for any.

    Raises:
        Damaged: when a file of the state does not fit.
    """
    pointer = read_pointer(folder, training)
    if pointer is None:
        return 0
    file = folder / pointer["file"]
    if "tensors" in pointer:
        check_file(file, pointer["tensors"], delete=folder)
    try:
        tensors = load_file(file)
        own = {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
        network.load_state_dict(own)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise Damaged(file, f"does not hold the state of this training ({type(error).__name__})", folder) from error
    for name, parameter in network.named_parameters():
        for key in ("step", "exp_avg", "exp_avg_sq"):
            value = tensors.get(f"optimiser.{key}.{name}")
            if value is None:  # no output uses the parameter, so it has never been moved
                continue
            if key == "step":
                value = value.to(parameter.device)  # fused Adam counts where the parameter is
            else:
                value = torch.empty_like(parameter, memory_format=torch.preserve_format).copy_(value)
            optimiser.state[parameter][key] = value
    return int(pointer["epoch"])


def open_ledger(folder: Path, training: str, epochs: range, snapshots: Iterable[int]) -> Ledger:
    """What an unfinished training has left that belongs to its state; all of it is looked at.

    Args:
        folder: the folder of the training.
        training: its key.
        epochs: the epochs of its last stage, counted from 0 over all stages.
        snapshots: the epochs, counted from 1, after which weights are kept.

    Raises:
        Damaged: when a file does not fit; the folder has to go then.
    """
    pointer = check_state(folder, training)
    if pointer is None:
        return Ledger(training)
    done = range(epochs.start, pointer["epoch"])
    if "kind" in pointer:
        ledger = Ledger(training, pointer["log"], pointer["snapshots"])
    else:
        ledger = Ledger(training, log_lines(folder / "log.jsonl")[: len(done)])
        for epoch in sorted(set(snapshots) & {n + 1 for n in done}):
            file = snapshot_file(folder, epoch)
            check_tensors(file, delete=folder)
            ledger.snapshots[file.name] = about_file(file)
    if [line["epoch"] for line in parsed(ledger.log, folder / "log.jsonl")] != [n + 1 for n in done]:
        raise Damaged(folder / "log.jsonl", "is not that of the state beside it", folder)
    for name, about in ledger.snapshots.items():
        check_file(folder / "snapshots" / name, about, delete=folder)
    return ledger


def snapshot_file(folder: Path, epoch: int) -> Path:
    """Where the weights after ``epoch`` epochs are kept, counted from 1."""
    return folder / "snapshots" / f"epoch-{epoch:05d}.safetensors"


def log_lines(path: Path) -> list[str]:
    """The lines of a log as they stand there; none where there is no file. Raises Damaged when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    except (OSError, ValueError) as error:
        raise Damaged(path, f"cannot be read ({error})", path.parent) from error


def parsed(lines: Iterable[str], path: Path) -> list[dict[str, Any]]:
    """The lines of the log ``path`` as values. Raises Damaged for a line that is none."""
    try:
        values = [json.loads(line) for line in lines]
    except ValueError as error:
        raise Damaged(path, "holds a line that is cut", path.parent) from error
    if not all(isinstance(value, dict) and {"epoch", "persons", "seconds"} <= set(value) for value in values):
        raise Damaged(path, "holds a line that is none of a log", path.parent)
    return values


__all__ = ["Ledger", "load_state", "open_ledger", "replacing", "save_state", "write_json"]


def is_sealed(place: Path) -> bool:
    """Whether a run's folder was completed since there are checksums, so that all its files must have one."""
    try:
        return "kind" in read_sealed(place / "run.json", TRAINING, before=TRAINING_BEFORE)
    except Damaged:
        return False
