"""Training steps on a GPU that is not there: PyTorch follows shapes and devices of tensors that hold nothing.

It refuses what a GPU would refuse, tensors of two devices in one operation, and cannot answer what a host would have to wait
for a GPU to answer: how many entries are not zero, or what a number is.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode

from repro.approaches.base import approach_of
from repro.approaches.bottom_up.approach import BOTTOM_UP
from repro.approaches.bottom_up.outputs import scene_outputs
from repro.approaches.top_down.predict import network_outputs
from repro.data.crops import normalise
from repro.encoders.parts import PartMap
from repro.losses.mixture_mask import MixtureMask
from repro.papers import PAPERS
from repro.papers.recipes import table_rows
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton
from repro.training.feed import map_size

GPU = torch.device("cuda")
WAITS = (DataDependentOutputException, DynamicOutputShapeException)


def kinds(networks: bool = False) -> list:
    """One row of a table for each way to put a method together, or for each network: kinds of parts, not their numbers."""
    seen, found = set(), []
    for paper in PAPERS:
        for number in sorted(table.number for table in PAPERS[paper].tables):
            table = table_rows(paper, number)
            for slug, row in (table.rows if table else {}).items():
                method = row.recipe.method
                parts = (method.encoder, method.network, method.network.backbone, method.loss, method.decoder)
                kind = (*map(type, parts), getattr(getattr(method.loss, "mask", None), "components", None))
                kind = kind[1:3] if networks else kind
                if kind not in seen:
                    seen.add(kind)
                    found.append(pytest.param(row.recipe, table.skeleton, id=f"{paper}-{number}-{slug}"))
    return found


def to_gpu(network: nn.Module) -> nn.Module:
    """The network with weights that hold nothing on the GPU; other tensors of it stay where they are, as with ``Module.to``."""

    def empty(value: Tensor) -> Tensor:
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=GPU)

    for module in network.modules():
        for name, value in list(module._parameters.items()):
            module._parameters[name] = None if value is None else nn.Parameter(empty(value))
        for name, value in list(module._buffers.items()):
            module._buffers[name] = None if value is None else empty(value)
    return network


def some_batch(recipe: Recipe, keypoints: int) -> dict[str, Tensor]:
    """A batch of two, on the CPU."""
    width, height = recipe.input.size
    generator = torch.Generator().manual_seed(0)

    def rand(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    if approach_of(recipe) is not BOTTOM_UP:
        batch = {"points": rand(2, keypoints, 2) * width, "labelled": torch.ones(2, keypoints)}
        if isinstance(recipe.method.encoder, PartMap):
            batch["parts"] = torch.zeros(2, height, width, dtype=torch.uint8)
        return batch
    stride = recipe.input.stride
    return {
        "points": rand(2, 3, keypoints, 2) * width,
        "labelled": torch.ones(2, 3, keypoints),
        "boxes": rand(2, 3, 4) * width / 2,
        "areas": 1000 + rand(2, 3),
        "segment_areas": 2000 + rand(2, 3),
        "present": torch.ones(2, 3, dtype=torch.bool),
        "mask": torch.ones(2, height // stride, width // stride),
    }


def on_gpu(values: dict[str, Tensor], mode: FakeTensorMode) -> dict[str, Tensor]:
    with mode:
        return {name: mode.from_tensor(value).to(GPU) for name, value in values.items()}


def targets_of(
    recipe: Recipe, size: tuple[int, int], samples: SimpleNamespace, mode: FakeTensorMode
) -> dict[str, Tensor]:
    """Made on the GPU; by encoders that ask it something, which ``Feed`` provides for, on the CPU."""
    batch = some_batch(recipe, len(samples.skeleton))
    try:
        with mode:
            return approach_of(recipe).targets(recipe, on_gpu(batch, mode), size, samples.skeleton)
    except WAITS:
        return on_gpu(approach_of(recipe).targets(recipe, batch, size, samples.skeleton), mode)


def asks_for_its_end(recipe: Recipe) -> bool:
    """Whether the loss fits a mixture until it changes no more, which the host has to ask for."""
    masks = [value for value in vars(recipe.method.loss).values() if isinstance(value, MixtureMask)]
    return any(mask.components > 1 and not mask.iterations for mask in masks)


@pytest.mark.parametrize(("recipe", "skeleton"), kinds())
def test_a_step_and_an_evaluation_are_possible_on_a_gpu(recipe: Recipe, skeleton: Skeleton):
    side = 128 if approach_of(recipe) is BOTTOM_UP else 64
    method = recipe.method.but(network=recipe.method.network.reduced())
    optimisation = replace(recipe.optimisation, precision="float32")
    recipe = recipe.but(method=method, input=replace(recipe.input, size=(side, side)), optimisation=optimisation)
    samples, mode = SimpleNamespace(skeleton=skeleton), FakeTensorMode(allow_non_fake_inputs=True)
    network = method.network.build(skeleton).to(memory_format=torch.channels_last).train()
    with mode:
        to_gpu(network)
        images = normalise(torch.zeros(2, side, side, 3, dtype=torch.uint8, device=GPU))
        outputs = {name: value.float() for name, value in network(images).items()}
    assert {value.device.type for value in outputs.values()} == {"cuda"}
    targets = targets_of(recipe, map_size(outputs), samples, mode)
    assert {value.device.type for value in targets.values()} == {"cuda"}
    with mode:
        if asks_for_its_end(recipe):
            with pytest.raises(WAITS):
                recipe.loss(outputs, targets)
        else:
            assert {value.device.type for value in recipe.loss(outputs, targets).values()} == {"cuda"}
    with mode, torch.no_grad():
        network.eval()
        if approach_of(recipe) is BOTTOM_UP:
            assert scene_outputs(network, images, recipe, skeleton)
        else:
            outputs = network_outputs(network, images, recipe, samples)
            with suppress(WAITS):  # evaluation may wait for its decoder
                points, scores = method.decoder(outputs)
                assert points.device.type == scores.device.type == "cuda"
