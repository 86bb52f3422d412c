"""Speed of training steps in both precisions and memory formats, of what the laptop scale trains.

Images a second of processor time on one thread (of the clock on a GPU); the four variants of a network take turns. Each network
is measured in a process of its own, on either kind of processor (see ``common``). Run on a quiet machine: ``make bench``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import common
import torch
from torch import nn

from repro.data.crops import normalise
from repro.models.guided import GuidedNetwork
from repro.models.networks import HeatmapNetwork
from repro.skeletons.skeleton import COCO17
from repro.training.distributed import choose_device
from repro.training.loop import peak_memory

CASES = {  # network, (width, height), batch on a CPU, batch on a GPU
    "laptop HRNet (W16), 64x48": (HeatmapNetwork().reduced(), (48, 64), 32, 512),
    "laptop HRNet (W16), 128x96": (HeatmapNetwork().reduced(), (96, 128), 32, 256),
    "laptop bottom-up (W16)": (GuidedNetwork().reduced(), (128, 128), 8, 128),
}
FORMATS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}


def step_of(network: nn.Module, images: torch.Tensor, precision: str, memory: str) -> Callable[[], None]:
    """A training step on the mean square of all maps."""
    device = images.device
    network = network.to(device, memory_format=FORMATS[memory]).train()
    optimiser = torch.optim.Adam(network.parameters(), fused=True)

    def step() -> None:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            outputs = network(normalise(images).contiguous(memory_format=FORMATS[memory]))
        optimiser.zero_grad(set_to_none=True)
        sum(maps.float().square().mean() for maps in outputs.values()).backward()
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def measure(case: str, device: torch.device, seconds: float) -> list[dict[str, Any]]:
    """The four variants of a network."""
    network, (width, height), cpu_batch, gpu_batch = CASES[case]
    batch = gpu_batch if device.type == "cuda" else cpu_batch
    images = torch.randint(0, 256, (batch, height, width, 3), dtype=torch.uint8, device=device)
    variants = {}
    for precision in ("float32", "bfloat16"):
        for memory in FORMATS:
            torch.manual_seed(0)
            variants[precision, memory] = step_of(network.build(COCO17), images, precision, memory)
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    times = common.milliseconds(variants, 4 * seconds, least=3, clock=clock)
    about = {"network": case, "input": f"{height}x{width}", "batch": batch}
    peak = {"peak memory MB": round(peak_memory(device) / 1e6)}
    return [
        {**about, "precision": p, "memory": m, "images a second": round(1000 * batch / ms, 1), **peak}
        | common.machine(device)
        for (p, m), ms in times.items()
    ]


def main() -> None:
    """Measure all networks, each in its own process."""
    parser = common.parser(__doc__, 3.0)
    parser.add_argument("--device", default="cpu", help="or cuda")
    parser.add_argument("--case", choices=CASES, help="the one network to measure; used by the benchmark itself")
    options = parser.parse_args()
    if options.lines:
        common.one_thread()
        print(json.dumps(measure(options.case, choose_device(options.device), options.seconds)))
        return
    lines = []
    for case in CASES:
        lines += common.both_kinds(
            __file__, "--case", case, "--device", options.device, "--seconds", str(options.seconds)
        )
    common.write(lines, __file__)


if __name__ == "__main__":
    main()
