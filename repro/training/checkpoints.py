"""The state of an unfinished training: weights and Adam's moments as safetensors, counters as JSON, replaced as one.

The state is written to a new file that carries its epoch in its name; ``state.json`` then points to it in one atomic step,
so a kill at any moment leaves the former state or the new one, never a mixture.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file to write: it takes the place of ``path`` when it is whole and on the disk, else it is removed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n")


def save_state(folder: Path, epoch: int, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Keep what is needed to go on after ``epoch`` epochs."""
    tensors = {f"network.{k}": v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        for key, value in optimiser.state[parameter].items():
            tensors[f"optimiser.{key}.{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    file = folder / f"state-{epoch:05d}.safetensors"
    with replacing(file) as temporary:
        save_file(tensors, temporary)
    write_json(folder / "state.json", {"epoch": epoch, "file": file.name})
    for old in folder.glob("state-*.safetensors"):
        if old != file:
            old.unlink()


def load_state(folder: Path, network: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Restore the last state and return the number of finished epochs; 0 when there is none."""
    if not (folder / "state.json").exists():
        return 0
    state = json.loads((folder / "state.json").read_text())
    tensors = load_file(folder / state["file"])
    own = {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
    network.load_state_dict(own)
    for name, parameter in network.named_parameters():
        for key in ("step", "exp_avg", "exp_avg_sq"):
            value = tensors.get(f"optimiser.{key}.{name}")
            if value is None:  # no output uses the parameter, so it has never been moved
                continue
            if key != "step":
                value = torch.empty_like(parameter, memory_format=torch.preserve_format).copy_(value)
            optimiser.state[parameter][key] = value
    return int(state["epoch"])
