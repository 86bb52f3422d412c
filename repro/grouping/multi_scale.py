"""Several scales of an image in one grouping (0.5, 1 and 2 in the papers).

They are combined in one of two ways. ``concatenated``, of the released code of hgr: heatmaps are averaged at the input size of
scale 1, the centre maps of other scales are scaled to scale 1's maximum and by 0.001, and the cues of all scales are put
together, so that other scales add people but never outrank those of scale 1. The paper says that maps are averaged and nothing
of this factor.
``averaged``, the text of sahg: all maps are resized to the size of scale 1's and averaged, offsets too; these count in
px of their own map, so they are multiplied by the ratio of the sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol

import torch
from torch import Tensor

from repro.errors import ReproError, choice_error
from repro.grouping.maps import fused_heatmaps, one_image
from repro.grouping.people import People
from repro.grouping.regressed import Cues, offsets_by_joint, regressed_cues
from repro.grouping.sampling import resample
from repro.grouping.shown import Scales, Scorer
from repro.skeletons.outputs import Output

NOTHING: Mapping[str, Output] = MappingProxyType({})


class CueGrouper(Protocol):
    """What groups by cues, as ``guided.GuidedGrouper``, which explains the numbers and the arguments."""

    @property
    def max_people(self) -> int: ...

    @property
    def threshold(self) -> float: ...

    @property
    def centre_kernel(self) -> int | None: ...

    def __call__(
        self, outputs: dict[str, Tensor], *, stride: int = 4, cues: Cues | None = None, scorer: Scorer | None = None
    ) -> People:
        """The people of one image at one scale."""

    def group(
        self, heatmaps: Tensor, cues: Cues, *, stride: int, truth: bool = False, scorer: Scorer | None = None
    ) -> People:
        """The people that cues and heatmaps (K, H, W) make."""


def resized_offsets(offsets: Tensor, size: tuple[int, int]) -> Tensor:
    """Offset maps (K, 2, H, W) resampled to ``size`` (width, height) and counted in px of that size."""
    height, width = offsets.shape[-2:]
    ratio = offsets.new_tensor([size[0] / width, size[1] / height])
    return resample(offsets.flatten(0, 1), size).unflatten(0, (-1, 2)) * ratio[:, None, None]


def averaged_maps(scales: Scales, described: Mapping[str, Output]) -> dict[str, Tensor]:
    """The maps that a network describes, averaged over all scales at the size of scale 1's; a batch of one image as before."""
    out = {}
    for name, output in described.items():
        if not all(name in maps for maps in scales.values()):
            continue
        found = [one_image(maps, name).float() for maps in scales.values()]
        height, width = one_image(scales[1], name).shape[-2:]
        if output.kind == "offsets":
            resized = [resized_offsets(offsets_by_joint(maps), (width, height)) for maps in found]
        else:
            resized = [resample(maps, (width, height)) for maps in found]
        out[name] = torch.stack(resized).mean(0)[None]
    return out


