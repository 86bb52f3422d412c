"""Speed of bottom-up grouping: one 512x512 image with ten people, on one thread.

The maps have 128x128 px, as networks of stride 4 give them. Run as ``python benchmarks/bottom_up_grouping.py``.
"""

from __future__ import annotations

from collections.abc import Callable

import common
import torch
from torch import Tensor

from repro.grouping.candidates import keypoint_candidates
from repro.grouping.centernet import CenterNetGrouper
from repro.grouping.guided import GuidedGrouper
from repro.grouping.multi_scale import MultiScale
from repro.grouping.sampling import resample
from repro.grouping.tags import TagGrouper
from repro.skeletons.skeleton import COCO17

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
        "guided, scales 0.5, 1 and 2": lambda: MultiScale(grouper=GuidedGrouper())(scales, stride=STRIDE),
        "tags": lambda: TagGrouper(skeleton=COCO17)(maps, stride=STRIDE),
        "CenterNet": lambda: CenterNetGrouper(logits=False)(opposite, stride=STRIDE),
    }


def main() -> None:
    """Measure all cases, which take turns, on one thread."""
    seconds = common.parser(__doc__, 16.0).parse_args().seconds
    common.one_thread()
    times = common.milliseconds(cases(), seconds)
    common.write(
        [{"grouping": n, "ms an image": round(ms, 1), **common.machine()} for n, ms in times.items()], __file__
    )


if __name__ == "__main__":
    main()
