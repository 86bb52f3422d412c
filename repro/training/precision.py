"""The precision that a network computes in: what its recipe asks for, where the device has it natively.

A recipe with ``precision="bfloat16"`` asks for the fast precision of the machine. That is bfloat16 on a GPU and on a processor
that multiplies it natively (x86 with AMX or avx512_bf16, Arm with its bf16 extension). Elsewhere bfloat16 is emulated, which
is slower than float32: there the network computes in float32. Numbers are a function of the recipe, of the kind of device and
of its threads; processors with and without native bfloat16 are two kinds. A recipe with ``float32`` is computed in it everywhere.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Literal

import torch

from repro.recipe import Recipe
from repro.support.environment import has_native_bfloat16

Precision = Literal["float32", "bfloat16"]


def computed_precision(recipe: Recipe, device: torch.device) -> Precision:
    """What the recipe's network computes in on a device."""
    if recipe.optimisation.precision == "bfloat16" and has_native_bfloat16(device):
        return "bfloat16"
    return "float32"


def autocast(recipe: Recipe, device: torch.device) -> torch.autocast | nullcontext[None]:
    """The context in which the recipe's network computes in its precision."""
    if computed_precision(recipe, device) == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
