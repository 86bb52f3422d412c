"""Speed of the training targets of bottom-up methods: 12 images of 512x512 px, maps of 128x128, ten people in each image.

Run as ``python benchmarks/bottom_up_targets.py``.
"""

from __future__ import annotations

from functools import partial

import common
import torch

from repro.encoders.centernet import CenterNetTargets
from repro.encoders.centre_offsets import GuidedTargets
from repro.encoders.people_batch import PeopleBatch
from repro.encoders.people_gaussian import PeopleGaussian
from repro.encoders.scale_aware import ScaleAwareGaussian
from repro.encoders.tags import AssociativeTargets
from repro.skeletons.skeleton import COCO17
from repro.training.distributed import choose_device

SIZE = (128, 128)
STRIDE = 4
BATCH, PEOPLE = 12, 10
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


def main() -> None:
    """Measure all encoders, which take turns, on one thread."""
    parser = common.parser(__doc__, 16.0)
    parser.add_argument("--device", default="cpu", help="or cuda")
    options = parser.parse_args()
    common.one_thread()
    device = choose_device(options.device)
    people = random_people(BATCH, PEOPLE, device)

    def call(name: str) -> None:
        ENCODERS[name](people, size=SIZE, skeleton=COCO17)
        if device.type == "cuda":
            torch.cuda.synchronize()

    times = common.milliseconds({name: partial(call, name) for name in ENCODERS}, options.seconds)
    about = {"images": BATCH, "people an image": PEOPLE}
    common.write(
        [{"targets": n, **about, "ms a batch": round(ms, 1), **common.machine(device)} for n, ms in times.items()],
        __file__,
    )


if __name__ == "__main__":
    main()
