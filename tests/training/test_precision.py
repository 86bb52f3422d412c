"""The rule of precision on both kinds of processor, and what it leads to in a training."""

from __future__ import annotations

import pytest
import torch

from repro.recipe import Optimisation, Recipe
from repro.support import environment
from repro.support.environment import has_native_bfloat16
from repro.training import precision
from repro.training.precision import autocast, computed_precision

from ..tiny_runs import BASELINE

CPU = torch.device("cpu")
RECIPES = {name: Recipe(method=BASELINE, optimisation=Optimisation(precision=name)) for name in ("float32", "bfloat16")}


def simulate(monkeypatch: pytest.MonkeyPatch, features: dict[str, bool], highest: str | None = None) -> None:
    """A processor with these features, and the highest instruction set that may be used of it."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    monkeypatch.setattr(environment.torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if highest is not None:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", highest)


@pytest.mark.parametrize(
    ("features", "highest", "native"),
    [
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, None, False),
        ({"avx512_f": True, "avx512_bf16": True, "amx_bf16": False}, None, True),
        ({"avx512_f": True, "avx512_bf16": True, "amx_bf16": True}, None, True),
        ({"avx512_bf16": True, "amx_bf16": True}, "AVX512_CORE", False),
        ({"avx512_bf16": True, "amx_bf16": True}, "avx2", False),
        ({"avx512_bf16": True, "amx_bf16": True}, "AVX512_CORE_BF16", True),
        ({"avx512_bf16": True, "amx_bf16": True}, "DEFAULT", True),
        ({"neon": True, "bf16": True}, None, True),
        ({"neon": True}, None, False),
    ],
)
def test_kinds_of_processors(features, highest, native, monkeypatch):
    simulate(monkeypatch, features, highest)
    assert has_native_bfloat16(CPU) is native
    assert computed_precision(RECIPES["bfloat16"], CPU) == ("bfloat16" if native else "float32")
    assert computed_precision(RECIPES["float32"], CPU) == "float32"
    assert environment.describe(CPU)["fast_precision"] == ("bfloat16" if native else "float32")


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("asked", RECIPES)
def test_products_have_the_precision(asked, native, monkeypatch):
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda device: native)
    with autocast(RECIPES[asked], CPU):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if native and asked == "bfloat16" else torch.float32)


def test_the_key_does_not_depend_on_the_processor(monkeypatch):
    keys = set()
    for features in ({"avx512_bf16": True}, {}):
        simulate(monkeypatch, features)
        keys.add(RECIPES["bfloat16"].key)
    assert len(keys) == 1
