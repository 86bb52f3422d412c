"""What a number was computed with: versions, device, threads, and the state of the code."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from repro import paths

PACKAGES = ("torch", "torchvision", "numpy", "opencv-python-headless", "pycocotools", "pandas", "seaborn", "papermill")


def code_state() -> dict[str, Any]:
    """The git commit of the checkout and whether tracked or new files differ from it; None for both outside a checkout."""
    try:
        commit = _git("rev-parse", "HEAD")
        changes = _git("status", "--porcelain", "--", ".", ":!results")
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(changes)}


def known_to_git(folder: Path) -> set[str]:
    """The files below a folder that git tracks or has staged, relative to it; none outside a checkout."""
    try:
        return set(filter(None, _git("ls-files", "-z", cwd=folder).split("\0")))
    except (OSError, subprocess.CalledProcessError):
        return set()


def _git(*arguments: str, cwd: Path = paths.ROOT) -> str:
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}


def device_name(device: torch.device) -> str:
    """The GPU's name, or the machine's kind of processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU"


def describe(device: torch.device, world_size: int = 1) -> dict[str, Any]:
    """Everything of the above for a manifest."""
    return {
        **code_state(),
        "versions": versions(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "processes": world_size,
    }
