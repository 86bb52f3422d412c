"""What the approaches ask of a scale, and what a scale's numbers are for one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from repro.approaches.bottom_up.scene_scale import SceneScale
from repro.data.drawn.settings import PeopleSettings
from repro.skeletons.skeleton import Skeleton


@dataclass(frozen=True)
class Numbers:
    """What a scale says to one approach; None leaves a number as the paper, or the data set, has it.

    Args:
        area: the area of the largest input of a table, in px^2.
        train: training samples at most.
        val: evaluation samples at most.
        crops: samples shown over a training of length 1.
        batch: samples a step.
    """

    area: int | None
    train: int | None
    val: int | None
    crops: int | None
    batch: int | None


class ScaleLike(Protocol):
    """A scale (``scales.scale.Scale``, which explains the numbers) as the approaches read it."""

    @property
    def area(self) -> int | None: ...

    @property
    def val(self) -> int | None: ...

    @property
    def drawn_val(self) -> int | None: ...

    @property
    def people(self) -> PeopleSettings: ...

    @property
    def crops(self) -> int | None: ...

    @property
    def drawn_crops(self) -> int | None: ...

    @property
    def batch(self) -> int | None: ...

    @property
    def warm_up(self) -> int | None: ...

    @property
    def warm_up_share(self) -> float | None: ...

    @property
    def scenes(self) -> SceneScale: ...

    def for_skeleton(self, skeleton: Skeleton) -> ScaleLike: ...

    def training_limit(self, *, drawn: bool, scenes: bool = False) -> int | None: ...
