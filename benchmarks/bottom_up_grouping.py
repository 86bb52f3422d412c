"""Speed of bottom-up grouping: one 512x512 image with ten people, on one thread.

The maps have 128x128 px, as networks of stride 4 give them. Prints a table and writes it to
``benchmarks/bottom_up_grouping.csv`` with the machine it was measured on. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from repro.environment import device_name
from repro.grouping.candidates import keypoint_candidates
from repro.grouping.centernet import CenterNetGrouper
from repro.grouping.guided import GuidedGrouper
from repro.grouping.multi_scale import MultiScale
from repro.grouping.sampling import resample
from repro.grouping.tags import TagGrouper
from repro.skeletons import COCO17

SIDE, STRIDE, PEOPLE = 512, 4, 10


def blobs(points: Tensor, side: int, sigma: float) -> Tensor:
    """(P, K, side, side) Gaussians at points (P, K, 2) in map px."""
    line = torch.arange(side, dtype=torch.float32)
    across, down = (torch.exp(-((line - points[..., i, None]) ** 2) / (2 * sigma**2)) for i in (0, 1))
    return down[..., :, None] * across[..., None, :]


def image(scale: float, noise: float = 0.03) -> dict[str, Tensor]:
    """The maps of ten people in rows of five, with noise, so that there are more peaks than people."""
    generator = torch.Generator().manual_seed(0)
    middle = torch.stack([torch.arange(PEOPLE) % 5 * 95 + 66, torch.arange(PEOPLE) // 5 * 220 + 140], -1).float()
    poses = middle[:, None] + (torch.rand(PEOPLE, len(COCO17), 2, generator=generator) - 0.5) * torch.tensor(
        [80.0, 180.0]
    )
    poses, side = poses * scale / STRIDE, int(SIDE * scale) // STRIDE
    line = torch.arange(side, dtype=torch.float32)
    pixels = torch.stack([line.expand(side, side), line[:, None].expand(side, side)], -1)
    nearest = (pixels[None] - poses.mean(1)[:, None, None]).square().sum(-1).argmin(0)
    centres, heatmaps = blobs(poses.mean(1, keepdim=True), side, 4.0).amax(0), blobs(poses, side, 2.0).amax(0)
    maps = {
        "heatmaps": heatmaps + noise * torch.rand(heatmaps.shape, generator=generator),
        "centres": centres + noise * torch.rand(centres.shape, generator=generator),
        "offsets": (pixels[:, :, None] - poses[nearest]).permute(2, 3, 0, 1).flatten(0, 1),
        "tags": (nearest * 3.0).expand(len(COCO17), -1, -1),
        "sizes": torch.full((2, side, side), 40.0),
        "centre_offsets": torch.zeros(2, side, side),
        "keypoint_offsets": torch.zeros(2, side, side),
    }
    return {name: m.contiguous()[None] for name, m in maps.items()}


def cases() -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    scales = {s: image(s) for s in (1, 0.5, 2)}
    maps = scales[1]
    opposite = {**maps, "offsets": -maps["offsets"]}
    heatmaps, size = maps["heatmaps"][0], (SIDE, SIDE)
    return {
        "candidates, maps of 128x128": lambda: keypoint_candidates(heatmaps, stride=STRIDE),
        "candidates, up-sampled to 512x512": lambda: keypoint_candidates(resample(heatmaps, size), stride=1),
        "guided, final": lambda: GuidedGrouper()(maps, stride=STRIDE),
        "guided, without adjusting": lambda: GuidedGrouper(adjust=False)(maps, stride=STRIDE),
        "guided, regression": lambda: GuidedGrouper(output="regression")(maps, stride=STRIDE),
        "guided, scales 0.5, 1 and 2": lambda: MultiScale()(scales, stride=STRIDE),
        "tags": lambda: TagGrouper(skeleton=COCO17)(maps, stride=STRIDE),
        "CenterNet": lambda: CenterNetGrouper(logits=False)(opposite, stride=STRIDE),
    }


def measure(call: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Median times in ms of calls for about ``seconds``: of the clock, and of the processor, which others do not slow as much."""
    for _ in range(2):
        call()
    clock, processor, end = [], [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(clock) < 3:
        started, used = time.perf_counter(), time.process_time()
        call()
        clock.append(1000 * (time.perf_counter() - started))
        processor.append(1000 * (time.process_time() - used))
    return statistics.median(clock), statistics.median(processor)


def main() -> None:
    """Measure all cases on one thread."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lines = []
    for name, call in cases().items():
        clock, processor = measure(call, arguments.seconds)
        lines.append({"grouping": name, "ms an image": round(clock, 1), "processor ms": round(processor, 1)})
        print(*lines[-1].values(), sep="  ", flush=True)
    table = pd.DataFrame(lines)
    table["device"] = f"{device_name(torch.device('cpu'))}, 1 thread"
    table["torch"] = torch.__version__
    path = Path(__file__).with_suffix(".csv")
    table.to_csv(path, index=False)
    print(table.to_markdown(index=False))
    print(f"Written to {path}")


if __name__ == "__main__":
    main()