def averaged_heatmaps(scales: Scales, stride: int) -> tuple[Tensor, int]:
    """(K, H, W) the mean of all scales' heatmaps, and its stride in input px of scale 1.

    The released code takes it at the size of the input. Where the pixels of the finest map are whole input px and hold those
    of the others, the mean is made at the finest map's size: up-sampled bilinearly it is the same, with fewer pixels.
    """
    height, width = one_image(scales[1], "centres").shape[-2:]
    found = {scale: fused_heatmaps(maps, stride) for scale, maps in scales.items()}
    strides = [own / scale for scale, (_, own) in found.items()]
    finest = min(strides)
    nested = finest >= 1 and finest.is_integer() and all((s / finest).is_integer() for s in strides)
    step = int(finest) if nested else 1
    size = (width * stride // step, height * stride // step)
    return torch.stack([resample(maps, size) for maps, _ in found.values()]).mean(0), step


def concatenated_cues(scales: Scales, *, stride: int, grouper: CueGrouper, decrease: float = 0.001) -> Cues:
    """The cues of all scales in input px of scale 1, scale 1 first.

    Args:
        decrease: the factor on the centre heat of other scales, after their maximum has been made that of scale 1. The
            threshold is lowered by the same factor, so that it asks for the same height.
    """
    highest = one_image(scales[1], "centres").max().float()
    points, scores = [], []
    for scale in sorted(scales, key=lambda s: (s != 1, s)):
        centres = one_image(scales[scale], "centres").float()
        factor = 1.0 if scale == 1 else decrease
        if scale != 1:
            centres = centres * (factor * highest / centres.max().clamp(min=torch.finfo(centres.dtype).tiny))
        cues = regressed_cues(
            centres,
            one_image(scales[scale], "offsets").float(),
            stride=1,
            count=grouper.max_people,
            threshold=grouper.threshold * factor,
            kernel=grouper.centre_kernel,
        )
        points.append(cues.points * (stride / scale))
        scores.append(cues.scores)
    return Cues(points=torch.cat(points), scores=torch.cat(scores))


def averaged_tag_maps(scales: Scales, stride: int) -> tuple[dict[str, Tensor], int]:
    """What ``TagGrouper`` needs of several scales, and its stride in input px of scale 1.

    Heatmaps are averaged over the scales at half the size of scale 1's input, where HigherHRNet's code takes the input's size;
    tags are those of scale 1 alone, as there.

    Args:
        scales: the scales, as in ``MultiScale``, with ``tags`` (1, K, h, w) or (1, K, T, h, w) in place of centres and offsets.
        stride: input px a px of ``heatmaps`` at each scale.

    Raises:
        ReproError: when scale 1 is missing.
    """
    if 1 not in scales:
        raise ReproError(f"Got the scales {', '.join(str(s) for s in scales)}: scale 1 must be one of them.")
    tags = one_image(scales[1], "tags").float()
    tags = tags[:, None] if tags.dim() == 3 else tags
    size = (2 * tags.shape[-1], 2 * tags.shape[-2])
    heat = torch.stack([resample(fused_heatmaps(maps, stride)[0], size) for maps in scales.values()]).mean(0)
    fine = resample(tags.flatten(0, 1), size).unflatten(0, tags.shape[:2])
    return {"heatmaps": heat[None], "tags": fine[None]}, stride // 2


@dataclass(frozen=True, kw_only=True)
class MultiScale:
    """Grouping over several scales.

    Args:
        grouper: what groups in the end.
        several: how scales are combined, ``concatenated`` or ``averaged``, see the module.
        decrease: factor on the centre heat of other scales than 1, for ``concatenated``.

    Raises:
        ReproError: for an unknown way of combining scales.
    """

    grouper: CueGrouper
    several: Literal["concatenated", "averaged"] = "concatenated"
    decrease: float = 0.001

    def __post_init__(self) -> None:
        if self.several not in ("concatenated", "averaged"):
            raise choice_error("way of combining scales", self.several, ("concatenated", "averaged"))

    def __call__(
        self,
        scales: Scales,
        *,
        stride: int = 4,
        described: Mapping[str, Output] = NOTHING,
        cues: Cues | None = None,
        scorer: Scorer | None = None,
    ) -> People:
        """The people of one image, in input px of scale 1.

        Args:
            scales: a mapping from the scale to the outputs of the network for the image at that scale, as ``GuidedGrouper``
                takes them; their sizes are those of scale 1 times the scale.
            described: what the network says of them, for ``averaged``.
            stride, cues, scorer: as in ``GuidedGrouper``; cues in input px of scale 1.

        Raises:
            ReproError: when scale 1 is missing or a map has not the size that its scale demands.
        """
        _check_sizes(scales)
        if len(scales) == 1 or self.several == "averaged":
            outputs = scales[1] if len(scales) == 1 else averaged_maps(scales, described)
            return self.grouper(outputs, stride=stride, cues=cues, scorer=scorer)
        found = cues or concatenated_cues(scales, stride=stride, grouper=self.grouper, decrease=self.decrease)
        heatmaps, step = averaged_heatmaps(scales, stride)
        return self.grouper.group(heatmaps, found, stride=step, truth=cues is not None, scorer=scorer)


def _check_sizes(scales: Scales) -> None:
    """Raise ReproError unless scale 1 is there and the maps of each scale are that much larger."""
    if 1 not in scales:
        raise ReproError(f"Got the scales {', '.join(str(s) for s in scales)}: scale 1 must be one of them.")
    base = torch.tensor(one_image(scales[1], "centres").shape[-2:])
    for scale, maps in scales.items():
        size = one_image(maps, "centres").shape[-2:]
        if not torch.equal(torch.tensor(size).double(), base * scale):
            raise ReproError(
                f"Centre maps at scale {scale} have size {size[1]}x{size[0]}, at scale 1 {base[1]}x{base[0]}: "
                "resize the images to exact multiples."
            )
