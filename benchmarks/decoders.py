"""Speed of the decoders of top-down methods: 128 persons with 17 maps of 64x48, on one thread.

The maps are Gaussians on noisy ground, as networks give them. Run as ``python benchmarks/decoders.py``.
"""

from __future__ import annotations

import common
import torch

from repro.decoders.dark import Dark
from repro.decoders.integral import SoftArgmax
from repro.decoders.offset import OffsetDecoder
from repro.decoders.peaks import Argmax, QuarterOffset
from repro.decoders.weighted import WeightedInference
from repro.encoders.gaussian import gaussian_heatmaps

PERSONS, KEYPOINTS, SIZE = 128, 17, (48, 64)
DECODERS = {
    "highest pixel": Argmax(),
    "quarter offset": QuarterOffset(),
    "DARK": Dark(),
    "weighted inference": WeightedInference(),
    "offsets": OffsetDecoder(),
    "soft-argmax": SoftArgmax(),
}


def outputs() -> dict[str, torch.Tensor]:
    """The maps of a batch."""
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(PERSONS, KEYPOINTS, 2, generator=generator) * (torch.tensor(SIZE) - 1)
    heatmaps = gaussian_heatmaps(points, SIZE, 2.0, truncated=False)
    noise = 0.02 * torch.rand(heatmaps.shape, generator=generator)
    offsets = torch.rand(PERSONS, KEYPOINTS, 2, *SIZE[::-1], generator=generator) - 0.5
    return {"heatmaps": heatmaps + noise, "offsets": offsets}


def main() -> None:
    """Measure all decoders, which take turns."""
    seconds = common.parser(__doc__, 6.0).parse_args().seconds
    common.one_thread()
    maps = outputs()
    times = common.milliseconds({n: lambda d=d: d(maps) for n, d in DECODERS.items()}, seconds)
    size = f"{PERSONS}x{KEYPOINTS}x{SIZE[1]}x{SIZE[0]}"
    common.write(
        [{"decoder": n, "maps": size, "ms a batch": round(ms, 2), **common.machine()} for n, ms in times.items()],
        __file__,
    )


if __name__ == "__main__":
    main()
