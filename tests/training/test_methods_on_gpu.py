"""Every kind of method on a GPU: maps, targets, loss, gradient and decoded points are those of the CPU.

The comparisons run on the CPU with itself too, so that nothing in them is tried on a GPU for the first time.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from repro.approaches.base import approach_of
from repro.approaches.bottom_up.approach import BOTTOM_UP
from repro.approaches.bottom_up.outputs import scene_outputs
from repro.approaches.top_down.predict import network_outputs
from repro.encoders.gaussian import gaussian_heatmaps
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton
from repro.training.device import compile_network, prepare
from repro.training.feed import map_size
from repro.training.precision import autocast

from .test_fake_gpu import kinds, some_batch

DEVICES = [pytest.param("cpu"), pytest.param("cuda", marks=pytest.mark.cuda)]
CLOSE = 1e-3  # of the largest value of a tensor: float32 through some hundred layers
CPU = torch.device("cpu")


def moved(values: dict[str, Tensor], device: str) -> dict[str, Tensor]:
    return {name: value.to(device) for name, value in values.items()}


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor], share: float = 0.0) -> None:
    """Equal to ``CLOSE``, but for a share of the entries: those where a comparison of two numbers has turned over."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        own, value = found[name].detach().double().cpu(), value.detach().double()
        assert own.shape == value.shape, name
        scale = max(float(value.abs().max()), 1e-6) if value.numel() else 1.0
        far = (own - value).abs() > CLOSE * scale
        assert far.double().mean() <= share if value.numel() else True, (
            f"{name}: {(own - value).abs().max()} of {scale}"
        )


def gradients(recipe: Recipe, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> tuple[dict, dict]:
    """Loss terms, and their sum's gradient by each output."""
    outputs = {name: value.detach().clone().requires_grad_() for name, value in outputs.items()}
    terms = recipe.loss(outputs, targets)
    found = torch.autograd.grad(terms["loss"], list(outputs.values()), allow_unused=True)
    return terms, {name: value for name, value in zip(outputs, found, strict=True) if value is not None}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("recipe", "skeleton"), kinds())
def test_a_method_computes_on_a_gpu_what_it_computes_on_a_cpu(recipe: Recipe, skeleton: Skeleton, device: str):
    side = 128 if approach_of(recipe) is BOTTOM_UP else 64
    method = recipe.method.but(network=recipe.method.network.reduced())
    optimisation = replace(recipe.optimisation, precision="float32")
    recipe = recipe.but(method=method, input=replace(recipe.input, size=(side, side)), optimisation=optimisation)
    samples = SimpleNamespace(skeleton=skeleton)
    prepare(torch.device(device))
    try:
        compare(recipe, samples, side, device)
    finally:
        prepare(CPU)


def compare(recipe: Recipe, samples: SimpleNamespace, side: int, device: str) -> None:
    torch.manual_seed(0)
    network = recipe.method.network.build(samples.skeleton).eval()
    images = torch.randn(2, side, side, 3).permute(0, 3, 1, 2)

    def shown() -> dict[str, Tensor]:
        place = next(network.parameters()).device
        with torch.no_grad():
            if approach_of(recipe) is BOTTOM_UP:
                return scene_outputs(network, images.to(place), recipe, samples.skeleton)
            return network_outputs(network, images.to(place), recipe, samples)

    with torch.no_grad():
        outputs = {name: value.float().contiguous() for name, value in network(images).items()}
    evaluated = shown()
    network.to(device, memory_format=torch.channels_last)
    assert_close(shown(), evaluated)
    size = map_size(outputs)
    batch = some_batch(recipe, len(samples.skeleton))
    targets = approach_of(recipe).targets(recipe, batch, size, samples.skeleton)
    assert_close(approach_of(recipe).targets(recipe, moved(batch, device), size, samples.skeleton), targets, share=1e-4)
    terms, gradient = gradients(recipe, outputs, targets)
    found_terms, found_gradient = gradients(recipe, moved(outputs, device), moved(targets, device))
    assert_close(found_terms, terms)
    assert_close(found_gradient, gradient, share=1e-4)
    if approach_of(recipe) is not BOTTOM_UP:  # people are grouped on the CPU, whatever the network's device
        points = 2 + torch.rand(2, len(samples.skeleton), 2) * (torch.tensor(size) - 5)
        evaluated["heatmaps"] = gaussian_heatmaps(points, size, 1.5, truncated=False)
        decoded = dict(zip(("points", "scores"), recipe.method.decoder(evaluated), strict=True))
        assert_close(
            dict(zip(("points", "scores"), recipe.method.decoder(moved(evaluated, device)), strict=True)), decoded
        )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("recipe", "skeleton"), kinds(networks=True))
def test_a_recorded_network_has_the_gradient_of_itself(recipe: Recipe, skeleton: Skeleton, device: str):
    """Whether it can be recorded or not; of those that cannot a warning tells."""
    torch.manual_seed(0)
    plain = recipe.method.network.reduced().build(skeleton).to(device, memory_format=torch.channels_last).train()
    recorded = copy.deepcopy(plain)
    side = 128 if approach_of(recipe) is BOTTOM_UP else 64
    images = torch.randn(2, side, side, 3, device=device).permute(0, 3, 1, 2)
    recipe = recipe.but(optimisation=replace(recipe.optimisation, precision="bfloat16"))
    prepare(torch.device(device))
    try:
        compiled = compile_network(recorded, recipe, torch.zeros_like(images), "auto")
        if compiled == "off" and device == "cuda":
            warnings.warn(f"{type(recipe.method.network).__name__} is not recorded", stacklevel=1)
        found = {}
        for name, network in (("plain", plain), ("recorded", recorded)):
            with autocast(recipe, torch.device(device)):
                outputs = network(images)
            sum(value.float().square().mean() for value in outputs.values()).backward()
            grads = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
            found[name] = torch.cat([grad.flatten().float() for grad in grads])
    finally:
        prepare(CPU)
    assert found["plain"].abs().sum() > 0
    assert torch.cosine_similarity(found["plain"], found["recorded"], dim=0) > 0.99
    assert 0.98 < found["plain"].norm() / found["recorded"].norm() < 1.02
