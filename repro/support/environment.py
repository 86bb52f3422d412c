"""What a number was computed with: versions, device, threads, and the state of the code."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import Any

import torch

from repro.support.checkout import code_state

# Values of ONEDNN_MAX_CPU_ISA that forbid the instructions of native bfloat16 to the library that convolutions are computed with.
WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI")
PACKAGES = (
    *("torch", "torchvision", "numpy", "numba", "opencv-python-headless"),
    *("pycocotools", "pandas", "seaborn", "papermill"),
)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on; ``not installed`` for one that is missing."""
    return {"python": platform.python_version()} | {name: package_version(name) or "not installed" for name in PACKAGES}


def package_version(name: str) -> str | None:
    """The version of an installed package; None where it is not installed, as one that is run from a checkout."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def device_name(device: torch.device) -> str:
    """The GPU's name, or the machine's kind of processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU"


def has_native_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 natively: a GPU that supports it, a processor with AMX, avx512_bf16 or Arm's bf16.

    A processor counts as one without where ``ONEDNN_MAX_CPU_ISA`` forbids its instructions.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in WITHOUT_BFLOAT16 or not torch.backends.mkldnn.is_available():
        return False
    features = torch.cpu.get_capabilities()
    return any(features.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16"))


def describe(device: torch.device, world_size: int = 1) -> dict[str, Any]:
    """Everything of the above for a manifest."""
    return {
        **code_state(),
        "versions": versions(),
        "device": device_name(device),
        "fast_precision": "bfloat16" if has_native_bfloat16(device) else "float32",
        "threads": torch.get_num_threads(),
        "processes": world_size,
    }
