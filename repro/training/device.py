"""How a GPU computes: what float32 means there, which algorithms it may choose, and how its kernels are started.

On a GPU ``float32`` is float32: TensorFloat-32, which drops 13 of its 23 bits, is off for convolutions and matrix products. It
is on for matrix products within a network that computes in bfloat16, whose deformable convolutions sample in float32: their
products are then still more precise than all others. Algorithms are deterministic where there are such (a warning names the
others), and cuDNN does not time algorithms against each other (``benchmark``): the winner would differ from run to run, and so
would numbers.

A step of an HRNet starts some thousands of kernels, and starting them takes a GPU longer than computing them. ``graphs`` records
the network's forward and backward pass once and starts them as a whole: the same kernels, the same numbers. ``inductor`` is
``torch.compile``: other kernels, numbers that differ by rounding, and minutes of compiling for a large network.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn

from repro.errors import ReproError, choice_error
from repro.recipe import Recipe
from repro.support.memory import keep_freed_memory
from repro.training.precision import autocast, computed_precision

Compiled = Literal["off", "auto", "graphs", "inductor"]
ALIKE = 0.99  # cosine of the angle between gradients that differ by rounding alone


def checked_compiled(value: str) -> Compiled:
    """One of ``Compiled``; ``1`` is ``auto`` and ``0`` is ``off``. Raises ReproError for another value."""
    value = {"1": "auto", "0": "off", "": "off"}.get(value, value)
    if value not in get_args(Compiled):
        raise choice_error("way to start a network's kernels (COMPILE)", value, get_args(Compiled))
    return cast(Compiled, value)


def prepare(device: torch.device) -> None:
    """Set what the module says about algorithms and float32; of a CPU deterministic algorithms, and memory that is kept."""
    on_gpu = device.type == "cuda"
    prepare_evaluation(device)
    if on_gpu:
        # cuBLAS is deterministic with a workspace of its own
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=on_gpu)
    cast(Any, torch.utils.deterministic).fill_uninitialized_memory = False  # a debugging aid that costs a tenth of a training


def prepare_evaluation(device: torch.device) -> None:
    """Let float32 be float32 on a GPU, and memory be kept that a CPU's tensors leave."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    else:
        keep_freed_memory()


def about_gpu(device: torch.device, compiled: Compiled) -> dict[str, str]:
    """What a run's manifest says of the above; nothing on a CPU."""
    if device.type != "cuda":
        return {}
    return {"tensor_float_32": "matrix products within bfloat16 networks", "compile": compiled}


@contextmanager
def network_products(recipe: Recipe, device: torch.device) -> Iterator[None]:
    """Within it matrix products in float32 are what a network of the recipe may have on the device."""
    if device.type != "cuda" or computed_precision(recipe, device) == "float32":
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def compile_network(network: nn.Module, recipe: Recipe, images: Tensor, compiled: Compiled) -> Compiled:
    """Let a network in training start its kernels in another way, for batches of one size; its weights keep their names.

    Where that fails, or the gradient of a batch of noise is another one then, a line on stderr says so and the network stays as
    it was. On an H200 recorded heatmap-guided networks failed that comparison; why is not known.

    Args:
        network: the network on its device, in training mode.
        recipe: the recipe, for its precision.
        images: (B, 3, H, W) normalised, a batch as all others will be.
        compiled: ``auto`` is ``graphs`` on a GPU and ``off`` on a CPU.

    Returns:
        ``off``, ``graphs`` or ``inductor``: what the network does now.
    """
    on_gpu = images.device.type == "cuda"
    compiled = ("graphs" if on_gpu else "off") if compiled == "auto" else compiled
    if compiled == "off":
        return compiled
    if compiled == "graphs" and not on_gpu:
        _say("CUDA graphs need a GPU")
        return "off"
    before = {name: value.clone() for name, value in network.named_buffers()}
    try:
        expected = _gradient(network, recipe, images)
        with network_products(recipe, images.device):
            (_record if compiled == "graphs" else _compile)(network, recipe, images)
        found = _gradient(network, recipe, images)
        if not torch.cosine_similarity(expected, found, dim=0) > ALIKE:
            raise ReproError("gradients are not those that it had before")
    except Exception as error:  # whatever a compiler or a driver raises: the network computes without
        network.__dict__.pop("forward", None)  # what recording puts in place of the class's method
        network._compiled_call_impl = None
        _say(
            f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no reason given'}"
        )
        compiled = "off"
    with torch.no_grad():  # passes that were made to record or to compile have moved the means of batch normalisations
        for name, value in network.named_buffers():
            value.copy_(before[name])
    network.zero_grad(set_to_none=True)
    return compiled


def _gradient(network: nn.Module, recipe: Recipe, like: Tensor) -> Tensor:
    """The gradient of all parameters, for a batch of noise of the shape of ``like``."""
    noise = torch.randn(like.shape, generator=torch.Generator().manual_seed(0)).to(like)
    network.zero_grad(set_to_none=True)
    with autocast(recipe, like.device), network_products(recipe, like.device):
        outputs = network(noise.contiguous(memory_format=torch.channels_last))
    sum(value.float().square().mean() for value in outputs.values()).backward()
    gradients = [p.grad.flatten().float() for p in network.parameters() if p.grad is not None]
    return torch.cat(gradients).clone()


def _record(network: nn.Module, recipe: Recipe, images: Tensor) -> None:
    """Record forward and backward pass as CUDA graphs."""
    context = autocast(recipe, images.device)
    if isinstance(context, torch.autocast):
        context = torch.autocast(
            images.device.type, dtype=torch.bfloat16, cache_enabled=False
        )  # casts belong to the graph
    # Parameters keep the stream that they were recorded on, which orders itself after the others without the host.
    torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)
    with context:
        torch.cuda.make_graphed_callables(network, (images.clone(),), allow_unused_input=True)


def _compile(network: nn.Module, recipe: Recipe, images: Tensor) -> None:
    """Compile, and run once forward and back, so that what fails fails here."""
    network.compile()
    with autocast(recipe, images.device):
        outputs = network(images)
    sum(value.float().mean() for value in outputs.values()).backward()


def _say(reason: str) -> None:
    print(f"The network is not compiled ({reason}): it computes as with COMPILE=off.", file=sys.stderr)
