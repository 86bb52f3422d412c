"""Which kernels the time of a training step goes to: the ten largest of HRNet-W32 at 256x192, and the sums of each kind.

The step is that of ``gpu.py``: forward, backward and Adam on images that lie on the device. torch.profiler adds up what each
kernel takes, on a GPU the device's own time, and the rest of the step's time is ``waiting``: the device has nothing to do then.
With the estimate of ``roofline.py`` this tells why a step is not at the peak. On a CPU a tiny network's operations show that
it runs:
``python benchmarks/kernels.py --out kernels.csv``.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpu import TINY, Bench, Case

from repro.support import processes

COLUMNS = ("what", "kind", "calls_a_step", "ms_a_step", "share", "step_ms", "case", "device", "torch")
LARGEST = 10
KINDS = {  # words in a kernel's name, the first that fits
    "batch normalisation": ("batch_norm", "batchnorm", "bn_fw", "bn_bw", "bnfw", "bnbw"),
    "layout": ("nchwtonhwc", "nhwctonchw", "transpose", "permute"),
    "convolutions": ("conv", "wgrad", "dgrad", "fprop", "gemm", "xmma", "cutlass", "implicit", "winograd", "cudnn"),
    "optimiser": ("adam", "multi_tensor", "addcdiv"),
    "interpolation": ("upsample",),
    "ReLU": ("relu", "threshold", "clamp"),
    "copies and casts": ("copy", "memcpy", "memset", "fill", "_to_copy"),
    "sums": ("add", "reduce", "sum"),
}


def kind_of(name: str) -> str:
    """What a kernel computes, by its name; ``others`` where that does not tell."""
    lower = name.lower()
    return next((kind for kind, words in KINDS.items() if any(word in lower for word in words)), "others")


def profiled(bench: Bench, case: Case, steps: int) -> tuple[list[tuple[str, int, float]], float]:
    """(name, calls, ms) of each kernel in one step, the largest first, and the ms that a step takes without a profiler."""
    from torch.profiler import ProfilerActivity, profile

    on_gpu = bench.device.type == "cuda"
    step = bench._step(case)
    for _ in range(5):
        step()
    bench.synchronise()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    bench.synchronise()
    taken = 1e3 * (time.perf_counter() - started) / steps
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]) as seen:
        for _ in range(steps):
            step()
        bench.synchronise()
    found = []
    for one in seen.key_averages():
        micro = one.self_device_time_total if on_gpu else one.self_cpu_time_total
        is_kernel = str(one.device_type).endswith("CUDA") if on_gpu else one.key.startswith("aten::")
        if is_kernel and micro:
            found.append((one.key, one.count // steps, micro / 1e3 / steps))
    return sorted(found, key=lambda one: -one[2]), taken


def lines(found: list[tuple[str, int, float]], taken: float) -> list[dict[str, Any]]:
    """The largest kernels, the sum of each kind, and what is left of the step."""
    listed = [(name, kind_of(name), calls, ms) for name, calls, ms in found[:LARGEST]]
    for kind in (*KINDS, "others"):
        own = [(calls, ms) for name, calls, ms in found if kind_of(name) == kind]
        if own:
            listed.append(("all", kind, sum(calls for calls, _ in own), sum(ms for _, ms in own)))
    listed.append(("waiting", "", 0, max(0.0, taken - sum(ms for _, _, ms in found))))
    return [
        {"what": name[:120], "kind": kind, "calls_a_step": calls, "ms_a_step": round(ms, 3),
         "share": round(ms / taken, 4), "step_ms": round(taken, 2)}
        for name, kind, calls, ms in listed
    ]  # fmt: skip


def main() -> None:
    """Profile the step and write the table, in one piece."""
    processes.end_with_parent()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=5, help="that are profiled")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    arguments = parser.parse_args()
    import torch

    from repro.support.environment import device_name
    from repro.training.distributed import choose_device

    device = choose_device(arguments.device)
    tiny = device.type == "cpu"
    case = replace(TINY[0], size=(64, 64), batch=4) if tiny else Case()
    found, taken = profiled(Bench(arguments.device, 0.0, tiny), case, arguments.steps)
    about = {"case": case.title, "device": device_name(device), "torch": torch.__version__}
    table = [{**line, **about} for line in lines(found, taken)]
    temporary = arguments.out.with_name(f".{arguments.out.name}.{os.getpid()}")
    with temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(table)
    os.replace(temporary, arguments.out)
    for line in table:
        print(
            f"{line['ms_a_step']:9.3f} ms  {100 * line['share']:5.1f} %  {line['kind']:20}  {line['what'][:60]}",
            flush=True,
        )
    print(f"A step takes {taken:.1f} ms; written to {arguments.out}")


if __name__ == "__main__":
    main()
