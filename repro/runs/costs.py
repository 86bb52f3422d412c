"""What trainings and evaluations cost, in seconds of one core or one GPU, roughly: so that one progress bar spans unlike rows.

An estimate orders the trainings and weighs them in the bar; no number of a result depends on it. It counts

- the multiply-adds of the network at the recipe's input, as ``metrics.counts`` does, once for a forward pass and three times
  for a step of training;
- the values that deformable convolutions look up, which those multiply-adds leave out and which take longer than they on a CPU;
- the pixels that are read, warped and, in training, turned into targets;
- the values of the keypoints' heatmaps, of which targets and losses are made: a third of the work for a whole body;
- the images that a bottom-up method groups.

Where steps were measured on the machine at hand (``runs.speeds``) their seconds take the place of the first four.

The constants were fitted to the trainings of tables at laptop scale in bfloat16, from 64x48 crops to whole images of 192x192 px,
on one core of an x86 server: half to twice the seconds that these took. Those of GPUs were fitted to trainings of HRNet-W32 at
256x192 and of the heatmap-guided network at 256x256 on an H200, images on the GPU, kernels started one by one
(``benchmarks/gpu.csv``); ``VALUE`` there is assumed.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from repro.approaches.base import approach_of
from repro.data.sample_set import SampleSet
from repro.metrics.counts import count_gflops
from repro.models.base import built
from repro.recipe import Network, Recipe
from repro.runs.run import Task, evaluated_together
from repro.runs.speeds import UNMEASURED, Speeds
from repro.skeletons.skeleton import Skeleton
from repro.support.foreign import code_of

MULTIPLY_ADDS = {"cpu": 9e10, "cuda": 2e13}  # a second, of a forward pass
LOOK_UPS = {"cpu": 8e8, "cuda": 1.2e10}  # values a second that deformable convolutions interpolate
STEP = 3  # forward passes that a step of training is worth
PIXEL = {"cpu": 3e-7, "cuda": 4e-9}  # s: a pixel read, warped and turned into targets
VALUE = {"cpu": 3e-8, "cuda": 3e-10}  # s: a value of a heatmap, in targets and loss
GROUPED = 0.01  # s: the people of one image
WRITTEN = 15.0  # s: a table's result folder, with its executed notebook


class Counted(Protocol):
    """The samples of runs, or what stands for them where only their numbers are known."""

    @property
    def train(self) -> SampleSet: ...

    @property
    def val(self) -> SampleSet: ...


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a task still costs; a bar goes on as crops are shown and as evaluation shows pixels to the network.

    Args:
        crops: the crops that are still to be shown in training.
        crop: seconds of each.
        pixels: the pixels that evaluation shows to the network.
        evaluation: seconds of it.
    """

    crops: int = 0
    crop: float = 0.0
    pixels: float = 0.0
    evaluation: float = 0.0

    @property
    def seconds(self) -> float:
        """Of training and evaluation."""
        return self.crops * self.crop + self.evaluation


class TaskProgress:
    """What one task reports, turned into seconds of its estimate.

    Args:
        cost: the cost of the task.
        add: is called with the seconds that were done since the last call.
    """

    def __init__(self, cost: Cost, add: Callable[[float], object]) -> None:
        self.cost = cost
        self._add = add
        self._begun = False
        self._trained = self._evaluated = 0.0

    def trained(self, crops: int) -> None:
        """Crops were shown. The first call tells those of an earlier session, which the cost leaves out."""
        if self._begun:
            self._trained = self._forward(self._trained, self._trained + crops * self.cost.crop, self._of_training)
        self._begun = True

    def evaluated(self, pixels: int) -> None:
        """Evaluation has shown so many pixels to the network."""
        share = pixels / self.cost.pixels if self.cost.pixels else 0.0
        done = self._evaluated + share * self.cost.evaluation
        self._evaluated = self._forward(self._evaluated, done, self.cost.evaluation)

    def complete(self) -> None:
        """The task is done, whatever was estimated."""
        self._trained = self._forward(self._trained, self._of_training, self._of_training)
        self._evaluated = self._forward(self._evaluated, self.cost.evaluation, self.cost.evaluation)

    @property
    def _of_training(self) -> float:
        return self.cost.crops * self.cost.crop

    def _forward(self, before: float, after: float, most: float) -> float:
        """Tell the seconds from before to after, which are ``most`` at most; returns these."""
        after = min(after, most)
        self._add(after - before)
        return after


