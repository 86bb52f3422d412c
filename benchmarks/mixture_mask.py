"""Time of the mixed Gaussian mask beside a training step of HRNet-W32 at 128x96, with 17 keypoints.

The paper gives about 12 % of the training time for it. Prints a table and writes it to ``benchmarks/mixture_mask.csv``. A batch
of 128 persons is fitted; on a CPU the step is measured on a part of it and taken as proportional to the persons, since it would
need 10 GB. Run it on a quiet machine: ``python benchmarks/mixture_mask.py``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import common
import torch

from repro.data.crops import normalise
from repro.encoders.offsets import OffsetField
from repro.losses.mixture_mask import MixtureMask
from repro.models.networks import HeatmapNetwork
from repro.skeletons.skeleton import COCO17
from repro.training.distributed import choose_device

BATCH, WIDTH, HEIGHT = 128, 96, 128
CPU_STEP_BATCH = 16
CASES = [(1, 0), (2, 0), (2, 10), (3, 0)]  # components, fixed iterations (0: until the tolerance is reached)


def median_time(action: Callable[[], object], device: torch.device, repetitions: int) -> float:
    """Seconds of ``action``, after one call that does not count."""
    times = []
    for _ in range(repetitions + 1):
        started = time.perf_counter()
        action()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def step_time(device: torch.device, repetitions: int) -> float:
    """Seconds of a training step of HRNet-W32 on ``BATCH`` persons, in bfloat16 with channels last, the fastest way."""
    batch = BATCH if device.type == "cuda" else CPU_STEP_BATCH
    network = HeatmapNetwork().build(COCO17).to(device, memory_format=torch.channels_last).train()
    optimiser = torch.optim.Adam(network.parameters())
    images = torch.randint(0, 256, (batch, HEIGHT, WIDTH, 3), dtype=torch.uint8, device=device)

    def step() -> None:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            heatmaps = network(normalise(images))["heatmaps"]
        optimiser.zero_grad(set_to_none=True)
        heatmaps.float().square().mean().backward()
        optimiser.step()

    return median_time(step, device, repetitions) * BATCH / batch


def predictions(device: torch.device) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Heatmaps as a network in training gives them, nine of ten about 1 px off and the others anywhere, and the targets."""
    size, shape = (WIDTH // 4, HEIGHT // 4), (BATCH, len(COCO17), 2)
    points = torch.rand(shape, device=device) * torch.tensor(size, device=device)
    anywhere = torch.rand(shape, device=device) * torch.tensor(size, device=device)
    astray = torch.rand(shape[:2], device=device)[..., None] < 0.1
    peaks = torch.where(astray, anywhere, points + torch.randn(shape, device=device))
    encoder, labelled = OffsetField(heatmap="gaussian"), torch.ones(shape[:2], device=device)
    heatmaps = encoder(peaks, labelled, size=size, skeleton=COCO17)["heatmaps"]
    return heatmaps, encoder(points, labelled, size=size, skeleton=COCO17)


def main() -> None:
    """Measure the step once and the mask of every case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    torch.manual_seed(0)
    step = step_time(device, arguments.repetitions)
    heatmaps, targets = predictions(device)
    lines = []
    for components, iterations in CASES:
        mask = MixtureMask(components=components, iterations=iterations)
        seconds = median_time(lambda mask=mask: mask(heatmaps, targets), device, 4 * arguments.repetitions)
        lines.append(
            {
                "components": components,
                "iterations": iterations or "tolerance",
                "mask ms": round(1000 * seconds, 2),
                "training step ms": round(1000 * step, 1),
                "share %": round(100 * seconds / step, 3),
            }
        )
    about = {"threads": torch.get_num_threads(), **common.machine(device)}
    common.write([{**line, **about} for line in lines], __file__)


if __name__ == "__main__":
    main()
