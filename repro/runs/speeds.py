"""What the machine at hand needs for a step of training and for evaluation: ``tables.measuring`` finds it, a cache keeps it.

``cache/speeds.json`` holds seconds by kind of machine (processor or GPU, version of torch, threads, native bfloat16) and by
step, with the time when they were measured. Kept ones are tried again before they are relied on (``tables.measuring``).
"""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from repro import paths
from repro.approaches.base import approach_of
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton
from repro.support import serial
from repro.support.environment import device_name, has_native_bfloat16
from repro.support.sealed import replacing


@dataclass(frozen=True)
class Speeds:
    """Seconds of steps that were measured; of others the estimate times what the measured ones took of theirs.

    Args:
        crops: seconds of a crop in training, by ``training_step``.
        pixels: seconds of a pixel of evaluation, loading and decoding included, by ``evaluation_step``.
        training: factor on the estimate of a crop that was not measured.
        evaluation: factor on the estimate of a pixel that was not measured.
        memory: bytes that training takes on a GPU at its peak, by ``training_step``.
    """

    crops: dict[str, float] = field(default_factory=dict)
    pixels: dict[str, float] = field(default_factory=dict)
    training: float = 1.0
    evaluation: float = 1.0
    memory: dict[str, int] = field(default_factory=dict)

    def crop(self, recipe: Recipe, skeleton: Skeleton, estimate: float) -> float:
        """Seconds of a crop in training."""
        return self.crops.get(training_step(recipe, skeleton), self.training * estimate)

    def pixel(self, recipe: Recipe, skeleton: Skeleton, estimate: float) -> float:
        """Seconds of a pixel of evaluation."""
        return self.pixels.get(evaluation_step(recipe, skeleton), self.evaluation * estimate)


UNMEASURED = Speeds()
AT = "at"  # beside the seconds of a step: when they were measured, in seconds since 1970; steps of one command share it


def training_step(recipe: Recipe, skeleton: Skeleton) -> str:
    """The identity of a step: everything of a recipe that its time depends on."""
    method, optimisation = recipe.method, recipe.optimisation
    parts = [serial.digest(part) for part in (method.network, method.encoder, recipe.loss, recipe.input)]
    return "-".join([*parts, skeleton.name, str(optimisation.batch), optimisation.precision])


def evaluation_step(recipe: Recipe, skeleton: Skeleton) -> str:
    """The identity of what evaluation does with a pixel. Whole images are grouped beside it, which their pixels do not tell."""
    parts = [serial.digest(part) for part in (recipe.method.network, recipe.input)]
    about = (skeleton.name, str(recipe.evaluation.flip), recipe.optimisation.precision)
    return "-".join([*parts, *about, *approach_of(recipe).pixel_settings(recipe)])


def machine_name(device: torch.device, threads: int) -> str:
    """What speeds are kept under: the processor or GPU, the version of torch, threads, and whether bfloat16 is native."""
    if device.type == "cuda":
        what = device_name(device)
    else:
        what = f"{_processor()} {os.environ.get('ONEDNN_MAX_CPU_ISA', '')}".strip() + f", {threads} threads"
    precision = "bfloat16" if has_native_bfloat16(device) else "float32"
    return f"{what}, torch {torch.__version__}, {precision}"


def _processor() -> str:
    """The processor's model, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def speeds_file() -> Path:
    """Where measured speeds are kept."""
    return paths.cache() / "speeds.json"


def read_speeds(machine: str) -> dict[str, dict[str, float]]:
    """What was measured on a machine, by step; nothing where the file is missing or damaged."""
    known = _read_all().get(machine)
    if not isinstance(known, dict):
        return {}
    return {step: seconds for step, seconds in known.items() if _is_sound(seconds)}


def _is_sound(seconds: Any) -> bool:
    return isinstance(seconds, dict) and all(isinstance(s, (int, float)) and 0 < s < math.inf for s in seconds.values())


def keep_speeds(machine: str, measured: dict[str, dict[str, float]], gone: Collection[str] = ()) -> None:
    """Add what was measured on a machine to the file, and leave steps out that are ``gone``. Raises OSError where it cannot be
    written."""
    known = _read_all()
    kept = {step: seconds for step, seconds in read_speeds(machine).items() if step not in gone}
    known[machine] = {**kept, **measured}
    speeds_file().parent.mkdir(parents=True, exist_ok=True)
    with replacing(speeds_file()) as temporary:
        temporary.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _read_all() -> dict[str, Any]:
    try:
        known = json.loads(speeds_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}
