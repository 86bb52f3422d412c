"""Training on several processes started by ``torchrun``; a single process needs nothing of this.

The recipe's batch is the batch over all processes: each takes its share, gradients are averaged, and the learning rate stays
as it is. BatchNorm counts each process's share on its own, as the papers' multi-GPU training does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed as dist

from repro.errors import ReproError
from repro.support import processes
from repro.training.device import Compiled


@dataclass(frozen=True)
class World:
    """This process's place: its rank, the number of processes, its device, the trainings side by side on that, and how a
    network's kernels are started there (``training.device``)."""

    rank: int
    size: int
    device: torch.device
    sharing: int = 1
    compiled: Compiled = "off"

    @property
    def leads(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The mean of a tensor over all processes, the same on each."""
        if self.size > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value / self.size


def choose_device(name: str) -> torch.device:
    """``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:1``. Raises ReproError for one that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ReproError(f"Unknown device {name!r}: choose auto, cpu, cuda or cuda:<number>.") from None
    if device.type not in ("cpu", "cuda"):
        raise ReproError(f"Device {name!r} is not supported: choose auto, cpu, cuda or cuda:<number>.")
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise ReproError(
            f"Device {name!r} is not on this machine, which has {torch.cuda.device_count()} GPUs: choose cpu."
        )
    return device


def join_world(device: str, compiled: Compiled = "off") -> World:
    """Join the processes that ``torchrun`` started, if it did: NCCL on GPUs, gloo on CPUs. Raises ReproError."""
    processes.check_started()
    size = processes.count()
    chosen = choose_device(device)
    if size == 1:
        return World(0, 1, chosen, compiled=compiled)
    if chosen.type == "cuda":
        chosen = torch.device("cuda", processes.local_rank())
        torch.cuda.set_device(chosen)
    if not dist.is_initialized():
        # The others wait while the first evaluates, or while a process elsewhere makes the run: hours, not NCCL's 10 minutes.
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=timedelta(days=1))
    return World(dist.get_rank(), size, chosen, compiled=compiled)


def share_of_batch(batch: int, world: World) -> int:
    """The persons each process sees a step. Raises ReproError when the batch does not divide evenly."""
    if batch % world.size:
        raise ReproError(
            f"A batch of {batch} persons cannot be shared by {world.size} processes: start a number of them that divides it."
        )
    return batch // world.size