def task_cost(task: Task, samples: Counted, kind: str, *, trained: bool = False, speeds: Speeds = UNMEASURED) -> Cost:
    """What is still to be done for a task.

    Args:
        task: the task, some of which may be done already.
        samples: the samples that it is done on.
        kind: the kind of the device, ``cpu`` or ``cuda``.
        trained: take it as trained, as where another task has the same training.
        speeds: the speeds of the machine at hand, where they were measured.
    """
    recipe, skeleton = task.training, samples.val.skeleton
    pixels, seconds = 0.0, 0.0
    for work in approach_of(recipe).work(evaluated_together(task), len(samples.val), len(samples.train)):
        pixels += work.pixels
        seconds += work.pixels * speeds.pixel(work.recipe, skeleton, shown_pixel_seconds(work.recipe, skeleton, kind))
        seconds += work.grouped * GROUPED * speeds.evaluation
    crop = speeds.crop(recipe, skeleton, crop_seconds(recipe, skeleton, kind))
    return Cost(crops=0 if trained else task.crops, crop=crop, pixels=pixels, evaluation=seconds)


def crop_seconds(recipe: Recipe, skeleton: Skeleton, kind: str) -> float:
    """Seconds of a crop, or an image, in training."""
    values = len(skeleton) / 16  # a pixel: maps are a quarter of the input wide and high
    pixel = STEP * pass_seconds(recipe, skeleton, kind) + PIXEL[kind] + values * VALUE[kind]
    return math.prod(recipe.input.size) * pixel


def shown_pixel_seconds(recipe: Recipe, skeleton: Skeleton, kind: str) -> float:
    """Seconds of a pixel that evaluation shows to the network."""
    return pass_seconds(recipe, skeleton, kind) + PIXEL[kind]


def pass_seconds(recipe: Recipe, skeleton: Skeleton, kind: str) -> float:
    """Seconds of a forward pass for each pixel of the input."""
    adds, look_ups = network_work(recipe.method.network, recipe.input.size, skeleton)
    return (adds / MULTIPLY_ADDS[kind] + look_ups / LOOK_UPS[kind]) / math.prod(recipe.input.size)


@lru_cache
def network_work(network: Network, size: tuple[int, int], skeleton: Skeleton) -> tuple[float, int]:
    """Multiply-adds of a forward pass for an input of (width, height), and values that deformable convolutions look up."""
    shaped = shaped_network(network, skeleton)
    with PlainNorm(), _LookUps() as looked, code_of(network, "when it is shown images"):
        adds = count_gflops(shaped, size, unit=1)
    return adds, looked.count


@lru_cache(maxsize=32)
def shaped_network(network: Network, skeleton: Skeleton) -> nn.Module:
    """A network without values, on the ``meta`` device: its shapes are all that an estimate asks of it."""
    with torch.device("meta"), _NoValues():
        return built(network, skeleton)


class _NoValues(TorchFunctionMode):
    """Leaves out, within the context, what gives tensors their first values: it takes longer than all else, and none is kept."""

    FILLING = (torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.fill_, torch.Tensor.zero_)

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func in self.FILLING or getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


class PlainNorm(TorchFunctionMode):
    """Within it batch norm is a product with its weight, which keeps maps of the same shapes and takes a fraction of the time."""

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        given = dict(zip(("input", "running_mean", "running_var", "weight"), args, strict=False)) | (kwargs or {})
        if func is F.batch_norm and given.get("weight") is not None:
            return given["input"] * given["weight"][:, None, None]
        return func(*args, **(kwargs or {}))


class _LookUps(TorchFunctionMode):
    """Counts what deformable convolutions look up within the context: for each pixel of the output a value for each input
    channel and each place of the kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func is torch.ops.torchvision.deform_conv2d:
            image, weight = args[:2]
            self.count += len(image) * image.shape[1] * math.prod(weight.shape[2:]) * math.prod(out.shape[2:])
        return out


def wall_seconds(seconds: Iterable[float], jobs: int) -> float:
    """How long tasks of so many seconds take side by side, begun in their order: each as fast as alone.

    Args:
        seconds: the seconds of each task.
        jobs: the number of jobs at once.
    """
    ends = [0.0] * max(1, jobs)
    for one in seconds:
        heapq.heapreplace(ends, ends[0] + one)
    return max(ends)
