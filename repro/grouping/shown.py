"""What every grouper is given: one image as a network has seen it, at one scale or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from repro.errors import ReproError
from repro.grouping.people import People
from repro.grouping.regressed import Cues
from repro.skeletons.outputs import Output
from repro.skeletons.skeleton import Skeleton

Scales = Mapping[float, dict[str, Tensor]]  # maps of one image by scale and name, each a batch of one
Scorer = Callable[[People], Tensor]  # (M,) scores of M people


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One image as a network has seen it.

    Args:
        scales: the maps that the network gave, by the scale of the image; 1 is among them.
        stride: input px a px of maps whose network does not say otherwise.
        skeleton: the skeleton of the people.
        described: what the network says of its maps, by name.
        several: how several scales are combined, see ``grouping.multi_scale``.
        answer: the one of the grouper's ``answers`` that is wanted.
        cues: true poses to group by, for the answer ``heatmap``.
        scorer: gives people their scores; None for the grouper's own.
    """

    scales: Scales
    stride: int
    skeleton: Skeleton
    described: Mapping[str, Output] = field(default_factory=dict)
    several: Literal["concatenated", "averaged"] = "concatenated"
    answer: str = "final"
    cues: Cues | None = None
    scorer: Scorer | None = None

    def at_one_scale(self, grouper: object) -> dict[str, Tensor]:
        """The maps, for a grouper that has no rule for several scales. Raises ReproError where there are more than one."""
        if len(self.scales) > 1:
            raise ReproError(
                f"{type(grouper).__name__} groups one scale, the recipe has {tuple(self.scales)}: give scales=(1,)."
            )
        return self.scales[1.0]
