"""Speed of the training targets of bottom-up methods: 12 images of 512x512 px, maps of 128x128, ten people in each image.

Prints the median time of a batch for each encoder, and the median of what the processor itself spent on it, and writes them to
``benchmarks/bottom_up_targets.csv`` with the machine they were measured on. Both agree on a quiet machine, which is where to run
it: ``python benchmarks/bottom_up_targets.py``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

import pandas as pd
import torch

from repro.encoders.centernet import CenterNetTargets
from repro.encoders.centre_offsets import GuidedTargets
from repro.encoders.people_batch import PeopleBatch
from repro.encoders.people_gaussian import PeopleGaussian
from repro.encoders.scale_aware import ScaleAwareGaussian
from repro.encoders.tags import AssociativeTargets
from repro.environment import device_name
from repro.skeletons import COCO17
from repro.training.distributed import choose_device

SIZE = (128, 128)
STRIDE = 4
ENCODERS = {
    "keypoint heatmaps": PeopleGaussian(),
    "keypoint heatmaps, scale-aware": ScaleAwareGaussian(),
    "heatmap-guided": GuidedTargets(),
    "heatmap-guided, as in the text": GuidedTargets(background="per_keypoint"),
    "scale-aware": GuidedTargets(heatmaps=ScaleAwareGaussian(), background_weight=1.0),
    "heatmap-guided, two sizes": GuidedTargets(higher=True),
    "associative embedding, two sizes": AssociativeTargets(),
    "CenterNet": CenterNetTargets(),
}


def random_people(batch: int, people: int, device: torch.device) -> PeopleBatch:
    """People of 8 to 100 map px, a tenth of their keypoints unlabelled."""
    generator = torch.Generator().manual_seed(0)
    keypoints = len(COCO17)
    extent = 8 + 92 * torch.rand(batch, people, 2, generator=generator)
    corner = torch.rand(batch, people, 2, generator=generator) * (torch.tensor(SIZE) - extent)
    points = corner[:, :, None] + extent[:, :, None] * torch.rand(batch, people, keypoints, 2, generator=generator)
    areas = extent.prod(-1) * STRIDE**2
    return PeopleBatch(
        points=points,
        labelled=(torch.rand(batch, people, keypoints, generator=generator) > 0.1).float(),
        areas=areas,
        segment_areas=areas,
        boxes=torch.cat([corner, extent], -1),
        present=torch.ones(batch, people, dtype=torch.bool),
        mask=torch.ones(batch, SIZE[1], SIZE[0]),
    ).to(device)


def measure(name: str, people: PeopleBatch, seconds: float) -> dict[str, float]:
    """Median milliseconds of one call, by the clock and on the processor."""
    device = people.points.device
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 12:
        started = time.perf_counter(), time.process_time()
        targets = ENCODERS[name](people, size=SIZE, skeleton=COCO17)
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
        del targets
    clock, processor = (1000 * statistics.median(one) for one in zip(*times[2:], strict=True))
    return {"ms a batch": round(clock, 1), "processor ms a batch": round(processor, 1)}


def main() -> None:
    """Measure all encoders on one thread."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--people", type=int, default=10)
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    torch.set_num_threads(1)
    people = random_people(arguments.batch, arguments.people, device)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    lines = []
    for name in ENCODERS:
        line = {"targets": name, "images": arguments.batch, "people an image": arguments.people, "threads": 1}
        lines.append({**line, **measure(name, people, arguments.seconds)})
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
