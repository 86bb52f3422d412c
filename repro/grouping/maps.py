"""The maps of one image among the outputs of a network."""

from __future__ import annotations

from torch import Tensor

from repro.errors import ReproError
from repro.grouping.sampling import resample


def fused_heatmaps(outputs: dict[str, Tensor], stride: int) -> tuple[Tensor, int]:
    """The keypoint heatmaps (K, H, W) of one image and their stride.

    With maps at twice the resolution (``heatmaps_2x``) the mean of these and of the up-sampled others, as the released code
    has it for HrHRNet.

    Raises:
        ReproError: when the outputs are of several images.
    """
    maps = one_image(outputs, "heatmaps").float()
    if outputs.get("heatmaps_2x") is None:
        return maps, stride
    fine = one_image(outputs, "heatmaps_2x").float()
    return (resample(maps, (fine.shape[-1], fine.shape[-2])) + fine) / 2, stride // 2


def one_image(outputs: dict[str, Tensor], name: str) -> Tensor:
    """The maps ``name`` of the only image of a batch. Raises ReproError when they are missing or the batch has more."""
    if outputs.get(name) is None:
        raise ReproError(
            f"Grouping needs the maps {name!r}, the network gave {', '.join(outputs)}: use another network."
        )
    if len(outputs[name]) != 1:
        raise ReproError(f"Grouping takes the maps of one image, got {len(outputs[name])}: call it image by image.")
    return outputs[name][0]
