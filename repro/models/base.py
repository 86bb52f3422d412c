"""What all settings of networks have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self, cast


def quarter(channels: int) -> int:
    """A quarter of a number of channels, rounded up."""
    return -(-channels // 4)


class OnBackbone:
    """Settings of a network with a field ``backbone``: the rule by which reduced scales make it smaller."""

    def reduced(self) -> Self:
        """The network on its reduced backbone."""
        own = cast(Any, self)
        return replace(own, backbone=own.backbone.reduced())
