"""Speed and memory of forward passes and training steps: HRNet-W32 at 256x192 and the laptop scale's network.

Prints a table and writes it to ``benchmarks/training_speed.csv`` with the machine it was measured on. Each configuration runs
in a process of its own, so that its peak memory is its own. Run it on a quiet machine: ``make bench``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import torch

from repro.data.crops import normalise
from repro.environment import device_name
from repro.models.backbones.hrnet import HRNet
from repro.models.networks import HeatmapNetwork, SkeletalNetwork
from repro.scales import small_backbone
from repro.skeletons import COCO17
from repro.training.distributed import choose_device
from repro.training.loop import peak_memory

NETWORKS = {
    "HRNet-W32": HeatmapNetwork(),
    "laptop HRNet (W16)": HeatmapNetwork(backbone=small_backbone(HRNet())),
    "laptop skeletal (W16)": SkeletalNetwork(backbone=small_backbone(HRNet())),
}
CASES = [  # network, (width, height), batch on a CPU, batch on a GPU
    ("HRNet-W32", (192, 256), 4, 128),
    ("laptop HRNet (W16)", (48, 64), 32, 512),
    ("laptop HRNet (W16)", (64, 64), 32, 512),
    ("laptop skeletal (W16)", (64, 64), 32, 512),
]


def measure(case: int, precision: str, training: bool, device_text: str, threads: int, seconds: float) -> dict:
    """Time one configuration for about ``seconds``; the median step counts."""
    name, (width, height), cpu_batch, gpu_batch = CASES[case]
    device = choose_device(device_text)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    batch = gpu_batch if device.type == "cuda" else cpu_batch
    last = precision == "bfloat16"
    network = NETWORKS[name].build(COCO17).to(device)
    network = network.to(memory_format=torch.channels_last)
    network.train(training)
    optimiser = torch.optim.Adam(network.parameters())
    images = torch.randint(0, 256, (batch, height, width, 3), dtype=torch.uint8, device=device)
    target = torch.rand(batch, len(COCO17), height // 4, width // 4, device=device)

    def step() -> None:
        with (
            torch.set_grad_enabled(training),
            torch.autocast(device.type, dtype=torch.bfloat16, enabled=last),
        ):
            heatmaps = network(normalise(images))["heatmaps"]
        if training:
            optimiser.zero_grad(set_to_none=True)
            (heatmaps.float() - target).square().mean().backward()
            optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    for _ in range(2):
        step()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return {
        "network": name,
        "input": f"{height}x{width}",
        "pass": "training" if training else "forward",
        "precision": precision,
        "threads": threads,
        "batch": batch,
        "images per second": round(batch / statistics.median(times), 1),
        "peak memory MB": round(peak_memory(device) / 1e6),
    }


def main() -> None:
    """Measure all cases, each in its own process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--one", help="one case as JSON; used by the benchmark itself")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(**json.loads(arguments.one))))
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    device = choose_device(arguments.device)
    counts = [1] if device.type == "cuda" else sorted({1, cores})
    lines = []
    for case in range(len(CASES)):
        for precision in ("float32", "bfloat16"):
            for training in (False, True):
                for threads in counts:
                    one = {"case": case, "precision": precision, "training": training, "threads": threads}
                    one |= {"device_text": arguments.device, "seconds": arguments.seconds}
                    command = [sys.executable, __file__, "--one", json.dumps(one)]
                    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
                    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
                    lines.append(json.loads(done.stdout.splitlines()[-1]))
                    print(*lines[-1].values(), sep="  ", flush=True)
    table = pd.DataFrame(lines)
    table["device"] = f"{device_name(device)}, {cores} cores" if device.type == "cpu" else device_name(device)
    table["torch"] = torch.__version__
    path = Path(__file__).with_suffix(".csv")
    table.to_csv(path, index=False)
    print(table.to_markdown(index=False))
    print(f"Written to {path}")


if __name__ == "__main__":
    main()
