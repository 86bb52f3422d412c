"""Which of several processes this is, as ``torchrun`` tells it by the environment, and how many threads it computes with."""

from __future__ import annotations

import os
import threading
import time

from repro.errors import ReproError


def rank() -> int:
    """The number of this process; 0 where there is one alone."""
    return _number("RANK", 0)


def count() -> int:
    """How many processes there are."""
    return _number("WORLD_SIZE", 1)


def local_rank() -> int:
    """The number of this process on its machine; 0 where there is one alone."""
    return _number("LOCAL_RANK", 0)


def _number(variable: str, default: int) -> int:
    given = os.environ.get(variable, "").strip() or str(default)
    if not given.isdecimal():
        raise ReproError(
            f"{variable} is {given!r}, expected a whole number as `torchrun` sets it: leave the variable out."
        )
    return int(given)


def check_started() -> None:
    """Raise ReproError when the environment tells of several processes in a way that they could not meet in."""
    here, of = rank(), count()
    if here >= of:
        raise ReproError(
            f"RANK is {here} and WORLD_SIZE is {of}, expected a RANK below WORLD_SIZE: start the processes with `torchrun`, or "
            "leave both variables out."
        )
    if of == 1:
        return
    local_rank()
    missing = [one for one in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(one, "").strip()]
    if missing:
        raise ReproError(
            f"WORLD_SIZE is {of} and {missing[0]} is not set: start the processes with `torchrun`, or leave WORLD_SIZE out."
        )
    if not 0 <= _number("MASTER_PORT", 0) < 2**16:
        raise ReproError(
            f"MASTER_PORT is {os.environ['MASTER_PORT']!r}, expected a number below 65536: start the processes with `torchrun`."
        )


def leads() -> bool:
    """Whether this process writes files and speaks."""
    return rank() == 0


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def take_one_thread() -> None:
    """Compute with one thread, for steps that do not depend on the machine's number of cores."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(0)


def end_with_parent() -> None:
    """End this process when the one that started it has ended, however."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
