"""What trainings would cost on GPUs that are not here: hours and memory, from the networks' multiply-adds and their activations.

A GPU is taken to do its printed peak times ``ASSUMED`` operations a second, but no more than the whole training loop was measured
to do on an H200 in bfloat16 (``benchmarks/gpu.csv``, ``loop`` cases, kernels started one by one): there the kernels are waited
for, whatever the GPU. Float32, which the papers' recipes compute in, was never measured. Take hours as right to a factor of two.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch

from repro import paths
from repro.approaches.base import approach_of
from repro.errors import choice_error
from repro.recipe import Network, Recipe
from repro.runs.costs import STEP, PlainNorm, network_work, shaped_network, task_cost
from repro.runs.schedule import pending_tasks
from repro.skeletons.skeleton import Skeleton
from repro.support.options import split_parts
from repro.tables.request import PlannedTable

ASSUMED = {"crops": 0.35, "images": 0.2}  # of a GPU's peak; whole images have deformable convolutions, larger targets
MOST = {"crops": 3.5e13, "images": 1.1e13}  # operations a second, where the file of measurements is not at hand
MEASURED = {"crops": "w32", "images": "hgr"}  # the network whose loop was measured
HALVED = 0.7  # what bfloat16 leaves of the bytes of activations: some stay in float32
STATES = 4  # values of float32 a parameter: itself, its gradient, Adam's two moments
GROUPED_ON = "cpu"  # people are grouped there, which is left out


@dataclass(frozen=True)
class GPU:
    """A GPU as its maker prints it.

    Args:
        name: the name as it is written.
        float32: operations a second, without TensorFloat-32.
        bfloat16: operations a second of dense matrices; None where it has none, so that float32 stands in.
        memory: bytes.
    """

    name: str
    float32: float
    bfloat16: float | None
    memory: float

    def peak(self, recipe: Recipe) -> float:
        """Operations a second at most, in what a recipe computes in on it."""
        return self.bfloat16 if self.bfloat16 and recipe.optimisation.precision == "bfloat16" else self.float32


GPUS = {
    gpu.name.lower(): gpu
    for gpu in (
        GPU("H200", 67e12, 989e12, 141e9),
        GPU("H100", 67e12, 989e12, 80e9),
        GPU("A100", 19.5e12, 312e12, 80e9),
        GPU("L40S", 91.6e12, 362e12, 48e9),
        GPU("RTX4090", 82.6e12, 165e12, 24e9),
        GPU("RTX3090", 35.6e12, 71e12, 24e9),
        GPU("V100", 15.7e12, None, 32e9),
    )
}
SHOWN = "H200,A100,RTX4090,V100"  # where none is named


def parse_gpus(text: str) -> list[GPU]:
    """GPUs by name, separated by commas. Raises ReproError for an unknown one."""
    found = []
    for name in split_parts(text or SHOWN):
        if name.lower() not in GPUS:
            raise choice_error("GPU", name, [gpu.name for gpu in GPUS.values()])
        found.append(GPUS[name.lower()])
    return found


@dataclass(frozen=True)
class Pending:
    """A training, and its evaluation, that is still to be made.

    Args:
        recipe: the recipe of the training.
        skeleton: the skeleton of its keypoints.
        crops: the crops that are still to be shown in training.
        pixels: the pixels that evaluation shows to the network.
    """

    recipe: Recipe
    skeleton: Skeleton
    crops: int
    pixels: float

    @property
    def kind(self) -> str:
        """``crops`` of persons, or whole ``images``."""
        return approach_of(self.recipe).shown

    @property
    def operations(self) -> float:
        """Of all its steps and of its evaluation: two a multiply-add."""
        adds, _ = network_work(self.recipe.method.network, self.recipe.input.size, self.skeleton)
        return 2 * adds * (STEP * self.crops + self.pixels / math.prod(self.recipe.input.size))

    def hours(self, gpu: GPU) -> float:
        """On one GPU."""
        rate = min(ASSUMED[self.kind] * gpu.peak(self.recipe), most_operations()[self.kind])
        return self.operations / rate / 3600

    @property
    def memory(self) -> float:
        """Bytes that a step takes on one GPU, about: activations that the backward pass needs, and what Adam keeps."""
        activations, parameters = step_bytes(self.recipe.method.network, self.recipe.input.size, self.skeleton)
        low = self.kind == "crops" and self.recipe.optimisation.precision == "bfloat16"
        return (HALVED if low else 1) * activations * self.recipe.optimisation.batch + parameters


def pending_work(tables: Iterable[PlannedTable]) -> list[list[Pending]]:
    """What is still to be made for each table, what it shares with those before it left out."""
    found, made, trained = [], set(), set()
    for table in tables:
        tasks = pending_tasks(recipe for recipe in table.recipes.values() if recipe.key not in made)
        own = []
        for task in tasks:
            cost = task_cost(task, table.counted, GROUPED_ON, trained=task.training.training_key in trained)
            own.append(Pending(task.training, table.counted.val.skeleton, cost.crops, cost.pixels))
        made |= {recipe.key for task in tasks for recipe in task.evaluated}
        trained |= {task.training.training_key for task in tasks}
        found.append(own)
    return found


@lru_cache
def most_operations() -> dict[str, float]:
    """Operations a second of the training loop, where it was measured in bfloat16."""
    file, found = paths.ROOT / "benchmarks" / "gpu.csv", dict(MOST)
    if file.exists():
        with file.open(newline="", encoding="utf-8") as lines:
            known = [one for one in csv.DictReader(lines) if one["share_of_peak"] and one["state"] == "measured"]
        for kind, network in MEASURED.items():
            for one in known:
                if (one["kind"], one["network"], one["mode"], one["side_by_side"]) == ("loop", network, "eager", "1"):
                    peaks = [gpu.bfloat16 for gpu in GPUS.values() if gpu.name in one["device"] and gpu.bfloat16]
                    found[kind] = float(one["share_of_peak"]) * peaks[0] if peaks else found[kind]
    return found


@lru_cache
def step_bytes(network: Network, size: tuple[int, int], skeleton: Skeleton) -> tuple[float, float]:
    """Bytes in float32 that one input keeps for the backward pass, and those of parameters, gradients and moments.

    Shapes alone are computed (on the ``meta`` device); a storage that several operations keep counts once.

    Args:
        network: the network to be trained.
        size: (width, height) of the input.
        skeleton: the skeleton of its keypoints.
    """
    built = shaped_network(network, skeleton).train()
    images = torch.zeros(2, 3, size[1], size[0], device="meta")  # batch norm needs two
    own = {one.untyped_storage()._cdata for one in (*built.parameters(), *built.buffers())}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage  # held, so that its address is not given to another
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), PlainNorm():
        built(images)
    parameters = sum(one.numel() * one.element_size() for one in built.parameters())
    return sum(one.nbytes() for one in kept.values()) / 2, STATES * parameters


def hours_text(pending: Sequence[Pending], gpus: Sequence[GPU]) -> str:
    """As ``A100 12 h, V100 15 h``."""
    return ", ".join(f"{gpu.name} {said_hours(sum(one.hours(gpu) for one in pending))}" for gpu in gpus)


def memory_text(pending: Sequence[Pending], gpus: Sequence[GPU]) -> str:
    """The memory of the largest training, and on which GPUs its batch has to be shared; '' where all is evaluated alone."""
    trained = [one for one in pending if one.crops]
    if not trained:
        return ""
    most = max(one.memory for one in trained)
    small = [f"{math.ceil(most / gpu.memory)} {gpu.name}" for gpu in gpus if most > gpu.memory]
    shared = f", a batch shared by {', '.join(small)}" if small else ""
    return f"up to {most / 1e9:.0f} GB of GPU memory a training{shared}"


def said_hours(hours: float) -> str:
    """As ``under 0.1 h``, ``0.2 h``, ``35 h`` or ``1,250 h``."""
    if hours < 0.05:
        return "under 0.1 h"
    return f"{hours:.1f} h" if hours < 10 else f"{hours:,.0f} h"


def basis_text(pending: Sequence[Pending]) -> str:
    """What GPU-hours rest on."""
    kinds = list(dict.fromkeys(one.kind for one in pending))
    shares = " and ".join(f"{ASSUMED[kind]:.0%} on {kind}" for kind in kinds)
    most = " and ".join(f"{most_operations()[kind] / 1e12:.0f} on {kind}" for kind in kinds)
    return (
        f"GPU-hours are assumed, to a factor of two: the networks' multiply-adds at {shares} of a GPU's peak in the recipe's "
        f"precision (float32 without TensorFloat-32), at most the 10^12 operations a second that the training loop was measured "
        f"to do on an H200 in bfloat16 ({most}; benchmarks/gpu.csv). Loading images and grouping people come on top."
    )
