"""Which of several processes this is, as ``torchrun`` tells it by the environment, and how many threads it computes with."""

from __future__ import annotations

import os


def rank() -> int:
    """The number of this process; 0 where there is one alone."""
    return int(os.environ.get("RANK", "0"))


def count() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leads() -> bool:
    """Whether this process writes files and speaks."""
    return rank() == 0


def take_one_thread() -> None:
    """Compute with one thread, for steps that do not depend on the machine's number of cores."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(0)
